use std::sync::Arc;

use super::support::snapshot;
use crate::registry::{
    ArtifactKey, Branch, BranchKey, Format, Owners, RestFacts, Row, Snapshot, Version, VersionState, codes, compare,
    delta, foreign, movement,
    preflight::{Target, preflight},
};

fn key() -> ArtifactKey {
    ArtifactKey::new(Some("own"), "one")
}

/// Versions of one artifact by these, the last one the latest.
fn made_by(side: &str, owners: &[&str]) -> Snapshot {
    let mut snapshot = snapshot(side);
    let any = snapshot.versions.values().next().unwrap().clone();
    let artifact = Arc::new(key());
    for (n, owner) in (1_u32..).zip(owners) {
        let version = Version {
            artifact: Arc::clone(&artifact),
            version: n.to_string().into(),
            order: n.into(),
            owner: Some((*owner).into()),
            state: VersionState::Enabled,
            is_latest: n as usize == owners.len(),
            ..any.clone()
        };
        snapshot.versions.insert(900 + u64::from(n), version);
    }
    snapshot.artifacts = snapshot.implied_artifacts();
    snapshot
}

fn owned(snapshot: Snapshot, owner: &str) -> Snapshot {
    snapshot.with_owners(&Owners::new([(key(), owner.into())]))
}

/// A 3.x after its import, with this owner.
fn imported(from: &Snapshot, owner: &str) -> Snapshot {
    let mut v3 = from.clone();
    v3.format = Format::V3;
    v3.owners_known = true;
    v3.artifacts.get_mut(&key()).unwrap().owner = Some(owner.into());
    let versions = v3.versions.values().filter(|version| *version.artifact == key());
    let latest = Branch {
        system_defined: false,
        versions: versions.map(|version| version.version.clone()).collect(),
    };
    v3.branches.insert(BranchKey::latest(&key()), latest);
    v3
}

/// Rows about owners, differences first.
fn rows(left: &Snapshot, right: &Snapshot) -> Vec<String> {
    let compared = compare(left, right, &RestFacts::default(), &[]);
    let all = compared.differences.iter().chain(&compared.expected);
    all.filter(|row| row.code.starts_with("artifact_owner"))
        .map(Row::to_string)
        .collect()
}

fn to_set(source: &Snapshot, target: &Snapshot) -> Option<String> {
    let delta = delta(source, target);
    delta.owners.get(&key()).map(ToString::to_string)
}

#[test]
fn an_import_makes_the_first_versions_owner_that_of_the_artifact_and_a_3_x_that_of_the_latest() {
    for (owners, by_v2, by_v3) in [
        (&["ann"][..], "ann", "ann"),
        (&["ann", "ben"], "ann", "ben"),
        (&["ann", ""], "ann", "ann"),
        (&["", "ben"], "", "ben"),
        (&[], "", ""),
    ] {
        let v2 = made_by("v2-rich", owners);
        let ids: Vec<u64> = v2.versions.range(901..).map(|(id, _)| *id).collect();
        assert_eq!(
            (v2.owner_made(&ids, Format::V2), v2.owner_made(&ids, Format::V3)),
            (by_v2, by_v3)
        );
    }
}

#[test]
fn owners_that_differ_are_set_without_sending_anything() {
    let v2 = owned(made_by("v2-rich", &["ann", "ben"]), "ann");
    let v3 = imported(&v2, "ben");
    assert_eq!(to_set(&v2, &v3).as_deref(), Some("ann"));
    let delta = delta(&v2, &v3);
    assert!(!delta.recreate.contains(&key()) && !delta.add.contains(&key()));
    assert_eq!(rows(&v2, &v3), ["artifact_owner own/one: left ann, right ben"]);
    assert_eq!(rows(&v2, &imported(&v2, "ann")), [""; 0]);
    assert_eq!(to_set(&v2, &imported(&v2, "ann")), None);
    // The other way.
    assert_eq!(to_set(&v3, &v2).as_deref(), Some("ben"));
    assert_eq!(rows(&v3, &v2), ["artifact_owner own/one: left ben, right ann"]);
}

#[test]
fn an_owner_that_the_next_import_changes_is_set_again() {
    let v2 = owned(made_by("v2-rich", &["ann", "ben"]), "ann");
    let mut fewer = v2.clone();
    fewer.versions.remove(&902);
    let mut v3 = imported(&fewer, "ann");
    assert!(delta(&v2, &v3).add.contains(&key()));
    assert_eq!(
        to_set(&v2, &v3).as_deref(),
        Some("ann"),
        "the latest one makes it ben's"
    );
    v3.versions.remove(&901);
    v3.artifacts.remove(&key());
    assert_eq!(to_set(&v2, &v3).as_deref(), Some("ann"), "it is made anew");
    assert_eq!(to_set(&owned(v2, "ben"), &v3), None, "an import makes it so");
}

