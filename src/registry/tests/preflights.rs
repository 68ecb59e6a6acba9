use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::support::{Unpacked, snapshot};
use crate::registry::{
    Accepted, ArtifactKey, Comment, CommentKey, RestFacts, SCRATCH_GROUP, SideFacts, Snapshot, compare,
    preflight::{Code, Finding, Preflight, Severity, Storage, Target, Topic, codes, preflight},
};

fn target(version: &str, storage: Option<Storage>) -> Target {
    Target {
        version: version.parse().unwrap(),
        storage,
    }
}

fn found_for(snapshot: &Snapshot, version: &str, storage: Option<Storage>) -> Preflight {
    preflight(snapshot, &target(version, storage), &SideFacts::default(), &[])
}

fn found(snapshot: &Snapshot) -> Preflight {
    found_for(snapshot, "3.3.3", Some(Storage::Postgresql))
}

fn lines(preflight: &Preflight) -> String {
    let mut text = String::new();
    for finding in &preflight.findings {
        let first = finding.concerned.first().unwrap();
        text += &format!(
            "{} {} {}: {} {}\n",
            finding.severity.as_str(),
            finding.code,
            finding.concerned.len(),
            first.what,
            first.detail
        );
    }
    text
}

/// What versions or artifacts the blocking findings are about.
fn blocked(preflight: &Preflight) -> BTreeSet<&str> {
    let blocking = preflight
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Blocking);
    blocking
        .flat_map(|finding| &finding.concerned)
        .map(|concern| concern.what.as_str())
        .collect()
}

fn finding<'p>(preflight: &'p Preflight, code: &str) -> Option<&'p Finding> {
    preflight.findings.iter().find(|finding| finding.code == code)
}

#[test]
fn everything_that_a_real_import_lost_was_found_before_and_nothing_else_blocks() {
    let (v2, v3) = (snapshot("v2-lossy"), snapshot("v3-lossy"));
    let before = found(&v2);
    let after = compare(&v2, &v3, &RestFacts::default(), &[]);
    let lost: BTreeSet<&str> = after
        .differences
        .iter()
        .filter(|row| row.code == "version_missing")
        .map(|row| row.what.as_str())
        .collect();
    assert_eq!(lost.len(), 11);
    let mut blocked = blocked(&before);
    // Lost from `latest` only, which an export does not show.
    assert!(blocked.remove("loss/vbranch version branch=latest"));
    assert_eq!(blocked, lost);
    insta::assert_snapshot!("lossy", lines(&before));
}

#[test]
fn good_data_is_blocked_only_by_a_latest_version_that_cannot_be_named() {
    let preflight = found(&snapshot("v2-rich"));
    assert_eq!(blocked(&preflight), ["default/odd-versions version 11'"].into());
    insta::assert_snapshot!("rich", lines(&preflight));
}

#[test]
fn what_3_x_made_itself_can_go_to_3_x_again() {
    for name in ["v3-rich", "v3-rich-after", "v3-lossy"] {
        let preflight = found(&snapshot(name));
        let codes: Vec<_> = preflight
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Blocking)
            .map(|finding| finding.code)
            .collect();
        assert!(
            codes.iter().all(|code| *code == "latest_unaddressable"),
            "{name}: {codes:?}"
        );
    }
}

/// Changes a version of the export by its globalId.
fn with_version(global_id: u64, change: impl Fn(&mut Value)) -> Unpacked {
    let mut export = Unpacked::fixture("v2-rich");
    export.edit("ArtifactVersion", |row| {
        if row["globalId"] == global_id {
            change(row);
        }
    });
    export
}

fn with_content(content_id: u64, change: impl Fn(&mut Value)) -> Unpacked {
    let mut export = Unpacked::fixture("v2-rich");
    export.edit("Content", |row| {
        if row["contentId"] == content_id {
            change(row);
        }
    });
    export
}

