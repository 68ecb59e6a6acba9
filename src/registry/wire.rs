//! Rows as they lie in an export, field by field (reference: apicurio.md §3.2, §3.3). Unknown fields are refused: what is not
//! known cannot be compared.

use serde::Deserialize;

use super::{Labels, VersionState};

/// `Manifest`, of both formats.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ManifestRow {
    pub system_version: Box<str>,
    #[serde(rename = "systemName")]
    pub _system_name: Option<Box<str>>,
    #[serde(rename = "systemDescription")]
    pub _system_description: Option<Box<str>>,
    pub export_version: Box<str>,
    pub exported_on: Option<i64>,
    #[serde(rename = "exportedBy")]
    pub _exported_by: Option<Box<str>>,
    #[serde(rename = "dbVersion")]
    pub _db_version: Option<Box<str>>,
}

/// `Content`, of both formats; 3.x adds `contentType`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ContentRow {
    pub content_id: u64,
    pub canonical_hash: Option<Box<str>>,
    pub content_hash: Box<str>,
    pub artifact_type: Option<Box<str>>,
    pub content_type: Option<Box<str>>,
    pub serialized_references: Option<Box<str>>,
}

/// `Group` of 2.6.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupRow2 {
    pub group_id: Box<str>,
    pub description: Option<Box<str>>,
    pub artifacts_type: Option<Box<str>>,
    pub created_by: Option<Box<str>>,
    pub created_on: i64,
    pub modified_by: Option<Box<str>>,
    pub modified_on: i64,
    #[serde(default)]
    pub properties: Labels,
}

/// `Group` of 3.x.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupRow3 {
    pub group_id: Box<str>,
    pub description: Option<Box<str>>,
    pub artifacts_type: Option<Box<str>>,
    pub owner: Option<Box<str>>,
    pub created_on: i64,
    pub modified_by: Option<Box<str>>,
    pub modified_on: i64,
    #[serde(default)]
    pub labels: Labels,
}

/// `ArtifactVersion` of 2.6.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VersionRow2 {
    pub global_id: u64,
    pub group_id: Option<Box<str>>,
    pub artifact_id: Box<str>,
    pub version: Option<Box<str>>,
    pub version_id: i64,
    pub artifact_type: Box<str>,
    pub state: VersionState,
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub created_by: Option<Box<str>>,
    pub created_on: i64,
    pub labels: Option<Vec<Box<str>>>,
    #[serde(default)]
    pub properties: Labels,
    pub is_latest: bool,
    pub content_id: u64,
}

/// `ArtifactVersion` of 3.x.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VersionRow3 {
    pub global_id: u64,
    pub group_id: Option<Box<str>>,
    pub artifact_id: Box<str>,
    pub version: Option<Box<str>>,
    #[serde(alias = "versionId")]
    pub version_order: i64,
    pub state: VersionState,
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub owner: Option<Box<str>>,
    pub created_on: i64,
    pub modified_by: Option<Box<str>>,
    pub modified_on: i64,
    #[serde(default)]
    pub labels: Labels,
    pub content_id: u64,
}

/// `Artifact` of 3.x.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ArtifactRow {
    pub group_id: Option<Box<str>>,
    pub artifact_id: Box<str>,
    pub artifact_type: Box<str>,
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    #[serde(default)]
    pub labels: Labels,
    pub owner: Option<Box<str>>,
    pub created_on: i64,
    #[serde(rename = "modifiedBy")]
    pub _modified_by: Option<Box<str>>,
    #[serde(rename = "modifiedOn")]
    pub _modified_on: i64,
}

/// `Branch` of 3.x.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BranchRow {
    pub group_id: Option<Box<str>>,
    pub artifact_id: Box<str>,
    pub branch_id: Box<str>,
    #[serde(rename = "description")]
    pub _description: Option<Box<str>>,
    pub system_defined: bool,
    #[serde(rename = "owner")]
    pub _owner: Option<Box<str>>,
    #[serde(rename = "createdOn")]
    pub _created_on: i64,
    #[serde(rename = "modifiedBy")]
    pub _modified_by: Option<Box<str>>,
    #[serde(rename = "modifiedOn")]
    pub _modified_on: i64,
    pub versions: Vec<Box<str>>,
}

/// `Comment` of 2.6.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CommentRow2 {
    pub global_id: u64,
    pub comment_id: Box<str>,
    pub created_by: Option<Box<str>>,
    pub created_on: i64,
    pub value: Box<str>,
}

/// `Comment` of 3.x.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CommentRow3 {
    pub global_id: u64,
    pub comment_id: Box<str>,
    pub owner: Option<Box<str>>,
    pub created_on: i64,
    pub value: Box<str>,
}

/// `ArtifactRule`, of both formats.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ArtifactRuleRow {
    pub group_id: Option<Box<str>>,
    pub artifact_id: Box<str>,
    #[serde(rename = "type")]
    pub rule: Box<str>,
    pub configuration: Box<str>,
}

/// `GroupRule` of 3.x.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupRuleRow {
    pub group_id: Box<str>,
    #[serde(rename = "type")]
    pub rule: Box<str>,
    pub configuration: Box<str>,
}

/// `GlobalRule`, of both formats.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GlobalRuleRow {
    pub rule_type: Box<str>,
    pub configuration: Box<str>,
}
