use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ops::ControlFlow,
    sync::Arc,
};

use super::{
    Artifact, ArtifactKey, ArtifactRuleKey, Branch, BranchKey, Comment, CommentKey, Content, Format, Group, GroupKey,
    GroupRuleKey, Labels, Manifest, ReadError, Snapshot, Version, VersionState,
    read::{ContentBytes, EntryName, Taken, parse},
    wire::{
        ArtifactRow, ArtifactRuleRow, BranchRow, CommentRow2, CommentRow3, ContentRow, GlobalRuleRow, GroupRow2,
        GroupRow3, GroupRuleRow, VersionRow2, VersionRow3,
    },
};

/// Collects rows into a [`Snapshot`], refusing a second row for the same thing.
pub(super) struct Builder {
    snapshot: Snapshot,
    keys: BTreeSet<Arc<ArtifactKey>>,
    texts: BTreeSet<Arc<str>>,
    addresses: BTreeSet<(Arc<ArtifactKey>, Box<str>)>,
}

impl Builder {
    pub(super) fn new(format: Format) -> Self {
        Self {
            snapshot: Snapshot::empty(format),
            keys: BTreeSet::new(),
            texts: BTreeSet::new(),
            addresses: BTreeSet::new(),
        }
    }

    /// Takes a row of any kind but contents and manifests.
    pub(super) fn row(&mut self, name: &EntryName, json: &[u8]) -> Result<Taken, ReadError> {
        match (name.kind.as_str(), self.snapshot.format) {
            ("ArtifactVersion", Format::V2) => self.version2(parse(name, json)?)?,
            ("ArtifactVersion", Format::V3) => self.version3(parse(name, json)?)?,
            ("Artifact", Format::V3) => self.artifact(parse(name, json)?)?,
            ("Branch", Format::V3) => self.branch(parse(name, json)?)?,
            ("Comment", Format::V2) => self.comment(comment2(parse(name, json)?))?,
            ("Comment", Format::V3) => self.comment(comment3(parse(name, json)?))?,
            ("Group", Format::V2) => self.group(group2(parse(name, json)?))?,
            ("Group", Format::V3) => self.group(group3(parse(name, json)?))?,
            ("ArtifactRule", _) => self.artifact_rule(parse(name, json)?)?,
            ("GlobalRule", _) => self.global_rule(parse(name, json)?)?,
            ("GroupRule", Format::V3) => self.group_rule(parse(name, json)?)?,
            _ => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn content(&mut self, row: ContentRow, bytes: ContentBytes) -> Result<(), ReadError> {
        let references = row
            .serialized_references
            .filter(|text| !text.is_empty() && **text != *"[]");
        let ((entry, size), is_utf8) = (bytes.place(), bytes.is_utf8());
        let (sha256, computed) = bytes.hashes(references.as_deref());
        let content = Content {
            hash: row.content_hash,
            computed,
            sha256,
            canonical_hash: row.canonical_hash,
            references,
            artifact_type: row.artifact_type,
            content_type: row.content_type.map(|text| self.text(&text)),
            size,
            is_utf8,
            entry,
        };
        once(&mut self.snapshot.contents, row.content_id, content, || {
            format!("content {}", row.content_id)
        })
    }

    fn version2(&mut self, row: VersionRow2) -> Result<(), ReadError> {
        let mut labels = row.labels.iter().flatten();
        if labels.any(|label| row.properties.iter().any(|(name, _)| *name == **label)) {
            self.snapshot.hidden_labels.insert(row.global_id);
        }
        let version = Version {
            artifact: self.key(row.group_id.as_deref(), &row.artifact_id),
            version: row.version.unwrap_or_else(|| row.version_id.to_string().into()),
            order: row.version_id,
            content_id: row.content_id,
            state: row.state,
            name: row.name,
            description: row.description,
            owner: row.created_by.map(|text| self.text(&text)),
            created_on: row.created_on,
            modified_by: None,
            modified_on: None,
            labels: Labels::merged(row.labels.unwrap_or_default(), row.properties),
            artifact_type: self.text(&row.artifact_type),
            is_latest: row.is_latest,
        };
        self.version(row.global_id, version)
    }

    fn version3(&mut self, row: VersionRow3) -> Result<(), ReadError> {
        let version = Version {
            artifact: self.key(row.group_id.as_deref(), &row.artifact_id),
            version: row.version.unwrap_or_else(|| row.version_order.to_string().into()),
            order: row.version_order,
            content_id: row.content_id,
            state: row.state,
            name: row.name,
            description: row.description,
            owner: row.owner.map(|text| self.text(&text)),
            created_on: row.created_on,
            modified_by: row.modified_by.map(|text| self.text(&text)),
            modified_on: Some(row.modified_on),
            labels: row.labels,
            // Known when all artifacts are read.
            artifact_type: self.text(""),
            is_latest: false,
        };
        self.version(row.global_id, version)
    }

    fn version(&mut self, global_id: u64, version: Version) -> Result<(), ReadError> {
        let address = (Arc::clone(&version.artifact), version.version.clone());
        if !self.addresses.insert(address) {
            return Err(ReadError::DuplicateRow {
                what: format!("{} version {}", version.artifact, version.version),
            });
        }
        once(&mut self.snapshot.versions, global_id, version, || {
            format!("globalId {global_id}")
        })
    }

    fn artifact(&mut self, row: ArtifactRow) -> Result<(), ReadError> {
        let key = self.key(row.group_id.as_deref(), &row.artifact_id);
        let what = Arc::clone(&key);
        let artifact = Artifact {
            artifact_type: self.text(&row.artifact_type),
            name: row.name,
            description: row.description,
            owner: row.owner,
            created_on: row.created_on,
            labels: row.labels,
            labels_may_go: false,
        };
        once(&mut self.snapshot.artifacts, key, artifact, || {
            format!("artifact {what}")
        })
    }

    fn branch(&mut self, row: BranchRow) -> Result<(), ReadError> {
        let what = format!(
            "branch {} of {}",
            row.branch_id,
            ArtifactKey::new(row.group_id.as_deref(), &row.artifact_id)
        );
        let key = BranchKey {
            artifact: ArtifactKey::new(row.group_id.as_deref(), &row.artifact_id),
            branch: row.branch_id,
        };
        let branch = Branch {
            system_defined: row.system_defined,
            versions: row.versions.into_iter().collect(),
        };
        once(&mut self.snapshot.branches, key, branch, || what)
    }

    fn comment(&mut self, (key, comment): (CommentKey, Comment)) -> Result<(), ReadError> {
        let what = format!("comment {} of globalId {}", key.comment_id, key.global_id);
        once(&mut self.snapshot.comments, key, comment, || what)
    }

    fn group(&mut self, (id, group): (Box<str>, Group)) -> Result<(), ReadError> {
        once(&mut self.snapshot.groups, GroupKey::new(Some(&id)), group, || {
            format!("group {id}")
        })
    }

    fn artifact_rule(&mut self, row: ArtifactRuleRow) -> Result<(), ReadError> {
        let key = ArtifactRuleKey {
            artifact: ArtifactKey::new(row.group_id.as_deref(), &row.artifact_id),
            rule: row.rule,
        };
        let what = format!("rule {} of {}", key.rule, key.artifact);
        once(&mut self.snapshot.artifact_rules, key, row.configuration, || what)
    }

    fn group_rule(&mut self, row: GroupRuleRow) -> Result<(), ReadError> {
        let key = GroupRuleKey {
            group: GroupKey::new(Some(&row.group_id)),
            rule: row.rule,
        };
        let what = format!("rule {} of group {}", key.rule, key.group);
        once(&mut self.snapshot.group_rules, key, row.configuration, || what)
    }

    fn global_rule(&mut self, row: GlobalRuleRow) -> Result<(), ReadError> {
        let what = format!("global rule {}", row.rule_type);
        once(
            &mut self.snapshot.global_rules,
            row.rule_type,
            row.configuration,
            || what,
        )
    }

    /// The whole snapshot, with what one format says and the other implies.
    pub(super) fn finish(mut self, manifest: Manifest) -> Snapshot {
        self.snapshot.manifest = manifest;
        match self.snapshot.format {
            Format::V2 => self.snapshot.artifacts = self.snapshot.implied_artifacts(),
            Format::V3 => self.imply_versions(),
        }
        self.snapshot
    }

    /// Types and latest flags of 3.x versions, as 2.6 would have them.
    fn imply_versions(&mut self) {
        let mut latest: BTreeMap<Arc<ArtifactKey>, u64> = BTreeMap::new();
        for (key, ids) in self.snapshot.versions_by_artifact() {
            latest.extend(self.snapshot.latest_of(&ids).map(|id| (Arc::clone(key), id)));
        }
        for (id, version) in &mut self.snapshot.versions {
            if let Some(artifact) = self.snapshot.artifacts.get(&version.artifact) {
                version.artifact_type = Arc::clone(&artifact.artifact_type);
            }
            version.is_latest = latest.get(&version.artifact) == Some(id);
        }
    }

    /// One allocation per artifact, not per version.
    fn key(&mut self, group: Option<&str>, artifact: &str) -> Arc<ArtifactKey> {
        let key = ArtifactKey::new(group, artifact);
        if let Some(known) = self.keys.get(&key) {
            return Arc::clone(known);
        }
        let key = Arc::new(key);
        self.keys.insert(Arc::clone(&key));
        key
    }

    /// One allocation per type, owner and media type.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }
}

impl Snapshot {
    fn empty(format: Format) -> Self {
        Self {
            format,
            manifest: Manifest {
                system_version: "".into(),
                export_version: "".into(),
                exported_on: 0,
            },
            versions: BTreeMap::new(),
            contents: BTreeMap::new(),
            groups: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            owners_known: format == Format::V3,
            comments: BTreeMap::new(),
            artifact_rules: BTreeMap::new(),
            global_rules: BTreeMap::new(),
            group_rules: BTreeMap::new(),
            branches: BTreeMap::new(),
            hidden_labels: BTreeSet::new(),
        }
    }

    /// Of an artifact's globalIds the latest: flagged, else the newest that is not disabled, else the newest
    /// (reference: apicurio.md §3.2, §5.1).
    pub(super) fn latest_of(&self, ids: &[u64]) -> Option<u64> {
        let newest = |wanted: fn(&Version) -> bool| {
            let mut found = ids.iter().rev();
            found.find(|id| self.versions.get(id).is_some_and(wanted)).copied()
        };
        newest(|version| version.is_latest)
            .or_else(|| newest(|version| version.state != VersionState::Disabled))
            .or_else(|| ids.last().copied())
    }

    /// The artifact rows that 3.x makes of 2.6's versions: the first one's, overlaid by what the one that is flagged latest
    /// sets (an empty text counts as set, an empty owner does not; reference: apicurio.md §4.3).
    pub(super) fn implied_artifacts(&self) -> BTreeMap<Arc<ArtifactKey>, Artifact> {
        let mut all: BTreeMap<Arc<ArtifactKey>, Artifact> = BTreeMap::new();
        for version in self.versions.values() {
            all.entry(Arc::clone(&version.artifact))
                .or_insert_with(|| Artifact::of_first(version));
        }
        for version in self.versions.values().filter(|version| version.is_latest) {
            if let Some(artifact) = all.get_mut(&version.artifact) {
                artifact.overlay(version);
            }
        }
        all
    }
}

impl Artifact {
    /// What an import makes of an artifact's first version.
    pub(super) fn of_first(version: &Version) -> Self {
        Self {
            artifact_type: Arc::clone(&version.artifact_type),
            name: version.name.clone(),
            description: version.description.clone(),
            owner: version.owner.as_deref().map(Box::from),
            created_on: version.created_on,
            labels: version.labels.clone(),
            labels_may_go: false,
        }
    }

    /// What an import then makes of it for the version that is flagged latest.
    pub(super) fn overlay(&mut self, latest: &Version) {
        if latest.name.is_some() {
            self.name.clone_from(&latest.name);
        }
        if latest.description.is_some() {
            self.description.clone_from(&latest.description);
        }
        if let Some(owner) = latest.owner.as_deref().filter(|owner| !owner.is_empty()) {
            self.owner = Some(owner.into());
        }
        self.labels_may_go = latest.labels.is_empty();
        if !latest.labels.is_empty() {
            self.labels.clone_from(&latest.labels);
        }
    }
}

fn group2(row: GroupRow2) -> (Box<str>, Group) {
    let group = Group {
        description: row.description,
        artifacts_type: row.artifacts_type,
        owner: row.created_by,
        created_on: row.created_on,
        modified_by: row.modified_by,
        modified_on: row.modified_on,
        labels: row.properties,
    };
    (row.group_id, group)
}

fn group3(row: GroupRow3) -> (Box<str>, Group) {
    let group = Group {
        description: row.description,
        artifacts_type: row.artifacts_type,
        owner: row.owner,
        created_on: row.created_on,
        modified_by: row.modified_by,
        modified_on: row.modified_on,
        labels: row.labels,
    };
    (row.group_id, group)
}

fn comment2(row: CommentRow2) -> (CommentKey, Comment) {
    let key = CommentKey {
        global_id: row.global_id,
        comment_id: row.comment_id,
    };
    let comment = Comment {
        owner: row.created_by,
        created_on: row.created_on,
        value: row.value,
    };
    (key, comment)
}

fn comment3(row: CommentRow3) -> (CommentKey, Comment) {
    let key = CommentKey {
        global_id: row.global_id,
        comment_id: row.comment_id,
    };
    let comment = Comment {
        owner: row.owner,
        created_on: row.created_on,
        value: row.value,
    };
    (key, comment)
}

/// Puts a row in, unless there is one.
fn once<K: Ord, V>(
    rows: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    what: impl FnOnce() -> String,
) -> Result<(), ReadError> {
    match rows.entry(key) {
        Entry::Vacant(place) => {
            place.insert(value);
            Ok(())
        }
        Entry::Occupied(_) => Err(ReadError::DuplicateRow { what: what() }),
    }
}