/// An export that has one more thing wrong, and what finds it.
struct Case {
    code: &'static str,
    version: &'static str,
    storage: Option<Storage>,
    export: Unpacked,
    concerned: &'static str,
}

fn case(code: &'static str, export: Unpacked, concerned: &'static str) -> Case {
    Case {
        code,
        version: "3.3.3",
        storage: Some(Storage::Postgresql),
        export,
        concerned,
    }
}

/// The first version of the rich data set.
const FIRST: &str = "default/orders-value version 1";

fn broken() -> Vec<Case> {
    let of_first = |field: &'static str, value: Value| with_version(1, move |row| row[field] = value.clone());
    let long = |n: usize| "x".repeat(n);
    let mut without_content = Unpacked::fixture("v2-rich");
    let gone = stem_of_first(&without_content);
    without_content.0.retain(|(name, _)| !name.starts_with(&gone));
    let mut comment = Unpacked::fixture("v2-rich");
    comment.edit("Comment", |row| row["value"] = json!(long(1025)));
    let same_name = r#"[{"groupId":null,"artifactId":"a","version":"1","name":"n"},{"groupId":null,"artifactId":"b","version":"1","name":"n"}]"#;
    let mut damaged = Unpacked::fixture("v2-rich");
    let first_bytes = |export: &mut Unpacked, bytes: &[u8]| {
        for (name, data) in &mut export.0 {
            if name.starts_with(&gone) && name.ends_with(".data") {
                data.extend_from_slice(bytes);
            }
        }
    };
    first_bytes(&mut damaged, b" ");
    let mut latin1 = Unpacked::fixture("v2-rich");
    first_bytes(&mut latin1, b"\xe9");
    vec![
        case(
            "property_value_too_long",
            of_first("properties", json!({"k": long(513)})),
            FIRST,
        ),
        case(
            "label_keys_differ_by_case",
            of_first("labels", json!(["Red", "red"])),
            FIRST,
        ),
        case("label_key_too_long", of_first("labels", json!([long(257)])), FIRST),
        case("name_too_long", of_first("name", json!(long(513))), FIRST),
        case(
            "description_too_long",
            of_first("description", json!(long(1025))),
            FIRST,
        ),
        case("id_empty", of_first("artifactId", json!("")), "default/ version 1"),
        case(
            "version_unaddressable",
            of_first("version", json!("1:a")),
            "default/orders-value version 1:a",
        ),
        case("content_missing", without_content, FIRST),
        case("content_hash_wrong", damaged, FIRST),
        case("comment_too_long", comment, ""),
        case(
            "canonical_hash_missing",
            with_content(1, |row| row["canonicalHash"] = Value::Null),
            FIRST,
        ),
        case(
            "reference_names_repeat",
            with_content(1, move |row| row["serializedReferences"] = json!(same_name)),
            FIRST,
        ),
        case(
            "references_unreadable",
            with_content(1, |row| row["serializedReferences"] = json!("{}")),
            FIRST,
        ),
        case(
            "references_dangle",
            with_content(1, move |row| row["serializedReferences"] = json!(same_name)),
            FIRST,
        ),
        case("content_twice", twice(), FIRST),
        case(
            "ids_near_2_31",
            of_first("globalId", json!(2_147_000_000_u64)),
            "the registry",
        ),
        case(
            "latest_is_not_the_newest",
            with_version(1, |_| ()).flagged("orders-value", "2"),
            "default/orders-value version 2",
        ),
        case("version_number_zero", of_first("versionId", json!(0)), FIRST),
        case(
            "artifact_type_unknown",
            of_first("artifactType", json!("WIBBLE")),
            "default/orders-value",
        ),
        case(
            "label_hidden_by_property",
            of_first("labels", json!(["k"])).also("properties", &json!({"k": "v"})),
            FIRST,
        ),
        case("zip_entry_name_too_long", of_first("version", json!(long(250))), ""),
        Case {
            version: "3.0.3",
            ..case("group_row_missing", rowless(), "refs/")
        },
        Case {
            version: "3.0.5",
            ..case("latest_branch_missing", Unpacked::fixture("v2-rich"), "default/")
        },
        Case {
            version: "3.0.6",
            ..case("target_too_old", Unpacked::fixture("v2-rich"), "the registry")
        },
        Case {
            version: "3.2.0",
            storage: Some(Storage::Mysql),
            ..case("sequences_not_raised", Unpacked::fixture("v2-rich"), "the registry")
        },
        Case {
            storage: Some(Storage::Mssql),
            ..case(
                "ids_differ_by_case",
                with_version(2, |row| {
                    row["artifactId"] = json!("ORDERS-value");
                    row["version"] = json!("1");
                    row["groupId"] = Value::Null;
                }),
                "",
            )
        },
        Case {
            storage: Some(Storage::Mysql),
            ..case(
                "ids_differ_by_case",
                with_version(2, |row| {
                    row["artifactId"] = json!("ORDERS-value");
                    row["version"] = json!("77");
                    row["groupId"] = Value::Null;
                }),
                "",
            )
        },
        Case {
            storage: Some(Storage::Kafkasql),
            ..case("content_not_utf8", latin1, FIRST)
        },
        Case {
            storage: Some(Storage::Kafkasql),
            ..case("labels_without_value_vanish", of_first("labels", json!(["a"])), FIRST)
        },
    ]
}

