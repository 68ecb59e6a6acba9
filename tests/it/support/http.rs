use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

/// Longest time that one request may take; above what a drain or a start lets a request wait.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most bytes of a body; an export of the lab has well under one megabyte.
const BODY_LIMIT: usize = 64 << 20;

/// An HTTP/1.1 connection that shows what a client library hides: whether it was reused, and whether a byte came back.
pub struct Connection {
    host: String,
    stream: Option<BufReader<TcpStream>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why nothing usable came back.
#[derive(Debug)]
pub enum Fault {
    /// A kept connection was closed before a byte came: an idempotent request may be sent again.
    Stale,
    /// No connection.
    Refused(String),
    /// The answer was cut, or did not come in time.
    Cut(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Stale => write!(f, "a kept connection was closed before a byte came"),
            Fault::Refused(how) => write!(f, "no connection: {how}"),
            Fault::Cut(how) => write!(f, "no whole answer: {how}"),
        }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics with the whole answer when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }
}

impl Connection {
    /// To `host:port`; connects with the first request.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            stream: None,
        }
    }

    /// Sends one request and reads its answer.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &[u8])],
        body: &[u8],
    ) -> Result<Answer, Fault> {
        let bytes = self.encode(method, path, headers, body);
        match timeout(PATIENCE, self.exchange(&bytes)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.stream = None;
                Err(Fault::Cut(format!("{method} {path}: no answer within {PATIENCE:?}")))
            }
        }
    }

    /// The bytes of a request.
    pub fn encode(&self, method: &str, path: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host).into_bytes();
        for (name, value) in headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !body.is_empty() || !matches!(method, "GET" | "HEAD" | "DELETE") {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        bytes
    }

    async fn exchange(&mut self, bytes: &[u8]) -> Result<Answer, Fault> {
        let reused = self.stream.is_some();
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(&self.host).await?,
        };
        let stale = |error: std::io::Error| {
            if reused {
                Fault::Stale
            } else {
                Fault::Cut(error.to_string())
            }
        };
        stream.get_mut().write_all(bytes).await.map_err(stale)?;
        let answer = read_answer(&mut stream).await.map_err(|failure| match failure {
            Failure::NoByte if reused => Fault::Stale,
            Failure::NoByte => Fault::Cut("closed without an answer".to_owned()),
            Failure::Cut(how) => Fault::Cut(how),
        })?;
        let closes = answer
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if !closes {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

/// A fresh connection to `host:port`.
pub async fn connect(host: &str) -> Result<BufReader<TcpStream>, Fault> {
    let stream = TcpStream::connect(host)
        .await
        .map_err(|error| Fault::Refused(error.to_string()))?;
    stream
        .set_nodelay(true)
        .map_err(|error| Fault::Refused(error.to_string()))?;
    Ok(BufReader::new(stream))
}

/// Where reading an answer ended.
pub enum Failure {
    /// Not one byte had come.
    NoByte,
    /// In the middle.
    Cut(String),
}

/// Reads one answer to its end.
pub async fn read_answer(stream: &mut BufReader<TcpStream>) -> Result<Answer, Failure> {
    let first = match stream.fill_buf().await {
        Ok([]) | Err(_) => return Err(Failure::NoByte),
        Ok(_) => line(stream).await?,
    };
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| Failure::Cut(format!("not a status line: {first}")))?;
    let mut headers = Vec::new();
    loop {
        let line = line(stream).await?;
        match line.split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    if matches!(status, 204 | 304) {
        return Ok(answer);
    }
    let chunked = answer
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    if chunked {
        answer.body = chunks(stream).await?;
    } else if let Some(length) = answer.header("content-length").and_then(|value| value.parse().ok()) {
        answer.body = exactly(stream, length).await?;
    } else {
        stream.read_to_end(&mut answer.body).await.map_err(cut)?;
    }
    Ok(answer)
}

async fn line(stream: &mut BufReader<TcpStream>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    stream.read_until(b'\n', &mut bytes).await.map_err(cut)?;
    if bytes.last() != Some(&b'\n') {
        return Err(Failure::Cut("closed within the head".to_owned()));
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

async fn exactly(stream: &mut BufReader<TcpStream>, length: usize) -> Result<Vec<u8>, Failure> {
    if length > BODY_LIMIT {
        return Err(Failure::Cut(format!("a body of {length} bytes")));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(cut)?;
    Ok(body)
}

async fn chunks(stream: &mut BufReader<TcpStream>) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        let size = line(stream).await?;
        let size = size.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| Failure::Cut(format!("not a chunk size: {size}")))?;
        if size + body.len() > BODY_LIMIT {
            return Err(Failure::Cut(format!("a body over {BODY_LIMIT} bytes")));
        }
        body.extend(exactly(stream, size).await?);
        line(stream).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn cut(error: std::io::Error) -> Failure {
    Failure::Cut(error.to_string())
}

/// A path segment with everything but unreserved characters encoded, as the registries expect group and artifact ids.
pub fn segment(text: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}
