use std::{io::Cursor, sync::Arc};

use super::support::{Unpacked, bytes, read, snapshot};
use crate::registry::{Format, ReadError, ReadLimits, VersionState, read_export};

#[test]
fn a_real_2_6_export_is_read_whole() {
    let snapshot = snapshot("v2-rich");
    let counts = snapshot.counts();
    assert_eq!(snapshot.format, Format::V2);
    assert_eq!(
        [
            counts.versions,
            counts.contents,
            counts.artifacts,
            counts.groups,
            counts.comments
        ],
        [68, 57, 36, 4, 16]
    );
    assert_eq!((counts.artifact_rules, counts.global_rules), (4, 2));
    assert_eq!((snapshot.max_global_id(), snapshot.max_content_id()), (70, 59));
    assert_eq!(snapshot.holes(), Vec::<String>::new());
    let version = &snapshot.versions[&3];
    assert_eq!(version.to_string(), "default/orders-value version 3");
    assert_eq!(version.labels.to_string().split(", ").next(), Some("{Blue"));
    assert_eq!(snapshot.versions[&19].state, VersionState::Disabled);
}

#[test]
fn a_real_3_3_export_is_read_whole() {
    let snapshot = snapshot("v3-rich");
    let counts = snapshot.counts();
    assert_eq!(snapshot.format, Format::V3);
    assert_eq!((counts.versions, counts.branches), (68, 36));
    assert_eq!(&*snapshot.versions[&1].artifact_type, "AVRO");
    assert_eq!(snapshot.holes(), Vec::<String>::new());
    // 3.x has no flag; the newest version is disabled, so the one before it is the latest.
    assert!(snapshot.versions[&18].is_latest && !snapshot.versions[&19].is_latest);
}

#[test]
fn every_stored_hash_is_that_of_the_bytes_and_references() {
    for name in [
        "v2-rich",
        "v3-rich",
        "v2-lossy",
        "v3-lossy",
        "v3-after-cutover",
        "v2-after-rollback",
    ] {
        let wrong = snapshot(name)
            .contents
            .into_iter()
            .filter(|(_, content)| !content.hash_is_right());
        assert_eq!(wrong.count(), 0, "{name}");
    }
}

#[test]
fn a_good_import_has_the_digest_of_its_source_and_a_lossy_one_has_not() {
    assert_eq!(snapshot("v2-rich").digest(), snapshot("v3-rich").digest());
    assert_ne!(snapshot("v2-lossy").digest(), snapshot("v3-lossy").digest());
    assert_ne!(snapshot("v2-rich").digest(), snapshot("v2-rich-after").digest());
}

