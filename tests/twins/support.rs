use std::{
    io::Cursor,
    path::{Path, PathBuf},
};

use regplan::{
    registry::{
        ChunkLimits, ChunkWriter, Comparison, Delta, ReadLimits, RestFacts, Snapshot, chunks, compare, delta,
        read_export,
    },
    rehearse::twin::{Twin, TwinOptions, TwinVersion},
};

/// A recorded export.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{name}.zip"))
}

pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

pub fn snapshot(name: &str) -> Snapshot {
    read(bytes(name))
}

pub fn read(zip: Vec<u8>) -> Snapshot {
    read_export(Cursor::new(zip), &ReadLimits::default()).unwrap()
}

/// A client that asks nobody else for the way.
pub fn client() -> reqwest::Client {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub async fn empty(version: TwinVersion) -> Twin {
    Twin::start(TwinOptions::new(version)).await.unwrap()
}

/// A twin with the content of a recorded export.
pub async fn of(version: TwinVersion, name: &str) -> Twin {
    let options = TwinOptions {
        data: Some(fixture(name)),
        ..TwinOptions::new(version)
    };
    Twin::start(options).await.unwrap()
}

fn api(twin: &Twin) -> String {
    let version = if twin.url() == twin.management() { "v2" } else { "v3" };
    format!("{}/apis/registry/{version}", twin.url())
}

pub async fn export(twin: &Twin) -> Vec<u8> {
    let answer = client()
        .get(format!("{}/admin/export", api(twin)))
        .header("accept", "application/zip")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/zip");
    answer.bytes().await.unwrap().to_vec()
}

/// The status of an import.
pub async fn import(twin: &Twin, zip: Vec<u8>) -> u16 {
    let answer = client()
        .post(format!("{}/admin/import?requireEmptyRegistry=false", api(twin)))
        .header("content-type", "application/zip")
        .body(zip)
        .send()
        .await
        .unwrap();
    answer.status().as_u16()
}

/// Sends what a delta of a recorded export says, in chunks of that many versions.
pub async fn send(twin: &Twin, name: &str, delta: &Delta, versions: usize) -> usize {
    send_all(twin, &snapshot(name), bytes(name), delta, versions).await
}

/// Sends what a delta says, in chunks of that many versions, as regplan packs them; how many there were.
pub async fn send_all(twin: &Twin, source: &Snapshot, zip: Vec<u8>, delta: &Delta, versions: usize) -> usize {
    let limits = ChunkLimits {
        max_versions: versions,
        ..ChunkLimits::default()
    };
    let all = chunks(source, delta, &limits).unwrap();
    let mut writer = ChunkWriter::open(source, Cursor::new(zip)).unwrap();
    for chunk in &all {
        let zip = writer.write(chunk, Cursor::new(Vec::new())).unwrap().into_inner();
        assert_eq!(import(twin, zip).await, 204);
    }
    all.len()
}

/// What one export has and the other has not.
pub fn missing(source: &str, target: &Snapshot) -> Delta {
    delta(&snapshot(source), target)
}

/// Every row in which two exports differ, also those that the contract foresees.
pub fn rows(left: &Snapshot, right: &Snapshot) -> Vec<String> {
    let Comparison {
        differences, expected, ..
    } = compare(left, right, &RestFacts::default(), &[]);
    differences.iter().chain(&expected).map(ToString::to_string).collect()
}
