use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::some_of;
use crate::{
    kind::ApplyError,
    registry::{Accepted, Conflict, Delta, ExtraPart, Residue, RestFacts, Row, Snapshot, compare},
};

/// What becomes of artifacts and groups, and of rules of groups and branches, that only the target has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deletes {
    /// They are deleted on the target.
    Mirror,
    /// They stay, and are the difference that is left; but a branch whose artifact has to be brought again whole cannot stay.
    Keep,
    /// Nothing is sent, and they are listed; so are versions that the source does not have any more.
    #[default]
    Refuse,
}

/// What one carrying may do.
#[derive(Debug, Clone, Default)]
pub(in crate::kind::registry) struct Bounds {
    /// See [`Deletes`].
    pub(in crate::kind::registry) deletes: Deletes,
    /// Whether a version that the source does not have is a deletion as well: an import brings its artifact again whole.
    pub(in crate::kind::registry) versions_too: bool,
    /// Most changes; more are refused.
    pub(in crate::kind::registry) max_changes: Option<u64>,
    /// Whether a target that holds something else is emptied first.
    pub(in crate::kind::registry) reset: bool,
    /// What may stay behind because the target cannot hold it.
    pub(in crate::kind::registry) accept: Vec<Accepted>,
}

impl Bounds {
    /// Nothing is sent when an id means something else on the target, when it holds what the source does not have, or when
    /// there is more to do than may be. `besides`: changes that are not in the delta.
    pub(super) fn refuse(
        &self,
        delta: &Delta,
        residue: &Residue,
        source: &Snapshot,
        target: &Snapshot,
        besides: u64,
    ) -> Result<(), ApplyError> {
        let (refused, _) = residue.split(&self.accept);
        if !refused.is_empty() {
            let rows: Vec<String> = refused.iter().map(ToString::to_string).collect();
            return Err(ApplyError::NotDone(format!(
                "the target cannot hold all of it, so nothing was sent: {}",
                some_of(&rows)
            )));
        }
        let mut reasons: Vec<String> = delta.conflicts.iter().map(Conflict::to_string).collect();
        reasons.extend(self.unwanted_parts(delta));
        if self.deletes == Deletes::Refuse {
            let artifacts = delta.extra_artifacts.iter();
            reasons.extend(artifacts.map(|artifact| format!("{artifact} is not in the source")));
            if self.versions_too {
                reasons.extend(extra_versions(source, target));
                let groups = delta.extra_groups.iter();
                reasons.extend(groups.map(|group| format!("group {group} is not in the source")));
            }
        }
        if !reasons.is_empty() {
            return Err(ApplyError::NotDone(format!(
                "the target holds something else, so nothing was sent: {}; delete it there, or give the target an empty storage",
                some_of(&reasons)
            )));
        }
        let needed = changes(delta, self.deletes).saturating_add(besides);
        match self.max_changes {
            Some(most) if needed > most => Err(ApplyError::NotDone(format!(
                "{needed} changes are needed and `max_changes` is {most}, so nothing was sent"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Rules of groups and branches that only the target has, and that may neither go nor stay.
    fn unwanted_parts(&self, delta: &Delta) -> Vec<String> {
        let parts = delta.extra_parts.iter();
        match self.deletes {
            Deletes::Mirror => Vec::new(),
            Deletes::Keep => {
                let lost = parts.filter(|part| part.is_lost(delta));
                lost.map(|part| format!("{part} cannot stay: what it belongs to has to be brought again whole"))
                    .collect()
            }
            Deletes::Refuse => parts.map(|part| format!("{part} is not in the source")).collect(),
        }
    }

    /// The differences that are left on purpose: what only the target has, when that stays.
    pub(super) fn kept(&self, delta: &Delta, source: &Snapshot, target: &Snapshot) -> Vec<Row> {
        let none = delta.extra_artifacts.is_empty() && delta.extra_groups.is_empty() && delta.extra_parts.is_empty();
        if self.deletes != Deletes::Keep || none {
            return Vec::new();
        }
        let artifacts = delta.extra_artifacts.iter().map(ToString::to_string);
        let groups = delta.extra_groups.iter().map(|group| format!("group {group}"));
        let parts = delta.extra_parts.iter().map(ExtraPart::row_name);
        let names: Vec<String> = artifacts.chain(groups).chain(parts).collect();
        let about = |row: &Row| {
            let rest = |name: &String| row.what.strip_prefix(name.as_str());
            names
                .iter()
                .any(|name| rest(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
        };
        let before = compare(source, target, &RestFacts::default(), &[]);
        let extra = |row: &Row| row.code.ends_with("_extra") && about(row);
        before.differences.into_iter().filter(extra).collect()
    }
}

/// Versions that the source does not have, of artifacts that it has.
fn extra_versions<'s>(source: &'s Snapshot, target: &'s Snapshot) -> impl Iterator<Item = String> {
    let gone = target
        .own_versions()
        .filter(|(id, version)| source.artifacts.contains_key(&version.artifact) && !source.versions.contains_key(id));
    gone.map(|(id, version)| format!("{version} (globalId {id}) is not in the source"))
}

/// What `max_changes` counts of a delta: versions to send, artifacts and groups to delete or to change, rules, owners.
fn changes(delta: &Delta, deletes: Deletes) -> u64 {
    let extra = match deletes {
        Deletes::Mirror => delta.extra_artifacts.len() + delta.extra_groups.len(),
        Deletes::Keep | Deletes::Refuse => 0,
    };
    let rules = delta.artifact_rules.len() + delta.global_rules.len() + delta.rules.len();
    let groups = delta
        .groups
        .union(&delta.group_repairs.keys().cloned().collect())
        .count();
    let all = delta.versions.len() + delta.recreate.len() + groups + rules + delta.owners.len() + extra;
    u64::try_from(all).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::super::any_snapshot, *};
    use crate::registry::{ArtifactKey, delta};

    #[test]
    fn nothing_is_sent_to_a_target_that_holds_something_else() {
        let (source, target) = (any_snapshot("v2-rich"), any_snapshot("v3-rich"));
        let bounds = Bounds::default();
        let mut delta = Delta::default();
        assert!(bounds.refuse(&delta, &Residue::default(), &source, &target, 0).is_ok());
        delta.conflicts.push(Conflict::ContentId { content_id: 7 });
        delta.extra_artifacts.insert(ArtifactKey::new(Some("g"), "theirs"));
        let text = bounds
            .refuse(&delta, &Residue::default(), &source, &target, 0)
            .unwrap_err()
            .to_string();
        assert!(text.contains("content 7 holds other bytes on the target"), "{text}");
        assert!(text.contains("g/theirs is not in the source"), "{text}");
    }

    #[test]
    fn a_version_that_the_source_deleted_is_a_deletion() {
        let (mut source, target) = (any_snapshot("v2-rich"), any_snapshot("v3-rich"));
        let (id, _) = source.versions.pop_last().unwrap();
        let delta = delta(&source, &target);
        let bounds = Bounds {
            versions_too: true,
            ..Bounds::default()
        };
        let text = bounds
            .refuse(&delta, &Residue::default(), &source, &target, 0)
            .unwrap_err()
            .to_string();
        assert!(text.contains(&format!("globalId {id}")), "{text}");
        let mirror = Bounds {
            deletes: Deletes::Mirror,
            ..bounds
        };
        assert!(mirror.refuse(&delta, &Residue::default(), &source, &target, 0).is_ok());
    }

    #[test]
    fn more_changes_than_may_be_are_refused_with_both_numbers() {
        let (source, mut target) = (any_snapshot("v2-rich"), any_snapshot("v3-rich"));
        target.versions.clear();
        target.artifacts.clear();
        let delta = delta(&source, &target);
        let with = |max_changes| Bounds {
            max_changes: Some(max_changes),
            ..Bounds::default()
        };
        let needed = changes(&delta, Deletes::Refuse);
        assert!(needed >= 68, "{needed}");
        assert!(
            with(needed)
                .refuse(&delta, &Residue::default(), &source, &target, 0)
                .is_ok()
        );
        let text = with(5)
            .refuse(&delta, &Residue::default(), &source, &target, 0)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains(&format!("{needed} changes")) && text.contains("is 5"),
            "{text}"
        );
    }

    #[test]
    fn what_only_the_target_has_is_the_difference_that_is_foreseen_when_it_stays() {
        let (mut source, target) = (any_snapshot("v2-rich"), any_snapshot("v3-rich"));
        let gone = source.artifacts.keys().next().unwrap().clone();
        source.versions.retain(|_, version| version.artifact != gone);
        let versions = source.versions.clone();
        source.comments.retain(|key, _| versions.contains_key(&key.global_id));
        source.artifact_rules.retain(|key, _| key.artifact != *gone);
        source.artifacts.remove(&gone);
        let keep = Bounds {
            deletes: Deletes::Keep,
            ..Bounds::default()
        };
        let delta = delta(&source, &target);
        let kept = keep.kept(&delta, &source, &target);
        let all = compare(&source, &target, &RestFacts::default(), &[]).differences;
        assert!(!kept.is_empty());
        assert_eq!(kept, all);
    }
}
