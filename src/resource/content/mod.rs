mod copied;
mod frozen;
mod held;
mod reserved;
mod side;
mod texts;

pub use copied::Copied;
pub use frozen::Frozen;
pub use held::{Exported, held, read_look, read_snapshot, take_snapshot, with_noted_owners};
pub use reserved::Reserved;
pub use side::{Few, Pin, Settled, SideContent, SideKey, Todo, of_spool, settings_carried};
pub use texts::texts_to_move;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join_all, try_join3};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Depth, Probed, Resource};
use crate::{
    model::{Digest, ResourceKey, SystemName},
    registry::Snapshot,
    system::{Age, Held, Observe, SystemError, apicurio::Deletions, causes, hash_file},
};

/// All that a registry holds.
pub struct Content;

/// The registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentKey {
    /// The system of type `apicurio`.
    pub registry: SystemName,
    /// Export files whose summaries belong to the look, because steps compare the registry with them; relative to the plan
    /// file.
    pub files: BTreeSet<String>,
    /// Other registries that it is compared with.
    pub sides: BTreeSet<SideKey>,
}

impl ContentKey {
    /// That registry, compared with nothing.
    pub fn of(registry: &SystemName) -> Self {
        Self {
            registry: registry.clone(),
            files: BTreeSet::new(),
            sides: BTreeSet::new(),
        }
    }
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
    /// The export files that the key names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SourceContent>,
    /// The other registries that the key names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sides: BTreeMap<SystemName, SideContent>,
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
    /// Whether something of an earlier attempt has to go: the group that reserves ids, or switches that it left on.
    pub reserve_left: bool,
    /// The key of the export in the spool, its SHA-256; there until the next deep look at this registry.
    pub spool: Digest,
    /// The freeze ([`Frozen::freeze`]) from which a way back of this journal has begun to write here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_since: Option<Digest>,
    /// The globalId above which this journal has reserved its next ones, if a version of its own has shown that. The counters
    /// of a registry cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_above: Option<u64>,
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
    let mut files = Vec::new();
    for name in &key.files {
        files.push(summarise(name, world).await?);
    }
    if depth == Depth::Deep {
        return deep_look(key, version.to_string(), files, world).await;
    }
    let counts = registry.counts(&version).await?;
    let mut sides = BTreeMap::new();
    for side in &key.sides {
        sides.insert(side.system.clone(), side::shallow(side, world).await?);
    }
    Ok(ContentState {
        version: version.to_string(),
        groups: counts.groups,
        artifacts: counts.artifacts,
        versions: counts.versions,
        max_global_id: registry.max_global_id(&version).await?,
        deep: None,
        files,
        sides,
    })
}

/// By exports of all sides, at the same time.
///
/// An earlier look at the registry itself may say that something is to be done, never that nothing is.
async fn deep_look(
    key: &ContentKey,
    version: String,
    files: Vec<SourceContent>,
    world: &Observe,
) -> Result<ContentState, SystemError> {
    let age = if key.sides.is_empty() {
        Age::Frozen
    } else {
        Age::Earlier
    };
    let others = try_join_all(key.sides.iter().map(|side| side::whole(side, world)));
    let settings = try_join_all(key.sides.iter().map(|side| side::settings(side, &key.registry, world)));
    let (target, others, settings) = try_join3(held(&key.registry, world, age), others, settings).await?;
    let settings = key.sides.iter().map(|side| side.system.clone()).zip(settings).collect();
    let state = compared(key, &version, &files, &target, &others, world).await?;
    let state = with_settings(state, &settings);
    let nothing = |side: &SideContent| {
        side.pin
            .as_ref()
            .and_then(|pin| pin.todo.as_ref())
            .is_none_or(Todo::is_done)
    };
    if age == Age::Frozen || !state.sides.values().any(nothing) {
        return Ok(state);
    }
    let again = held(&key.registry, world, Age::Frozen).await?;
    if again.spooled == target.spooled {
        return Ok(state);
    }
    let state = compared(key, &version, &files, &again, &others, world).await?;
    Ok(with_settings(state, &settings))
}

/// With what is to be set besides content.
fn with_settings(mut state: ContentState, settings: &BTreeMap<SystemName, Few>) -> ContentState {
    for (system, side) in &mut state.sides {
        let todo = side.pin.as_mut().and_then(|pin| pin.todo.as_mut());
        if let (Some(todo), Some(settings)) = (todo, settings.get(system)) {
            todo.settings = settings.clone();
        }
    }
    state
}

/// What was seen, summarised; comparing two registries takes long enough to be in the way of everything else.
async fn compared(
    key: &ContentKey,
    version: &str,
    files: &[SourceContent],
    target: &Held,
    others: &[Option<(String, Held)>],
    world: &Observe,
) -> Result<ContentState, SystemError> {
    let registry = world.registry(&key.registry)?;
    let switches_left = Deletions::left_on(&registry, world.spool());
    let note = Frozen::note(&registry, world.spool());
    let written_since = note.read()?.map(|frozen| frozen.freeze);
    let reserved = Reserved::on(&registry, world.spool())?;
    let before = Copied::before(&registry, target, world).await?;
    let mut issued = BTreeMap::new();
    for side in &key.sides {
        let noted = Reserved::on(&world.registry(&side.system)?, world.spool())?;
        issued.insert(
            side.system.clone(),
            noted.map(|noted| noted.issued()).unwrap_or_default(),
        );
    }
    let (keys, target, others) = (key.sides.clone(), target.clone(), others.to_vec());
    let (version, files) = (version.to_owned(), files.to_vec());
    let summarise = move || {
        let mut sides = BTreeMap::new();
        for (side, other) in keys.into_iter().zip(others) {
            let summary = match other {
                Some((version, other)) => {
                    let noted = side::Noted {
                        reserved,
                        issued: issued.get(&side.system).copied().unwrap_or_default(),
                        before: before.as_ref().map(|before| &*before.snapshot),
                    };
                    side::summarise(version, &side, &other, &target.snapshot, &noted)
                }
                None => match side.pinned {
                    Some(mut pinned) => {
                        pinned.pin.iter_mut().for_each(|pin| pin.todo = None);
                        pinned
                    }
                    None => continue,
                },
            };
            sides.insert(side.system, summary);
        }
        let own = OwnCounts::of(&target.snapshot);
        ContentState {
            version,
            groups: own.groups,
            artifacts: own.artifacts,
            versions: Some(own.versions),
            max_global_id: Some(target.snapshot.max_global_id()),
            deep: Some(DeepContent {
                written_since,
                reserved_above: reserved.and_then(|reserved| reserved.shown()),
                reserve_left: switches_left || target.snapshot.has_reserve_group(),
                digest: target.snapshot.digest(),
                group_rows: GroupRow::all(&target.snapshot),
                comments: target.snapshot.counts().comments,
                max_content_id: target.snapshot.max_content_id(),
                spool: target.spooled.sha256.clone(),
            }),
            files,
            sides,
        }
    };
    tokio::task::spawn_blocking(summarise)
        .await
        .map_err(|error| SystemError::Answer {
            system: key.registry.clone(),
            request: "GET admin/export".to_owned(),
            reason: error.to_string(),
        })
}

impl Resource for Content {
    type Key = ContentKey;
    type State = ContentState;

    fn address(key: &ContentKey) -> ResourceKey {
        ResourceKey::of(&key.registry, "content")
    }

    fn join(key: &mut ContentKey, other: &ContentKey) {
        key.files.extend(other.files.iter().cloned());
        key.sides.extend(other.sides.iter().cloned());
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
