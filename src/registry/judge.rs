//! What has to be done about one artifact of a delta.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Artifact, ArtifactKey, BranchKey, Comment, CommentKey, Format, GroupKey, Snapshot,
    compare::{OwnerGap, artifact_differences, latest_gap, owner_gap, text, version_differences},
};

/// What has to be done about one artifact.
pub(super) enum Verdict {
    Same,
    Add(Vec<u64>),
    Recreate,
}

/// Decides artifact by artifact.
pub(super) struct Judge<'s> {
    source: &'s Snapshot,
    target: &'s Snapshot,
    /// globalIds of the source by artifact, ascending.
    pub(super) ours: BTreeMap<&'s Arc<ArtifactKey>, Vec<u64>>,
    theirs: BTreeMap<&'s Arc<ArtifactKey>, Vec<u64>>,
    /// Groups whose artifacts all go.
    gone: &'s BTreeSet<GroupKey>,
    /// Artifacts with a branch that is to go: it goes with them.
    branched: BTreeSet<&'s ArtifactKey>,
    /// Comments that the target may hold and leave out of its export.
    hidden: BTreeSet<&'s CommentKey>,
}

impl<'s> Judge<'s> {
    pub(super) fn new(
        source: &'s Snapshot,
        target: &'s Snapshot,
        gone: &'s BTreeSet<GroupKey>,
        branched: BTreeSet<&'s ArtifactKey>,
    ) -> Self {
        Self {
            source,
            target,
            ours: source.versions_by_artifact(),
            theirs: target.versions_by_artifact(),
            gone,
            branched,
            hidden: match target.format {
                Format::V2 => source.colliding_comments(),
                Format::V3 => BTreeSet::new(),
            },
        }
    }

    pub(super) fn verdict(&self, key: &Arc<ArtifactKey>, artifact: &Artifact, ids: &[u64]) -> Verdict {
        let there = self.theirs.get(key).map_or(&[][..], Vec::as_slice);
        let missing: Vec<u64> = ids
            .iter()
            .copied()
            .filter(|id| there.binary_search(id).is_err())
            .collect();
        let Some(row) = self.target.artifacts.get(key) else {
            return if ids.is_empty() {
                Verdict::Same
            } else {
                Verdict::Add(missing)
            };
        };
        if self.gone.contains(&key.group) || self.branched.contains(&**key) {
            return Verdict::Recreate;
        }
        let all_known = there.iter().all(|id| ids.binary_search(id).is_ok());
        let kept = || there.iter().all(|id| self.version_is_same(*id));
        if all_known && kept() && self.can_append(key, there, &missing) && self.row_fits(artifact, row, ids, &missing) {
            return if missing.is_empty() {
                Verdict::Same
            } else {
                Verdict::Add(missing)
            };
        }
        Verdict::Recreate
    }

    /// Whether a version that both have, and its comments, are as they should be.
    fn version_is_same(&self, id: u64) -> bool {
        let (Some(ours), Some(theirs)) = (self.source.versions.get(&id), self.target.versions.get(&id)) else {
            return false;
        };
        let same_comment = |((key, ours), (other, theirs)): ((&CommentKey, &Comment), (&CommentKey, &Comment))| {
            let owner = |comment: &Comment| comment.owner.clone().unwrap_or_default();
            key == other
                && ours.value == theirs.value
                && ours.created_on == theirs.created_on
                && owner(ours) == owner(theirs)
        };
        let shown = |(key, _): &(&CommentKey, &Comment)| !self.hidden.contains(key);
        let ours_of = comments_of(self.source, id).filter(shown);
        let theirs_of = comments_of(self.target, id).filter(shown);
        version_differences(ours, theirs).is_empty()
            && ours_of.clone().count() == theirs_of.clone().count()
            && ours_of.zip(theirs_of).all(same_comment)
    }

    /// Whether more versions end up on `latest` in their order: it follows arrival, it refuses imports where 3.x made it
    /// natively, and what is not on it now stays off (reference: apicurio.md §4.5).
    fn can_append(&self, key: &Arc<ArtifactKey>, there: &[u64], missing: &[u64]) -> bool {
        if self.target.format == Format::V2 {
            return true;
        }
        let latest = self.target.branches.get(&BranchKey::latest(key));
        let native = latest.is_some_and(|branch| branch.system_defined);
        let ascending = missing
            .first()
            .is_none_or(|first| there.last().is_none_or(|last| last < first));
        let whole = || {
            let gap = latest_gap(self.source, self.target, key, there);
            gap.missing.is_empty() && gap.extra.is_empty()
        };
        ascending && (missing.is_empty() || !native) && (self.source.format == Format::V3 || whole())
    }

    /// Whether the artifact's row is right once the missing versions have come, or can be made so by the API.
    fn row_fits(&self, artifact: &Artifact, row: &Artifact, ids: &[u64], missing: &[u64]) -> bool {
        let row = self.row_after(row, missing);
        let (ours, theirs) = (text(&artifact.owner), text(&row.owner));
        let made = || self.source.owner_made(ids, self.target.format);
        let gap = owner_gap((self.source, ours), (self.target, theirs), made);
        // Nobody's: only an import makes it so.
        let to_be_emptied = gap == OwnerGap::Other && ours.is_empty();
        artifact_differences(artifact, self.target.format, &row).is_empty() && !to_be_emptied
    }

    /// A row once more versions have come; 2.6 leaves it as it is (reference: apicurio.md §4.3, §4.7).
    fn row_after(&self, row: &Artifact, missing: &[u64]) -> Artifact {
        let mut row = row.clone();
        let missing = missing.iter().filter_map(|id| self.source.versions.get(id));
        for version in missing.filter(|version| version.is_latest && self.target.format == Format::V3) {
            row.overlay(version);
        }
        row
    }

    /// The owner that an artifact does not have after the chunks, and must; nobody can be made to own none.
    pub(super) fn owner_to_set<'a>(
        &self,
        key: &Arc<ArtifactKey>,
        artifact: &'a Artifact,
        ids: &[u64],
        verdict: &Verdict,
    ) -> Option<&'a str> {
        if !(self.source.owners_known && self.target.owners_known) {
            return None;
        }
        let there = self.target.artifacts.get(key);
        let made = || self.source.owner_made(ids, self.target.format);
        let differs = match (verdict, there) {
            (Verdict::Same, None) => return None,
            (Verdict::Same, Some(row)) => text(&row.owner) != text(&artifact.owner),
            (Verdict::Add(missing), Some(row)) => text(&self.row_after(row, missing).owner) != text(&artifact.owner),
            (Verdict::Add(_), None) | (Verdict::Recreate, _) => made() != text(&artifact.owner),
        };
        let owner = text(&artifact.owner);
        (differs && !owner.is_empty()).then_some(owner)
    }
}

/// A version's comments, by their ids.
pub(super) fn comments_of(side: &Snapshot, id: u64) -> impl Iterator<Item = (&CommentKey, &Comment)> + Clone {
    let first = CommentKey {
        global_id: id,
        comment_id: "".into(),
    };
    side.comments
        .range(first..)
        .take_while(move |(key, _)| key.global_id == id)
}