#[test]
fn the_scratch_groups_do_not_count() {
    let mut export = Unpacked::fixture("v3-rich");
    let plain = export.read().unwrap();
    for group in ["regplan-probe", "regplan-reserve"] {
        let text =
            format!(r#"{{"groupId":"{group}","artifactId":"a","artifactType":"JSON","createdOn":1,"modifiedOn":1}}"#);
        export.0.push((format!("{group}.Artifact.json"), text.into_bytes()));
        let id = if group == "regplan-probe" { 9_000 } else { 9_001 };
        let text = format!(
            r#"{{"globalId":{id},"groupId":"{group}","artifactId":"a","version":"1","versionOrder":1,"state":"ENABLED","createdOn":1,"modifiedOn":1,"contentId":1}}"#
        );
        export
            .0
            .push((format!("{group}.ArtifactVersion.json"), text.into_bytes()));
        let text = format!(r#"{{"groupId":"{group}","createdOn":1,"modifiedOn":1}}"#);
        export.0.push((format!("{group}.Group.json"), text.into_bytes()));
    }
    let used = export.read().unwrap();
    assert_eq!(used.digest(), plain.digest());
    assert_eq!(used.group_rows(), plain.group_rows());
    assert_eq!(used.max_global_id(), plain.max_global_id());
    assert!(used.has_scratch_group() && used.has_reserve_group());
    assert!(!plain.has_scratch_group() && !plain.has_reserve_group());
}

#[test]
fn group_rows_show_the_properties_that_an_import_drops() {
    let (left, right) = (snapshot("v2-rich").group_rows(), snapshot("v3-rich").group_rows());
    assert_eq!(left.len(), 4);
    assert_eq!(left.iter().filter(|row| !right.contains(row)).count(), 1);
}

#[test]
fn an_export_cut_anywhere_is_refused() {
    let whole = bytes("v2-rich");
    for end in (0..whole.len()).step_by(1_000) {
        assert!(read(whole.get(..end).unwrap().to_vec()).is_err(), "cut at {end}");
    }
}

#[test]
fn a_flipped_byte_of_a_content_is_refused() {
    let mut zip = bytes("v3-rich");
    let middle = zip.len() / 2;
    zip[middle] ^= 0xff;
    assert!(read(zip).is_err());
}

/// What reading an export with one more or one other entry ends in.
fn hostile(change: impl FnOnce(&mut Unpacked)) -> String {
    let mut export = Unpacked::fixture("v2-rich");
    change(&mut export);
    format!("{:?}", export.read().unwrap_err())
}

#[test]
fn entries_that_no_export_has_are_refused() {
    let with = |name: &'static str, text: &'static str| {
        hostile(|export| export.0.push((name.to_owned(), text.as_bytes().to_vec())))
    };
    assert!(with("README.txt", "hello").starts_with("UnknownEntry"));
    assert!(with("a/b/", "").starts_with("UnknownEntry"));
    assert!(with("x.json", "{}").starts_with("UnknownEntry"));
    assert!(with("x.Secret.json", "{}").starts_with("UnknownEntry"));
    assert!(
        with("x.Branch.json", "{}").starts_with("UnknownEntry"),
        "2.6 has no branches"
    );
    assert!(with("x.Content.data", "bytes").starts_with("HalfContent"));
    assert!(with("../../x.GlobalRule.json", "{}").starts_with("UnsafeName"));
    assert!(with("/etc/x.GlobalRule.json", "{}").starts_with("UnsafeName"));
    assert!(with("x.GlobalRule.json", r#"{"ruleType":"A","configuration":"B","more":1}"#).starts_with("Json"));
    assert!(with("x.GlobalRule.json", r#"{"ruleType":"A","configuration":"B"} x"#).starts_with("Json"));
    assert!(with("x.GlobalRule.json", r#"{"ruleType":"VALIDITY","configuration":"B"}"#).starts_with("DuplicateRow"));
}

#[test]
fn an_export_without_a_manifest_or_with_a_strange_one_is_refused() {
    assert_eq!(hostile(|export| export.keep("Manifest", |_| false)), "NoManifest");
    let strange = |version: &'static str| {
        hostile(move |export| export.edit("Manifest", |row| row["exportVersion"] = version.into()))
    };
    assert!(strange("3.0").starts_with("Manifest"));
    assert!(strange("4.0").starts_with("Manifest"));
}

#[test]
fn a_label_that_comes_twice_is_refused() {
    let twice = hostile(|export| {
        let row = r#"{"groupId":"g","createdOn":1,"modifiedOn":0,"properties":{"a":"1","a":"2"}}"#;
        export.0.push(("x.Group.json".to_owned(), row.as_bytes().to_vec()));
    });
    assert!(twice.contains("comes twice"), "{twice}");
}

#[test]
fn ids_that_come_twice_are_refused() {
    let twice = hostile(|export| {
        let (_, row) = export
            .0
            .iter()
            .find(|(name, _)| name.contains("semver/versions/1.0.0."))
            .unwrap()
            .clone();
        let row = String::from_utf8(row).unwrap();
        export.0.push(("x.ArtifactVersion.json".to_owned(), row.into_bytes()));
    });
    assert!(twice.starts_with("DuplicateRow"), "{twice}");
}

#[test]
fn two_entries_of_one_name_are_refused() {
    // Written under another name and renamed in the bytes, since no writer makes such a ZIP.
    let mut export = Unpacked::fixture("v2-lossy");
    let rule = br#"{"ruleType":"VALIDITY","configuration":"FULL"}"#.to_vec();
    export.0.push(("r/1.GlobalRule.json".to_owned(), rule.clone()));
    export.0.push(("r/2.GlobalRule.json".to_owned(), rule));
    let mut zip = export.pack();
    let name = b"r/2.GlobalRule";
    for at in 0..zip.len() - name.len() {
        if zip.get(at..at + name.len()) == Some(name) {
            zip[at + 2] = b'1';
        }
    }
    assert!(matches!(read(zip), Err(ReadError::DuplicateName)));
}

#[test]
fn limits_hold_against_what_is_really_there() {
    let mut export = Unpacked::fixture("v2-lossy");
    let row = r#"{"contentId":99,"canonicalHash":"x","contentHash":"x"}"#;
    export.0.push(("c/x.Content.json".to_owned(), row.as_bytes().to_vec()));
    export.0.push(("c/x.Content.data".to_owned(), vec![0; 3 << 20]));
    let zip = export.pack();
    let limits = ReadLimits {
        max_entries: 1_000,
        max_entry_bytes: 1 << 20,
        max_row_bytes: 1 << 20,
        max_total_bytes: 2 << 20,
    };
    let read = |limits: ReadLimits| read_export(Cursor::new(zip.clone()), &limits).unwrap_err();
    assert!(matches!(read(limits), ReadError::EntryTooLarge { .. }));
    let wide = ReadLimits {
        max_entry_bytes: 1 << 30,
        ..limits
    };
    assert!(matches!(read(wide), ReadError::TooLarge { .. }));
    let few = ReadLimits {
        max_entries: 10,
        ..limits
    };
    assert!(matches!(read(few), ReadError::TooManyEntries { .. }));
}

#[test]
fn a_row_may_be_less_than_a_content_may_and_is_named() {
    let mut export = Unpacked::fixture("v2-lossy");
    let long = "x".repeat(17 << 20);
    let row = format!(r#"{{"ruleType":"{long}","configuration":"FULL"}}"#);
    export
        .0
        .push(("rules/LONG.GlobalRule.json".to_owned(), row.into_bytes()));
    let zip = export.pack();
    let error = read_export(Cursor::new(zip.clone()), &ReadLimits::default()).unwrap_err();
    let said = "the export's entry `rules/LONG.GlobalRule.json` unpacks to more than 16777216 bytes";
    assert_eq!(error.to_string(), said);
    let wide = ReadLimits {
        max_row_bytes: 18 << 20,
        ..ReadLimits::default()
    };
    assert!(read_export(Cursor::new(zip), &wide).is_ok());
}

#[test]
fn errors_name_the_entry_and_keep_the_cause() {
    let mut export = Unpacked::fixture("v2-rich");
    export.0.push(("x.GlobalRule.json".to_owned(), b"{}".to_vec()));
    let error = export.read().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the export's entry `x.GlobalRule.json` is not as expected"
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("missing field `ruleType`"), "{cause}");
}

#[test]
fn what_was_made_while_a_2_6_was_exported_is_left_out_and_a_hole_stays_one() {
    let whole = snapshot("v2-rich");
    let began = whole.manifest.exported_on;
    let (last, alone) = {
        let of = whole.versions_by_artifact();
        let many = of.values().find(|ids| ids.len() > 1).unwrap();
        let one = of.values().find(|ids| ids.len() == 1).unwrap();
        (*many.last().unwrap(), one[0])
    };
    let torn = |made: i64| {
        let mut torn = whole.clone();
        for id in [last, alone] {
            let content = torn.versions[&id].content_id;
            // Nobody else may have it.
            torn.versions
                .retain(|other, version| [last, alone].contains(other) || version.content_id != content);
            torn.contents.remove(&content);
            torn.versions.get_mut(&id).unwrap().created_on = made;
        }
        torn
    };
    let before = torn(began - 1);
    let holes = before.holes();
    assert!(!holes.is_empty());
    assert_eq!(before.without_unfinished().holes(), holes);

    // One that may have been under way, and one that is too old for that.
    assert!(torn(began - 1).is_torn() && !torn(began - 3_600_000).is_torn() && !whole.is_torn());

    let (since, artifact) = (torn(began), Arc::clone(&whole.versions[&alone].artifact));
    let kept = since.versions.len() - 2;
    let left = since.without_unfinished();
    assert_eq!(left.holes(), Vec::<String>::new());
    assert_eq!(left.versions.len(), kept);
    assert!(!left.versions.contains_key(&last) && !left.artifacts.contains_key(&artifact));
    assert!(left.artifacts.contains_key(&whole.versions[&last].artifact));
    let untouched = whole.clone().without_unfinished();
    assert_eq!(
        (untouched.digest(), untouched.counts()),
        (whole.digest(), whole.counts())
    );
}