/// The first version's content again under another contentId.
fn twice() -> Unpacked {
    let export = Unpacked::fixture("v2-rich");
    let stem = stem_of_first(&export);
    let of = |end: &str| {
        let mut entries = export.0.iter();
        entries
            .find(|(name, _)| *name == format!("{stem}{end}"))
            .unwrap()
            .1
            .clone()
    };
    let mut copy: Value = serde_json::from_slice(&of(".json")).unwrap();
    copy["contentId"] = json!(9_999);
    let bytes = of(".data");
    let mut user = with_version(2, |row| row["contentId"] = json!(9_999));
    user.0
        .push(("c/9999.Content.json".to_owned(), copy.to_string().into_bytes()));
    user.0.push(("c/9999.Content.data".to_owned(), bytes));
    user
}

/// The names of the two entries of content 1, without their ends.
fn stem_of_first(export: &Unpacked) -> String {
    let is_first = |(name, bytes): &&(String, Vec<u8>)| {
        name.ends_with(".Content.json") && serde_json::from_slice::<Value>(bytes).unwrap()["contentId"] == 1
    };
    let (name, _) = export.0.iter().find(is_first).unwrap();
    name.trim_end_matches(".json").to_owned()
}

fn rowless() -> Unpacked {
    let mut export = Unpacked::fixture("v2-rich");
    export.keep("Group", |row| row["groupId"] != "refs");
    export
}

impl Unpacked {
    /// Only that version of an artifact says that it is the latest.
    fn flagged(mut self, artifact: &str, version: &str) -> Self {
        self.edit("ArtifactVersion", |row| {
            if row["artifactId"] == artifact {
                row["isLatest"] = json!(row["version"] == version);
            }
        });
        self
    }

    /// The first version has this too.
    fn also(mut self, field: &str, value: &Value) -> Self {
        self.edit("ArtifactVersion", |row| {
            if row["globalId"] == 1 {
                row[field] = value.clone();
            }
        });
        self
    }
}

#[test]
fn each_cause_is_found_where_it_is_and_nowhere_else() {
    let good = snapshot("v2-rich");
    for case in broken() {
        let code = case.code;
        let export = case.export.read().unwrap();
        let preflight = found_for(&export, case.version, case.storage);
        let found = finding(&preflight, code).unwrap_or_else(|| panic!("{code} was not found"));
        assert!(
            found
                .concerned
                .iter()
                .any(|concern| concern.what.starts_with(case.concerned)),
            "{code}: {:?}",
            found.concerned
        );
        let before = found_for(&good, case.version, case.storage);
        let same = finding(&before, code).is_some_and(|before| before.concerned == found.concerned);
        let by_release = matches!(
            code,
            "latest_branch_missing" | "target_too_old" | "sequences_not_raised"
        );
        assert!(by_release || !same, "{code} is found in good data as well");
    }
}

