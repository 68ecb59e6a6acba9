//! The way back to 2.6: what cannot go is foretold, the rest arrives whole.

use std::{collections::BTreeSet, io::Cursor};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{Unpacked, read, snapshot, with_artifacts_anew};
use crate::registry::{
    Accepted, ArtifactKey, Backport, Capability, ChunkLimits, ChunkWriter, Delta, Format, GroupKey, Issued,
    Reservation, Residue, RestFacts, RuleOf, Snapshot, Version, VersionState, chunks, compare, delta, mirror_delta,
};

/// A 2.6 that nobody wrote to since the switch, and the 3.x after that, changed.
fn after_cutover(change: impl FnOnce(&mut Unpacked)) -> (Unpacked, Snapshot) {
    let mut export = Unpacked::fixture("v3-after-cutover");
    change(&mut export);
    (export, snapshot("v2-rich-after"))
}

fn residue(change: impl FnOnce(&mut Unpacked)) -> Vec<String> {
    let (export, _) = after_cutover(change);
    let residue = Residue::of(&export.read().unwrap(), &Capability::v2_6());
    residue.0.iter().map(ToString::to_string).collect()
}

fn row_of<'e>(export: &'e Unpacked, kind: &str, wanted: impl Fn(&Value) -> bool) -> (&'e str, Value) {
    let ending = format!(".{kind}.json");
    let mut rows = export.0.iter().filter(|(name, _)| name.ends_with(&ending));
    rows.find_map(|(name, bytes)| {
        let row: Value = serde_json::from_slice(bytes).unwrap();
        wanted(&row).then_some((name.as_str(), row))
    })
    .unwrap()
}

fn add(export: &mut Unpacked, name: &str, row: &Value) {
    export.0.push((name.to_owned(), serde_json::to_vec(row).unwrap()));
}

fn is_version(row: &Value, artifact: &str, version: &str) -> bool {
    row["artifactId"] == artifact && row["version"] == version
}

/// What a 2.6 makes of deletions, ZIPs and requests (reference: apicurio.md §4.7).
fn carried(export: &Unpacked, wanted: &Snapshot, target: &Snapshot, max_versions: usize) -> Snapshot {
    let mut now = target.clone();
    let first = mirror_delta(wanted, &now);
    assert_eq!(first.conflicts, []);
    let gone: BTreeSet<ArtifactKey> = first.recreate.union(&first.extra_artifacts).cloned().collect();
    delete(&mut now, &gone, first.recreate_groups.union(&first.extra_groups));
    let delta = delta(wanted, &now);
    assert_eq!((&delta.recreate, &delta.conflicts), (&BTreeSet::new(), &Vec::new()));
    let limits = ChunkLimits {
        max_versions,
        ..ChunkLimits::v2_6()
    };
    let mut writer = ChunkWriter::open(wanted, Cursor::new(export.pack())).unwrap();
    for chunk in chunks(wanted, &delta, &limits).unwrap() {
        let zip = writer.write(&chunk, Cursor::new(Vec::new())).unwrap().into_inner();
        import(&mut now, &read(zip).unwrap());
    }
    rules(&mut now, &delta);
    with_artifacts_anew(now)
}

fn delete<'g>(now: &mut Snapshot, gone: &BTreeSet<ArtifactKey>, groups: impl Iterator<Item = &'g GroupKey>) {
    now.versions.retain(|_, version| !gone.contains(&*version.artifact));
    let used: BTreeSet<u64> = now.versions.values().map(|version| version.content_id).collect();
    now.contents.retain(|id, _| used.contains(id));
    now.artifacts.retain(|key, _| !gone.contains(&**key));
    now.artifact_rules.retain(|key, _| !gone.contains(&key.artifact));
    let versions = now.versions.clone();
    now.comments.retain(|key, _| versions.contains_key(&key.global_id));
    for group in groups {
        assert!(
            now.artifacts.keys().all(|key| key.group != *group),
            "{group} goes when it is empty"
        );
        now.groups.remove(group);
    }
}

