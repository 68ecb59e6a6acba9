use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    ArtifactKey, ArtifactRuleKey, BranchKey, CommentKey, GroupKey, GroupRuleKey, Issued, Labels, RESERVE_GROUP,
    SCRATCH_GROUP,
};

/// The two export formats (reference: apicurio.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `exportVersion` 1.x, written by 2.x.
    V2,
    /// `exportVersion` 3.x, written by 3.x.
    V3,
}

/// Longest time between the moment that a 2.6 takes for the date of a version and the one at which its content is stored: what
/// a client waits for an answer; milliseconds.
const UNDER_WAY: i64 = 60_000;

/// What an export says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The version of the server that wrote it.
    pub system_version: Box<str>,
    /// The version of the format.
    pub export_version: Box<str>,
    /// When it was begun, in milliseconds since 1970.
    pub exported_on: i64,
}

/// A version's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VersionState {
    /// Served.
    Enabled,
    /// Not served.
    Disabled,
    /// Served, with a warning.
    Deprecated,
    /// Not published yet (3.x only).
    Draft,
    /// About to go (newer 3.x only).
    Sunset,
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::Deprecated => "DEPRECATED",
            Self::Draft => "DRAFT",
            Self::Sunset => "SUNSET",
        })
    }
}

/// One version of an artifact. Kept small: 100,000 of them must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Of which artifact.
    pub artifact: Arc<ArtifactKey>,
    /// The version string.
    pub version: Box<str>,
    /// `versionId` of 2.6, `versionOrder` of 3.x.
    pub order: i64,
    /// Its content.
    pub content_id: u64,
    /// Its state.
    pub state: VersionState,
    /// Its name.
    pub name: Option<Box<str>>,
    /// Its description.
    pub description: Option<Box<str>>,
    /// `createdBy` of 2.6, `owner` of 3.x.
    pub owner: Option<Arc<str>>,
    /// In milliseconds since 1970.
    pub created_on: i64,
    /// Who changed it last; 3.x only.
    pub modified_by: Option<Arc<str>>,
    /// When it was changed last, in milliseconds since 1970; 3.x only.
    pub modified_on: Option<i64>,
    /// Labels and properties as one map.
    pub labels: Labels,
    /// The artifact's type, in 2.6 a field of the version.
    pub artifact_type: Arc<str>,
    /// Whether 2.6 says that it is the latest; for 3.x derived (newest that is not disabled).
    pub is_latest: bool,
}

impl fmt::Display for Version {
    /// `default/orders-value version 3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.artifact, self.version)
    }
}

/// A lower-case hex SHA-256, as 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A content without its bytes, which stay in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// `contentHash` as the export says it.
    pub hash: Box<str>,
    /// `contentHash` computed from the bytes and the references (reference: apicurio.md §3.4).
    pub computed: Hash,
    /// SHA-256 of the bytes alone.
    pub sha256: Hash,
    /// `canonicalHash`; never compared.
    pub canonical_hash: Option<Box<str>>,
    /// `serializedReferences`; absent, empty and `[]` are the same.
    pub references: Option<Box<str>>,
    /// `artifactType`; absent in real exports.
    pub artifact_type: Option<Box<str>>,
    /// The media type; 3.x only.
    pub content_type: Option<Arc<str>>,
    /// In bytes, unpacked.
    pub size: u64,
    /// Whether the bytes are UTF-8.
    pub is_utf8: bool,
    /// The number of the entry with the bytes, to find them again.
    pub(super) entry: usize,
}

impl Content {
    /// Whether the hash that the export says is that of the bytes and references it holds.
    pub fn hash_is_right(&self) -> bool {
        *self.hash == *self.computed.to_string()
    }
}

/// A row of the groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its description.
    pub description: Option<Box<str>>,
    /// The type of its artifacts, when it is bound to one.
    pub artifacts_type: Option<Box<str>>,
    /// `createdBy` of 2.6, `owner` of 3.x.
    pub owner: Option<Box<str>>,
    /// In milliseconds since 1970.
    pub created_on: i64,
    /// Who changed it last.
    pub modified_by: Option<Box<str>>,
    /// When it was changed last, in milliseconds since 1970; 0 if never.
    pub modified_on: i64,
    /// `properties` of 2.6, `labels` of 3.x.
    pub labels: Labels,
}

