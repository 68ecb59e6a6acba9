//! Rows as they lie in exports of both versions, with the fields in the order of the real ones (reference: apicurio.md §3.2,
//! §3.3). As Jackson does it: an unknown field is refused, a missing one is null.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::registry::VersionState;

/// Types of rules; another one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum RuleType {
    Validity,
    Compatibility,
    Integrity,
}

impl RuleType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validity => "VALIDITY",
            Self::Compatibility => "COMPATIBILITY",
            Self::Integrity => "INTEGRITY",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Validity, Self::Compatibility, Self::Integrity]
            .into_iter()
            .find(|rule| rule.as_str() == text)
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ManifestRow {
    pub system_version: Option<String>,
    pub system_name: Option<String>,
    pub system_description: Option<String>,
    pub export_version: Option<String>,
    pub exported_on: Option<i64>,
    pub exported_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_version: Option<String>,
}

/// `Content` of 2.6, which has no media type.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ContentRow2 {
    pub content_id: u64,
    pub canonical_hash: Option<String>,
    pub content_hash: Option<String>,
    pub artifact_type: Option<String>,
    pub serialized_references: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ContentRow3 {
    pub content_id: u64,
    pub canonical_hash: Option<String>,
    pub content_hash: Option<String>,
    pub artifact_type: Option<String>,
    pub content_type: Option<String>,
    pub serialized_references: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct GroupRow2 {
    pub group_id: Option<String>,
    pub description: Option<String>,
    pub artifacts_type: Option<String>,
    pub created_by: Option<String>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
    pub properties: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct GroupRow3 {
    pub group_id: Option<String>,
    pub description: Option<String>,
    pub artifacts_type: Option<String>,
    pub owner: Option<String>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
    pub labels: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct VersionRow2 {
    pub global_id: u64,
    pub group_id: Option<String>,
    pub artifact_id: Option<String>,
    pub version: Option<String>,
    pub version_id: i64,
    pub artifact_type: Option<String>,
    pub state: Option<State2>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub created_by: Option<String>,
    pub created_on: i64,
    pub labels: Option<Vec<String>>,
    pub properties: Option<BTreeMap<String, Option<String>>>,
    pub is_latest: bool,
    pub content_id: u64,
}

/// The states that 2.6 knows; another one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum State2 {
    Enabled,
    Disabled,
    Deprecated,
}

impl State2 {
    pub fn of(state: VersionState) -> Self {
        match state {
            VersionState::Disabled => Self::Disabled,
            VersionState::Deprecated => Self::Deprecated,
            VersionState::Enabled | VersionState::Draft | VersionState::Sunset => Self::Enabled,
        }
    }

    pub fn state(self) -> VersionState {
        match self {
            Self::Enabled => VersionState::Enabled,
            Self::Disabled => VersionState::Disabled,
            Self::Deprecated => VersionState::Deprecated,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ArtifactRow {
    pub group_id: Option<String>,
    pub artifact_id: String,
    pub artifact_type: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub labels: Option<BTreeMap<String, Option<String>>>,
    pub owner: Option<String>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct VersionRow3 {
    pub global_id: u64,
    pub group_id: Option<String>,
    pub artifact_id: String,
    pub version: Option<String>,
    #[serde(alias = "versionId")]
    pub version_order: i64,
    pub state: Option<VersionState>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub owner: Option<String>,
    pub labels: Option<BTreeMap<String, Option<String>>>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
    pub content_id: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct BranchRow {
    pub group_id: Option<String>,
    pub artifact_id: String,
    pub branch_id: String,
    pub description: Option<String>,
    pub system_defined: bool,
    pub owner: Option<String>,
    pub created_on: i64,
    pub modified_by: Option<String>,
    pub modified_on: i64,
    pub versions: Vec<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct CommentRow2 {
    pub global_id: u64,
    pub comment_id: String,
    pub created_by: Option<String>,
    pub created_on: i64,
    pub value: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct CommentRow3 {
    pub global_id: u64,
    pub comment_id: String,
    pub owner: Option<String>,
    pub created_on: i64,
    pub value: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ArtifactRuleRow {
    pub group_id: Option<String>,
    pub artifact_id: String,
    #[serde(rename = "type")]
    pub rule: RuleType,
    pub configuration: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupRuleRow {
    pub group_id: String,
    #[serde(rename = "type")]
    pub rule: RuleType,
    pub configuration: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GlobalRuleRow {
    pub rule_type: RuleType,
    pub configuration: String,
}
