use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{ArtifactKey, ArtifactRuleKey, CommentKey, GroupKey, Labels, Snapshot};

/// What the target lacks, and what has to be done about it.
///
/// In this order: refuse on `conflicts`; delete `recreate` on the target; send the chunks; then by the API
/// `group_repairs` and `rules`. Extra things on the target are reported, never deleted here (but see `rules`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Delta {
    /// Artifacts that only need more versions.
    pub add: BTreeSet<ArtifactKey>,
    /// Artifacts that differ in any other way: delete them on the target, all their versions are sent.
    pub recreate: BTreeSet<ArtifactKey>,
    /// globalIds to send.
    pub versions: BTreeSet<u64>,
    /// contentIds to send: those that versions to send need and the target does not hold safely.
    pub contents: BTreeSet<u64>,
    /// Comments to send.
    pub comments: BTreeSet<CommentKey>,
    /// Rows of groups to send.
    pub groups: BTreeSet<GroupKey>,
    /// Rules of artifacts to send.
    pub artifact_rules: BTreeSet<ArtifactRuleKey>,
    /// Types of global rules to send.
    pub global_rules: BTreeSet<Box<str>>,
    /// Groups to repair by the API after the chunks: an import brings no labels, and never changes a group that is there.
    pub group_repairs: BTreeMap<GroupKey, GroupRepair>,
    /// Rules that the target has with another configuration, or that the source does not have: change them by the API.
    pub rules: Vec<RuleChange>,
    /// Artifacts on the target that the source does not have.
    pub extra_artifacts: BTreeSet<ArtifactKey>,
    /// Group rows on the target that the source does not have, without those of groups that hold its artifacts.
    pub extra_groups: BTreeSet<GroupKey>,
    /// What makes sending wrong: an id that means something else on the target.
    pub conflicts: Vec<Conflict>,
}

/// What `PUT /groups/{group}` must say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRepair {
    /// The description; empty removes it.
    pub description: String,
    /// All labels.
    pub labels: Labels,
}

/// A rule to change by the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// Whose; `None`: a global rule.
    pub artifact: Option<ArtifactKey>,
    /// The type.
    pub rule: Box<str>,
    /// What it must become; `None`: it must go.
    pub configuration: Option<Box<str>>,
}

/// An id that means one thing in the source and another on the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Conflict {
    /// The contentId holds other bytes there; an import would keep them and serve them.
    ContentId {
        /// The id.
        content_id: u64,
    },
    /// The same bytes lie under another contentId there; an import would lose the versions.
    ContentHash {
        /// The source's id.
        content_id: u64,
        /// The target's id.
        target_id: u64,
    },
    /// The globalId belongs to a version of another artifact there; an import would skip the version.
    GlobalId {
        /// The id.
        global_id: u64,
        /// The source's artifact.
        source: ArtifactKey,
        /// The target's artifact.
        target: ArtifactKey,
    },
}

impl Delta {
    /// Whether nothing has to be sent, deleted or repaired.
    pub fn is_empty(&self) -> bool {
        self.sends_nothing() && self.recreate.is_empty() && self.group_repairs.is_empty() && self.rules.is_empty()
    }

    /// Whether no chunk has to be sent.
    pub fn sends_nothing(&self) -> bool {
        self.versions.is_empty()
            && self.groups.is_empty()
            && self.artifact_rules.is_empty()
            && self.global_rules.is_empty()
    }
}

/// What `target` lacks to be equal to `source` (reference: apicurio.md §4.5, §4.6).
pub fn delta(_source: &Snapshot, _target: &Snapshot) -> Delta {
    Delta::default()
}
