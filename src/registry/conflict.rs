//! Ids that stand in the way of an import.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use super::{ArtifactKey, Delta, Format, Snapshot};

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

/// Ids that mean something else on the target: an import would skip them in silence (reference: apicurio.md §4.5, §4.7).
///
/// What goes before anything is sent stands in nobody's way: the versions of artifacts to be deleted, and on 2.6 the contents
/// that only those use, which it deletes with them. On 3.x contents stay for a while.
pub(super) fn conflicts(source: &Snapshot, target: &Snapshot, extras_go: bool, delta: &mut Delta) {
    let goes = |artifact: &ArtifactKey| {
        delta.recreate.contains(artifact) || (extras_go && delta.extra_artifacts.contains(artifact))
    };
    let going = contents_that_go(target, goes);
    let there = |id: &u64| target.contents.get(id).filter(|_| !going.contains(id));
    let staying = target.contents.iter().filter(|(id, _)| !going.contains(*id));
    let by_hash: BTreeMap<&str, u64> = staying.map(|(id, content)| (&*content.hash, *id)).collect();
    let mut found = Vec::new();
    for (id, content) in source.used_contents() {
        match there(&id) {
            Some(there) if there.hash == content.hash => {}
            Some(_) => found.push(Conflict::ContentId { content_id: id }),
            None => {
                if let Some(target_id) = by_hash.get(&*content.hash) {
                    let (content_id, target_id) = (id, *target_id);
                    found.push(Conflict::ContentHash { content_id, target_id });
                }
            }
        }
    }
    for id in &delta.versions {
        let (Some(ours), Some(theirs)) = (source.versions.get(id), target.versions.get(id)) else {
            continue;
        };
        if ours.artifact != theirs.artifact && !goes(&theirs.artifact) {
            found.push(Conflict::GlobalId {
                global_id: *id,
                source: (*ours.artifact).clone(),
                target: (*theirs.artifact).clone(),
            });
        }
    }
    delta.conflicts = found;
}

fn contents_that_go(target: &Snapshot, goes: impl Fn(&ArtifactKey) -> bool) -> BTreeSet<u64> {
    if target.format == Format::V3 {
        return BTreeSet::new();
    }
    let (mut going, mut staying) = (BTreeSet::new(), BTreeSet::new());
    for version in target.versions.values() {
        let side = if goes(&version.artifact) {
            &mut going
        } else {
            &mut staying
        };
        side.insert(version.content_id);
    }
    going.retain(|id| !staying.contains(id));
    going
}
