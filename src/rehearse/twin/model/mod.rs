//! The memory of a registry and what it decides; no connection, no clock, no waiting.

mod changes;
mod contents;
mod create;
mod deletes;
mod groups;
mod inspect;
mod properties;
mod refusal;
mod roles;
mod rows;
mod rules;
mod versions;

use std::{collections::BTreeMap, sync::Arc};

pub use changes::Edit;
pub use contents::{Reference, canonically_equal, content_hash, is_json, kind_of};
pub use create::{IfExists, NewArtifact, NewVersion};
pub use inspect::inspect;
pub use properties::Deleted;
pub use refusal::Refusal;
pub use rows::{Artifact, Branch, Comment, Content, Group, Key, Sequences, Tags, Version, group_id};
pub use rules::RuleOf;
pub use versions::is_addressable;

use super::{health::Health, metrics::Metrics, server::TwinVersion};
use crate::registry::VersionState;

/// All that one registry holds.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub flavour: TwinVersion,
    /// The clock, in milliseconds since 1970; set before each request.
    pub now: i64,
    pub groups: BTreeMap<String, Group>,
    pub artifacts: BTreeMap<Arc<Key>, Artifact>,
    pub versions: BTreeMap<u64, Version>,
    pub contents: BTreeMap<u64, Content>,
    /// By commentId, which is a key over all versions.
    pub comments: BTreeMap<String, Comment>,
    pub global_rules: BTreeMap<String, String>,
    pub properties: BTreeMap<&'static str, String>,
    /// Name and role by principal; `None` while roles come from tokens.
    pub roles: Option<BTreeMap<String, (Option<String>, String)>>,
    pub ids: Sequences,
    pub health: Health,
    pub metrics: Metrics,
    by_hash: BTreeMap<String, u64>,
}

impl Store {
    /// Empty, with all settings as shipped.
    pub fn new(flavour: TwinVersion) -> Self {
        Self {
            flavour,
            now: 0,
            groups: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            versions: BTreeMap::new(),
            contents: BTreeMap::new(),
            comments: BTreeMap::new(),
            global_rules: BTreeMap::new(),
            properties: properties::shipped(flavour),
            roles: None,
            ids: Sequences::default(),
            health: Health::default(),
            metrics: Metrics::default(),
            by_hash: BTreeMap::new(),
        }
    }

    /// Whether it is the 2.6.
    pub fn is_v2(&self) -> bool {
        self.flavour == TwinVersion::V2_6_13
    }

    pub fn artifact(&self, key: &Key) -> Result<&Artifact, Refusal> {
        self.artifacts.get(key).ok_or_else(|| missing(key))
    }

    pub(super) fn artifact_mut(&mut self, key: &Key) -> Result<&mut Artifact, Refusal> {
        self.artifacts.get_mut(key).ok_or_else(|| missing(key))
    }

    /// The globalId of a version string.
    pub fn global_id(&self, key: &Key, version: &str) -> Result<u64, Refusal> {
        let artifact = self.artifacts.get(key);
        let ids = artifact.into_iter().flat_map(|artifact| &artifact.versions);
        let found = ids
            .copied()
            .find(|id| self.versions.get(id).is_some_and(|row| row.version == version));
        found.ok_or_else(|| Refusal::no_version(key.group.as_deref(), &key.artifact, version))
    }

    pub fn version(&self, global_id: u64) -> Result<&Version, Refusal> {
        // The words of a hole in this memory; a client never sees them.
        self.versions.get(&global_id).ok_or_else(|| {
            Refusal::new(
                404,
                "VersionNotFoundException",
                format!("No version with global ID '{global_id}' found."),
            )
        })
    }

    pub(super) fn version_mut(&mut self, global_id: u64) -> Result<&mut Version, Refusal> {
        self.versions.get_mut(&global_id).ok_or_else(|| {
            Refusal::new(
                404,
                "VersionNotFoundException",
                format!("No version with global ID '{global_id}' found."),
            )
        })
    }

    pub fn content_of(&self, version: &Version) -> Result<&Content, Refusal> {
        self.contents.get(&version.content_id).ok_or_else(|| {
            Refusal::new(
                404,
                "ContentNotFoundException",
                format!("No content with ID '{}' was found.", version.content_id),
            )
        })
    }

    /// What clients get for no version: 2.6 the newest that is not disabled, 3.x the tip of `latest` without the disabled ones
    /// (reference: apicurio.md §2.6).
    pub fn latest(&self, key: &Key) -> Option<u64> {
        let artifact = self.artifacts.get(key)?;
        let served = |id: &u64| {
            self.versions
                .get(id)
                .is_some_and(|row| row.state != VersionState::Disabled)
        };
        if self.is_v2() {
            let flagged = artifact.latest.filter(served);
            return flagged.or_else(|| artifact.versions.iter().rev().copied().find(served));
        }
        artifact
            .branches
            .get("latest")?
            .versions
            .iter()
            .rev()
            .copied()
            .find(served)
    }

    /// Refuses when a 3.x was switched to read-only (reference: apicurio.md §2.8).
    pub fn writable(&self) -> Result<(), Refusal> {
        if self.is_read_only() {
            Err(Refusal::read_only())
        } else {
            Ok(())
        }
    }

    pub(super) fn next_global_id(&mut self) -> u64 {
        self.ids.global += 1;
        self.ids.global
    }

    /// Whether somebody still uses a content.
    pub(super) fn is_used(&self, content_id: u64) -> bool {
        self.versions.values().any(|version| version.content_id == content_id)
    }
}

pub(super) fn missing(key: &Key) -> Refusal {
    Refusal::no_artifact(key.group.as_deref(), &key.artifact)
}
