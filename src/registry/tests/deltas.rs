use serde_json::json;

use super::support::{Unpacked, snapshot};
use crate::registry::{ArtifactKey, Conflict, Delta, Snapshot, delta, mirror_delta};

/// 3.3.3 after the import of `v2-rich`, with one change; what brings it back to `v2-rich`?
fn against(change: impl FnOnce(&mut Unpacked)) -> Delta {
    let mut target = Unpacked::fixture("v3-rich");
    change(&mut target);
    delta(&snapshot("v2-rich"), &target.read().unwrap())
}

fn key(text: &str) -> ArtifactKey {
    let (group, artifact) = text.split_once('/').unwrap();
    ArtifactKey::new(Some(group), artifact)
}

fn ids(snapshot: &Snapshot) -> (Vec<u64>, Vec<u64>) {
    (
        snapshot.versions.keys().copied().collect(),
        snapshot.contents.keys().copied().collect(),
    )
}

#[test]
fn after_a_good_import_only_group_properties_are_left_to_repair() {
    let delta = against(|_| ());
    assert!(delta.sends_nothing() && delta.recreate.is_empty() && delta.rules.is_empty() && delta.conflicts.is_empty());
    let (group, repair) = delta.group_repairs.first_key_value().unwrap();
    assert_eq!(
        (group.as_str(), repair.labels.to_string().as_str()),
        ("payments", "{empty, team: pay}")
    );
    let repaired = against(|target| {
        target.edit("Group", |row| {
            if row["groupId"] == "payments" {
                row["labels"] = json!({"team": "pay", "empty": null});
            }
        });
    });
    assert!(repaired.is_empty());
}

#[test]
fn the_delta_is_what_the_hand_made_one_held() {
    let (source, made) = (snapshot("v2-rich-after"), snapshot("v2-rich-delta"));
    let delta = delta(&source, &snapshot("v3-rich"));
    assert_eq!(delta.versions.iter().copied().collect::<Vec<_>>(), ids(&made).0);
    assert_eq!(delta.contents.iter().copied().collect::<Vec<_>>(), ids(&made).1);
    assert_eq!(
        delta.comments.iter().collect::<Vec<_>>(),
        made.comments.keys().collect::<Vec<_>>()
    );
    assert_eq!(
        delta.groups.iter().collect::<Vec<_>>(),
        made.groups.keys().collect::<Vec<_>>()
    );
    assert_eq!(
        delta.artifact_rules.iter().collect::<Vec<_>>(),
        made.artifact_rules.keys().collect::<Vec<_>>()
    );
    assert!(delta.recreate.is_empty() && delta.global_rules.is_empty());
    // What no ZIP carries: the two deleted rules.
    assert_eq!(delta.rules.len(), 2);
    assert!(
        delta
            .rules
            .iter()
            .all(|rule| &*rule.rule == "COMPATIBILITY" && rule.configuration.is_none())
    );
}

#[test]
fn an_empty_target_gets_everything() {
    let source = snapshot("v2-rich");
    let delta = against(|target| {
        for kind in [
            "ArtifactVersion",
            "Artifact",
            "Branch",
            "Comment",
            "Group",
            "ArtifactRule",
            "GlobalRule",
        ] {
            target.keep(kind, |_| false);
        }
        target.0.retain(|(name, _)| !name.contains(".Content."));
    });
    assert_eq!(delta.versions.len(), source.versions.len());
    assert_eq!(delta.contents.len(), source.contents.len());
    assert_eq!(delta.comments.len(), source.comments.len());
    assert_eq!(
        (delta.groups.len(), delta.artifact_rules.len(), delta.global_rules.len()),
        (4, 4, 2)
    );
    assert!(delta.recreate.is_empty() && delta.conflicts.is_empty());
}

#[test]
fn a_version_that_the_target_lacks_at_the_end_is_added() {
    let delta = against(|target| {
        target.keep("ArtifactVersion", |row| row["globalId"] != 25);
        target.edit("Branch", |row| {
            if row["artifactId"] == "semver" {
                row["versions"].as_array_mut().unwrap().retain(|version| version != "5");
            }
        });
    });
    let artifact = snapshot("v2-rich").versions[&25].artifact.to_string();
    assert_eq!(artifact, "payments/semver");
    assert_eq!(delta.add, [key("payments/semver")].into());
    assert_eq!(delta.versions, [25].into());
    assert!(delta.recreate.is_empty());
}