#[test]
fn an_owner_is_never_taken_away_but_by_an_import_that_gives_none() {
    let nobodys = owned(made_by("v2-rich", &["", "ben"]), "");
    let v3 = imported(&nobodys, "ben");
    assert_eq!(rows(&nobodys, &v3), ["artifact_owner_stays own/one: right ben"]);
    assert_eq!(delta(&nobodys, &v3), delta(&nobodys, &imported(&nobodys, "")));

    let nobodys = owned(made_by("v2-rich", &["", ""]), "");
    let v3 = imported(&nobodys, "bob");
    assert_eq!(rows(&nobodys, &v3), ["artifact_owner own/one: right bob"]);
    let delta = delta(&nobodys, &v3);
    assert!(delta.recreate.contains(&key()) && delta.owners.is_empty());
}

#[test]
fn what_nobody_asked_for_is_no_difference_and_is_said() {
    let v2 = made_by("v2-rich", &["ann", "ben"]);
    let v3 = imported(&v2, "ann");
    assert_eq!(rows(&v2, &v3), ["artifact_owner_unknown own/one: left ben, right ann"]);
    assert_eq!(to_set(&v2, &v3), None);
    assert!(!delta(&v2, &v3).recreate.contains(&key()));
    assert_eq!(rows(&v3, &v2), [""; 0], "2.6 has no row to compare with");
    assert_eq!(rows(&owned(v2, "ann").without_owners(), &imported(&v3, "dan")).len(), 1);
}

#[test]
fn only_owners_that_the_versions_do_not_say_are_worth_a_note() {
    let v2 = made_by("v2-rich", &["ann", "ben"]);
    let other = ArtifactKey::new(Some("gone"), "since");
    let all = |owner: &str| Owners::new([(key(), owner.into()), (other.clone(), "x".into())]);
    assert_eq!(all("ben").beyond(&v2), Owners::default());
    let few = all("ann").beyond(&v2);
    assert_eq!(few, Owners::new([(key(), "ann".into())]));
    let text = serde_json::to_string(&few).unwrap();
    assert_eq!(text, r#"[[{"group":"own","artifact":"one"},"ann"]]"#);
    assert_eq!(serde_json::from_str::<Owners>(&text).unwrap(), few);
    let known = v2.with_owners(&few);
    assert_eq!(known.artifacts[&key()].owner.as_deref(), Some("ann"));
}

#[test]
fn a_preflight_names_the_artifacts_whose_owners_an_import_would_change() {
    let target = Target {
        version: "3.3.3".parse().unwrap(),
        storage: None,
    };
    let found = |snapshot: &Snapshot| {
        let findings = preflight(snapshot, &target, &Default::default(), &[]).findings;
        let about = findings
            .into_iter()
            .filter(|finding| finding.code.starts_with("artifact_owner"));
        let lines = about.flat_map(|finding| finding.concerned.into_iter().map(move |one| (finding.code, one)));
        lines.map(|(code, one)| format!("{code} {one}")).collect::<Vec<_>>()
    };
    let v2 = made_by("v2-rich", &["", "ben"]);
    assert_eq!(found(&v2), [""; 0], "an export alone does not say");
    assert_eq!(found(&owned(v2.clone(), "ben")), [""; 0]);
    assert_eq!(
        found(&owned(v2.clone(), "ann")),
        [format!(
            "{} own/one: ann, an import makes it ben's",
            "artifact_owner_other"
        )]
    );
    assert_eq!(
        found(&owned(v2, "")),
        [format!(
            "{} own/one: an import makes it ben's",
            codes::ARTIFACT_OWNER_STAYS
        )]
    );
}

#[test]
fn an_owner_that_somebody_gave_is_a_movement_and_one_that_an_import_made_is_nobodys_write() {
    let nobodys = owned(made_by("v2-rich", &["ann", "ann"]), "");
    let given = owned(nobodys.clone(), "eve");
    assert_eq!(movement(&nobodys, &nobodys), []);
    assert_eq!(
        movement(&nobodys, &given).len(),
        1,
        "it cannot be taken away again, and it moved"
    );

    // A way back brought the artifact, whose owner is `bob`, and did not come to set that.
    let before = snapshot("v2-rich").with_owners(&Owners::default());
    let wanted = imported(&made_by("v2-rich", &["ann", "ann"]), "bob");
    let arrived = owned(made_by("v2-rich", &["ann", "ann"]), "ann");
    assert_eq!(foreign(&before, &wanted, &arrived, false), []);
    let theirs = owned(arrived, "eve");
    assert_eq!(foreign(&before, &wanted, &theirs, false).len(), 1, "eve is neither");
}
