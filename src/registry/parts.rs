use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{ArtifactKey, BranchKey, Delta, GroupRuleKey, Snapshot};

/// Something that only the target has, on a group or an artifact that both have. A 2.6 has none of it, so only a 3.x can.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtraPart {
    /// A rule of a group.
    GroupRule(GroupRuleKey),
    /// A branch of an artifact, other than `latest`.
    Branch(BranchKey),
}

impl fmt::Display for ExtraPart {
    /// `rule VALIDITY of group payments`, `branch stable of payments/orders`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GroupRule(key) => write!(f, "rule {} of group {}", key.rule, key.group),
            Self::Branch(key) => write!(f, "branch {} of {}", key.branch, key.artifact),
        }
    }
}

impl ExtraPart {
    /// As a comparison names it ([`Row::what`](super::Row::what)).
    pub fn row_name(&self) -> String {
        match self {
            Self::GroupRule(key) => format!("group {} rule {}", key.group, key.rule),
            Self::Branch(key) => format!("{} branch {}", key.artifact, key.branch),
        }
    }

    /// Whether it goes with what is deleted to be brought again.
    pub fn is_lost(&self, delta: &Delta) -> bool {
        match self {
            Self::GroupRule(key) => delta.recreate_groups.contains(&key.group),
            Self::Branch(key) => delta.recreate.contains(&key.artifact),
        }
    }
}

/// All of them, of groups and artifacts that are not extra themselves.
pub(super) fn extra_parts(source: &Snapshot, target: &Snapshot, delta: &Delta) -> BTreeSet<ExtraPart> {
    let rules = target.group_rules.keys().filter(|key| {
        let known = source.group_rules.contains_key(*key) || delta.extra_groups.contains(&key.group);
        !known && !key.group.is_scratch()
    });
    let branches = extra_branches(source, target).filter(|key| source.artifacts.contains_key(&key.artifact));
    let rules = rules.cloned().map(ExtraPart::GroupRule);
    rules.chain(branches.cloned().map(ExtraPart::Branch)).collect()
}

/// Artifacts of the target with such a branch.
pub(super) fn branched<'t>(source: &Snapshot, target: &'t Snapshot) -> BTreeSet<&'t ArtifactKey> {
    extra_branches(source, target).map(|key| &key.artifact).collect()
}

fn extra_branches<'t>(source: &Snapshot, target: &'t Snapshot) -> impl Iterator<Item = &'t BranchKey> {
    target.branches.keys().filter(|key| {
        let known = source.branches.contains_key(*key) || *key.branch == *BranchKey::LATEST;
        !known && !key.artifact.group.is_scratch()
    })
}
