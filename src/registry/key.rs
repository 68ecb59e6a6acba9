use std::fmt;

use serde::{Deserialize, Serialize};

/// The group that probes and checks may write to; comparisons leave it out.
pub const SCRATCH_GROUP: &str = "regplan-probe";

/// The group of the dummy version that reserves ids ([`Reservation`](super::Reservation)); comparisons leave it out.
pub const RESERVE_GROUP: &str = "regplan-reserve";

/// A group as the equality contract sees it: absent, empty and `default` are the same, the default group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct GroupKey(Option<Box<str>>);

impl GroupKey {
    /// From a `groupId` as an export or the API gives it.
    pub fn new(group: Option<&str>) -> Self {
        match group {
            None | Some("" | "default") => Self(None),
            Some(name) => Self(Some(name.into())),
        }
    }

    /// As the API's paths want it: `default` for the default group.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("default")
    }

    /// As an export has it: absent for the default group.
    pub fn as_option(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Whether it is one of regplan's own two groups.
    pub fn is_scratch(&self) -> bool {
        matches!(self.as_option(), Some(SCRATCH_GROUP | RESERVE_GROUP))
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An artifact: its group and its id, compared case-sensitively.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ArtifactKey {
    /// The group.
    pub group: GroupKey,
    /// The `artifactId`.
    pub artifact: Box<str>,
}

impl ArtifactKey {
    /// From the ids as an export or the API gives them.
    pub fn new(group: Option<&str>, artifact: &str) -> Self {
        Self {
            group: GroupKey::new(group),
            artifact: artifact.into(),
        }
    }
}

impl fmt::Display for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.artifact)
    }
}

/// A comment: the version it belongs to, and its own id (digits, but text).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommentKey {
    /// The version's globalId.
    pub global_id: u64,
    /// The comment's id.
    pub comment_id: Box<str>,
}

/// A rule of an artifact: whose, and its type (`VALIDITY`, `COMPATIBILITY`, `INTEGRITY`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArtifactRuleKey {
    /// Whose.
    pub artifact: ArtifactKey,
    /// The type.
    pub rule: Box<str>,
}

/// A rule of a group (3.x only).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupRuleKey {
    /// Whose.
    pub group: GroupKey,
    /// The type.
    pub rule: Box<str>,
}

/// A branch of an artifact (3.x only).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BranchKey {
    /// Whose.
    pub artifact: ArtifactKey,
    /// The branch.
    pub branch: Box<str>,
}

impl BranchKey {
    /// The branch on which an import puts every version, and whose tip is the artifact's latest.
    pub const LATEST: &'static str = "latest";

    /// An artifact's branch `latest`.
    pub fn latest(artifact: &ArtifactKey) -> Self {
        Self {
            artifact: artifact.clone(),
            branch: Self::LATEST.into(),
        }
    }
}