/// An artifact: a row in 3.x; in 2.6 what 3.x makes of its versions (reference: apicurio.md §4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its type.
    pub artifact_type: Arc<str>,
    /// Its name.
    pub name: Option<Box<str>>,
    /// Its description.
    pub description: Option<Box<str>>,
    /// Its owner.
    pub owner: Option<Box<str>>,
    /// In milliseconds since 1970.
    pub created_on: i64,
    /// Its labels.
    pub labels: Labels,
    /// Whether an import may also leave it without labels: its latest version sets none (reference: apicurio.md §5.1).
    pub(super) labels_may_go: bool,
}

/// A comment on a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// `createdBy` of 2.6, `owner` of 3.x.
    pub owner: Option<Box<str>>,
    /// In milliseconds since 1970.
    pub created_on: i64,
    /// Its text.
    pub value: Box<str>,
}

/// A branch of an artifact (3.x only). The order in an export means nothing (reference: apicurio.md §3.3), so a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Whether the server made it natively.
    pub system_defined: bool,
    /// The version strings on it.
    pub versions: BTreeSet<Box<str>>,
}

/// Everything that one export holds, as ids and hashes.
///
/// Made by [`read_export`](super::read_export). Bytes of contents stay in the file;
/// [`ChunkWriter`](super::ChunkWriter) finds them again.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The format.
    pub format: Format,
    /// What the export says of itself.
    pub manifest: Manifest,
    /// By globalId.
    pub versions: BTreeMap<u64, Version>,
    /// By contentId.
    pub contents: BTreeMap<u64, Content>,
    /// Rows of groups; the default group has none.
    pub groups: BTreeMap<GroupKey, Group>,
    /// Artifacts; derived for 2.6.
    pub artifacts: BTreeMap<Arc<ArtifactKey>, Artifact>,
    /// Whether their owners are the registry's: always of a 3.x; of a 2.6 only when its API was asked, else they are derived too.
    pub owners_known: bool,
    /// Comments.
    pub comments: BTreeMap<CommentKey, Comment>,
    /// Configurations of the artifacts' rules.
    pub artifact_rules: BTreeMap<ArtifactRuleKey, Box<str>>,
    /// Configurations of the global rules, by type.
    pub global_rules: BTreeMap<Box<str>, Box<str>>,
    /// Configurations of the groups' rules (3.x only).
    pub group_rules: BTreeMap<GroupRuleKey, Box<str>>,
    /// Branches (3.x only).
    pub branches: BTreeMap<BranchKey, Branch>,
    /// globalIds of versions of 2.6 that have a label with the name of one of their properties; the property stays.
    pub hidden_labels: BTreeSet<u64>,
}

/// How many of each an export holds, regplan's own groups included, as the API would count them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: u64,
    /// Contents, those that no version uses included.
    pub contents: u64,
    /// Comments.
    pub comments: u64,
    /// Rules of artifacts.
    pub artifact_rules: u64,
    /// Global rules.
    pub global_rules: u64,
    /// Rules of groups (3.x only).
    pub group_rules: u64,
    /// Branches (3.x only).
    pub branches: u64,
}

