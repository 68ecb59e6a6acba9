//! A 2.6 that clients write to while it is exported.

use std::{
    io::{Cursor, Read as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use regplan::resource::take_snapshot;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::lab::{Lab, Server, fixture};

/// The rich export without the content of the artifact `json`, whose version was dated that long before the export began.
fn torn(before: i64) -> Vec<u8> {
    let mut archive = ZipArchive::new(std::fs::File::open(fixture("v2-rich")).unwrap()).unwrap();
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        entries.push((entry.name().unwrap().into_owned(), bytes));
    }
    let row = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let manifest = entries
        .iter()
        .find(|(name, _)| name.ends_with(".Manifest.json"))
        .unwrap();
    let began = row(&manifest.1)["exportedOn"].as_i64().unwrap();
    let is_it = |name: &str, row: &Value| {
        name.ends_with(".ArtifactVersion.json") && row["groupId"] == "types" && row["artifactId"] == "json"
    };
    let content = entries.iter().find_map(|(name, bytes)| {
        let row = row(bytes);
        is_it(name, &row).then(|| row["contentId"].clone())
    });
    let gone = entries.iter().find_map(|(name, bytes)| {
        let is_it = name.ends_with(".Content.json") && Some(&row(bytes)["contentId"]) == content.as_ref();
        is_it.then(|| name.trim_end_matches(".json").to_owned())
    });
    let gone = gone.unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mut bytes) in entries {
        if name.starts_with(&format!("{gone}.")) {
            continue;
        }
        let mut version = row(&bytes);
        if is_it(&name, &version) {
            version["createdOn"] = json!(began - before);
            bytes = version.to_string().into_bytes();
        }
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A 2.6 that answers its version and its export alone: the first one torn, later ones whole; and how often it was asked.
async fn busy(first: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let whole = std::fs::read(fixture("v2-rich")).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            if !head.starts_with(b"GET /apis/registry/v2/admin/export") {
                answer(client, "application/json", br#"{"version":"2.6.13.Final"}"#).await;
                continue;
            }
            let export = match count.fetch_add(1, Ordering::SeqCst) {
                0 => &first,
                _ => &whole,
            };
            answer(client, "application/zip", export).await;
        }
    });
    (url, asked)
}

async fn answer(mut client: TcpStream, kind: &str, body: &[u8]) {
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    client.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
}

#[tokio::test]
async fn an_export_that_a_write_tore_is_taken_again_and_a_hole_is_not() {
    for (before, exports, holes) in [(20, 2, 0), (3_600_000, 1, 1)] {
        let (url, asked) = busy(torn(before)).await;
        let v3 = Server::Real {
            url: url.clone(),
            management: url.clone(),
        };
        let v2 = Server::Real {
            url,
            management: String::new(),
        };
        let lab = Lab::between(v2, v3, tempfile::tempdir().unwrap());
        let registry = lab.world.registry(&"v2".into()).unwrap();
        let taken = take_snapshot(&registry, lab.world.spool()).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), exports, "{before}");
        assert_eq!(
            taken.snapshot.holes().len(),
            holes,
            "{before}: {:?}",
            taken.snapshot.holes()
        );
        assert!(taken.spooled.path.exists());
    }
}
