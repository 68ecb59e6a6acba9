use std::sync::Arc;

use super::{
    Artifact, Group, Key, Refusal, Store, Tags, Version,
    contents::Reference,
    missing,
    versions::{is_addressable, unnameable},
};
use crate::registry::VersionState;

/// What becomes of a create whose artifact is there: the words of both APIs together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfExists {
    /// 409.
    #[default]
    Fail,
    /// A new version.
    NewVersion,
    /// The latest version is answered (2.6's API only).
    Return,
    /// The version with that content, or a new one.
    FindOrNewVersion,
}

/// A version to be made.
#[derive(Debug, Clone, Default)]
pub struct NewVersion {
    pub version: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub tags: Tags,
    pub bytes: Vec<u8>,
    pub references: Vec<Reference>,
    pub content_type: Option<String>,
}

/// An artifact to be made, with its first version or without any (3.x only).
#[derive(Debug, Clone)]
pub struct NewArtifact {
    pub key: Key,
    pub artifact_type: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub tags: Tags,
    pub first: Option<NewVersion>,
    pub if_exists: IfExists,
    /// Whether contents are compared canonically when one is looked for.
    pub canonical: bool,
}

impl Store {
    /// Makes an artifact, or what `if_exists` says; answers the version it ended with.
    ///
    /// Rules are asked first and take no id; a content takes its id even when the artifact is then found to be there.
    pub fn create(&mut self, new: &NewArtifact) -> Result<Option<u64>, Refusal> {
        self.writable()?;
        if let Some(first) = &new.first {
            let references = Reference::serialized(&first.references);
            self.check_rules(&new.key, &new.artifact_type, &first.bytes, &first.references)?;
            self.put_content(&first.bytes, references, first.content_type.clone());
        }
        if self.artifacts.contains_key(&new.key) {
            return self.create_again(new);
        }
        self.ensure_group(&new.key);
        let artifact = Artifact {
            artifact_type: new.artifact_type.clone(),
            name: cut(new.name.as_deref(), 512),
            description: cut(new.description.as_deref(), 1024),
            tags: new.tags.clone(),
            owner: Some(String::new()),
            created_on: self.now,
            modified_by: Some(String::new()),
            modified_on: self.now,
            ..Artifact::default()
        };
        let key = Arc::new(new.key.clone());
        self.artifacts.insert(Arc::clone(&key), artifact);
        let Some(first) = &new.first else { return Ok(None) };
        let content_id = self.known_content(first);
        match self.insert_version(&key, first, content_id) {
            Ok(id) => Ok(Some(id)),
            Err(refusal) => {
                self.artifacts.remove(&key);
                Err(refusal)
            }
        }
    }

    fn create_again(&mut self, new: &NewArtifact) -> Result<Option<u64>, Refusal> {
        let (key, first) = (&new.key, new.first.as_ref());
        match (new.if_exists, first) {
            (IfExists::Return, _) | (IfExists::NewVersion | IfExists::FindOrNewVersion, None) => Ok(self.latest(key)),
            (IfExists::NewVersion, Some(first)) => self.create_version(key, first).map(Some),
            (IfExists::FindOrNewVersion, Some(first)) => {
                let references = Reference::serialized(&first.references);
                match self.look_up(key, &first.bytes, references.as_deref(), new.canonical) {
                    Ok(found) => Ok(Some(found)),
                    Err(_) => self.create_version(key, first).map(Some),
                }
            }
            (IfExists::Fail, _) => {
                let group = key.group.as_deref().unwrap_or("null");
                let message = format!(
                    "An artifact with ID '{}' in group '{group}' already exists.",
                    key.artifact
                );
                Err(Refusal::new(409, "ArtifactAlreadyExistsException", message))
            }
        }
    }

    /// Adds a version to an artifact.
    pub fn create_version(&mut self, key: &Key, new: &NewVersion) -> Result<u64, Refusal> {
        self.writable()?;
        let artifact_type = self.artifact(key)?.artifact_type.clone();
        self.check_rules(key, &artifact_type, &new.bytes, &new.references)?;
        let references = Reference::serialized(&new.references);
        let content_id = self.put_content(&new.bytes, references, new.content_type.clone());
        let (key, _) = self.artifacts.get_key_value(key).ok_or_else(|| missing(key))?;
        let key = Arc::clone(key);
        self.insert_version(&key, new, content_id)
    }

    /// Does something without keeping it, as `dryRun` does: only ids are used up (seen on 3.3.3).
    pub fn rehearsed<T>(
        &mut self,
        dry: bool,
        work: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if !dry {
            return work(self);
        }
        let mut copy = self.clone();
        let done = work(&mut copy);
        self.ids = copy.ids;
        done
    }

    fn known_content(&self, new: &NewVersion) -> u64 {
        let references = Reference::serialized(&new.references);
        let hash = super::content_hash(&new.bytes, references.as_deref());
        self.content_id(&hash).unwrap_or_default()
    }

    fn insert_version(&mut self, key: &Arc<Key>, new: &NewVersion, content_id: u64) -> Result<u64, Refusal> {
        let artifact = self.artifact(key)?;
        let orders = artifact.versions.iter().filter_map(|id| self.versions.get(id));
        let order = orders.map(|version| version.order).max().unwrap_or_default() + 1;
        let before = artifact.latest.and_then(|id| self.versions.get(&id)).cloned();
        let version = new.version.clone().unwrap_or_else(|| order.to_string());
        let global_id = self.next_global_id();
        if !self.is_v2() && !is_addressable(&version) {
            return Err(unnameable(&version));
        }
        if self.global_id(key, &version).is_ok() {
            let group = key.group.as_deref().unwrap_or("null");
            let message = format!(
                "An artifact version '{version}' for artifact ID '{}' in group '{group}' already exists.",
                key.artifact
            );
            return Err(Refusal::new(409, "VersionAlreadyExistsException", message));
        }
        let mut row = Version {
            key: Arc::clone(key),
            version,
            order,
            content_id,
            state: VersionState::Enabled,
            name: cut(new.name.as_deref(), 512),
            description: cut(new.description.as_deref(), 1024),
            owner: Some(String::new()),
            created_on: self.now,
            modified_by: Some(String::new()),
            modified_on: self.now,
            tags: new.tags.clone(),
        };
        if self.is_v2()
            && let Some(before) = before
        {
            inherit(&mut row, before);
        }
        self.versions.insert(global_id, row);
        let now = self.now;
        let is_v2 = self.is_v2();
        let artifact = self.artifact_mut(key)?;
        artifact.versions.insert(global_id);
        artifact.modified_on = now;
        if is_v2 {
            artifact.latest = Some(global_id);
        } else {
            self.on_top(key, global_id);
        }
        Ok(global_id)
    }

    /// The row of a group that a version is written to; the default group has none.
    pub fn ensure_group(&mut self, key: &Key) {
        let Some(group) = &key.group else { return };
        let now = self.now;
        self.groups.entry(group.clone()).or_insert_with(|| Group {
            owner: Some(String::new()),
            created_on: now,
            modified_by: Some(String::new()),
            modified_on: now,
            ..Group::default()
        });
    }
}

/// 2.6 gives a new version what the latest one had, where nothing else is said (reference: apicurio.md §4.4; seen).
fn inherit(row: &mut Version, before: Version) {
    row.name = row.name.take().or(before.name);
    row.description = row.description.take().or(before.description);
    row.tags = before.tags;
}

/// Names and descriptions are cut without a word (reference: apicurio.md §1.6, §4.6); characters.
pub fn cut(text: Option<&str>, limit: usize) -> Option<String> {
    text.map(|text| text.chars().take(limit).collect())
}
