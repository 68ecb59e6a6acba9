use std::io::{Cursor, Read, Write};

use serde_json::Value;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::registry::{ReadError, ReadLimits, Snapshot, read_export};

/// The bytes of a real export.
pub(super) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/{name}.zip", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A real export, read.
pub(super) fn snapshot(name: &str) -> Snapshot {
    read(bytes(name)).unwrap()
}

pub(super) fn read(zip: Vec<u8>) -> Result<Snapshot, ReadError> {
    read_export(Cursor::new(zip), &ReadLimits::default())
}

/// An export taken apart, to be changed and put together again.
#[derive(Clone)]
pub(super) struct Unpacked(pub Vec<(String, Vec<u8>)>);

impl Unpacked {
    pub(super) fn of(zip: Vec<u8>) -> Self {
        let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
        let count = archive.len();
        let one = |index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        };
        Self((0..count).map(one).collect())
    }

    pub(super) fn fixture(name: &str) -> Self {
        Self::of(bytes(name))
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &self.0 {
            // Thousands of these are packed and read at once.
            let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            zip.start_file(name, plain).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    pub(super) fn read(&self) -> Result<Snapshot, ReadError> {
        read(self.pack())
    }

    /// Changes the JSON of every entry of a kind that the closure takes.
    pub(super) fn edit(&mut self, kind: &str, mut change: impl FnMut(&mut Value)) {
        for (name, bytes) in &mut self.0 {
            if name.ends_with(&format!(".{kind}.json")) {
                let mut row: Value = serde_json::from_slice(bytes).unwrap();
                change(&mut row);
                *bytes = serde_json::to_vec(&row).unwrap();
            }
        }
    }

    /// Leaves out entries whose JSON the closure refuses.
    pub(super) fn keep(&mut self, kind: &str, keep: impl Fn(&Value) -> bool) {
        self.0.retain(|(name, bytes)| {
            !name.ends_with(&format!(".{kind}.json")) || keep(&serde_json::from_slice(bytes).unwrap())
        });
    }
}

/// A 2.6 after changes: its artifacts are what its versions say.
pub(super) fn with_artifacts_anew(mut v2: Snapshot) -> Snapshot {
    assert_eq!(v2.format, crate::registry::Format::V2);
    v2.artifacts = v2.implied_artifacts();
    v2
}
