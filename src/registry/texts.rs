//! Which texts a delta changes, and which differ between two registries.

use std::collections::{BTreeMap, BTreeSet};

use super::{ArtifactKey, Conflict, Delta, Hash, Snapshot, Version};

/// A text and the one that takes its place, as contents of exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChange {
    /// What is there; `None`: nothing.
    pub before: Option<TextOf>,
    /// What takes its place.
    pub after: TextOf,
}

/// A content, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextOf {
    /// Which export holds it.
    pub side: TextSide,
    /// Its contentId there.
    pub content_id: u64,
    /// `payments/orders version 3 on v2`.
    pub name: String,
}

/// One of two exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextSide {
    /// The one that is right: the source of a delta, the left side of a comparison.
    Source,
    /// The other one.
    Target,
}

/// The texts that a delta changes: first those that the target has otherwise (one version, or one contentId, with other bytes),
/// then new versions beside the version before them of the same artifact, then first versions. Texts that stay are left out, and
/// the same two texts come once. `names` are those of source and target.
pub fn texts_to_move(source: &Snapshot, target: &Snapshot, delta: &Delta, names: (&str, &str)) -> Vec<TextChange> {
    let mut found = Found::new(source, target);
    let by_address: BTreeMap<(&ArtifactKey, &str), &Version> = (target.own_versions())
        .map(|(_, version)| ((&*version.artifact, &*version.version), version))
        .collect();
    let mut fresh = Vec::new();
    for id in &delta.versions {
        let Some(version) = source.versions.get(id) else {
            continue;
        };
        let there = target.versions.get(id);
        let there = there.or_else(|| by_address.get(&(&*version.artifact, &*version.version)).copied());
        match there {
            Some(there) => found.add(
                Some(target_text(there, names.1)),
                source_text(version, &format!("{version} on {}", names.0)),
            ),
            None => fresh.push((*id, version)),
        }
    }
    for conflict in &delta.conflicts {
        if let Conflict::ContentId { content_id } = conflict {
            let of = |side, on| TextOf {
                side,
                content_id: *content_id,
                name: format!("content {content_id} on {on}"),
            };
            found.add(Some(of(TextSide::Target, names.1)), of(TextSide::Source, names.0));
        }
    }
    let by_artifact = source.versions_by_artifact();
    let before = |id: u64, version: &Version| {
        let ids = by_artifact.get(&version.artifact)?;
        let before = ids.iter().rev().find(|other| **other < id)?;
        source.versions.get(before)
    };
    let (later, first): (Vec<_>, Vec<_>) = (fresh.into_iter())
        .map(|(id, version)| (version, before(id, version)))
        .partition(|(_, before)| before.is_some());
    for (version, before) in later.into_iter().chain(first) {
        let before = before.map(|before| source_text(before, &before.to_string()));
        found.add(before, source_text(version, &version.to_string()));
    }
    found.changes
}

/// The texts of versions that both sides have, and that differ: left, then right. The same two texts come once. `names` are those
/// of left and right.
pub fn texts_that_differ(left: &Snapshot, right: &Snapshot, names: (&str, &str)) -> Vec<TextChange> {
    let mut found = Found::new(left, right);
    for (id, version) in left.own_versions() {
        if let Some(other) = right.versions.get(&id) {
            found.add(
                Some(source_text(version, &format!("{version} on {}", names.0))),
                target_text(other, names.1),
            );
        }
    }
    found.changes
}

fn source_text(version: &Version, name: &str) -> TextOf {
    TextOf {
        side: TextSide::Source,
        content_id: version.content_id,
        name: name.to_owned(),
    }
}

fn target_text(version: &Version, on: &str) -> TextOf {
    TextOf {
        side: TextSide::Target,
        content_id: version.content_id,
        name: format!("{version} on {on}"),
    }
}

/// Changes so far, each pair of texts once.
struct Found<'s> {
    source: &'s Snapshot,
    target: &'s Snapshot,
    pairs: BTreeSet<(Option<Hash>, Hash)>,
    changes: Vec<TextChange>,
}

impl<'s> Found<'s> {
    fn new(source: &'s Snapshot, target: &'s Snapshot) -> Self {
        Self {
            source,
            target,
            pairs: BTreeSet::new(),
            changes: Vec::new(),
        }
    }

    fn hash(&self, text: &TextOf) -> Option<Hash> {
        let side = match text.side {
            TextSide::Source => self.source,
            TextSide::Target => self.target,
        };
        side.contents.get(&text.content_id).map(|content| content.sha256)
    }

    /// Takes a pair when its texts differ; what an export does not hold cannot be shown.
    fn add(&mut self, before: Option<TextOf>, after: TextOf) {
        let Some(new) = self.hash(&after) else { return };
        let old = before.as_ref().map(|before| self.hash(before));
        if old == Some(None) || old.flatten() == Some(new) {
            return;
        }
        if self.pairs.insert((old.flatten(), new)) {
            self.changes.push(TextChange { before, after });
        }
    }
}
