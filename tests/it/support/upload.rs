use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::http::{Answer, Connection, connect, read_answer};

/// A write whose headers and half of the body were sent; the rest comes when the test wants it.
pub struct SlowUpload {
    stream: BufReader<TcpStream>,
    rest: Vec<u8>,
    /// What it creates.
    pub artifact: String,
    /// Its whole body.
    pub content: String,
}

impl SlowUpload {
    /// Sends the head and half of the body to `host:port`.
    pub async fn begin(host: &str, group: &str, artifact: &str) -> Self {
        let filler = "slow ".repeat(2_000);
        let content = format!(r#"{{"type":"object","title":"slow upload","description":"{filler}"}}"#);
        let path = format!("/apis/registry/v2/groups/{group}/artifacts");
        let headers: [(&str, &[u8]); 3] = [
            ("Content-Type", b"application/json"),
            ("X-Registry-ArtifactType", b"JSON"),
            ("X-Registry-ArtifactId", artifact.as_bytes()),
        ];
        let mut bytes = Connection::new(host).encode("POST", &path, &headers, content.as_bytes());
        let rest = bytes.split_off(bytes.len() - content.len() / 2);
        let mut stream = connect(host)
            .await
            .unwrap_or_else(|fault| panic!("slow upload: {fault}"));
        stream.get_mut().write_all(&bytes).await.unwrap();
        stream.get_mut().flush().await.unwrap();
        Self {
            stream,
            rest,
            artifact: artifact.to_owned(),
            content,
        }
    }

    /// Sends the rest and returns the answer.
    pub async fn finish(&mut self) -> Answer {
        self.stream.get_mut().write_all(&self.rest).await.unwrap();
        match read_answer(&mut self.stream).await {
            Ok(answer) => answer,
            Err(super::http::Failure::NoByte) => panic!("the slow upload was closed without an answer"),
            Err(super::http::Failure::Cut(how)) => panic!("the answer to the slow upload was cut: {how}"),
        }
    }
}
