use std::{
    cell::LazyCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{SideFacts, codes, rows::Rows, rows::text};
use crate::registry::{Artifact, ArtifactKey, BranchKey, Format, Snapshot};

/// Artifacts: which there are, and what 3.x says of them.
pub(super) fn artifacts(left: &Snapshot, right: &Snapshot, rows: &mut Rows) {
    let ids = LazyCell::new(|| left.versions_by_artifact());
    for (key, artifact) in left.own_artifacts() {
        rows.result.artifacts += 1;
        match right.artifacts.get(key) {
            Some(other) => {
                for row in artifact_differences(artifact, right.format, other) {
                    rows.differ(row.0, key, row.1, row.2);
                }
                let made = || left.owner_made(ids.get(key).map_or(&[], Vec::as_slice), right.format);
                let (ours, theirs) = (text(&artifact.owner), text(&other.owner));
                match owner_gap((left, ours), (right, theirs), made) {
                    OwnerGap::None => {}
                    OwnerGap::Other => rows.differ(codes::ARTIFACT_OWNER, key, ours, theirs),
                    OwnerGap::Stays => rows.expect(codes::ARTIFACT_OWNER_STAYS, key, ours, theirs),
                    OwnerGap::Unknown => rows.expect(codes::ARTIFACT_OWNER_UNKNOWN, key, ours, theirs),
                }
            }
            None => rows.differ(codes::ARTIFACT_MISSING, key, &artifact.artifact_type, ""),
        }
    }
    for (key, artifact) in right.own_artifacts() {
        if !left.artifacts.contains_key(key) {
            rows.differ(codes::ARTIFACT_EXTRA, key, "", &artifact.artifact_type);
        }
    }
}

/// How the owners of one artifact differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::registry) enum OwnerGap {
    /// Not, or it cannot be told.
    None,
    /// Another one, and that can be changed.
    Other,
    /// Nobody's on the left, and what an import makes is somebody's: an owner cannot be emptied (reference: apicurio.md §4.6).
    Stays,
    /// Nobody asked whose it is on the left.
    Unknown,
}

/// Compares the owners of one artifact; `made` is the one that an import gives it on the right.
pub(in crate::registry) fn owner_gap<'s>(
    (left, ours): (&Snapshot, &str),
    (right, theirs): (&Snapshot, &str),
    made: impl FnOnce() -> &'s str,
) -> OwnerGap {
    if ours == theirs || !right.owners_known {
        return OwnerGap::None;
    }
    match left.owners_known {
        false => OwnerGap::Unknown,
        true if ours.is_empty() && !made().is_empty() => OwnerGap::Stays,
        true => OwnerGap::Other,
    }
}

/// All that must be equal of two artifacts of one key but their owners: code, left, right. 2.6 has no row that could be compared
/// on the right.
pub(in crate::registry) fn artifact_differences(
    left: &Artifact,
    right_format: Format,
    right: &Artifact,
) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    let mut texts = |code, left: &str, right: &str| {
        if left != right {
            found.push((code, left.to_owned(), right.to_owned()));
        }
    };
    texts(codes::ARTIFACT_TYPE, &left.artifact_type, &right.artifact_type);
    if right_format == Format::V2 {
        return found;
    }
    texts(codes::ARTIFACT_NAME, text(&left.name), text(&right.name));
    texts(
        codes::ARTIFACT_DESCRIPTION,
        text(&left.description),
        text(&right.description),
    );
    if left.created_on != right.created_on {
        found.push((
            codes::ARTIFACT_CREATED,
            left.created_on.to_string(),
            right.created_on.to_string(),
        ));
    }
    let dropped = left.labels_may_go && right.labels.is_empty();
    if !dropped && !left.labels.same(&right.labels) {
        found.push((
            codes::ARTIFACT_LABELS,
            left.labels.to_string(),
            right.labels.to_string(),
        ));
    }
    found
}

/// Whether 3.x can address a version by this string: `[a-zA-Z0-9._\-+]{1,256}` (reference: apicurio.md §4.4).
pub(in crate::registry) fn is_addressable(version: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    (1..=256).contains(&version.len()) && version.chars().all(allowed)
}

/// Branches: on the right those of the left, or after 2.6 only `latest`, with every version that can be addressed.
pub(super) fn branches(left: &Snapshot, right: &Snapshot, rows: &mut Rows) {
    if right.format == Format::V2 {
        return;
    }
    match left.format {
        Format::V2 => latest_branches(left, right, rows),
        Format::V3 => same_branches(left, right, rows),
    }
    for (key, branch) in &right.branches {
        if key.artifact.group.is_scratch() {
            continue;
        }
        let what = format!("{} branch {}", key.artifact, key.branch);
        let known = match left.format {
            Format::V2 => *key.branch == *BranchKey::LATEST,
            Format::V3 => left.branches.contains_key(key),
        };
        if !known {
            rows.differ(
                codes::BRANCH_EXTRA,
                &what,
                "",
                list(branch.versions.iter().map(|v| &**v)),
            );
        }
        let before = left.branches.get(key).is_some_and(|other| other.system_defined);
        if branch.system_defined != before {
            rows.expect(codes::BRANCH_SYSTEM, what, before, branch.system_defined);
        }
    }
}

