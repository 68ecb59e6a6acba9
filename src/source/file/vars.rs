use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::model::SecretSource;

/// A variable. Its value comes from `--var`, then from `--var-file`, then from `default`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Variable")]
pub(crate) struct VarFile {
    /// What kind of value it holds.
    #[serde(rename = "type")]
    pub kind: VarType,
    /// The value when none is given; a secret has none.
    #[serde(default)]
    pub default: Option<Value>,
    /// Where a secret is read, at the moment it is used: exactly one of `env`, `file`, `command`.
    #[serde(default)]
    pub from: Option<SecretSource>,
    /// What it is for.
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the plan")]
    pub description: Option<String>,
}

/// What kind of value a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "VariableType")]
pub(crate) enum VarType {
    /// Text.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `90s`, `5m`, `48h`, `7d`.
    Duration,
    /// Text that nobody may see: kept as a reference, read when it is used.
    Secret,
}
