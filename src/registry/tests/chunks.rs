use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
};

use proptest::prelude::*;

use super::support::{Unpacked, bytes, read, snapshot};
use crate::registry::{
    Chunk, ChunkError, ChunkLimits, ChunkWriter, Delta, Format, Reservation, ReserveError, Snapshot, chunks, delta,
};

/// Everything that `v2-rich` holds.
fn everything() -> (Snapshot, Delta) {
    let source = snapshot("v2-rich");
    let mut empty = Unpacked::fixture("v3-rich");
    empty.0.retain(|(name, _)| name.ends_with(".Manifest.json"));
    let delta = delta(&source, &empty.read().unwrap());
    (source, delta)
}

/// That chunks send everything once, in order, and nothing that a chunk needs comes later.
fn check(source: &Snapshot, delta: &Delta, chunks: &[Chunk], limits: &ChunkLimits) {
    let all = |field: fn(&Chunk) -> &Vec<u64>| chunks.iter().flat_map(field).copied().collect::<Vec<u64>>();
    let versions = all(|chunk| &chunk.versions);
    assert!(versions.is_sorted_by(|a, b| a < b), "ascending, none twice");
    assert_eq!(versions.into_iter().collect::<BTreeSet<_>>(), delta.versions);
    let contents = all(|chunk| &chunk.contents);
    assert_eq!(contents.len(), delta.contents.len(), "each content once");
    let mut there: BTreeSet<u64> = BTreeSet::new();
    for (n, chunk) in chunks.iter().enumerate() {
        assert!(chunk.versions.len() <= limits.max_versions);
        assert!(chunk.entries <= limits.max_entries && chunk.bytes <= limits.max_total_bytes);
        there.extend(&chunk.contents);
        for id in &chunk.versions {
            assert!(
                there.contains(&source.versions[id].content_id),
                "a content comes no later than its version"
            );
        }
        assert!(chunk.comments.iter().all(|key| chunk.versions.contains(&key.global_id)));
        assert!(chunk.groups.is_empty() || chunks.iter().take(n).all(|before| before.versions.is_empty()));
        let rules = chunk.artifact_rules.len() + chunk.global_rules.len();
        assert!(rules == 0 || chunks.iter().skip(n + 1).all(|after| after.versions.is_empty()));
    }
    let comments = chunks.iter().flat_map(|chunk| &chunk.comments);
    assert_eq!(comments.cloned().collect::<BTreeSet<_>>(), delta.comments);
    let groups = chunks.iter().flat_map(|chunk| &chunk.groups);
    assert_eq!(groups.cloned().collect::<BTreeSet<_>>(), delta.groups);
    let rules = chunks.iter().flat_map(|chunk| &chunk.artifact_rules);
    assert_eq!(rules.cloned().collect::<BTreeSet<_>>(), delta.artifact_rules);
    let rules = chunks.iter().flat_map(|chunk| &chunk.global_rules);
    assert_eq!(rules.cloned().collect::<BTreeSet<_>>(), delta.global_rules);
}

