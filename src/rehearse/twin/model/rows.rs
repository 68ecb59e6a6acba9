use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::registry::VersionState;

/// Group and artifact; the default group is `None`, however it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub group: Option<String>,
    pub artifact: String,
}

impl Key {
    /// No group, an empty one and `default` in any case are one (reference: apicurio.md §1.5).
    pub fn new(group: Option<&str>, artifact: &str) -> Self {
        Self {
            group: group_id(group),
            artifact: artifact.to_owned(),
        }
    }
}

/// A group's id, `None` for the default group.
pub fn group_id(group: Option<&str>) -> Option<String> {
    group
        .filter(|group| !group.is_empty() && !group.eq_ignore_ascii_case("default"))
        .map(str::to_owned)
}

/// Labels and properties: 2.6 has a list and a map, 3.x one map whose values may be null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// `labels` of 2.6; empty in a 3.x.
    pub list: Vec<String>,
    /// `properties` of 2.6, `labels` of 3.x.
    pub map: BTreeMap<String, Option<String>>,
}

impl Tags {
    /// As 3.x takes those of 2.6: labels with null values, overlaid by the properties (reference: apicurio.md §4.3).
    pub fn merged(&self) -> Self {
        let mut map: BTreeMap<String, Option<String>> = self.list.iter().map(|label| (label.clone(), None)).collect();
        map.extend(self.map.clone());
        Self { list: Vec::new(), map }
    }

    /// Whether 3.3's index of labels takes them: keys of up to 256 characters that differ by more than case, values of up to
    /// 512 (reference: apicurio.md §4.4).
    pub fn fit_the_index(&self) -> bool {
        let mut keys = BTreeSet::new();
        self.map.iter().all(|(key, value)| {
            let short = value.as_ref().is_none_or(|value| value.chars().count() <= 512);
            key.chars().count() <= 256 && short && keys.insert(key.to_lowercase())
        })
    }

    /// Whether two keys differ only by case, which even a REST edit on 3.3 does not survive.
    pub fn clash(&self) -> bool {
        let keys: BTreeSet<String> = self.map.keys().map(|key| key.to_lowercase()).collect();
        keys.len() < self.map.len()
    }
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub description: Option<String>,
    pub artifacts_type: Option<String>,
    pub owner: Option<String>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
    pub tags: Tags,
    pub rules: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default)]
pub struct Artifact {
    pub artifact_type: String,
    /// Name, description and tags are 3.x's; 2.6 shows those of the latest version.
    pub name: Option<String>,
    pub description: Option<String>,
    pub tags: Tags,
    pub owner: Option<String>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
    pub rules: BTreeMap<String, String>,
    /// Its versions, by globalId.
    pub versions: BTreeSet<u64>,
    /// 3.x only.
    pub branches: BTreeMap<String, Branch>,
    /// 2.6's pointer, whatever that version's state is.
    pub latest: Option<u64>,
}

#[derive(Debug, Clone, Default)]
pub struct Branch {
    pub description: Option<String>,
    /// Nobody may change it.
    pub system_defined: bool,
    pub owner: Option<String>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
    /// In order of arrival: the last one is the tip (reference: apicurio.md §0 row 16).
    pub versions: Vec<u64>,
}

#[derive(Debug, Clone)]
pub struct Version {
    pub key: Arc<Key>,
    pub version: String,
    /// `versionId` of 2.6, `versionOrder` of 3.x.
    pub order: i64,
    pub content_id: u64,
    pub state: VersionState,
    pub name: Option<String>,
    pub description: Option<String>,
    pub owner: Option<String>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
    pub tags: Tags,
}

#[derive(Debug, Clone)]
pub struct Content {
    pub bytes: Arc<[u8]>,
    /// SHA-256 of bytes and references.
    pub hash: String,
    pub canonical_hash: String,
    /// As text, exactly; `None` without any.
    pub references: Option<String>,
    /// 3.x only.
    pub content_type: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub global_id: u64,
    pub owner: Option<String>,
    pub created_on: i64,
    pub value: String,
}

/// The next ids are one above these.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequences {
    pub global: u64,
    pub content: u64,
    pub comment: u64,
}