#[test]
fn a_version_that_is_missing_in_the_middle_needs_the_artifact_anew() {
    // Sent later it would become the tip of `latest`.
    let delta = against(|target| target.keep("ArtifactVersion", |row| row["globalId"] != 2));
    assert_eq!(delta.recreate, [key("default/orders-value")].into());
    assert_eq!(delta.versions.len(), 16);
    assert_eq!(delta.comments.len(), 16);
    // Version 16 and version 1 share a content, which is sent once; nobody else holds these.
    assert_eq!(delta.contents.len(), 15);
    assert!(delta.add.is_empty());
}

#[test]
fn whatever_differs_otherwise_needs_the_artifact_anew() {
    let orders = |delta: Delta| assert_eq!(delta.recreate, [key("default/orders-value")].into());
    let version = |field: &'static str, value: serde_json::Value| {
        against(move |target| {
            target.edit("ArtifactVersion", |row| {
                if row["globalId"] == 3 {
                    row[field] = value.clone();
                }
            });
        })
    };
    orders(version("state", json!("DISABLED")));
    orders(version("name", json!("other")));
    orders(version("labels", json!({})));
    orders(version("versionOrder", json!(99)));
    orders(against(|target| target.keep("Comment", |row| row["commentId"] != "3")));
    orders(against(|target| {
        target.edit("Comment", |row| {
            if row["commentId"] == "3" {
                row["value"] = json!("other");
            }
        });
    }));
    orders(against(|target| {
        target.edit("Artifact", |row| {
            if row["artifactId"] == "orders-value" {
                row["description"] = json!("edited by hand");
            }
        });
    }));
    orders(against(|target| {
        target.edit("Branch", |row| {
            if row["artifactId"] == "orders-value" {
                row["versions"].as_array_mut().unwrap().pop();
            }
        });
    }));
}

