use serde_json::{Value, json};

use super::http::{Answer, Connection, Fault, segment};

/// A registry's v2 API, as its clients use it: on 2.6, on 3.x, or through a balancer.
pub struct Registry {
    connection: Connection,
}

/// A new artifact or version.
#[derive(Default, Clone)]
pub struct New<'a> {
    pub group: &'a str,
    pub artifact: &'a str,
    pub kind: &'a str,
    pub content: &'a str,
    pub version: Option<&'a str>,
    pub references: Option<Value>,
    pub name: Option<&'a str>,
    pub description: Option<&'a str>,
}

impl Registry {
    /// At `host:port`.
    pub fn at(host: &str) -> Self {
        Self {
            connection: Connection::new(host),
        }
    }

    /// A request to any path; a kept connection that was closed without a byte is replaced once.
    pub async fn request(&mut self, method: &str, path: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Answer {
        for _ in 0..2 {
            match self.connection.request(method, path, headers, body).await {
                Ok(answer) => return answer,
                Err(Fault::Stale) => {}
                Err(fault) => panic!("{method} {path}: {fault}"),
            }
        }
        panic!("{method} {path}: two connections in a row were closed without a byte")
    }

    /// A request below the v2 API that must succeed.
    pub async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.json(method, &format!("/apis/registry/v2{path}"), body).await
    }

    /// The same to a 3.x's own API; the path begins without a slash.
    pub async fn call_v3(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.json(method, &format!("/apis/registry/v3/{path}"), body).await
    }

    async fn json(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let answer = match body {
            Some(body) => {
                let headers = [("Content-Type", b"application/json".as_slice())];
                self.request(method, path, &headers, body.to_string().as_bytes()).await
            }
            None => self.request(method, path, &[], b"").await,
        };
        assert!(
            answer.status < 300,
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        answer
    }

    /// GET with 200 and JSON.
    pub async fn get(&mut self, path: &str) -> Value {
        let answer = self.request("GET", path, &[("Accept", b"application/json")], b"").await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// Creates an artifact, or adds a version to it; any status may come back.
    pub async fn put(&mut self, new: &New<'_>, add: bool) -> Answer {
        let group = segment(new.group);
        let mut headers: Vec<(&str, &[u8])> = Vec::new();
        let path = if add {
            format!(
                "/apis/registry/v2/groups/{group}/artifacts/{}/versions",
                segment(new.artifact)
            )
        } else {
            headers.push(("X-Registry-ArtifactId", new.artifact.as_bytes()));
            headers.push(("X-Registry-ArtifactType", new.kind.as_bytes()));
            format!("/apis/registry/v2/groups/{group}/artifacts")
        };
        let optional = [
            ("X-Registry-Version", new.version),
            ("X-Registry-Name", new.name),
            ("X-Registry-Description", new.description),
        ];
        headers.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?.as_bytes()))),
        );
        let body = match &new.references {
            Some(references) => {
                headers.push(("Content-Type", b"application/create.extended+json"));
                json!({"content": new.content, "references": references}).to_string()
            }
            None => {
                headers.push(("Content-Type", content_type(new.kind)));
                new.content.to_owned()
            }
        };
        self.request("POST", &path, &headers, body.as_bytes()).await
    }

    /// The whole export as a ZIP.
    pub async fn export(&mut self, api: &str) -> Vec<u8> {
        self.zip(&format!("/apis/registry/{api}/admin/export")).await
    }

    /// The export of one tenant of a multi-tenant 2.6.
    pub async fn export_of(&mut self, tenant: &str) -> Vec<u8> {
        self.zip(&format!("/t/{tenant}/apis/registry/v2/admin/export")).await
    }

    async fn zip(&mut self, path: &str) -> Vec<u8> {
        let answer = self.request("GET", path, &[("Accept", b"application/zip")], b"").await;
        assert_eq!(answer.status, 200, "export: {}", answer.text());
        answer.body
    }
}

/// What 2.6 wants to be told for each type.
fn content_type(kind: &str) -> &'static [u8] {
    match kind {
        "PROTOBUF" => b"application/x-protobuf",
        "GRAPHQL" => b"application/graphql",
        "WSDL" | "XSD" | "XML" => b"application/xml",
        _ => b"application/json",
    }
}