fn import(now: &mut Snapshot, zip: &Snapshot) {
    assert_eq!(zip.format, Format::V2);
    for (id, content) in &zip.contents {
        let taken = now.contents.values().any(|other| other.hash == content.hash);
        if !taken {
            now.contents.entry(*id).or_insert_with(|| content.clone());
        }
    }
    for (id, version) in &zip.versions {
        // Also when the registry has the content: it waits for ever.
        assert!(
            zip.contents.contains_key(&version.content_id),
            "{version} has its content with it"
        );
        let same_name = |other: &Version| other.artifact == version.artifact && other.version == version.version;
        if now.versions.contains_key(id) || now.versions.values().any(same_name) {
            continue;
        }
        if version.is_latest {
            for other in now
                .versions
                .values_mut()
                .filter(|other| other.artifact == version.artifact)
            {
                other.is_latest = false;
            }
        }
        now.versions.insert(*id, version.clone());
    }
    for (key, comment) in &zip.comments {
        now.comments.entry(key.clone()).or_insert_with(|| comment.clone());
    }
    for (key, group) in &zip.groups {
        now.groups.entry(key.clone()).or_insert_with(|| group.clone());
    }
    for (key, rule) in &zip.artifact_rules {
        now.artifact_rules.entry(key.clone()).or_insert_with(|| rule.clone());
    }
    for (key, rule) in &zip.global_rules {
        now.global_rules.entry(key.clone()).or_insert_with(|| rule.clone());
    }
}

fn rules(now: &mut Snapshot, delta: &Delta) {
    for change in &delta.rules {
        match (&change.of, &change.configuration) {
            (RuleOf::All, Some(wanted)) => drop(now.global_rules.insert(change.rule.clone(), wanted.clone())),
            (RuleOf::All, None) => drop(now.global_rules.remove(&change.rule)),
            (RuleOf::Group(group), _) => panic!("2.6 has no rules of groups, and {group} has one"),
            (RuleOf::Artifact(artifact), wanted) => {
                let key = crate::registry::ArtifactRuleKey {
                    artifact: artifact.clone(),
                    rule: change.rule.clone(),
                };
                match wanted {
                    Some(wanted) => drop(now.artifact_rules.insert(key, wanted.clone())),
                    None => drop(now.artifact_rules.remove(&key)),
                }
            }
        }
    }
}

/// Carries everything back and looks: exactly the residue is left, one version of each artifact is flagged, and nothing is to
/// be sent again.
fn proven(export: &Unpacked, target: &Snapshot, max_versions: usize) -> Snapshot {
    let source = export.read().unwrap();
    let fitted = Backport::of(source.clone(), &Capability::v2_6()).with_labels_of(target);
    let rest = Residue::of(&fitted.wanted, &Capability::v2_6());
    assert!(rest.is_empty(), "what is left can be held: {rest:?}");
    let after = carried(export, &fitted.wanted, target, max_versions);
    let comparison = compare(&source, &after, &RestFacts::default(), &[]);
    let foretold: Vec<_> = fitted.residue.0.iter().map(crate::registry::Remnant::row).collect();
    assert_eq!(comparison.differences, foretold);
    let again = delta(&fitted.wanted, &after);
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(
        (&again.extra_artifacts, &again.extra_groups),
        (&BTreeSet::new(), &BTreeSet::new())
    );
    for (key, ids) in after.versions_by_artifact() {
        let flagged = ids.iter().filter(|id| after.versions[id].is_latest).count();
        assert!(flagged <= 1, "{key}: {flagged} versions are flagged as the latest");
    }
    after
}

#[test]
fn the_recorded_way_back_leaves_no_residue_and_nothing_to_send() {
    assert_eq!(residue(|_| {}), Vec::<String>::new());
    let (export, frozen) = after_cutover(|_| {});
    let after = proven(&export, &frozen, 500);
    let real = snapshot("v2-after-rollback");
    assert_eq!(after.digest(), real.digest());
    let fitted = Backport::of(export.read().unwrap(), &Capability::v2_6());
    assert!(delta(&fitted.wanted, &real).is_empty());
}

#[test]
fn additions_are_the_hand_made_way_back() {
    let (export, frozen) = after_cutover(|_| {});
    let fitted = Backport::of(export.read().unwrap(), &Capability::v2_6()).with_labels_of(&frozen);
    let delta = delta(&fitted.wanted, &frozen);
    assert_eq!(
        (delta.recreate.len(), delta.recreate_groups.len(), delta.conflicts.len()),
        (0, 0, 0)
    );
    assert_eq!(delta.versions.len(), 9);
}

#[test]
fn each_chunk_for_2_6_holds_the_contents_of_all_its_versions() {
    let empty = {
        let mut export = Unpacked::fixture("v2-rich");
        export.0.retain(|(name, _)| name.ends_with(".Manifest.json"));
        export.read().unwrap()
    };
    let export = Unpacked::fixture("v3-rich");
    for max_versions in [1, 2, 7, 67, 500] {
        let after = proven(&export, &empty, max_versions);
        assert_eq!(after.versions.len(), 68);
    }
}

