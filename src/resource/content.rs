use std::{fs::File, io, io::BufReader, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Depth, Probed, Resource};
use crate::{
    model::{Digest, ResourceKey, SystemName},
    registry::{ReadLimits, Snapshot, read_export},
    system::{Observe, Spool, Spooled, SystemError, apicurio::RegistryReader, causes, hash_file},
};

/// All that a registry holds.
pub struct Content;

/// The registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentKey {
    /// The system of type `apicurio`.
    pub registry: SystemName,
    /// An export file whose summary belongs to the look, because a step compares the registry with it; relative to the
    /// plan file.
    pub source: Option<String>,
}

/// A summary of a registry's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentState {
    /// The server's version.
    pub version: String,
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions; absent from a shallow look at 2.6, which cannot count them cheaply.
    pub versions: Option<u64>,
    /// Greatest globalId alive; from a deep look, or 3.x.
    pub max_global_id: Option<u64>,
    /// What a deep look adds.
    pub deep: Option<DeepContent>,
    /// The export file that the key names; absent when it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceContent>,
}

/// A summary of an export file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceContent {
    /// The file, as the plan says it.
    pub file: String,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: u64,
    /// As [`DeepContent::digest`].
    pub digest: Digest,
    /// One entry per group row, at most [`GroupRow::LIMIT`].
    pub group_rows: Vec<GroupRow>,
}

/// What only an export tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeepContent {
    /// Over versions, contents, comments and rules as the equality contract compares them, so that 2.6 and 3.x with equal
    /// content have equal digests. The scratch groups are left out.
    pub digest: Digest,
    /// One entry per group row, at most [`GroupRow::LIMIT`].
    pub group_rows: Vec<GroupRow>,
    /// Comments.
    pub comments: u64,
    /// Greatest contentId alive.
    pub max_content_id: u64,
    /// Whether the group that reserves ids is still there and has to go.
    pub reserve_left: bool,
    /// The key of the export in the spool, its SHA-256; there until the next deep look at this registry.
    pub spool: Digest,
}

/// What must be equal of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct GroupRow {
    /// A short hash of id, description and properties (labels).
    pub hash: String,
}

impl GroupRow {
    /// More rows than this stay out of a record (64 KiB); then only their number is compared here and `registry.verify` compares the rest.
    pub const LIMIT: usize = 2_000;

    /// The rows of a snapshot, sorted; none when there are too many for a record.
    pub fn all(snapshot: &Snapshot) -> Vec<Self> {
        let rows = snapshot.group_rows();
        if rows.len() > Self::LIMIT {
            return Vec::new();
        }
        rows.into_iter().map(|hash| Self { hash }).collect()
    }
}

/// How much of a snapshot is the users' own, regplan's groups left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnCounts {
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: u64,
}

impl OwnCounts {
    /// Of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            groups: count(snapshot.groups.keys().filter(|group| !group.is_scratch()).count()),
            artifacts: count(
                snapshot
                    .artifacts
                    .keys()
                    .filter(|artifact| !artifact.group.is_scratch())
                    .count(),
            ),
            versions: count(snapshot.own_versions().count()),
        }
    }
}

/// A registry's export in the spool, and what it holds.
pub struct Exported {
    /// The file.
    pub spooled: Spooled,
    /// What is in it.
    pub snapshot: Snapshot,
}

/// Exports a registry into the spool and reads the export to its end.
///
/// # Errors
/// When it does not answer, or what it sends is not a whole export.
pub async fn take_snapshot(registry: &RegistryReader<'_>, spool: &Spool) -> Result<Exported, SystemError> {
    let spooled = registry.export(spool).await?;
    let unusable = |reason: String| SystemError::Answer {
        system: registry.name().clone(),
        request: "GET admin/export".to_owned(),
        reason,
    };
    match read_snapshot(&spooled.path).await {
        Ok(snapshot) => Ok(Exported { spooled, snapshot }),
        Err(SystemError::File { source, .. }) => {
            spool.forget(&spooled.sha256)?;
            Err(unusable(causes(&source)))
        }
        Err(error) => Err(error),
    }
}

/// Reads an export file to its end with all checksums.
///
/// # Errors
/// When it cannot be read, or is not a whole export.
pub async fn read_snapshot(path: &Path) -> Result<Snapshot, SystemError> {
    let failed = |source| SystemError::File {
        verb: "read",
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    tokio::task::spawn_blocking(move || read_export(BufReader::new(file), &ReadLimits::default()))
        .await
        .map_err(|error| failed(io::Error::other(error)))?
        .map_err(|error| failed(io::Error::other(error)))
}

/// Summarises an export file.
async fn summarise(name: &str, world: &Observe) -> Result<SourceContent, SystemError> {
    let path = world.path(name);
    let (sha256, _) = hash_file(&path)?;
    let snapshot = read_snapshot(&path).await?;
    let own = OwnCounts::of(&snapshot);
    Ok(SourceContent {
        file: name.to_owned(),
        sha256,
        groups: own.groups,
        artifacts: own.artifacts,
        versions: own.versions,
        digest: snapshot.digest(),
        group_rows: GroupRow::all(&snapshot),
    })
}

async fn look(key: &ContentKey, world: &Observe, depth: Depth) -> Result<ContentState, SystemError> {
    let registry = world.registry(&key.registry)?;
    let version = registry.version().await?;
    let source = match &key.source {
        Some(name) => Some(summarise(name, world).await?),
        None => None,
    };
    if depth == Depth::Shallow {
        let counts = registry.counts(&version).await?;
        return Ok(ContentState {
            version: version.to_string(),
            groups: counts.groups,
            artifacts: counts.artifacts,
            versions: counts.versions,
            max_global_id: registry.max_global_id(&version).await?,
            deep: None,
            source,
        });
    }
    let Exported { spooled, snapshot } = take_snapshot(&registry, world.spool()).await?;
    world.spool().keep_last(&registry.url(), &spooled.sha256)?;
    let own = OwnCounts::of(&snapshot);
    Ok(ContentState {
        version: version.to_string(),
        groups: own.groups,
        artifacts: own.artifacts,
        versions: Some(own.versions),
        max_global_id: Some(snapshot.max_global_id()),
        deep: Some(DeepContent {
            digest: snapshot.digest(),
            group_rows: GroupRow::all(&snapshot),
            comments: snapshot.counts().comments,
            max_content_id: snapshot.max_content_id(),
            reserve_left: snapshot.has_reserve_group(),
            spool: spooled.sha256,
        }),
        source,
    })
}

impl Resource for Content {
    type Key = ContentKey;
    type State = ContentState;

    fn address(key: &ContentKey) -> ResourceKey {
        ResourceKey::of(&key.registry, "content")
    }

    async fn probe(key: &ContentKey, world: &Observe, depth: Depth) -> Result<Probed<ContentState>, SystemError> {
        match look(key, world, depth).await {
            Ok(state) => Ok(Probed::Seen(state)),
            Err(error @ SystemError::Unreachable { .. }) => Ok(Probed::Unreachable(causes(&error))),
            // A gateway before it, or itself while it starts.
            Err(error @ SystemError::Status { status: 502..=504, .. }) => Ok(Probed::Unreachable(causes(&error))),
            Err(error) => Err(error),
        }
    }
}
