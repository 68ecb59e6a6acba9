//! The client against a server on loopback that answers what a test says, or hangs up.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::system::{Progress, Secrets, Spool, SystemError, causes};

mod login;

/// What the server does with a request.
enum Reply {
    Answer(u16, &'static str, Vec<u8>),
    /// Reads all of it and closes the connection.
    HangUp,
}

impl Reply {
    fn json(value: &Value) -> Self {
        Self::Answer(200, "application/json", value.to_string().into_bytes())
    }

    fn status(status: u16) -> Self {
        Self::Answer(status, "application/json", b"{}".to_vec())
    }
}

/// A server; it ends with the test's runtime.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `reply` gets `METHOD /path?query`, the body, and how often exactly this request came before.
    async fn start(reply: impl Fn(&str, &[u8], usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(move |line, _, body, n| reply(line, body, n)).await
    }

    /// `reply` gets `METHOD /path?query`, and the whole head.
    async fn start_with_head(reply: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(move |line, head, _, _| reply(line, head)).await
    }

    async fn with(reply: impl Fn(&str, &str, &[u8], usize) -> Reply + Send + Sync + 'static) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, reply) = (Arc::clone(&seen), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                tokio::spawn(async move { serve(socket, &log, reply.as_ref()).await });
            }
        });
        Self { url, seen }
    }

    fn client(&self) -> Apicurio {
        self.client_with(&json!({}))
    }

    fn client_with(&self, more: &Value) -> Apicurio {
        let mut spec = json!({"urls": [self.url]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        open(&spec).unwrap()
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// What a server says to `METHOD /path?query`, the whole head, the body, and how often exactly this request came before.
type Answers = dyn Fn(&str, &str, &[u8], usize) -> Reply + Send + Sync;

async fn serve(mut socket: TcpStream, log: &Mutex<Vec<String>>, reply: &Answers) {
    while let Some((line, head, body)) = request(&mut socket).await {
        let n = {
            let mut log = log.lock().unwrap();
            let n = log.iter().filter(|seen| **seen == line).count();
            log.push(line.clone());
            if let Some(login) = head
                .lines()
                .find(|line| line.to_ascii_lowercase().starts_with("authorization:"))
            {
                log.push(login.to_owned());
            }
            n
        };
        let Reply::Answer(status, kind, bytes) = reply(&line, &head, &body, n) else {
            return;
        };
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        if socket.write_all(&[head.as_bytes(), &bytes].concat()).await.is_err() {
            return;
        }
    }
}

async fn request(socket: &mut TcpStream) -> Option<(String, String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = bytes[end..].to_vec();
    while body.len() < length {
        let mut buffer = vec![0; length - body.len()];
        match socket.read(&mut buffer).await {
            Ok(n) if n > 0 => body.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    Some((line, head, body))
}

fn open(spec: &Value) -> Result<Apicurio, SystemError> {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let secrets = Secrets::new(BTreeMap::new(), ".".into());
    Apicurio::open(&"v3".into(), spec, &secrets, Path::new("."))
}

fn v3(text: &str) -> ServerVersion {
    text.parse().unwrap()
}

fn info(version: &str) -> Reply {
    Reply::json(&json!({"name": "x", "version": version}))
}

#[tokio::test]
async fn a_read_is_repeated_when_the_connection_is_lost_or_a_gateway_answers() {
    let server = Server::start(|_, _, n| match n {
        0 => Reply::HangUp,
        1 => Reply::status(503),
        _ => info("3.3.3"),
    })
    .await;
    let version = server.client().reader().version().await.unwrap();
    assert_eq!(version.as_str(), "3.3.3");
    assert_eq!(server.seen().len(), 3, "{:?}", server.seen());
}

#[tokio::test]
async fn a_refused_read_is_not_repeated() {
    let server = Server::start(|_, _, _| Reply::status(403)).await;
    let error = server.client().reader().version().await.unwrap_err();
    assert!(matches!(error, SystemError::Status { status: 403, .. }), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_import_whose_answer_is_lost_is_sent_once_and_said_to_be_unknown() {
    let server = Server::start(|_, _, _| Reply::HangUp).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file.as_file(), b"a zip").unwrap();
    let client = server.client();
    let writer = RegistryWriter::new(client.reader());
    let error = writer.import_zip(&v3("3.3.3"), file.path(), "test").await.unwrap_err();
    assert!(
        causes(&error).contains("what the request changed is unknown"),
        "{}",
        causes(&error)
    );
    assert_eq!(
        server.seen(),
        ["POST /apis/registry/v3/admin/import?requireEmptyRegistry=false"]
    );
}

#[tokio::test]
async fn an_import_sends_the_whole_file_with_its_length() {
    let bytes = vec![7; 600_000];
    let expected = bytes.clone();
    let server = Server::start(move |_, body, _| Reply::status(if body == expected { 204 } else { 400 })).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file.as_file(), &bytes).unwrap();
    let client = server.client();
    RegistryWriter::new(client.reader())
        .import_zip(&v3("3.3.3"), file.path(), "test")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_registry_that_is_not_there_was_sent_nothing() {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let client = open(&json!({"urls": [url]})).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let writer = RegistryWriter::new(client.reader());
    let error = writer.import_zip(&v3("3.3.3"), file.path(), "test").await.unwrap_err();
    assert!(matches!(error, SystemError::Unreachable { .. }), "{error}");
    assert_eq!(client.reader().facts().await, json!({"reachable": false}));
}

#[tokio::test]
async fn a_registry_that_refuses_the_login_says_so_in_its_facts() {
    let server = Server::start(|_, _, _| Reply::status(401)).await;
    let facts = server.client().reader().facts().await;
    assert_eq!(facts["reachable"], false);
    assert!(facts["reason"].as_str().unwrap().contains("401"), "{facts}");
}

#[tokio::test]
async fn facts_of_3x_say_what_can_be_had() {
    let server = Server::start(|line, _, _| match line {
        "GET /apis/registry/v2/system/info" => info("3.3.3"),
        "GET /apis/registry/v3/search/groups?limit=1" => Reply::json(&json!({"count": 2, "groups": []})),
        "GET /apis/registry/v3/search/artifacts?limit=1" => Reply::json(&json!({"count": 3, "artifacts": []})),
        "GET /apis/registry/v3/search/versions?limit=1" => Reply::json(&json!({"count": 4, "versions": []})),
        "GET /apis/registry/v3/search/versions?orderby=globalId&order=desc&limit=1" => {
            Reply::json(&json!({"count": 4, "versions": [{"globalId": 70}]}))
        }
        "GET /apis/ccompat/v7/mode" => Reply::json(&json!({"mode": "READONLY"})),
        // 3.2 and later: health is on another port.
        _ => Reply::status(404),
    })
    .await;
    assert_eq!(
        server.client().reader().facts().await,
        json!({
            "reachable": true, "version": "3.3.3", "writable": false, "empty": false, "max_global_id": 70,
            "counts": {"groups": 2, "artifacts": 3, "versions": 4},
        })
    );
    let with_management = server.client_with(&json!({"management": [server.url]}));
    assert_eq!(with_management.reader().ready().await, None);
}

#[tokio::test]
async fn readiness_is_asked_at_the_management_address_without_the_login() {
    let server = Server::start(|_, _, _| Reply::status(503)).await;
    let client = server.client_with(&json!({
        "management": [server.url],
        "auth": {"basic": {"username": "admin", "password": "secret"}},
    }));
    assert_eq!(client.reader().ready().await, Some(false));
    assert_eq!(server.seen(), ["GET /health/ready"]);
}

#[tokio::test]
async fn the_login_goes_with_every_request() {
    let server = Server::start(|_, _, _| info("2.6.13.Final")).await;
    let client = server.client_with(&json!({"auth": {"basic": {"username": "admin", "password": "pw"}}}));
    client.reader().version().await.unwrap();
    assert_eq!(
        server.seen()[1].to_ascii_lowercase(),
        "authorization: basic ywrtaw46chc="
    );
}

#[tokio::test]
async fn an_export_that_is_no_zip_is_refused() {
    let server = Server::start(|line, _, _| match line {
        "GET /apis/registry/v2/system/info" => info("2.6.13.Final"),
        _ => Reply::json(&json!({"downloadId": "x"})),
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let error = server
        .client()
        .reader()
        .export(&Spool::new(dir.path().join("spool")))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("instead of application/zip"), "{error}");
}

#[tokio::test]
async fn an_export_is_spooled_under_its_hash() {
    let server = Server::start(|line, _, _| match line {
        "GET /apis/registry/v2/system/info" => info("3.3.3"),
        "GET /apis/registry/v3/admin/export" => Reply::Answer(200, "application/zip", b"abc".to_vec()),
        _ => Reply::status(404),
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let spooled = server
        .client()
        .reader()
        .export(&Spool::new(dir.path().to_owned()))
        .await
        .unwrap();
    assert_eq!(spooled.bytes, 3);
    assert!(spooled.sha256.as_str().starts_with("ba7816bf"));
}

#[tokio::test]
async fn deletion_switches_are_set_back_to_what_they_were_even_by_the_next_process() {
    let values = Arc::new(Mutex::new(BTreeMap::from([
        ("apicurio.rest.deletion.artifact.enabled".to_owned(), "false".to_owned()),
        ("apicurio.rest.deletion.group.enabled".to_owned(), "true".to_owned()),
    ])));
    let state = Arc::clone(&values);
    let server = Server::start(move |line, body, _| {
        let (method, path) = line.split_once(' ').unwrap();
        let name = path.rsplit('/').next().unwrap().to_owned();
        let mut values = state.lock().unwrap();
        if method == "PUT" {
            let body: Value = serde_json::from_slice(body).unwrap();
            values.insert(name, body["value"].as_str().unwrap().to_owned());
            return Reply::status(204);
        }
        Reply::json(&json!({"name": name, "value": values[&name]}))
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().to_owned());
    let client = server.client();
    let (writer, version) = (RegistryWriter::new(client.reader()), v3("3.3.3"));
    let now = || values.lock().unwrap().values().cloned().collect::<Vec<_>>();

    let killed = Deletions::begin(&writer, &version, &spool).await.unwrap();
    assert_eq!(now(), ["true", "true"]);
    drop(killed);

    Deletions::mend(&writer, &version, &spool).await.unwrap();
    assert_eq!(now(), ["false", "true"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the note is gone");
}

#[tokio::test]
async fn a_list_that_moves_while_it_is_read_is_read_again() {
    let server = Server::start(|line, _, n| match line {
        "GET /apis/registry/v2/groups?limit=1" => Reply::json(&json!({"count": 0, "groups": []})),
        "GET /apis/registry/v2/search/artifacts?limit=1" => Reply::json(&json!({"count": 2, "artifacts": []})),
        _ if n == 0 => Reply::json(&json!({"count": 2, "artifacts": [{"id": "a"}, {"id": "a"}]})),
        _ => Reply::json(&json!({"count": 2, "artifacts": [{"id": "a"}, {"id": "a", "groupId": "g"}]})),
    })
    .await;
    let all = server.client().reader().artifacts(&v3("2.6.13.Final")).await.unwrap();
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(all, ["default/a", "g/a"]);
}

#[tokio::test]
async fn an_artifact_whose_versions_are_all_disabled_has_no_latest() {
    let server = Server::start(|line, _, _| {
        if line.contains("gone") {
            return Reply::status(404);
        }
        Reply::json(&json!({"version": "3", "globalId": 9}))
    })
    .await;
    let ids = [ArtifactId::new(None, "a/b"), ArtifactId::new(Some("g"), "gone")].into();
    let client = server.client();
    let latest = client
        .reader()
        .latest(&v3("3.3.3"), &ids, &Progress::silent())
        .await
        .unwrap();
    assert_eq!(latest[&ArtifactId::new(None, "a/b")].as_ref().unwrap().version, "3");
    assert_eq!(latest[&ArtifactId::new(Some("g"), "gone")], None);
    assert!(
        server
            .seen()
            .contains(&"GET /apis/registry/v3/groups/default/artifacts/a%2Fb/versions/branch=latest".to_owned())
    );
}

#[test]
fn an_entry_that_cannot_be_used_says_why() {
    for (spec, expected) in [
        (json!({"urls": []}), "at least one replica"),
        (
            json!({"urls": ["http://h/apis/registry/v2"]}),
            "must not include `/apis`",
        ),
        (json!({"urls": ["http://u:pw@h"]}), "under `auth`"),
        (json!({"urls": ["ftp://h"]}), "no http or https address"),
        (json!({"urls": ["http://h"], "tenant": ".."}), "no name of a tenant"),
        (
            json!({"urls": ["http://h"], "auth": {"oidc": {"issuer": "i", "client_id": "c", "client_secret": "s"}}}),
            "`issuer` is no address",
        ),
        (json!({"urls": ["http://h"], "auth": {}}), "exactly one of"),
        (json!({"urls": ["http://h"], "url": "x"}), "unknown field `url`"),
    ] {
        let error = open(&spec).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("pw"), "{error}");
    }
}

#[tokio::test]
async fn a_kafkasql_is_known_by_its_name_or_because_the_plan_says_so() {
    let server =
        Server::start(|_, _, _| Reply::json(&json!({"name": "Apicurio Registry (In Memory)", "version": "3.0.9"})))
            .await;
    let keeps = async |more: Value| {
        server
            .client_with(&more)
            .reader()
            .keeps_journal(&v3("3.0.9"))
            .await
            .unwrap()
    };
    assert!(!keeps(json!({})).await);
    assert!(!keeps(json!({"storage": "postgresql"})).await);
    assert!(keeps(json!({"storage": "kafkasql"})).await);
    let named =
        Server::start(|_, _, _| Reply::json(&json!({"name": "Apicurio Registry (KafkaSQL)", "version": "3.3.3"})))
            .await;
    assert!(named.client().reader().keeps_journal(&v3("3.3.3")).await.unwrap());
}