#[test]
fn what_2_6_cannot_hold_is_foretold() {
    let rows = residue(|export| {
        export.edit("ArtifactVersion", |row| {
            if is_version(row, "native-default", "1") || is_version(row, "orders-value", "1") {
                row["state"] = json!("DRAFT");
            }
            if is_version(row, "orders-value", "2") {
                row["state"] = json!("SUNSET");
            }
        });
        export.edit("Artifact", |row| {
            if row["artifactId"] == "orders-value" {
                row["description"] = json!("said nowhere else");
                row["labels"] = json!({"owner-team": "orders"});
            }
        });
        let (_, mut artifact) = row_of(export, "Artifact", |row| row["artifactId"] == "orders-value");
        artifact["artifactId"] = json!("agent");
        artifact["artifactType"] = json!("AGENT_CARD");
        add(export, "x/agent.Artifact.json", &artifact);
        artifact["artifactId"] = json!("nothing");
        artifact["artifactType"] = json!("AVRO");
        add(export, "x/nothing.Artifact.json", &artifact);
        let (_, mut branch) = row_of(export, "Branch", |row| row["artifactId"] == "orders-value");
        branch["branchId"] = json!("stable");
        branch["systemDefined"] = json!(false);
        branch["versions"] = json!(["1", "2"]);
        add(export, "x/stable.Branch.json", &branch);
        branch["branchId"] = json!("1.x");
        branch["systemDefined"] = json!(true);
        add(export, "x/1x.Branch.json", &branch);
        let rule = json!({"groupId": "payments", "type": "VALIDITY", "configuration": "FULL"});
        add(export, "x/1.GroupRule.json", &rule);
        let rule = json!({"groupId": null, "artifactId": "orders-value", "type": "ODDITY", "configuration": "SOME"});
        add(export, "x/1.ArtifactRule.json", &rule);
        add(
            export,
            "x/1.GlobalRule.json",
            &json!({"ruleType": "ODDITY", "configuration": "ALL"}),
        );
    });
    insta::assert_snapshot!("residue", rows.join("\n"));
}

#[test]
fn regplans_own_groups_are_no_residue() {
    let rows = residue(|export| {
        let (_, mut artifact) = row_of(export, "Artifact", |_| true);
        artifact["groupId"] = json!("regplan-probe");
        artifact["artifactType"] = json!("AGENT_CARD");
        add(export, "x/probe.Artifact.json", &artifact);
    });
    assert_eq!(rows, Vec::<String>::new());
}

#[test]
fn a_residue_is_refused_unless_the_plan_accepts_it() {
    let (export, _) = after_cutover(|export| {
        export.edit("ArtifactVersion", |row| {
            if is_version(row, "orders-value", "1") || is_version(row, "native-default", "1") {
                row["state"] = json!("DRAFT");
            }
        });
    });
    let residue = Residue::of(&export.read().unwrap(), &Capability::v2_6());
    let accept = |code: &str, what: Option<&str>| Accepted {
        code: code.to_owned(),
        what: what.map(ToOwned::to_owned),
        reason: "known".to_owned(),
    };
    let all = residue.0.len();
    assert!(all > 0);
    let refused = |accepted: &[Accepted]| residue.split(accepted).0.len();
    assert_eq!(refused(&[]), all);
    assert_eq!(refused(&[accept("residue_sunset", None)]), all);
    assert_eq!(
        refused(&[accept("residue_draft", Some("default/orders-value"))]),
        all - 1
    );
    assert_eq!(
        refused(&[accept("residue_draft", None), accept("residue_empty_artifact", None)]),
        0
    );
}

#[test]
fn a_sunset_version_arrives_as_deprecated() {
    let (export, frozen) = after_cutover(|export| {
        export.edit("ArtifactVersion", |row| {
            if is_version(row, "orders-value", "2") {
                row["state"] = json!("SUNSET");
            }
        });
    });
    let after = proven(&export, &frozen, 3);
    let version = after
        .versions
        .values()
        .find(|version| version.to_string() == "default/orders-value version 2");
    assert_eq!(version.unwrap().state, VersionState::Deprecated);
}

#[test]
fn a_group_that_changed_is_made_anew_with_all_that_is_in_it() {
    let (export, frozen) = after_cutover(|export| {
        export.edit("Group", |row| {
            if row["groupId"] == "payments" {
                row["labels"] = json!({"team": "other"});
            }
        });
    });
    let wanted = Backport::of(export.read().unwrap(), &Capability::v2_6()).wanted;
    let delta = delta(&wanted, &frozen);
    let payments = GroupKey::new(Some("payments"));
    assert_eq!(delta.recreate_groups, BTreeSet::from([payments.clone()]));
    let inside = frozen.artifacts.keys().filter(|key| key.group == payments);
    assert!(inside.clone().count() > 0);
    assert!(inside.clone().all(|key| delta.recreate.contains(&**key)));
    let after = proven(&export, &frozen, 500);
    assert_eq!(after.groups[&payments].labels.to_string(), "{team: other}");
}

