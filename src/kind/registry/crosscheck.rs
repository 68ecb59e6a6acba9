//! An export against what the registry counts itself: a registry that fails on an entity still answers 200
//! (`reference/apicurio.md` §1.3), so a whole ZIP proves nothing about what should be in it.

use std::collections::BTreeMap;

use crate::{
    kind::ApplyError,
    registry::Snapshot,
    resource::{Exported, take_snapshot},
    system::{
        Progress, Spool, SystemError,
        apicurio::{ArtifactId, Counts, RegistryReader, ServerVersion},
    },
};

/// How often an export is taken again because somebody wrote while it was taken.
const TRIES: u32 = 3;
/// Differences named in an error; the rest is counted.
const NAMED: usize = 5;

/// Takes an export that agrees with the registry's own counts.
///
/// An export of a registry in use may disagree because it moved meanwhile: then it is taken again, a few times.
pub(super) async fn cross_check(
    registry: &RegistryReader<'_>,
    version: &ServerVersion,
    spool: &Spool,
    log: &Progress,
) -> Result<Exported, ApplyError> {
    let mut before = registry.counts(version).await?;
    for left in (0..TRIES).rev() {
        log.say(format!("exporting {}", registry.name()));
        let taken = take_snapshot(registry, spool).await?;
        let holes = holes(registry, version, &taken.snapshot, log).await?;
        if holes.is_empty() {
            return Ok(taken);
        }
        spool.forget(&taken.spooled.sha256)?;
        let after = registry.counts(version).await?;
        if left == 0 || after == before {
            return Err(ApplyError::NotDone(refusal(registry, &holes, after != before)));
        }
        log.say("somebody wrote while the export was taken; taking it again");
        before = after;
    }
    Err(ApplyError::NotDone("the export was not tried".to_owned()))
}

fn refusal(registry: &RegistryReader<'_>, holes: &[String], moving: bool) -> String {
    let more = holes.len().saturating_sub(NAMED);
    let mut text = holes.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    let why = if moving {
        "somebody writes to it"
    } else {
        "nobody wrote meanwhile, so the server left something out: look for errors in its log"
    };
    format!(
        "the export of {} does not hold what the registry counts ({why}): {text}",
        registry.name()
    )
}

/// What the export lacks or has too much, by the registry's own counts.
async fn holes(
    registry: &RegistryReader<'_>,
    version: &ServerVersion,
    snapshot: &Snapshot,
    log: &Progress,
) -> Result<Vec<String>, SystemError> {
    let counted = registry.counts(version).await?;
    let mut holes = by_totals(snapshot, &counted);
    if version.is_v2() {
        let artifacts = registry.artifacts(version).await?;
        let counts = registry.version_counts(version, &artifacts, log).await?;
        holes.extend(by_artifact(snapshot, &counts));
    }
    Ok(holes)
}

fn by_totals(snapshot: &Snapshot, counted: &Counts) -> Vec<String> {
    let held = snapshot.counts();
    let totals = [
        ("artifacts", held.artifacts, Some(counted.artifacts)),
        ("versions", held.versions, counted.versions),
        ("groups", held.groups, Some(counted.groups)),
    ];
    totals
        .into_iter()
        .filter_map(|(what, held, counted)| {
            let counted = counted.filter(|counted| *counted != held)?;
            Some(format!("{held} {what} in the export, {counted} in the registry"))
        })
        .collect()
}

fn by_artifact(snapshot: &Snapshot, counts: &BTreeMap<ArtifactId, u64>) -> Vec<String> {
    let mut held: BTreeMap<ArtifactId, u64> = BTreeMap::new();
    for (artifact, versions) in snapshot.versions_by_artifact() {
        let id = ArtifactId::new(artifact.group.as_option(), artifact.artifact.as_ref());
        held.insert(id, u64::try_from(versions.len()).unwrap_or(u64::MAX));
    }
    let mut all: Vec<&ArtifactId> = held.keys().chain(counts.keys()).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
        .filter_map(|id| {
            let (held, counted) = (held.get(id).copied(), counts.get(id).copied());
            let (held, counted) = (held.unwrap_or_default(), counted.unwrap_or_default());
            (held != counted).then(|| format!("{id}: {held} versions in the export, {counted} in the registry"))
        })
        .collect()
}
