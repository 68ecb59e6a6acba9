use std::io::Cursor;

use sha2::Digest as _;

use super::support::{Unpacked, read, snapshot};
use crate::{
    model::Shown,
    registry::{ContentReader, Snapshot, TextSide, delta, texts_that_differ, texts_to_move},
};

/// The export with other bytes, and their hash, as the content of that version.
fn damaged(name: &str, global_id: u64, bytes: &[u8]) -> Vec<u8> {
    let mut export = Unpacked::fixture(name);
    let content = snapshot(name).versions[&global_id].content_id;
    let is_content = |(name, bytes): &&(String, Vec<u8>)| {
        name.ends_with(".Content.json")
            && serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["contentId"] == content
    };
    let (row, _) = export.0.iter().find(is_content).unwrap();
    let data = row.replace(".Content.json", ".Content.data");
    export.0.iter_mut().find(|(name, _)| *name == data).unwrap().1 = bytes.to_vec();
    export.edit("Content", |row| {
        if row["contentId"] == content {
            let computed = sha2::Sha256::digest(bytes);
            let hex: String = computed.iter().map(|byte| format!("{byte:02x}")).collect();
            row["contentHash"] = hex.into();
        }
    });
    export.pack()
}

fn text(export: &[u8], snapshot: &Snapshot, content: u64) -> Shown {
    ContentReader::open(snapshot, Cursor::new(export))
        .unwrap()
        .text(content)
}

#[test]
fn new_versions_stand_beside_the_version_before_them_and_first_ones_come_last() {
    let (source, target) = (snapshot("v2-rich-after"), snapshot("v3-rich"));
    let changes = texts_to_move(&source, &target, &delta(&source, &target), ("v2", "v3"));
    assert!(changes.iter().any(|change| change.before.is_some()));
    assert!(changes.iter().all(|change| change.after.side == TextSide::Source));
    let first = changes.iter().position(|change| change.before.is_none());
    let later = changes.iter().rposition(|change| change.before.is_some());
    assert!(first.is_none_or(|first| later.is_none_or(|later| later < first)));
    for change in changes.iter().filter(|change| change.before.is_some()) {
        let before = change.before.as_ref().unwrap();
        let artifact = |name: &str| name.rsplit_once(" version ").unwrap().0.to_owned();
        assert_eq!(artifact(&before.name), artifact(&change.after.name));
        let hash = |id: u64| source.contents[&id].sha256;
        assert_ne!(hash(before.content_id), hash(change.after.content_id));
    }
}

#[test]
fn an_id_that_the_target_has_with_other_bytes_is_shown_with_both_texts() {
    let source = snapshot("v2-rich-after");
    let (global_id, version) = source.versions.first_key_value().unwrap();
    let there = damaged("v3-rich", *global_id, b"{\"tampered\": true}");
    let target = read(there.clone()).unwrap();
    let changes = texts_to_move(&source, &target, &delta(&source, &target), ("v2", "v3"));
    let befores: Vec<_> = changes.iter().filter_map(|change| change.before.as_ref()).collect();
    let tampered = befores.iter().find(|before| before.side == TextSide::Target).unwrap();
    assert_eq!(tampered.name, format!("content {} on v3", version.content_id));
    assert_eq!(
        text(&there, &target, tampered.content_id),
        Shown::Text("{\"tampered\": true}".to_owned())
    );
    let differ = texts_that_differ(&source, &target, ("v2", "v3"));
    assert_eq!(differ.len(), 1);
    assert_eq!(differ[0].before.as_ref().unwrap().name, format!("{version} on v2"));
    assert_eq!(differ[0].after.name, format!("{version} on v3"));
}

#[test]
fn bytes_that_are_no_text_or_too_many_or_changed_are_said_and_not_shown() {
    let source = snapshot("v2-rich");
    let (id, version) = source.versions.first_key_value().unwrap();
    let shown = |bytes: &[u8]| {
        let export = damaged("v2-rich", *id, bytes);
        let snapshot = read(export.clone()).unwrap();
        text(&export, &snapshot, version.content_id)
    };
    assert_eq!(shown(b"\xff\xfe"), Shown::Not("2 bytes that are no text".to_owned()));
    assert_eq!(shown(b"a\0b"), Shown::Not("3 bytes that are no text".to_owned()));
    let long = vec![b'x'; (128 << 10) + 1];
    assert_eq!(shown(&long), Shown::Not("131073 bytes, too long to show".to_owned()));
    assert_eq!(shown("schön".as_bytes()), Shown::Text("schön".to_owned()));
    let other = damaged("v2-rich", *id, b"x");
    assert_eq!(
        text(&other, &source, version.content_id),
        Shown::Not("cannot be read from the export any more".to_owned())
    );
}