#[test]
fn bytes_of_a_deleted_artifact_may_come_back_under_another_id() {
    let (mut export, frozen) = after_cutover(|_| {});
    let (_, version) = row_of(&export, "ArtifactVersion", |row| row["artifactId"] == "recreated");
    let content = version["contentId"].clone();
    let users = export.0.iter().filter(|(name, bytes)| {
        name.ends_with(".ArtifactVersion.json")
            && serde_json::from_slice::<Value>(bytes).unwrap()["contentId"] == content
    });
    assert_eq!(users.count(), 1, "the test needs a content with one version");
    export.edit("ArtifactVersion", |row| {
        if row["contentId"] == content {
            row["contentId"] = json!(777_777);
            row["globalId"] = json!(888_888);
            row["artifactId"] = json!("again");
        }
    });
    export.edit("Content", |row| {
        if row["contentId"] == content {
            row["contentId"] = json!(777_777);
        }
    });
    for kind in ["Artifact", "Branch", "ArtifactRule"] {
        export.edit(kind, |row| {
            if row["artifactId"] == "recreated" {
                row["artifactId"] = json!("again");
            }
        });
    }
    let wanted = Backport::of(export.read().unwrap(), &Capability::v2_6()).wanted;
    assert_eq!(
        delta(&wanted, &frozen).conflicts.len(),
        1,
        "who keeps extras has a conflict"
    );
    proven(&export, &frozen, 500);
}

#[test]
fn comments_that_2_6_leaves_out_of_its_export_bring_nothing_back_again() {
    let (export, frozen) = after_cutover(|export| {
        // 55 + 45 and 12, 956 + 45 and 2: both are 10012.
        let (_, mut version) = row_of(export, "ArtifactVersion", |row| is_version(row, "orders-value", "1"));
        for (id, name) in [(955, "955"), (9_955, "9955")] {
            version["globalId"] = json!(id);
            version["version"] = json!(name);
            version["versionOrder"] = json!(id);
            add(export, &format!("x/{id}.ArtifactVersion.json"), &version);
        }
        for (id, comment) in [(955, "01"), (9_955, "1")] {
            let row = json!({"globalId": id, "commentId": comment, "owner": "", "createdOn": 1, "value": "there"});
            add(export, &format!("x/{id}.Comment.json"), &row);
        }
    });
    let source = export.read().unwrap();
    assert_eq!(source.colliding_comments().len(), 2);
    let wanted = Backport::of(source.clone(), &Capability::v2_6()).wanted;
    let mut after = carried(&export, &wanted, &frozen, 500);
    after.comments.retain(|key, _| key.global_id != 955);
    assert!(delta(&wanted, &after).is_empty());
    let comparison = compare(&source, &after, &RestFacts::default(), &[]);
    assert_eq!(comparison.differences, []);
    assert!(comparison.expected.iter().any(|row| row.code == "comment_not_exported"));
}

#[test]
fn ids_end_above_all_that_3_x_gave_out() {
    let (v3, v2) = (snapshot("v3-after-cutover"), snapshot("v2-rich-after"));
    let forward = Reservation {
        global_id: 1_000_000,
        content_id: 2_000_000,
        comment_id: 99_999,
    };
    let back = Reservation::above_issued(&v3, &v2, forward.into(), None).unwrap();
    assert_eq!(
        (back.global_id, back.content_id, back.comment_id),
        (2_000_000, 3_000_000, 999_999)
    );
    let probed = Issued {
        global_id: 2_500_000,
        ..Issued::from(forward)
    };
    let back = Reservation::above_issued(&v3, &v2, probed, Some(back)).unwrap();
    // Not the same id twice: a contentId that is taken for a globalId finds nothing.
    assert_eq!(
        (back.global_id, back.content_id, back.comment_id),
        (3_000_000, 4_000_000, 999_999)
    );
}

