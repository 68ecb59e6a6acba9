use std::collections::BTreeSet;

use super::{ArtifactKey, Delta, GroupKey, RestFacts, Row, Snapshot, compare, compare::codes, mirror_delta};

/// Rows of a registry that somebody else wrote, changed or deleted while it was made equal to another one: they are neither as
/// they were before, nor as they are wanted, nor absent because they go and come again. Left is what was there before, right
/// what is there now.
///
/// `emptied`: everything on it was to be deleted first.
///
/// An owner that the import just made, and that is to be set yet, is nobody's. Contents are seen through the versions that use them.
pub fn foreign(before: &Snapshot, wanted: &Snapshot, now: &Snapshot, emptied: bool) -> Vec<Row> {
    let delta = mirror_delta(wanted, before);
    let going = Going { delta, emptied };
    let made = going.owners_made(before, now);
    let wrong: BTreeSet<String> = differences(&going.without_gone(wanted, now), now)
        .filter(|row| row.code != codes::ARTIFACT_OWNER || !made.contains(&row.what))
        .map(|row| row.what)
        .collect();
    let moved = differences(&going.without_gone(before, now), now);
    moved.filter(|row| wrong.contains(&row.what)).collect()
}

/// What moved between two looks at one registry. That an owner cannot be taken away again is no excuse here.
pub fn movement(before: &Snapshot, now: &Snapshot) -> Vec<Row> {
    let expected = compare(before, now, &RestFacts::default(), &[]).expected.into_iter();
    let owners = expected.filter(|row| row.code == codes::ARTIFACT_OWNER_STAYS);
    differences(before, now).chain(owners).collect()
}

/// Rows whose wrongness is one of the two looks alone are left out: a stored hash that was always wrong is no movement, and a
/// content comes and goes with its versions.
fn differences(before: &Snapshot, now: &Snapshot) -> impl Iterator<Item = Row> + use<> {
    let own = [codes::CONTENT_HASH_WRONG, codes::CONTENT_HOLE, codes::CONTENT_MISSING];
    let rows = compare(before, now, &RestFacts::default(), &[]).differences.into_iter();
    rows.filter(move |row| !own.contains(&row.code))
}

/// What is deleted to be brought again.
struct Going {
    delta: Delta,
    emptied: bool,
}

impl Going {
    fn artifact(&self, key: &ArtifactKey) -> bool {
        self.emptied || self.delta.recreate.contains(key)
    }

    /// New artifacts, and those that came again, which have the owner that an import gives them.
    fn owners_made(&self, before: &Snapshot, now: &Snapshot) -> BTreeSet<String> {
        let versions = now.versions_by_artifact();
        let new = now
            .own_artifacts()
            .filter(|(key, _)| self.artifact(key) || self.group(&key.group) || !before.artifacts.contains_key(*key));
        let made = new.filter(|(key, artifact)| {
            let ids = versions.get(*key).map_or(&[][..], Vec::as_slice);
            artifact.owner.as_deref().unwrap_or_default() == now.owner_made(ids, now.format)
        });
        made.map(|(key, _)| key.to_string()).collect()
    }

    fn group(&self, key: &GroupKey) -> bool {
        self.emptied || self.delta.recreate_groups.contains(key)
    }

    /// A side without the rows that are absent now and may be.
    fn without_gone(&self, side: &Snapshot, now: &Snapshot) -> Snapshot {
        let mut left = side.clone();
        let of_gone = |id: u64| {
            side.versions
                .get(&id)
                .is_some_and(|version| self.artifact(&version.artifact))
        };
        left.comments
            .retain(|key, _| now.comments.contains_key(key) || !of_gone(key.global_id));
        left.versions
            .retain(|id, _| now.versions.contains_key(id) || !of_gone(*id));
        left.artifacts
            .retain(|key, _| now.artifacts.contains_key(key) || !self.artifact(key));
        left.artifact_rules
            .retain(|key, _| now.artifact_rules.contains_key(key) || !self.artifact(&key.artifact));
        left.groups
            .retain(|key, _| now.groups.contains_key(key) || !self.group(key));
        left
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, sync::Arc};

    use super::*;
    use crate::registry::{ArtifactRuleKey, Backport, ReadLimits, VersionState, read_export};

    fn of(name: &str) -> Snapshot {
        let path = format!("{}/tests/data/{name}.zip", env!("CARGO_MANIFEST_DIR"));
        read_export(File::open(path).unwrap(), &ReadLimits::default()).unwrap()
    }

    /// A 2.6 in the freeze, what of a 3.x it is to hold, and itself afterwards.
    fn way_back() -> (Snapshot, Snapshot, Snapshot) {
        let (frozen, mut after) = (of("v2-rich-after"), of("v2-after-rollback"));
        let mut wanted = Backport::between(&of("v3-after-cutover"), &frozen).unwrap().wanted;
        // Something that has to be brought again whole: default/address, of two versions.
        for side in [&mut wanted, &mut after] {
            side.versions.get_mut(&26).unwrap().name = Some("edited on 3.x".into());
        }
        (frozen, wanted, after)
    }

