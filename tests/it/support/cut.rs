use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Bytes passed on at a time.
const PIECE: usize = 64 << 10;

/// Stands before a registry, passes everything on, and when told so cuts an import: the registry has the whole request and
/// goes on, and who sent it gets no answer.
pub struct CutProxy {
    /// `host:port` that it listens on.
    pub address: String,
    /// Imports until the one that is cut; none below 1.
    left: Arc<AtomicI64>,
    task: JoinHandle<()>,
}

impl CutProxy {
    /// Before the server at `host:port`.
    pub async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let left = Arc::new(AtomicI64::new(0));
        let (server, counter) = (server.to_owned(), Arc::clone(&left));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, counter) = (server.clone(), Arc::clone(&counter));
                tokio::spawn(async move { pass(client, &server, &counter).await });
            }
        });
        Self { address, left, task }
    }

    /// The `n`-th import from now on gets no answer.
    pub fn cut(&self, n: i64) {
        self.left.store(n, Ordering::SeqCst);
    }

    /// Whether the import that was to be cut has come; nothing is cut any more.
    pub fn disarm(&self) -> bool {
        self.left.swap(0, Ordering::SeqCst) <= 0
    }
}

impl Drop for CutProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, server: &str, left: &AtomicI64) {
    let Ok(mut upstream) = TcpStream::connect(server).await else {
        return;
    };
    let (mut asked, mut answered) = (vec![0; PIECE], vec![0; PIECE]);
    // What is still to come of the request that is to be cut.
    let mut missing: Option<usize> = None;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let read = read.unwrap_or(0);
                if read == 0 || upstream.write_all(&asked[..read]).await.is_err() {
                    return;
                }
                missing = match missing {
                    Some(more) => Some(more.saturating_sub(read)),
                    None => rest_of_import(&asked[..read]).filter(|_| left.fetch_sub(1, Ordering::SeqCst) == 1),
                };
                if missing == Some(0) {
                    drop(client);
                    // Nobody reads it, but the server is to think so.
                    drop(upstream.read(&mut answered).await);
                    return;
                }
            }
            read = upstream.read(&mut answered) => {
                let read = read.unwrap_or(0);
                if read == 0 || client.write_all(&answered[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// When this begins an import: how many bytes of its body are still to come.
fn rest_of_import(piece: &[u8]) -> Option<usize> {
    let end = piece.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&piece[..end]).ok()?;
    let line = head.lines().next()?;
    if !(line.starts_with("POST ") && line.contains("/admin/import")) {
        return None;
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    Some(length.unwrap_or(0_usize).saturating_sub(piece.len() - end))
}