#[test]
fn chunks_of_every_size_send_everything_once_and_in_order() {
    let (source, delta) = everything();
    for max_versions in 1..=68 {
        let limits = ChunkLimits {
            max_versions,
            ..ChunkLimits::default()
        };
        let chunks = chunks(&source, &delta, &limits).unwrap();
        assert_eq!(chunks.len(), 68_usize.div_ceil(max_versions));
        check(&source, &delta, &chunks, &limits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn chunks_within_any_limits_send_everything_once_and_in_order(
        max_versions in 1_usize..80, max_entries in 18_usize..200, max_total_bytes in 30_000_u64..200_000
    ) {
        let (source, delta) = everything();
        let limits = ChunkLimits { max_versions, max_entries, max_total_bytes, ..ChunkLimits::default() };
        check(&source, &delta, &chunks(&source, &delta, &limits).unwrap(), &limits);
    }
}

#[test]
fn what_is_larger_than_a_request_is_named() {
    let (source, delta) = everything();
    let small = ChunkLimits {
        max_entries: 5,
        ..ChunkLimits::default()
    };
    let error = chunks(&source, &delta, &small).unwrap_err();
    assert!(
        matches!(&error, ChunkError::TooLarge { what, .. } if what == "default/orders-value version 3"),
        "{error}"
    );
    let short = ChunkLimits {
        max_entry_bytes: 100,
        ..ChunkLimits::default()
    };
    assert!(matches!(
        chunks(&source, &delta, &short),
        Err(ChunkError::TooLarge { .. })
    ));
}

#[test]
fn nothing_to_send_makes_no_chunk() {
    let delta = delta(&snapshot("v2-rich"), &snapshot("v3-rich"));
    assert_eq!(
        chunks(&snapshot("v2-rich"), &delta, &ChunkLimits::default()).unwrap(),
        []
    );
}

/// Packs chunks and reads each of them back.
fn packed(source: &Snapshot, file: Vec<u8>, chunks: &[Chunk]) -> Vec<(Vec<u8>, Snapshot)> {
    let mut writer = ChunkWriter::open(source, Cursor::new(file)).unwrap();
    let mut one = |chunk: &Chunk| {
        let zip = writer.write(chunk, Cursor::new(Vec::new())).unwrap().into_inner();
        let back = read(zip.clone()).unwrap();
        (zip, back)
    };
    chunks.iter().map(&mut one).collect()
}

#[test]
fn packed_chunks_read_back_are_the_rows_of_the_source() {
    let (source, delta) = everything();
    let limits = ChunkLimits {
        max_versions: 7,
        ..ChunkLimits::default()
    };
    let chunks = chunks(&source, &delta, &limits).unwrap();
    let mut versions = BTreeMap::new();
    let (mut contents, mut comments, mut groups) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut rules = BTreeMap::new();
    for (chunk, (zip, back)) in chunks.iter().zip(packed(&source, bytes("v2-rich"), &chunks)) {
        assert_eq!(back.format, Format::V2);
        assert_eq!(Unpacked::of(zip).0.len(), chunk.entries);
        versions.extend(back.versions);
        contents.extend(back.contents.into_iter().map(|(id, content)| {
            (
                id,
                (content.hash, content.sha256, content.references, content.canonical_hash),
            )
        }));
        comments.extend(back.comments);
        groups.extend(back.groups);
        rules.extend(back.artifact_rules);
    }
    assert_eq!(versions, source.versions);
    let wanted: BTreeMap<_, _> = source
        .contents
        .iter()
        .map(|(id, content)| {
            (
                *id,
                (
                    content.hash.clone(),
                    content.sha256,
                    content.references.clone(),
                    content.canonical_hash.clone(),
                ),
            )
        })
        .collect();
    assert_eq!(contents, wanted);
    assert_eq!(comments, source.comments);
    assert_eq!(groups, source.groups);
    assert_eq!(rules, source.artifact_rules);
}

#[test]
fn entries_have_short_names_and_bytes_follow_their_row() {
    let (source, delta) = everything();
    let chunks = chunks(&source, &delta, &ChunkLimits::default()).unwrap();
    let (zip, _) = packed(&source, bytes("v2-rich"), &chunks).remove(0);
    let names: Vec<_> = Unpacked::of(zip).0.into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names[..3],
        [
            "m/0000001.Manifest.json",
            "c/0000002.Content.json",
            "c/0000002.Content.data"
        ]
    );
    assert!(names.iter().all(|name| name.len() < 40));
}

#[test]
fn the_same_chunk_gives_the_same_bytes() {
    let (source, delta) = everything();
    let chunks = chunks(&source, &delta, &ChunkLimits::default()).unwrap();
    let pack = || packed(&source, bytes("v2-rich"), &chunks).remove(0).0;
    assert_eq!(pack(), pack());
}

#[test]
fn another_file_than_the_one_that_was_read_is_noticed() {
    let (source, delta) = everything();
    let chunks = chunks(&source, &delta, &ChunkLimits::default()).unwrap();
    let mut writer = ChunkWriter::open(&source, Cursor::new(bytes("v2-rich-after"))).unwrap();
    let error = writer.write(&chunks[0], Cursor::new(Vec::new())).unwrap_err();
    assert!(matches!(error, ChunkError::Changed { .. }), "{error}");
}

#[test]
fn versions_born_on_3_x_are_packed_for_2_6() {
    let source = snapshot("v3-after-cutover");
    let target = snapshot("v2-rich-after");
    let delta = delta(&source, &target);
    let chunks = chunks(&source, &delta, &ChunkLimits::default()).unwrap();
    let (_, back) = packed(&source, bytes("v3-after-cutover"), &chunks).remove(0);
    assert_eq!(
        back.versions.keys().copied().collect::<Vec<_>>(),
        (78..=86).collect::<Vec<_>>()
    );
    // 2.6 wants the content of every version in the ZIP, also one that it has.
    assert!(back.holes().is_empty(), "{:?}", back.holes());
}

#[test]
fn a_reservation_lies_above_everything_and_is_an_export() {
    let source = snapshot("v2-rich");
    let reservation = Reservation::above(&source, &source, None).unwrap();
    assert_eq!((reservation.global_id, reservation.content_id), (1_000_000, 2_000_000));
    let back = read(reservation.write(Cursor::new(Vec::new())).unwrap().into_inner()).unwrap();
    assert!(back.has_reserve_group() && back.holes().is_empty());
    assert_eq!(back.versions.keys().copied().collect::<Vec<_>>(), [1_000_000]);
    assert!(back.versions[&1_000_000].is_latest);
    assert!(back.contents[&2_000_000].hash_is_right());
    let comment = back.comments.keys().next().unwrap();
    assert_eq!((comment.global_id, &*comment.comment_id), (1_000_000, "99999"));
}

#[test]
fn a_reservation_lies_above_contents_that_no_version_uses_on_either_side() {
    let (source, target) = (snapshot("v2-rich"), snapshot("v3-rich"));
    let with = |snapshot: &Snapshot, id: u64| {
        let mut snapshot = snapshot.clone();
        let content = snapshot.contents.values().next().unwrap().clone();
        snapshot.contents.insert(id, content);
        snapshot
    };
    let ids = |source: &Snapshot, target: &Snapshot| Reservation::above(source, target, None).unwrap().content_id;
    assert_eq!(ids(&with(&source, 2_345_678), &target), 3_000_000);
    assert_eq!(ids(&source, &with(&target, 4_345_678)), 5_000_000);
    assert_eq!(with(&source, 2_345_678).max_content_id(), source.max_content_id());
}

#[test]
fn another_attempt_reserves_what_the_first_did_until_that_is_too_little() {
    let (source, mut target) = (snapshot("v2-rich"), snapshot("v3-rich"));
    let first = Reservation::above(&source, &target, None).unwrap();
    let dummy = read(first.write(Cursor::new(Vec::new())).unwrap().into_inner()).unwrap();
    target.contents.extend(dummy.contents);
    assert_eq!(Reservation::above(&source, &target, Some(first)), Ok(first));
    // Without a note of it, its dummy is a content like others.
    assert_eq!(
        Reservation::above(&source, &target, None).unwrap().content_id,
        3_000_000
    );
    // Somebody else's content above it.
    let other = target.contents[&1].clone();
    target.contents.insert(2_000_001, other);
    let next = Reservation::above(&source, &target, Some(first)).unwrap();
    assert_eq!((next.global_id, next.content_id), (1_000_000, 3_000_000));
}

#[test]
fn a_reservation_near_the_end_is_refused() {
    let with = |id: u64| {
        let mut export = Unpacked::fixture("v2-rich");
        export.edit("ArtifactVersion", |row| {
            if row["globalId"] == 70 {
                row["globalId"] = id.into();
            }
        });
        let source = export.read().unwrap();
        Reservation::above(&source, &source, None)
    };
    assert_eq!(
        with(995_000).unwrap().global_id,
        2_000_000,
        "less than the margin below a round number"
    );
    assert_eq!(
        with(2_147_000_000),
        Err(ReserveError::NoRoom {
            greatest: 2_147_000_000
        })
    );
    assert_eq!(with(u64::MAX), Err(ReserveError::NoRoom { greatest: u64::MAX }));
}