    fn seen(now: &Snapshot) -> Vec<String> {
        let (frozen, wanted, _) = way_back();
        let rows = foreign(&frozen, &wanted, now, false);
        rows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_side_on_its_way_holds_nothing_foreign() {
        let (frozen, wanted, after) = way_back();
        assert_eq!(seen(&frozen), [""; 0]);
        assert_eq!(seen(&after), [""; 0]);
        let going = mirror_delta(&wanted, &frozen);
        assert!(!going.recreate.is_empty() && !going.versions.is_empty());
        // Deleted and not yet brought again; then half of it.
        let mut half = frozen.clone();
        half.versions
            .retain(|_, version| !going.recreate.contains(&*version.artifact));
        let versions = half.versions.clone();
        half.comments.retain(|key, _| versions.contains_key(&key.global_id));
        half.artifacts.retain(|key, _| !going.recreate.contains(&**key));
        half.artifact_rules
            .retain(|key, _| !going.recreate.contains(&key.artifact));
        assert_eq!(seen(&half), [""; 0]);
        for id in going.versions.iter().step_by(2) {
            let version = after.versions[id].clone();
            let artifact = after.artifacts[&version.artifact].clone();
            half.artifacts.insert(Arc::clone(&version.artifact), artifact);
            half.contents
                .insert(version.content_id, after.contents[&version.content_id].clone());
            half.versions.insert(*id, version);
        }
        assert_eq!(seen(&half), [""; 0]);
    }

    /// An artifact that both sides have and nobody sends.
    fn untouched() -> (Arc<ArtifactKey>, u64) {
        let (frozen, wanted, _) = way_back();
        let going = mirror_delta(&wanted, &frozen);
        let (id, version) = frozen
            .own_versions()
            .find(|(id, version)| {
                wanted.versions.contains_key(id)
                    && !going.recreate.contains(&*version.artifact)
                    && !going.add.contains(&*version.artifact)
            })
            .unwrap();
        (Arc::clone(&version.artifact), id)
    }

    #[test]
    fn whatever_somebody_else_does_on_the_way_is_named() {
        let ((key, id), (_, wanted, _)) = (untouched(), way_back());
        type Edit<'e> = (&'static str, &'e dyn Fn(&mut Snapshot));
        let edits: [Edit<'_>; 9] = [
            ("version_name", &|now| {
                now.versions.get_mut(&id).unwrap().name = Some("theirs".into());
            }),
            ("version_state", &|now| {
                let version = now.versions.get_mut(&id).unwrap();
                assert_ne!(version.state, VersionState::Disabled);
                version.state = VersionState::Disabled;
            }),
            ("version_missing", &|now| drop(now.versions.remove(&id))),
            ("version_extra", &|now| {
                let mut theirs = now.versions[&id].clone();
                theirs.version = "theirs".into();
                now.versions.insert(999, theirs);
            }),
            ("artifact_missing", &|now| drop(now.artifacts.remove(&key))),
            ("rule_extra", &|now| {
                let artifact = (*key).clone();
                let rule = ArtifactRuleKey {
                    artifact,
                    rule: "THEIRS".into(),
                };
                now.artifact_rules.insert(rule, "FULL".into());
            }),
            ("rule_", &|now| {
                let rule = now.global_rules.keys().next().cloned().unwrap_or("VALIDITY".into());
                now.global_rules.insert(rule, "THEIRS".into());
            }),
            ("group_extra", &|now| {
                let row = now.groups.values().next().unwrap().clone();
                now.groups.insert(GroupKey::new(Some("theirs")), row);
            }),
            ("group_missing", &|now| {
                let wanted = wanted.groups.keys();
                let shared = wanted.clone().find(|key| now.groups.contains_key(*key)).unwrap();
                now.groups.remove(shared);
            }),
        ];
        let (frozen, _, after) = way_back();
        for (code, edit) in edits {
            for (begin, when) in [(&frozen, "before"), (&after, "after")] {
                let mut now = begin.clone();
                edit(&mut now);
                let rows = seen(&now);
                assert!(rows.iter().any(|row| row.contains(code)), "{code} {when}: {rows:?}");
            }
        }
    }

    #[test]
    fn a_side_that_is_emptied_first_may_lack_anything_and_hold_nothing_new() {
        let (frozen, wanted, after) = way_back();
        let mut now = frozen.emptied();
        assert_eq!(foreign(&frozen, &wanted, &now, true), []);
        assert!(!foreign(&frozen, &wanted, &now, false).is_empty());
        let (id, _) = after.own_versions().next().unwrap();
        let mut theirs = after.versions[&id].clone();
        theirs.name = Some("theirs".into());
        now.artifacts
            .insert(Arc::clone(&theirs.artifact), after.artifacts[&theirs.artifact].clone());
        now.contents
            .insert(theirs.content_id, after.contents[&theirs.content_id].clone());
        now.versions.insert(id, theirs);
        assert_eq!(foreign(&frozen, &wanted, &now, true).len(), 1);
    }
}
