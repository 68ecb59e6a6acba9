//! Rows as 2.6 writes them, which both importers read (reference: apicurio.md §3.2).

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    ArtifactRuleKey, ChunkError, Comment, CommentKey, Content, Format, Group, GroupKey, Snapshot, Version, VersionState,
};

/// The server whose export a ZIP claims to be when its source was no 2.x: the last of 2.6. With it goes format 1.0; other
/// pairs are refused (reference: apicurio.md §4.1).
const SYSTEM_VERSION: &str = "2.6.13.Final";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestOut<'s> {
    system_version: &'s str,
    system_name: &'static str,
    system_description: &'static str,
    export_version: &'static str,
    exported_on: i64,
    exported_by: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContentOut<'s> {
    content_id: u64,
    canonical_hash: &'s str,
    content_hash: &'s str,
    artifact_type: Option<&'s str>,
    serialized_references: Option<&'s str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupOut<'s> {
    group_id: &'s str,
    description: Option<&'s str>,
    artifacts_type: Option<&'s str>,
    created_by: &'s str,
    created_on: i64,
    modified_by: Option<&'s str>,
    modified_on: i64,
    properties: Option<BTreeMap<&'s str, &'s str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionOut<'s> {
    global_id: u64,
    group_id: Option<&'s str>,
    artifact_id: &'s str,
    version: &'s str,
    version_id: i64,
    artifact_type: &'s str,
    state: VersionState,
    name: Option<&'s str>,
    description: Option<&'s str>,
    created_by: Option<&'s str>,
    created_on: i64,
    labels: Option<Vec<&'s str>>,
    properties: Option<BTreeMap<&'s str, &'s str>>,
    is_latest: bool,
    content_id: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommentOut<'s> {
    global_id: u64,
    comment_id: &'s str,
    created_by: Option<&'s str>,
    created_on: i64,
    value: &'s str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactRuleOut<'s> {
    group_id: Option<&'s str>,
    artifact_id: &'s str,
    #[serde(rename = "type")]
    rule: &'s str,
    configuration: &'s str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GlobalRuleOut<'s> {
    rule_type: &'s str,
    configuration: &'s str,
}

/// The manifest; the time is that of the source, so that the same chunk gives the same bytes.
pub(super) fn manifest(source: Option<&Snapshot>) -> Result<Vec<u8>, ChunkError> {
    let source = source
        .filter(|source| source.format == Format::V2)
        .map(|source| &source.manifest);
    json(&ManifestOut {
        system_version: source.map_or(SYSTEM_VERSION, |manifest| &manifest.system_version),
        system_name: "apicurio-registry",
        system_description: "packed by regplan",
        export_version: "1.0",
        exported_on: source.map_or(0, |manifest| manifest.exported_on),
        exported_by: "",
    })
}

/// A content. `canonicalHash` must not be null; what stands in for a missing one is computed anew by the importer.
pub(super) fn content(id: u64, content: &Content) -> Result<Vec<u8>, ChunkError> {
    json(&ContentOut {
        content_id: id,
        canonical_hash: content.canonical_hash.as_deref().unwrap_or(&content.hash),
        content_hash: &content.hash,
        artifact_type: content.artifact_type.as_deref(),
        serialized_references: content.references.as_deref(),
    })
}

pub(super) fn group(key: &GroupKey, group: &Group) -> Result<Vec<u8>, ChunkError> {
    json(&GroupOut {
        group_id: key.as_str(),
        description: group.description.as_deref(),
        artifacts_type: group.artifacts_type.as_deref(),
        created_by: group.owner.as_deref().unwrap_or(""),
        created_on: group.created_on,
        modified_by: group.modified_by.as_deref(),
        modified_on: group.modified_on,
        properties: Some(
            group
                .labels
                .iter()
                .map(|(name, value)| (name, value.unwrap_or("")))
                .collect(),
        )
        .filter(|all: &BTreeMap<_, _>| !all.is_empty()),
    })
}

/// A version; with `empty_values` its labels without a value are properties with an empty one.
pub(super) fn version(id: u64, version: &Version, empty_values: bool) -> Result<Vec<u8>, ChunkError> {
    if matches!(version.state, VersionState::Draft | VersionState::Sunset) {
        return Err(ChunkError::State {
            what: version.to_string(),
            state: version.state.to_string(),
        });
    }
    json(&VersionOut {
        global_id: id,
        group_id: version.artifact.group.as_option(),
        artifact_id: &version.artifact.artifact,
        version: &version.version,
        version_id: version.order,
        artifact_type: &version.artifact_type,
        state: version.state,
        name: version.name.as_deref(),
        description: version.description.as_deref(),
        created_by: version.owner.as_deref(),
        created_on: version.created_on,
        labels: version.labels.without_value().filter(|_| !empty_values),
        properties: if empty_values {
            version.labels.all_with_value()
        } else {
            version.labels.with_value()
        },
        is_latest: version.is_latest,
        content_id: version.content_id,
    })
}

pub(super) fn comment(key: &CommentKey, comment: &Comment) -> Result<Vec<u8>, ChunkError> {
    json(&CommentOut {
        global_id: key.global_id,
        comment_id: &key.comment_id,
        created_by: comment.owner.as_deref(),
        created_on: comment.created_on,
        value: &comment.value,
    })
}

pub(super) fn artifact_rule(key: &ArtifactRuleKey, configuration: &str) -> Result<Vec<u8>, ChunkError> {
    json(&ArtifactRuleOut {
        group_id: key.artifact.group.as_option(),
        artifact_id: &key.artifact.artifact,
        rule: &key.rule,
        configuration,
    })
}

pub(super) fn global_rule(rule: &str, configuration: &str) -> Result<Vec<u8>, ChunkError> {
    json(&GlobalRuleOut {
        rule_type: rule,
        configuration,
    })
}

fn json(row: &impl Serialize) -> Result<Vec<u8>, ChunkError> {
    Ok(serde_json::to_vec(row)?)
}
