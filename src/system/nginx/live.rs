//! What the running workers answer on the unix socket.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

/// A worker answers its generation from memory; one that needs longer is stopped.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The answer is one short line and its header.
const ANSWER_BYTES: u64 = 4 * 1024;

/// How many fresh connections must agree. For 49–99 ms after a reload they get either generation (`reference/lab.md` §0.5).
pub(super) const LOOKS: usize = 6;

/// What one worker answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The generation, as text.
    pub generation: String,
    /// The worker.
    pub worker: i32,
}

/// Asks over a fresh connection, as a kept one would stay with its worker. `None` when nobody listens.
///
/// # Errors
/// When somebody listens and does not answer as our file says.
pub(super) async fn ask(socket: &Path) -> io::Result<Option<Answer>> {
    match timeout(ANSWER_LIMIT, exchange(socket)).await {
        Ok(Ok(text)) => read(&text).map(Some),
        Ok(Err(error)) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer within 2 s")),
    }
}

/// Asks [`LOOKS`] times. Empty when nobody listens.
///
/// # Errors
/// As [`ask`].
pub(super) async fn ask_all(socket: &Path) -> io::Result<Vec<Answer>> {
    let mut answers = Vec::with_capacity(LOOKS);
    for _ in 0..LOOKS {
        match ask(socket).await? {
            Some(answer) => answers.push(answer),
            None => return Ok(Vec::new()),
        }
    }
    Ok(answers)
}

async fn exchange(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream
        .write_all(b"GET /generation HTTP/1.0\r\nHost: regplan\r\n\r\n")
        .await?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read(text: &str) -> io::Result<Answer> {
    let line = text
        .split_once("\r\n\r\n")
        .filter(|(head, _)| head.starts_with("HTTP/1.1 200 ") || head.starts_with("HTTP/1.0 200 "))
        .map(|(_, body)| body.trim_end());
    line.and_then(|line| line.rsplit_once(' '))
        .and_then(|(generation, worker)| {
            Some(Answer {
                generation: generation.to_owned(),
                worker: worker.parse().ok()?,
            })
        })
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not answer `GENERATION PID`"))
}

/// Whether the kernel still knows a listener by that path though its file is gone: then the route is not "nothing of ours".
pub(super) fn listens_without_file(socket: &Path) -> bool {
    let path = socket.to_string_lossy();
    std::fs::read_to_string("/proc/net/unix").is_ok_and(|table| {
        table
            .lines()
            .any(|line| line.ends_with(&format!(" {path}")) && !socket.exists())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_generation_and_a_worker() {
        let answer = read("HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nv2-allow-r-0123456789ab 4711\n").unwrap();
        assert_eq!(
            (answer.generation.as_str(), answer.worker),
            ("v2-allow-r-0123456789ab", 4711)
        );
    }

    #[test]
    fn anything_else_is_no_answer() {
        for text in [
            "",
            "HTTP/1.1 404 Not Found\r\n\r\nx 1\n",
            "HTTP/1.1 200 OK\r\n\r\nx\n",
            "HTTP/1.1 200 OK\r\n\r\nx y\n",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_not_an_error() {
        assert_eq!(ask(Path::new("/nonexistent/regplan.sock")).await.unwrap(), None);
    }
}