fn same_branches(left: &Snapshot, right: &Snapshot, rows: &mut Rows) {
    for (key, branch) in &left.branches {
        if key.artifact.group.is_scratch() {
            continue;
        }
        let what = format!("{} branch {}", key.artifact, key.branch);
        let ours = list(branch.versions.iter().map(|v| &**v));
        match right.branches.get(key) {
            None => rows.differ(codes::BRANCH_MISSING, what, ours, ""),
            Some(other) => {
                let theirs = list(other.versions.iter().map(|v| &**v));
                rows.same(codes::LATEST_BRANCH, what, ours, theirs);
            }
        }
    }
}

fn latest_branches(left: &Snapshot, right: &Snapshot, rows: &mut Rows) {
    for (key, ids) in left.versions_by_artifact() {
        if key.group.is_scratch() || !right.artifacts.contains_key(key) {
            continue;
        }
        let gap = latest_gap(left, right, key, &ids);
        if !gap.unaddressable.is_empty() {
            rows.expect(codes::LATEST_UNADDRESSABLE, key, list(gap.unaddressable), "");
        }
        if !gap.missing.is_empty() || !gap.extra.is_empty() {
            rows.differ(codes::LATEST_BRANCH, key, list(gap.missing), list(gap.extra));
        }
    }
}

/// How an artifact's branch `latest` differs from the set of its versions.
#[derive(Default)]
pub(in crate::registry) struct LatestGap<'s> {
    /// Versions that no branch can hold.
    pub unaddressable: BTreeSet<&'s str>,
    /// Versions that both sides have, and that are not on the branch.
    pub missing: BTreeSet<&'s str>,
    /// On the branch, and no version that has a row of its own here.
    pub extra: BTreeSet<&'s str>,
}

pub(in crate::registry) fn latest_gap<'s>(
    left: &'s Snapshot,
    right: &'s Snapshot,
    key: &Arc<ArtifactKey>,
    ids: &[u64],
) -> LatestGap<'s> {
    let branch = right.branches.get(&BranchKey::latest(key));
    let on_branch = |version: &str| branch.is_some_and(|branch| branch.versions.contains(version));
    let mut gap = LatestGap::default();
    let mut known = BTreeSet::new();
    for id in ids {
        let Some(version) = left.versions.get(id) else { continue };
        known.insert(&*version.version);
        if on_branch(&version.version) || !right.versions.contains_key(id) {
            continue;
        }
        let side = if is_addressable(&version.version) {
            &mut gap.missing
        } else {
            &mut gap.unaddressable
        };
        side.insert(&version.version);
    }
    let there = branch.iter().flat_map(|branch| branch.versions.iter());
    gap.extra = there
        .map(|version| &**version)
        .filter(|version| !known.contains(version))
        .collect();
    gap
}

/// The version that is served as the latest, of the artifacts that the right side was asked for.
pub(super) fn latest(left: &Snapshot, facts: (&SideFacts, &SideFacts), rows: &mut Rows) {
    let by_artifact: BTreeMap<&ArtifactKey, Vec<u64>> = left
        .versions_by_artifact()
        .into_iter()
        .map(|(key, ids)| (&**key, ids))
        .collect();
    for (key, right) in &facts.1.latest {
        let Some(ids) = by_artifact.get(key).filter(|_| !key.group.is_scratch()) else {
            continue;
        };
        let served = left.served(ids);
        // Nothing is served where all versions are disabled; what each server then calls the latest is its own affair.
        let Some(newest) = served.last() else { continue };
        let flagged = served.iter().find(|version| version.is_latest).unwrap_or(newest);
        let ours = match facts.0.latest.get(key) {
            Some(tip) => tip.as_deref().unwrap_or(""),
            None => &*flagged.version,
        };
        let theirs = right.as_deref().unwrap_or("");
        if ours == theirs {
            continue;
        }
        let best = served.iter().rev().find(|version| is_addressable(&version.version));
        let best = best.map_or("", |version| &*version.version);
        let there = !is_addressable(ours) && best == theirs;
        let back = left.format == Format::V3 && !is_addressable(theirs) && best == ours;
        if there || back {
            rows.expect(
                codes::LATEST_UNADDRESSABLE,
                format_args!("latest of {key}"),
                ours,
                theirs,
            );
        } else {
            rows.differ(codes::LATEST, key, ours, theirs);
        }
    }
}

fn list<'a>(versions: impl IntoIterator<Item = &'a str>) -> String {
    versions.into_iter().collect::<Vec<_>>().join(", ")
}