#[test]
fn a_release_that_does_it_right_is_not_warned_of() {
    let export = snapshot("v2-lossy");
    for (code, version, storage, is_found) in [
        ("label_keys_differ_by_case", "3.0.9", None, false),
        ("label_keys_differ_by_case", "3.1.3", None, true),
        ("label_keys_differ_by_case", "3.1", None, true),
        ("ids_differ_by_case", "3.3.3", Some(Storage::Postgresql), false),
        ("ids_differ_by_case", "3.3.3", Some(Storage::Sql), true),
        ("content_not_utf8", "3.3.3", Some(Storage::Sql), false),
        ("content_not_utf8", "3.3.3", Some(Storage::Kafkasql), true),
        ("confluent_version_numbers_change", "3.2.6", None, false),
        ("confluent_version_numbers_change", "3.3.0", None, true),
        ("list_shows_first_metadata", "3.1.2", None, true),
        ("list_shows_first_metadata", "3.1.3", None, false),
        ("target_too_old", "3.0.7", None, false),
        ("residue_draft", "3.3.3", None, false),
        ("property_value_too_long", "2.6.13", None, false),
    ] {
        let preflight = found_for(&export, version, storage);
        assert_eq!(
            finding(&preflight, code).is_some(),
            is_found,
            "{code} {version} {storage:?}"
        );
    }
}

#[test]
fn what_only_some_storages_do_blocks_only_on_those() {
    let export = snapshot("v2-lossy");
    let severity =
        |storage| finding(&found_for(&export, "3.3", storage), "content_not_utf8").map(|found| found.severity);
    assert_eq!(severity(Some(Storage::Kafkasql)), Some(Severity::Blocking));
    assert_eq!(severity(None), Some(Severity::Warning));
}

#[test]
fn the_way_back_lists_what_2_6_cannot_hold() {
    let mut export = Unpacked::fixture("v3-after-cutover");
    let mut first = true;
    export.edit("ArtifactVersion", |row| {
        if std::mem::take(&mut first) {
            row["state"] = json!("DRAFT");
        }
    });
    export.edit("Branch", |row| row["branchId"] = json!("mine"));
    let preflight = found_for(&export.read().unwrap(), "2.6.13", None);
    let codes: Vec<_> = preflight.findings.iter().map(|finding| finding.code).collect();
    assert!(
        codes.contains(&"residue_draft") && codes.contains(&"residue_branch"),
        "{codes:?}"
    );
    assert!(
        codes
            .iter()
            .all(|code| code.starts_with("residue_") || code.starts_with("back_")),
        "{codes:?}"
    );
}

#[test]
fn accepted_findings_do_not_block_and_an_acceptance_of_nothing_is_told() {
    let v2 = snapshot("v2-lossy");
    let accepted = |code: &str, what: Option<&str>| Accepted {
        code: code.to_owned(),
        what: what.map(str::to_owned),
        reason: "known".to_owned(),
    };
    let with = |accepted: &[Accepted]| preflight(&v2, &target("3.3.3", None), &SideFacts::default(), accepted);
    let long = "property_value_too_long";
    assert_eq!(finding(&with(&[]), long).unwrap().concerned.len(), 3);
    let one = with(&[accepted(long, Some("loss/prop-513"))]);
    assert_eq!(finding(&one, long).unwrap().concerned.len(), 2);
    assert_eq!(one.accepted[0].reason.as_deref(), Some("known"));
    let all = with(&[accepted(long, None)]);
    assert!(finding(&all, long).is_none());
    let stale = with(&[accepted("comment_too_long", None), accepted("coment_too_long", None)]);
    let told = finding(&stale, "accepted_nothing").unwrap();
    assert_eq!(told.severity, Severity::Warning);
    let details: Vec<_> = told.concerned.iter().map(|concern| concern.detail.as_str()).collect();
    assert_eq!(details, ["nothing was found that it covers", "there is no such code"]);
}

