use super::support::{Unpacked, snapshot};
use crate::registry::{
    Accepted, ArtifactKey, Certificate, Comparison, Identity, RestFacts, Sealed, SideFacts, compare,
};

fn compared(left: &str, right: &str) -> Comparison {
    compare(&snapshot(left), &snapshot(right), &RestFacts::default(), &[])
}

fn lines(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (class, rows) in [
        ("difference", &comparison.differences),
        ("expected", &comparison.expected),
        ("accepted", &comparison.accepted),
    ] {
        for row in rows {
            text += &format!("{class} {row}\n");
        }
    }
    text
}

#[test]
fn a_good_import_differs_only_as_the_contract_foresees() {
    let comparison = compared("v2-rich", "v3-rich");
    assert!(comparison.is_equal());
    assert_eq!(
        [
            comparison.versions,
            comparison.artifacts,
            comparison.contents,
            comparison.comments,
            comparison.rules
        ],
        [68, 36, 57, 16, 6]
    );
    insta::assert_snapshot!("good_import", lines(&comparison));
}

#[test]
fn a_lossy_import_is_told_version_by_version() {
    let comparison = compared("v2-lossy", "v3-lossy");
    let lost: Vec<_> = comparison
        .differences
        .iter()
        .filter(|row| row.code == "version_missing")
        .collect();
    assert_eq!(lost.len(), 11);
    insta::assert_snapshot!("lossy", lines(&comparison));
}

#[test]
fn rules_deleted_at_the_source_are_all_that_a_delta_import_leaves() {
    insta::assert_snapshot!("after_delta", lines(&compared("v2-rich-after", "v3-rich-after")));
}

#[test]
fn the_way_back_differs_only_as_the_contract_foresees() {
    insta::assert_snapshot!("way_back", lines(&compared("v3-after-cutover", "v2-after-rollback")));
}

#[test]
fn a_registry_equals_itself() {
    for name in ["v2-rich", "v3-rich", "v3-after-cutover", "v2-lossy", "v3-lossy"] {
        let comparison = compared(name, name);
        let rows = comparison.differences.len() + comparison.expected.len();
        // A 2.6 export has no artifact rows or branches of its own that could miss something.
        assert_eq!(rows, 0, "{name}: {}", lines(&comparison));
    }
}

#[test]
fn what_the_plan_accepts_is_a_class_of_its_own() {
    let accepted = |code: &str, what: Option<&str>| Accepted {
        code: code.to_owned(),
        what: what.map(str::to_owned),
        reason: "known".to_owned(),
    };
    let (left, right) = (snapshot("v2-rich-after"), snapshot("v3-rich-after"));
    let with = |accepted: &[Accepted]| compare(&left, &right, &RestFacts::default(), accepted);
    let one = with(&[accepted("rule_extra", Some("default/orders-value"))]);
    assert_eq!((one.differences.len(), one.accepted.len()), (1, 1));
    assert_eq!(with(&[accepted("rule_extra", None)]).accepted.len(), 2);
    assert_eq!(
        with(&[accepted("rule_extra", Some("default/orders"))]).accepted.len(),
        0,
        "not a prefix of the id"
    );
    assert_eq!(with(&[accepted("version_state", None)]).accepted.len(), 0);
}

#[test]
fn damaged_bytes_are_seen_though_the_stored_hash_is_right() {
    let mut export = Unpacked::fixture("v3-rich");
    let (_, bytes) = export
        .0
        .iter_mut()
        .find(|(name, _)| name.ends_with(".Content.data"))
        .unwrap();
    bytes.push(b' ');
    let comparison = compare(
        &snapshot("v2-rich"),
        &export.read().unwrap(),
        &RestFacts::default(),
        &[],
    );
    let codes: Vec<_> = comparison.differences.iter().map(|row| row.code).collect();
    assert_eq!(codes, ["content_bytes", "content_hash_wrong"]);
}