/// One change on 3.x since the switch; the numbers choose what it falls on.
fn change(export: &mut Unpacked, step: u64, (what, n, m): (u8, usize, u16)) {
    let kind = match what {
        0..=3 | 10 | 12 => "ArtifactVersion",
        4 | 5 => "Artifact",
        6 => "Group",
        7 => "ArtifactRule",
        8 => "GlobalRule",
        9 => "Comment",
        _ => "Branch",
    };
    let ending = format!(".{kind}.json");
    let at: Vec<usize> = (0..export.0.len())
        .filter(|index| export.0[*index].0.ends_with(&ending))
        .collect();
    let Some(index) = (!at.is_empty()).then(|| at[n % at.len()]) else {
        return;
    };
    let mut row: Value = serde_json::from_slice(&export.0[index].1).unwrap();
    let text = format!("changed {m}");
    let name = format!("x/{step}{ending}");
    match what {
        0 => row["name"] = json!(text),
        1 => row["state"] = json!(["ENABLED", "DISABLED", "DEPRECATED", "DRAFT", "SUNSET"][usize::from(m % 5)]),
        2 => row["labels"] = json!({"k": text, "blank": "", "null": null}),
        // A new version of the same artifact, with a content that is there.
        3 => {
            row["globalId"] = json!(1_000_000 + step);
            row["version"] = json!(format!("new-{step}"));
            row["versionOrder"] = json!(1000 + step);
            return add(export, &name, &row);
        }
        4 => row["name"] = json!(text),
        5 => return remove_artifact(export, &row),
        6 => row["description"] = json!(text),
        7 => row["configuration"] = json!(text),
        8 if m % 2 == 0 => drop(export.0.remove(index)),
        8 => row["configuration"] = json!(text),
        9 if m % 2 == 0 => drop(export.0.remove(index)),
        9 => row["value"] = json!(text),
        10 => drop(export.0.remove(index)),
        // An artifact in a new group, of a type that 2.6 has or has not.
        12 => {
            let group = format!("born-{step}");
            row["groupId"] = json!(group);
            row["globalId"] = json!(1_000_000 + step);
            let artifact = row["artifactId"].clone();
            add(export, &name, &row);
            let (_, mut of) = row_of(export, "Artifact", |other| other["artifactId"] == artifact);
            of["groupId"] = json!(group);
            if m % 3 == 0 {
                of["artifactType"] = json!("ICEBERG_TABLE");
            }
            add(export, &format!("x/{step}.Artifact.json"), &of);
            let group = json!({
                "groupId": group, "description": null, "artifactsType": null, "owner": "", "createdOn": 1,
                "modifiedBy": "", "modifiedOn": 1, "labels": {"born": "here"},
            });
            return add(export, &format!("x/{step}.Group.json"), &group);
        }
        _ => {
            row["branchId"] = json!(format!("mine-{step}"));
            row["systemDefined"] = json!(false);
            return add(export, &name, &row);
        }
    }
    if matches!(what, 8 | 9 if m % 2 == 0) || what == 10 {
        return;
    }
    export.0[index].1 = serde_json::to_vec(&row).unwrap();
}

fn remove_artifact(export: &mut Unpacked, artifact: &Value) {
    let other = |row: &Value| row["artifactId"] != artifact["artifactId"] || row["groupId"] != artifact["groupId"];
    let gone: BTreeSet<u64> = export
        .0
        .iter()
        .filter(|(name, _)| name.ends_with(".ArtifactVersion.json"))
        .filter_map(|(_, bytes)| {
            let row: Value = serde_json::from_slice(bytes).unwrap();
            (!other(&row)).then(|| row["globalId"].as_u64().unwrap())
        })
        .collect();
    for kind in ["Artifact", "ArtifactVersion", "ArtifactRule", "Branch"] {
        export.keep(kind, other);
    }
    export.keep("Comment", |row| !gone.contains(&row["globalId"].as_u64().unwrap()));
}

/// Comments of versions that were removed one by one.
fn tidied(mut export: Unpacked) -> Unpacked {
    let ids: BTreeSet<u64> = export
        .0
        .iter()
        .filter(|(name, _)| name.ends_with(".ArtifactVersion.json"))
        .map(|(_, bytes)| {
            serde_json::from_slice::<Value>(bytes).unwrap()["globalId"]
                .as_u64()
                .unwrap()
        })
        .collect();
    export.keep("Comment", |row| ids.contains(&row["globalId"].as_u64().unwrap()));
    export
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_happened_on_3_x_exactly_the_residue_is_left(
        changes in proptest::collection::vec((0_u8..13, 0_usize..1_000, 0_u16..1_000), 0..40),
        max_versions in 1_usize..40,
    ) {
        let mut export = Unpacked::fixture("v3-after-cutover");
        for (step, one) in (1..).zip(changes) {
            change(&mut export, step, one);
        }
        proven(&tidied(export), &snapshot("v2-rich-after"), max_versions);
    }
}