#[test]
fn comments_that_2_6_keeps_to_itself_are_asked_for_or_suspected() {
    let mut export = snapshot("v2-rich");
    let comment = Comment {
        owner: None,
        created_on: 0,
        value: "v".into(),
    };
    let any = export.versions.values().next().unwrap().clone();
    export.versions = [(55, any.clone()), (956, any)].into();
    let key = |global_id, id: &str| CommentKey {
        global_id,
        comment_id: id.into(),
    };
    // 55 + 45 and "12" is 10012; so is 956 + 45 and "2".
    export.comments = [(key(55, "12"), comment.clone())].into();
    assert_eq!(export.comment_namesakes(), BTreeSet::from([956]));
    assert!(finding(&found(&export), "comment_may_be_missing").is_some());
    let facts = SideFacts {
        comments: Some([(55, "12".to_owned()), (956, "2".to_owned())].into()),
        ..SideFacts::default()
    };
    let asked = preflight(&export, &target("3.3.3", None), &facts, &[]);
    assert!(finding(&asked, "comment_may_be_missing").is_none());
    let lost = finding(&asked, "comment_not_exported").unwrap();
    assert_eq!(lost.concerned.len(), 1);
    assert!(lost.concerned[0].what.ends_with("comment 2"));
    export.comments.insert(key(7, "2"), comment);
    assert_eq!(
        export.comment_namesakes(),
        BTreeSet::new(),
        "comment 2 is somewhere else"
    );
    export.versions.remove(&956);
    assert_eq!(export.comment_namesakes(), BTreeSet::new());
}

#[test]
fn every_code_has_a_name_of_its_own_and_says_what_to_do() {
    let mut names = BTreeSet::new();
    for code in codes() {
        let Code {
            name,
            about,
            why,
            repair,
            ..
        } = code;
        assert!(names.insert(*name), "{name} is there twice");
        assert!(
            name.chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()),
            "{name}"
        );
        assert!(!about.is_empty() && !about.ends_with('.'), "{name}: {about}");
        let is_sentence = |text: &str| text.ends_with('.') && !text.contains("  ");
        assert!(is_sentence(why) && is_sentence(repair), "{name}: {why} {repair}");
        assert!(Topic::ALL.contains(&code.topic));
    }
    assert!(names.len() > 50, "{}", names.len());
}

#[test]
fn regplans_own_groups_are_not_judged() {
    let mut export = snapshot("v2-lossy");
    let key = Arc::new(ArtifactKey::new(Some(SCRATCH_GROUP), "probe"));
    for version in export.versions.values_mut() {
        version.artifact = Arc::clone(&key);
    }
    let any = export.artifacts.values().next().unwrap().clone();
    export.artifacts = [(key, any)].into();
    let preflight = found(&export);
    assert_eq!(preflight.count(Severity::Blocking), 0, "{}", lines(&preflight));
}

#[test]
fn a_group_without_artifacts_whose_id_3_x_cannot_store_is_found_as_well() {
    let mut source = snapshot("v2-rich");
    let row = source.groups.values().next().unwrap().clone();
    let long = "g".repeat(513);
    source
        .groups
        .insert(crate::registry::GroupKey::new(Some(&long)), row.clone());
    source
        .groups
        .insert(crate::registry::GroupKey::new(Some(&"h".repeat(512))), row);
    let found = found(&source);
    let of = found
        .findings
        .iter()
        .find(|finding| finding.code == "id_too_long")
        .unwrap();
    assert_eq!(of.severity, Severity::Blocking);
    let concerned: Vec<String> = of.concerned.iter().map(ToString::to_string).collect();
    assert_eq!(concerned, [format!("group {long}: it has 513 characters")]);
}
