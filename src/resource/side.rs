use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{held, read_snapshot, with_noted_owners};
use crate::{
    model::{Digest, SystemName},
    registry::{ArtifactKey, Identity, Sealed, SideFacts, Snapshot},
    system::{
        Age, Observe, Progress, SystemError,
        apicurio::{ArtifactId, RegistryReader, ServerVersion},
        hash_file,
    },
};

/// How often an export is taken again because somebody wrote while it was taken.
const TRIES: u32 = 3;

/// Something that holds what a registry holds: a registry, or an export of one.
pub struct Side {
    /// Where it came from.
    pub identity: Identity,
    /// What it holds.
    pub snapshot: Arc<Snapshot>,
    /// What its API says; empty for a file.
    pub facts: SideFacts,
}

/// How much the API of a side is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// How much there is, as far as a request or two can tell: for a freeze, in which every second counts.
    Little,
    /// How much there is, and the comments that its export may lack.
    Counts,
    /// Also for the latest version of every artifact: a request each.
    Latest,
}

impl Side {
    /// As a look at a registry in use: for a file that a step took of one, with the owners that it noted beside it.
    ///
    /// # Errors
    /// When that note cannot be read.
    pub fn as_looked(mut self, path: &Path) -> Result<Self, SystemError> {
        let snapshot = Arc::unwrap_or_clone(self.snapshot).without_unfinished();
        self.snapshot = Arc::new(with_noted_owners(snapshot, path)?);
        Ok(self)
    }

    /// In short, for a certificate.
    pub fn seal(&self) -> Sealed {
        Sealed::of(self.identity.clone(), &self.snapshot)
    }

    fn new(source: String, export_sha256: Digest, snapshot: Arc<Snapshot>, facts: SideFacts) -> Self {
        let identity = Identity {
            source,
            version: snapshot.manifest.system_version.to_string(),
            format: snapshot.format,
            export_sha256,
            exported_on: snapshot.manifest.exported_on,
        };
        Self {
            identity,
            snapshot,
            facts,
        }
    }
}

/// Reads an export file to its end; 2.6 and 3.x are told apart by its manifest. `shown` is how people know the file.
///
/// # Errors
/// When it cannot be read, or is not a whole export.
pub async fn file_side(path: &Path, shown: impl Into<String>) -> Result<Side, SystemError> {
    let (sha256, _) = hash(path.to_owned()).await?;
    let snapshot = read_snapshot(path).await?;
    Ok(Side::new(
        shown.into(),
        sha256,
        Arc::new(snapshot),
        SideFacts::default(),
    ))
}

async fn hash(path: PathBuf) -> Result<(Digest, u64), SystemError> {
    let of = path.clone();
    let hashed = tokio::task::spawn_blocking(move || hash_file(&of)).await;
    hashed.map_err(|error| SystemError::File {
        verb: "read",
        path,
        source: std::io::Error::other(error),
    })?
}

/// Takes an export of a registry, or the look that is shared while writes are frozen, and asks its API what should be in it.
///
/// A registry in use may have moved meanwhile: then both are done again, a few times. One that never rests must have held, at
/// the time of the export, something between what was counted before and after it. What still disagrees is for the reader of
/// the facts to say. The file stays in the spool until the next look at that registry.
///
/// # Errors
/// When it does not answer, or not as documented.
pub async fn registry_side(
    system: &SystemName,
    world: &Observe,
    ask: Ask,
    log: &Progress,
) -> Result<Side, SystemError> {
    let registry = world.registry(system)?;
    let version = registry.version().await?;
    let mut tries = if world.snapshots().is_frozen() { 1 } else { TRIES };
    let mut before: Option<SideFacts> = None;
    loop {
        tries -= 1;
        log.say(format!("looking at {system}"));
        let held = held(system, world, Age::Frozen).await?;
        let mut facts = facts(&registry, &version, &held.snapshot, ask, log).await?;
        if tries == 0 || agrees(&held.snapshot, &facts) {
            if let Some(before) = &before {
                allow_for_writers(&held.snapshot, before, &mut facts);
            }
            return Ok(Side::new(registry.url(), held.spooled.sha256, held.snapshot, facts));
        }
        log.say("the export does not hold what is counted; somebody may have written, so it is taken again");
        before = Some(facts);
    }
}

/// Takes what the export holds for what was counted, where that lies between what was counted before and after it.
fn allow_for_writers(snapshot: &Snapshot, before: &SideFacts, after: &mut SideFacts) {
    let held = snapshot.counts();
    let between = |held: u64, before: Option<u64>, after: &mut Option<u64>| {
        if let (Some(before), Some(now)) = (before, *after) {
            *after = Some(held.clamp(before.min(now), before.max(now)));
        }
    };
    between(held.artifacts, before.artifacts, &mut after.artifacts);
    between(held.versions, before.versions, &mut after.versions);
}