#[test]
fn what_only_the_target_has_is_reported_and_left_alone() {
    let delta = against(|target| {
        let rows = [
            ("x.Group.json", r#"{"groupId":"theirs","createdOn":1,"modifiedOn":1}"#),
            (
                "x.Artifact.json",
                r#"{"groupId":"theirs","artifactId":"a","artifactType":"JSON","createdOn":1,"modifiedOn":1}"#,
            ),
        ];
        target
            .0
            .extend(rows.map(|(name, row)| (name.to_owned(), row.as_bytes().to_vec())));
    });
    assert_eq!(delta.extra_artifacts, [key("theirs/a")].into());
    assert_eq!(delta.extra_groups.len(), 1);
    assert!(delta.sends_nothing() && delta.recreate.is_empty());
}

#[test]
fn rules_are_sent_when_missing_and_changed_by_the_api_when_other() {
    let delta = against(|target| {
        target.keep("GlobalRule", |row| row["ruleType"] != "VALIDITY");
        target.edit("GlobalRule", |row| row["configuration"] = json!("FULL"));
        target.edit("ArtifactRule", |row| {
            if row["artifactId"] == "customer" {
                row["configuration"] = json!("NO_DUPLICATES");
            }
        });
    });
    assert_eq!(
        delta.global_rules.iter().map(|rule| &**rule).collect::<Vec<_>>(),
        ["VALIDITY"]
    );
    let changes: Vec<_> = delta
        .rules
        .iter()
        .map(|change| {
            let configuration = change.configuration.as_deref().unwrap_or("-");
            format!("{change}: {configuration}")
        })
        .collect();
    assert_eq!(
        changes,
        [
            "global rule COMPATIBILITY: BACKWARD",
            "rule INTEGRITY of refs/customer: REFS_EXIST"
        ]
    );
}

/// A rule of a group and a branch that only the target has, and what else is done there.
fn with_parts(target: &mut Unpacked) {
    let rule = json!({"type": "VALIDITY", "groupId": "payments", "configuration": "FULL"});
    let branch = json!({
        "groupId": null, "artifactId": "orders-value", "branchId": "stable", "description": null, "systemDefined": false,
        "owner": "", "createdOn": 1, "modifiedBy": "", "modifiedOn": 1, "versions": ["1"],
    });
    for (name, row) in [
        ("groups/payments/rules/VALIDITY.GroupRule", rule),
        ("groups/default/artifacts/orders-value/branches/stable.Branch", branch),
    ] {
        target.0.push((format!("{name}.json"), row.to_string().into_bytes()));
    }
}

#[test]
fn what_only_a_3_x_can_have_is_named_and_goes_when_nothing_else_may_be_there() {
    let named = |delta: &Delta| delta.extra_parts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let all = [
        "rule VALIDITY of group payments",
        "branch stable of default/orders-value",
    ];
    let stays = against(with_parts);
    assert_eq!(named(&stays), all);
    assert!(stays.recreate.is_empty() && stays.rules.is_empty());
    let mut target = Unpacked::fixture("v3-rich");
    with_parts(&mut target);
    let goes = mirror_delta(&snapshot("v2-rich"), &target.read().unwrap());
    assert!(
        goes.recreate.contains(&key("default/orders-value")),
        "{:?}",
        goes.recreate
    );
    let rules: Vec<String> = goes.rules.iter().map(ToString::to_string).collect();
    assert_eq!(rules, ["rule VALIDITY of group payments"]);
}

#[test]
fn ids_that_mean_something_else_on_the_target_are_conflicts() {
    let moved = against(|target| {
        target.edit("Content", |row| {
            if row["contentId"] == 2 {
                row["contentId"] = json!(7_000);
            }
        });
        target.edit("ArtifactVersion", |row| {
            if row["contentId"] == 2 {
                row["contentId"] = json!(7_000);
            }
        });
    });
    assert_eq!(
        moved.conflicts,
        [Conflict::ContentHash {
            content_id: 2,
            target_id: 7_000
        }]
    );

    let other = against(|target| {
        target.edit("Content", |row| {
            if row["contentId"] == 2 {
                row["contentHash"] = json!("00");
            }
        });
    });
    assert_eq!(other.conflicts, [Conflict::ContentId { content_id: 2 }]);

    // A probe took the id of a version that came later on 2.6 (seen; reference: apicurio.md §0 row 21).
    let probe = against(|target| {
        target.keep("ArtifactVersion", |row| row["artifactId"] != "semver");
        let row = r#"{"globalId":25,"groupId":"regplan-probe","artifactId":"p","version":"1","versionOrder":1,"state":"ENABLED","createdOn":1,"modifiedOn":1,"contentId":1}"#;
        target
            .0
            .push(("p.ArtifactVersion.json".to_owned(), row.as_bytes().to_vec()));
    });
    assert_eq!(probe.conflicts.len(), 1);
    assert_eq!(
        probe.conflicts[0].to_string(),
        "globalId 25 of payments/semver belongs to regplan-probe/p on the target"
    );
}

#[test]
fn a_content_that_only_a_deleted_artifact_held_is_sent_again() {
    // 3.x removes contents without a version sooner or later.
    let delta = against(|target| {
        for kind in ["ArtifactVersion", "Artifact", "Branch"] {
            target.keep(kind, |row| row["artifactId"] != "semver");
        }
    });
    let semver = snapshot("v2-rich");
    let needed = semver
        .own_versions()
        .filter(|(_, version)| &*version.artifact.artifact == "semver");
    assert_eq!(delta.contents, needed.map(|(_, version)| version.content_id).collect());
}

#[test]
fn a_latest_version_without_a_name_cannot_reset_the_artifacts_name_so_it_is_made_anew() {
    // The importer only sets what is not null; the artifact would keep the name of an older latest version.
    let mut source = Unpacked::fixture("v2-rich-after");
    source.edit("ArtifactVersion", |row| {
        if row["artifactId"] == "semver" && row["isLatest"] == true {
            row["name"] = json!(null);
        }
    });
    let mut target = Unpacked::fixture("v3-rich");
    target.edit("Artifact", |row| {
        if row["artifactId"] == "semver" {
            row["name"] = json!("set by an older latest version");
        }
    });
    let delta = delta(&source.read().unwrap(), &target.read().unwrap());
    assert_eq!(delta.recreate, [key("payments/semver")].into());
}
