//! Exports of both versions: names, order and fields of the entries are those of the real ones (reference: apicurio.md §3).

use std::io::{Cursor, Write as _};

use serde::Serialize;
use thiserror::Error;
use zip::{ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{
    dates::instant,
    model::{Artifact, Branch, Comment, Content, Group, Key, Store, Version},
    wire::{
        ArtifactRow, ArtifactRuleRow, BranchRow, CommentRow2, CommentRow3, ContentRow2, ContentRow3, GlobalRuleRow,
        GroupRow2, GroupRow3, GroupRuleRow, ManifestRow, RuleType, State2, VersionRow2, VersionRow3,
    },
};

/// Why there is no export: a fault of the twin.
#[derive(Debug, Error)]
pub(super) enum ExportError {
    #[error("the ZIP cannot be written")]
    Zip(#[from] ZipError),
    #[error("the ZIP cannot be written")]
    Io(#[from] std::io::Error),
    #[error("a row cannot be written")]
    Row(#[from] serde_json::Error),
}

/// The whole registry, as its own version writes it.
pub(super) fn export(store: &Store) -> Result<Vec<u8>, ExportError> {
    let mut pack = Pack(ZipWriter::new(Cursor::new(Vec::new())));
    pack.row(&format!("manifest-{}.Manifest", instant(store.now)), &manifest(store))?;
    for (id, content) in &store.contents {
        pack.content(store.is_v2(), *id, content)?;
    }
    for (id, group) in &store.groups {
        let name = format!("groups/{id}.Group");
        match store.is_v2() {
            true => pack.row(&name, &group2(id, group))?,
            false => pack.row(&name, &group3(id, group))?,
        }
    }
    if !store.is_v2() {
        pack.group_rules(store)?;
        for (key, artifact) in &store.artifacts {
            pack.row(
                &format!("{}/MetaData.Artifact", folder(key)),
                &artifact_row(key, artifact),
            )?;
        }
    }
    for (id, version) in &store.versions {
        let name = format!("{}/versions/{}.ArtifactVersion", folder(&version.key), version.version);
        match store.is_v2() {
            true => pack.row(&name, &version2(store, *id, version))?,
            false => pack.row(&name, &version3(*id, version))?,
        }
    }
    for (id, comment) in &store.comments {
        pack.comment(store.is_v2(), id, comment)?;
    }
    for (key, artifact) in &store.artifacts {
        for (id, branch) in &artifact.branches {
            let name = format!("{}/branches/{id}.Branch", folder(key));
            pack.row(&name, &branch_row(store, key, id, branch))?;
        }
    }
    pack.rules(store)?;
    Ok(pack.0.finish()?.into_inner())
}

/// Entries in the making.
struct Pack(ZipWriter<Cursor<Vec<u8>>>);

impl Pack {
    /// One row. A name that is taken leaves the row out without a word, as it does in Java.
    fn row(&mut self, name: &str, row: &impl Serialize) -> Result<(), ExportError> {
        self.entry(&format!("{name}.json"), &serde_json::to_vec(row)?)
    }

    fn entry(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        match self.0.start_file(name, SimpleFileOptions::default()) {
            Ok(()) => Ok(self.0.write_all(bytes)?),
            Err(ZipError::InvalidArchive(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn content(&mut self, is_v2: bool, id: u64, content: &Content) -> Result<(), ExportError> {
        let name = format!("content/{}.Content", content.hash);
        match is_v2 {
            true => self.row(&name, &content2(id, content))?,
            false => self.row(&name, &content3(id, content))?,
        }
        self.entry(&format!("{name}.data"), &content.bytes)
    }

    /// The name adds 45, the code of `-`, to the globalId, so two comments can have the same one (reference: apicurio.md §3.2).
    fn comment(&mut self, is_v2: bool, id: &str, comment: &Comment) -> Result<(), ExportError> {
        let name = format!("comments/{}{id}.Comment", comment.global_id + 45);
        let comment = comment.clone();
        if is_v2 {
            let row = CommentRow2 {
                global_id: comment.global_id,
                comment_id: id.to_owned(),
                created_by: comment.owner,
                created_on: comment.created_on,
                value: comment.value,
            };
            return self.row(&name, &row);
        }
        let row = CommentRow3 {
            global_id: comment.global_id,
            comment_id: id.to_owned(),
            owner: comment.owner,
            created_on: comment.created_on,
            value: comment.value,
        };
        self.row(&name, &row)
    }

    fn group_rules(&mut self, store: &Store) -> Result<(), ExportError> {
        for (id, group) in &store.groups {
            for (rule, configuration) in &group.rules {
                let Some(kind) = RuleType::parse(rule) else { continue };
                let row = GroupRuleRow {
                    group_id: id.clone(),
                    rule: kind,
                    configuration: configuration.clone(),
                };
                self.row(&format!("groups/{id}/rules/{rule}.GroupRule"), &row)?;
            }
        }
        Ok(())
    }

    fn rules(&mut self, store: &Store) -> Result<(), ExportError> {
        for (key, artifact) in &store.artifacts {
            for (rule, configuration) in &artifact.rules {
                let Some(kind) = RuleType::parse(rule) else { continue };
                let row = ArtifactRuleRow {
                    group_id: key.group.clone(),
                    artifact_id: key.artifact.clone(),
                    rule: kind,
                    configuration: configuration.clone(),
                };
                self.row(&format!("{}/rules/{rule}.ArtifactRule", folder(key)), &row)?;
            }
        }
        for (rule, configuration) in &store.global_rules {
            let Some(kind) = RuleType::parse(rule) else { continue };
            let row = GlobalRuleRow {
                rule_type: kind,
                configuration: configuration.clone(),
            };
            self.row(&format!("rules/{rule}.GlobalRule"), &row)?;
        }
        Ok(())
    }
}

fn folder(key: &Key) -> String {
    format!(
        "groups/{}/artifacts/{}",
        key.group.as_deref().unwrap_or("default"),
        key.artifact
    )
}

fn manifest(store: &Store) -> ManifestRow {
    let (name, export) = match store.is_v2() {
        true => ("apicurio-registry", "1.0"),
        false => ("Apicurio Registry (SQL)", "3.0"),
    };
    ManifestRow {
        system_version: Some(store.flavour.as_str().to_owned()),
        system_name: Some(name.to_owned()),
        system_description: Some("High performance, runtime registry for schemas and API designs.".to_owned()),
        export_version: Some(export.to_owned()),
        exported_on: Some(store.now),
        exported_by: Some(String::new()),
        db_version: (!store.is_v2()).then(|| "109".to_owned()),
    }
}

fn content2(id: u64, content: &Content) -> ContentRow2 {
    ContentRow2 {
        content_id: id,
        canonical_hash: Some(content.canonical_hash.clone()),
        content_hash: Some(content.hash.clone()),
        artifact_type: None,
        serialized_references: content.references.clone(),
    }
}

fn content3(id: u64, content: &Content) -> ContentRow3 {
    ContentRow3 {
        content_id: id,
        canonical_hash: Some(content.canonical_hash.clone()),
        content_hash: Some(content.hash.clone()),
        artifact_type: None,
        content_type: content.content_type.clone(),
        serialized_references: content.references.clone(),
    }
}

fn group2(id: &str, group: &Group) -> GroupRow2 {
    GroupRow2 {
        group_id: Some(id.to_owned()),
        description: group.description.clone(),
        artifacts_type: group.artifacts_type.clone(),
        created_by: group.owner.clone(),
        created_on: group.created_on,
        modified_by: group.modified_by.clone(),
        modified_on: group.modified_on,
        properties: filled(&group.tags.map),
    }
}

fn group3(id: &str, group: &Group) -> GroupRow3 {
    GroupRow3 {
        group_id: Some(id.to_owned()),
        description: group.description.clone(),
        artifacts_type: group.artifacts_type.clone(),
        owner: group.owner.clone(),
        created_on: group.created_on,
        modified_by: group.modified_by.clone(),
        modified_on: group.modified_on,
        labels: filled(&group.tags.map),
    }
}

fn artifact_row(key: &Key, artifact: &Artifact) -> ArtifactRow {
    ArtifactRow {
        group_id: key.group.clone(),
        artifact_id: key.artifact.clone(),
        artifact_type: artifact.artifact_type.clone(),
        name: artifact.name.clone(),
        description: artifact.description.clone(),
        labels: filled(&artifact.tags.map),
        owner: artifact.owner.clone(),
        created_on: artifact.created_on,
        modified_by: artifact.modified_by.clone(),
        modified_on: artifact.modified_on,
    }
}

fn version2(store: &Store, id: u64, version: &Version) -> VersionRow2 {
    let artifact = store.artifacts.get(&version.key);
    VersionRow2 {
        global_id: id,
        group_id: version.key.group.clone(),
        artifact_id: Some(version.key.artifact.clone()),
        version: Some(version.version.clone()),
        version_id: version.order,
        artifact_type: artifact.map(|artifact| artifact.artifact_type.clone()),
        state: Some(State2::of(version.state)),
        name: version.name.clone(),
        description: version.description.clone(),
        created_by: version.owner.clone(),
        created_on: version.created_on,
        labels: Some(version.tags.list.clone()).filter(|list| !list.is_empty()),
        properties: filled(&version.tags.map),
        is_latest: artifact.is_some_and(|artifact| artifact.latest == Some(id)),
        content_id: version.content_id,
    }
}

fn version3(id: u64, version: &Version) -> VersionRow3 {
    VersionRow3 {
        global_id: id,
        group_id: version.key.group.clone(),
        artifact_id: version.key.artifact.clone(),
        version: Some(version.version.clone()),
        version_order: version.order,
        state: Some(version.state),
        name: version.name.clone(),
        description: version.description.clone(),
        owner: version.owner.clone(),
        labels: filled(&version.tags.map),
        created_on: version.created_on,
        modified_by: version.modified_by.clone(),
        modified_on: version.modified_on,
        content_id: version.content_id,
    }
}

fn branch_row(store: &Store, key: &Key, id: &str, branch: &Branch) -> BranchRow {
    let versions = branch.versions.iter().filter_map(|id| store.versions.get(id));
    BranchRow {
        group_id: key.group.clone(),
        artifact_id: key.artifact.clone(),
        branch_id: id.to_owned(),
        description: branch.description.clone(),
        system_defined: branch.system_defined,
        owner: branch.owner.clone(),
        created_on: branch.created_on,
        modified_by: branch.modified_by.clone(),
        modified_on: branch.modified_on,
        versions: versions.map(|version| version.version.clone()).collect(),
    }
}

fn filled<K: Clone + Ord, V: Clone>(
    map: &std::collections::BTreeMap<K, V>,
) -> Option<std::collections::BTreeMap<K, V>> {
    Some(map.clone()).filter(|map| !map.is_empty())
}