#[test]
fn latest_is_compared_with_what_the_api_serves() {
    let (left, right) = (snapshot("v2-rich"), snapshot("v3-rich"));
    let with = |artifact: &str, tip: Option<&str>| {
        let (group, artifact) = artifact.split_once('/').unwrap();
        let facts = RestFacts {
            right: SideFacts {
                latest: [(ArtifactKey::new(Some(group), artifact), tip.map(str::to_owned))].into(),
                ..SideFacts::default()
            },
            ..RestFacts::default()
        };
        let comparison = compare(&left, &right, &facts, &[]);
        let all = comparison.differences.iter().map(ToString::to_string);
        let expected = comparison
            .expected
            .iter()
            .filter(|row| row.what.starts_with("latest of"));
        all.chain(expected.map(|row| format!("expected {row}")))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(with("default/orders-value", Some("16")), "");
    assert_eq!(with("payments/dis-latest", Some("2")), "", "the newest is disabled");
    assert_eq!(with("payments/all-disabled", None), "", "nothing is served");
    assert_eq!(
        with("default/orders-value", Some("15")),
        "latest default/orders-value: left 16, right 15"
    );
    assert_eq!(
        with("default/orders-value", None),
        "latest default/orders-value: left 16"
    );
    assert_eq!(
        with("default/odd-versions", Some("-9")),
        "expected latest_unaddressable latest of default/odd-versions: left 11', right -9"
    );
    assert_eq!(
        with("default/odd-versions", Some("v_6")),
        "latest default/odd-versions: left 11', right v_6"
    );
}

#[test]
fn a_group_only_through_its_artifacts_may_have_a_row_on_3_x() {
    let mut export = Unpacked::fixture("v2-rich");
    export.keep("Group", |row| {
        row["groupId"] != "refs" && row["groupId"] != "com.acme.empty"
    });
    let comparison = compare(
        &export.read().unwrap(),
        &snapshot("v3-rich"),
        &RestFacts::default(),
        &[],
    );
    let codes: Vec<_> = comparison
        .differences
        .iter()
        .map(|row| (row.code, row.what.as_str()))
        .collect();
    assert_eq!(codes, [("group_extra", "group com.acme.empty")]);
    assert!(
        comparison
            .expected
            .iter()
            .any(|row| row.code == "group_implicit" && row.what == "group refs")
    );
}

#[test]
fn counts_of_the_api_catch_an_export_with_a_hole() {
    let (left, right) = (snapshot("v2-rich"), snapshot("v3-rich"));
    let facts = RestFacts {
        left: SideFacts {
            artifacts: Some(37),
            versions: Some(68),
            comments: Some([(55, "12".to_owned())].into()),
            ..SideFacts::default()
        },
        ..RestFacts::default()
    };
    let comparison = compare(&left, &right, &facts, &[]);
    assert_eq!(
        comparison
            .differences
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["count_artifacts the left side: left 36 in the export, right 37 by the API"]
    );
    assert!(comparison.expected.iter().any(|row| row.code == "comment_not_exported"));
}

#[test]
fn a_comment_that_2_6_keeps_out_of_its_export_is_no_extra_one_on_the_right() {
    let (mut left, right) = (snapshot("v2-rich"), snapshot("v3-rich"));
    let key = left.comments.keys().next().unwrap().clone();
    left.comments.remove(&key);
    let with = |comments| {
        let facts = RestFacts {
            left: SideFacts {
                comments,
                ..SideFacts::default()
            },
            ..RestFacts::default()
        };
        let comparison = compare(&left, &right, &facts, &[]);
        comparison.differences.iter().map(|row| row.code).collect::<Vec<_>>()
    };
    assert_eq!(with(None), ["comment_extra"]);
    let there = (key.global_id, key.comment_id.to_string());
    assert_eq!(with(Some([there].into())), [""; 0]);
}

#[test]
fn on_the_way_back_2_6_may_serve_a_latest_that_3_x_cannot_name() {
    let (left, right) = (snapshot("v3-rich"), snapshot("v2-rich"));
    let latest = |version: &str| -> std::collections::BTreeMap<ArtifactKey, Option<String>> {
        [(ArtifactKey::new(None, "odd-versions"), Some(version.to_owned()))].into()
    };
    let with = |on_3: &str, on_2: &str| {
        let side = |version| SideFacts {
            latest: latest(version),
            ..SideFacts::default()
        };
        let facts = RestFacts {
            left: side(on_3),
            right: side(on_2),
        };
        compare(&left, &right, &facts, &[]).is_equal()
    };
    assert!(with("-9", "11'"));
    assert!(with("-9", "-9"));
    assert!(!with("-9", "v_6"), "another version that can be named");
    assert!(!with("v_6", "11'"), "3.x has one that is newer");
}

#[test]
fn digests_of_groups_tell_where_two_registries_differ() {
    let (before, after) = (snapshot("v2-rich").group_digests(), snapshot("v3-rich").group_digests());
    assert_eq!(before, after);
    let mut export = Unpacked::fixture("v3-rich");
    export.edit("ArtifactVersion", |row| {
        if row["artifactId"] == "semver" {
            row["name"] = "changed".into();
        }
    });
    let changed = export.read().unwrap();
    let other: Vec<String> = changed
        .group_digests()
        .iter()
        .filter(|(key, digest)| before.get(*key) != Some(digest))
        .map(|(key, _)| key.to_string())
        .collect();
    assert_eq!(other, ["payments"]);
    assert_ne!(changed.digest(), snapshot("v2-rich").digest());
}

#[test]
fn rows_are_json_for_reports() {
    let comparison = compared("v2-rich-after", "v3-rich-after");
    let json = serde_json::to_value(comparison.differences.first().unwrap()).unwrap();
    assert_eq!(json["code"], "rule_extra");
    assert_eq!(json["right"], "BACKWARD");
}

#[test]
fn times_that_a_kafkasql_gave_at_its_last_start_are_expected_and_no_others() {
    let (left, mut right) = (snapshot("v2-rich"), snapshot("v3-rich"));
    let row = right.versions.values_mut().next().unwrap();
    row.created_on += 1;
    let comment = right.comments.values_mut().next().unwrap();
    comment.created_on -= 1;
    let compared = |redates| {
        let facts = RestFacts {
            right: SideFacts {
                redates,
                ..SideFacts::default()
            },
            ..RestFacts::default()
        };
        let codes = |rows: &[crate::registry::Row]| rows.iter().map(|row| row.code).collect::<Vec<_>>();
        let compared = compare(&left, &right, &facts, &[]);
        (codes(&compared.differences), codes(&compared.expected))
    };
    assert_eq!(compared(false).0, ["version_created", "comment_created"]);
    // An earlier time is not that of a later start.
    let (differences, expected) = compared(true);
    assert_eq!(differences, ["comment_created"]);
    assert!(expected.contains(&"version_created"), "{expected:?}");
}

#[test]
fn the_rest_digest_sees_what_the_digest_leaves_out_and_nothing_else() {
    let v3 = || snapshot("v3-rich");
    let rest = v3().rest_digest();
    let changes: [fn(&mut crate::registry::Snapshot); 5] = [
        |side| side.groups.values_mut().next().unwrap().description = Some("edited".into()),
        |side| side.groups.values_mut().next().unwrap().owner = Some("somebody".into()),
        |side| side.artifacts.values_mut().next().unwrap().description = Some("edited".into()),
        |side| drop(side.branches.pop_first()),
        |side| {
            let group = side.groups.keys().next().unwrap().clone();
            let key = crate::registry::GroupRuleKey {
                group,
                rule: "VALIDITY".into(),
            };
            side.group_rules.insert(key, "FULL".into());
        },
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut side = v3();
        change(&mut side);
        assert_ne!(side.rest_digest(), rest, "{n}");
        assert_eq!(side.digest(), v3().digest(), "{n}");
    }
    let mut side = v3();
    side.versions.pop_first();
    assert_eq!(side.rest_digest(), rest);
    let mut v2 = snapshot("v2-rich");
    let rest = v2.rest_digest();
    v2.groups
        .values_mut()
        .for_each(|group| group.labels = Default::default());
    assert_ne!(v2.rest_digest(), rest);
}

#[test]
fn a_saved_export_with_another_group_description_is_not_what_was_certified() {
    let seal = |side: &crate::registry::Snapshot| {
        let identity = Identity {
            source: "v2.zip".to_owned(),
            version: "2.6.13.Final".to_owned(),
            format: side.format,
            export_sha256: "0".into(),
            exported_on: 0,
        };
        Sealed::of(identity, side)
    };
    let (v2, v3) = (snapshot("v2-rich"), snapshot("v3-rich"));
    let comparison = compare(&v2, &v3, &RestFacts::default(), &[]);
    let mut certificate = Certificate::new("now".to_owned(), (seal(&v2), seal(&v3)), &comparison, &[]);
    assert!(certificate.check(&seal(&v2)).equal);
    let mut edited = snapshot("v2-rich");
    edited.groups.values_mut().next().unwrap().description = Some("edited".into());
    let check = certificate.check(&seal(&edited));
    assert!(
        !check.equal && check.rest_differs && check.groups.is_empty(),
        "{check:?}"
    );
    // One of an older regplan does not say it.
    certificate.left.rest = None;
    assert!(certificate.check(&seal(&edited)).equal);
}