impl Snapshot {
    /// The same registry when everything in it is deleted; global rules stay.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self {
            format: self.format,
            manifest: self.manifest.clone(),
            versions: BTreeMap::new(),
            contents: BTreeMap::new(),
            groups: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            owners_known: self.owners_known,
            comments: BTreeMap::new(),
            artifact_rules: BTreeMap::new(),
            global_rules: self.global_rules.clone(),
            group_rules: BTreeMap::new(),
            branches: BTreeMap::new(),
            hidden_labels: BTreeSet::new(),
        }
    }

    /// How many of each it holds.
    pub fn counts(&self) -> Counts {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Counts {
            groups: count(self.groups.len()),
            artifacts: count(self.artifacts.len()),
            versions: count(self.versions.len()),
            contents: count(self.contents.len()),
            comments: count(self.comments.len()),
            artifact_rules: count(self.artifact_rules.len()),
            global_rules: count(self.global_rules.len()),
            group_rules: count(self.group_rules.len()),
            branches: count(self.branches.len()),
        }
    }

    /// Greatest globalId of a version outside regplan's own groups; 0 when there is none.
    pub fn max_global_id(&self) -> u64 {
        self.own_versions().next_back().map_or(0, |(id, _)| id)
    }

    /// Greatest contentId that such a version uses; 0 when there is none. Contents without a version do not count.
    pub fn max_content_id(&self) -> u64 {
        self.own_versions().map(|(_, v)| v.content_id).max().unwrap_or(0)
    }

    /// Greatest contentId of all, used by a version or not, regplan's own groups included; 0 when there is none.
    pub fn greatest_content_id(&self) -> u64 {
        let used = self.versions.values().map(|version| version.content_id).max();
        let held = self.contents.keys().next_back().copied();
        used.max(held).unwrap_or(0)
    }

    /// Greatest id of a comment that is a number; 0 when there is none. The dummy that reserves ids does not count.
    pub fn max_comment_id(&self) -> u64 {
        let ids = self.own_comments().filter_map(|(key, _)| key.comment_id.parse().ok());
        ids.max().unwrap_or(0)
    }

    /// The greatest ids in it, whatever becomes of what has them.
    pub fn issued(&self) -> Issued {
        Issued {
            global_id: self.versions.keys().next_back().copied().unwrap_or(0),
            content_id: self.greatest_content_id(),
            comment_id: self.max_comment_id(),
        }
    }

    /// Whether the group that reserves ids is there, as a row or through an artifact.
    pub fn has_reserve_group(&self) -> bool {
        self.has_group(RESERVE_GROUP)
    }

    /// Whether the group of probes and checks is there, as a row or through an artifact.
    pub fn has_scratch_group(&self) -> bool {
        self.has_group(SCRATCH_GROUP)
    }

    fn has_group(&self, name: &str) -> bool {
        let key = GroupKey::new(Some(name));
        self.groups.contains_key(&key) || self.artifacts.keys().any(|artifact| artifact.group == key)
    }

    /// Versions outside regplan's own groups, ascending by globalId.
    pub fn own_versions(&self) -> impl DoubleEndedIterator<Item = (u64, &Version)> {
        self.versions
            .iter()
            .filter(|(_, version)| !version.artifact.group.is_scratch())
            .map(|(id, version)| (*id, version))
    }

    /// Contents that those versions use, of those that are in the export.
    pub fn used_contents(&self) -> BTreeMap<u64, &Content> {
        self.own_versions()
            .filter_map(|(_, version)| Some((version.content_id, self.contents.get(&version.content_id)?)))
            .collect()
    }

    /// Comments on versions outside regplan's own groups.
    pub fn own_comments(&self) -> impl Iterator<Item = (&CommentKey, &Comment)> {
        self.comments.iter().filter(|(key, _)| {
            let version = self.versions.get(&key.global_id);
            version.is_none_or(|version| !version.artifact.group.is_scratch())
        })
    }

    /// Comments whose entry has the same name as another one's in an export of 2.6, which then holds only one of them: the
    /// name is 45, the code of `-`, added to the globalId, and the comment's id (reference: apicurio.md §3.2).
    pub fn colliding_comments(&self) -> BTreeSet<&CommentKey> {
        let mut by_name: BTreeMap<String, Vec<&CommentKey>> = BTreeMap::new();
        for key in self.comments.keys() {
            let name = format!("{}{}", key.global_id.saturating_add(45), key.comment_id);
            by_name.entry(name).or_default().push(key);
        }
        by_name.into_values().filter(|keys| keys.len() > 1).flatten().collect()
    }

    /// Artifacts outside regplan's own groups.
    pub fn own_artifacts(&self) -> impl Iterator<Item = (&Arc<ArtifactKey>, &Artifact)> {
        self.artifacts.iter().filter(|(key, _)| !key.group.is_scratch())
    }

    /// Rules of artifacts outside regplan's own groups.
    pub fn own_artifact_rules(&self) -> impl Iterator<Item = (&ArtifactRuleKey, &str)> {
        self.artifact_rules
            .iter()
            .filter(|(key, _)| !key.artifact.group.is_scratch())
            .map(|(key, configuration)| (key, &**configuration))
    }

    /// Without the versions that were made while a 2.6 was exported and whose contents are not in it.
    ///
    /// A 2.6 reads its contents before its versions: under two writers each of twelve exports of 1,500 versions had some of
    /// these (2.6.13 in memory), all made after the time that the manifest says. They are whole in the next export. What was
    /// made before that time and lacks its content stays: that is a hole.
    #[must_use]
    pub fn without_unfinished(mut self) -> Self {
        if self.format != Format::V2 {
            return self;
        }
        let began = self.manifest.exported_on;
        let unfinished: BTreeSet<u64> = (self.versions.iter())
            .filter(|(_, version)| version.created_on >= began && !self.contents.contains_key(&version.content_id))
            .map(|(id, _)| *id)
            .collect();
        if unfinished.is_empty() {
            return self;
        }
        self.versions.retain(|id, _| !unfinished.contains(id));
        self.comments.retain(|key, _| !unfinished.contains(&key.global_id));
        self.hidden_labels.retain(|id| !unfinished.contains(id));
        let before = std::mem::take(&mut self.artifacts);
        self.artifacts = self.implied_artifacts();
        let gone = |artifact: &ArtifactKey| before.contains_key(artifact) && !self.artifacts.contains_key(artifact);
        self.artifact_rules.retain(|key, _| !gone(&key.artifact));
        self
    }

    /// Whether a content is missing that may have been under way when the export began: a 2.6 dates a version before it stores
    /// its content (2.6.13, seen under load), so the date is older than the export and the content is seen by the next one.
    pub fn is_torn(&self) -> bool {
        let before = self.manifest.exported_on.saturating_sub(UNDER_WAY);
        self.format == Format::V2
            && (self.versions.values())
                .any(|version| version.created_on >= before && !self.contents.contains_key(&version.content_id))
    }

    /// What the export names and does not hold: a server writes on when one row fails, and answers 200 (reference:
    /// apicurio.md §1.3). A whole export has none; a chunk may name contents that the target has already.
    pub fn holes(&self) -> Vec<String> {
        let mut holes = Vec::new();
        for (id, version) in &self.versions {
            if !self.contents.contains_key(&version.content_id) {
                holes.push(format!("content {} of {version}", version.content_id));
            }
            if !self.artifacts.contains_key(&version.artifact) {
                holes.push(format!("the artifact of {version} (globalId {id})"));
            }
        }
        for key in self.comments.keys() {
            if !self.versions.contains_key(&key.global_id) {
                holes.push(format!("globalId {} of comment {}", key.global_id, key.comment_id));
            }
        }
        for key in self.artifact_rules.keys() {
            if !self.artifacts.contains_key(&key.artifact) {
                holes.push(format!("artifact {} of its rule {}", key.artifact, key.rule));
            }
        }
        holes
    }

    /// Of those globalIds the versions that are not disabled, in their order.
    pub fn served(&self, ids: &[u64]) -> Vec<&Version> {
        let versions = ids.iter().filter_map(|id| self.versions.get(id));
        versions
            .filter(|version| version.state != VersionState::Disabled)
            .collect()
    }

    /// `default/orders-value version 3 comment 7`.
    pub fn comment_name(&self, key: &CommentKey) -> String {
        match self.versions.get(&key.global_id) {
            Some(version) => format!("{version} comment {}", key.comment_id),
            None => format!("globalId {} comment {}", key.global_id, key.comment_id),
        }
    }

    /// globalIds by artifact, ascending, regplan's own groups included.
    pub fn versions_by_artifact(&self) -> BTreeMap<&Arc<ArtifactKey>, Vec<u64>> {
        let mut all: BTreeMap<&Arc<ArtifactKey>, Vec<u64>> = BTreeMap::new();
        for (id, version) in &self.versions {
            all.entry(&version.artifact).or_default().push(*id);
        }
        all
    }
}
