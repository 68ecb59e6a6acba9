//! Ids that stand in the way of an import.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{ArtifactKey, Delta, Snapshot};

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

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentId { content_id } => write!(f, "content {content_id} holds other bytes on the target"),
            Self::ContentHash { content_id, target_id } => {
                write!(f, "content {content_id} lies on the target as content {target_id}")
            }
            Self::GlobalId {
                global_id,
                source,
                target,
            } => write!(f, "globalId {global_id} of {source} belongs to {target} on the target"),
        }
    }
}

/// Ids that mean something else on the target: an import would skip them in silence (reference: apicurio.md §4.5).
pub(super) fn conflicts(source: &Snapshot, target: &Snapshot, delta: &mut Delta) {
    let by_hash: BTreeMap<&str, u64> = target
        .contents
        .iter()
        .map(|(id, content)| (&*content.hash, *id))
        .collect();
    for (id, content) in source.used_contents() {
        match target.contents.get(&id) {
            Some(there) if there.hash == content.hash => {}
            Some(_) => delta.conflicts.push(Conflict::ContentId { content_id: id }),
            None => {
                if let Some(target_id) = by_hash.get(&*content.hash) {
                    let (content_id, target_id) = (id, *target_id);
                    delta.conflicts.push(Conflict::ContentHash { content_id, target_id });
                }
            }
        }
    }
    for id in &delta.versions {
        let (Some(ours), Some(theirs)) = (source.versions.get(id), target.versions.get(id)) else {
            continue;
        };
        if ours.artifact != theirs.artifact && !delta.recreate.contains(&*theirs.artifact) {
            delta.conflicts.push(Conflict::GlobalId {
                global_id: *id,
                source: (*ours.artifact).clone(),
                target: (*theirs.artifact).clone(),
            });
        }
    }
}