fn agrees(snapshot: &Snapshot, facts: &SideFacts) -> bool {
    let held = snapshot.counts();
    facts.artifacts.is_none_or(|counted| counted == held.artifacts)
        && facts.versions.is_none_or(|counted| counted == held.versions)
}

async fn facts(
    registry: &RegistryReader<'_>,
    version: &ServerVersion,
    snapshot: &Snapshot,
    ask: Ask,
    log: &Progress,
) -> Result<SideFacts, SystemError> {
    let redates = version.is_v3() && registry.keeps_journal(version).await?;
    if ask == Ask::Little {
        let counts = registry.counts(version).await?;
        return Ok(SideFacts {
            artifacts: Some(counts.artifacts),
            versions: counts.versions,
            redates,
            ..SideFacts::default()
        });
    }
    let mut artifacts = registry.artifacts(version).await?;
    let count = u64::try_from(artifacts.len()).unwrap_or(u64::MAX);
    // Such artifacts exist, and no request can name them: what the export says of them is not asked again.
    let nameless: BTreeSet<_> = artifacts.extract_if(.., |id| !is_nameable(id)).collect();
    let versions = if version.is_v2() {
        let counted: u64 = registry.version_counts(version, &artifacts, log).await?.values().sum();
        counted + versions_of(&nameless, snapshot)
    } else {
        registry.counts(version).await?.versions.unwrap_or_default()
    };
    let latest = match ask {
        Ask::Little | Ask::Counts => BTreeMap::new(),
        Ask::Latest => latest(registry, version, &artifacts, log).await?,
    };
    let comments = match version.is_v2() {
        true => Some(suspected_comments(registry, version, snapshot).await?),
        false => None,
    };
    Ok(SideFacts {
        latest,
        artifacts: Some(count),
        versions: Some(versions),
        comments,
        redates,
    })
}

/// Whether a path can name it: an empty part, `.` and `..` are resolved away.
fn is_nameable(id: &ArtifactId) -> bool {
    let is_part = |text: &str| !matches!(text, "" | "." | "..");
    is_part(&id.artifact) && id.group.as_deref().is_none_or(is_part)
}

fn versions_of(artifacts: &BTreeSet<ArtifactId>, snapshot: &Snapshot) -> u64 {
    let keys: BTreeSet<ArtifactKey> = artifacts.iter().map(key_of).collect();
    let versions = snapshot.versions.values();
    let of_them = versions.filter(|version| keys.contains(&*version.artifact)).count();
    u64::try_from(of_them).unwrap_or(u64::MAX)
}

fn key_of(id: &ArtifactId) -> ArtifactKey {
    ArtifactKey::new(id.group.as_deref(), &id.artifact)
}

async fn latest(
    registry: &RegistryReader<'_>,
    version: &ServerVersion,
    artifacts: &BTreeSet<ArtifactId>,
    log: &Progress,
) -> Result<BTreeMap<ArtifactKey, Option<String>>, SystemError> {
    log.say(format!("asking {} for its latest versions", registry.name()));
    let latest = registry.latest(version, artifacts, log).await?.into_iter();
    let by_key = latest.map(|(id, latest)| (key_of(&id), latest.map(|latest| latest.version)));
    Ok(by_key.collect())
}

/// Comments, by globalId and id, of the versions whose comments 2.6 may have left out of its export.
///
/// # Errors
/// When nobody answers, or not as documented.
pub(crate) async fn suspected_comments(
    registry: &RegistryReader<'_>,
    version: &ServerVersion,
    snapshot: &Snapshot,
) -> Result<BTreeSet<(u64, String)>, SystemError> {
    let mut comments = BTreeSet::new();
    for global_id in snapshot.comment_namesakes() {
        let Some(of) = snapshot.versions.get(&global_id) else {
            continue;
        };
        let id = ArtifactId::new(of.artifact.group.as_option(), of.artifact.artifact.as_ref());
        let its = registry.comments(version, &id, &of.version).await?;
        comments.extend(its.into_iter().map(|comment| (global_id, comment)));
    }
    Ok(comments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_of_a_registry_that_never_rests_may_hold_what_it_held_in_between_and_no_less() {
        let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/v2-rich.zip")).unwrap();
        let limits = crate::registry::ReadLimits::default();
        let snapshot = crate::registry::read_export(std::io::BufReader::new(file), &limits).unwrap();
        let held = snapshot.counts().versions;
        let counted = |versions| SideFacts {
            versions: Some(versions),
            ..SideFacts::default()
        };
        for (before, after, taken) in [
            (held - 1, held + 3, held),
            (held + 3, held - 1, held),
            (held, held + 3, held),
            (held + 1, held + 3, held + 1),
            (held + 2, held + 2, held + 2),
        ] {
            let mut facts = counted(after);
            allow_for_writers(&snapshot, &counted(before), &mut facts);
            assert_eq!(facts.versions, Some(taken), "{before} {after}");
        }
    }
}
