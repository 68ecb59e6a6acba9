use std::fmt;

use serde::Serialize;

use super::{ArtifactKey, GroupKey};

/// A rule to change by the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// Whose.
    pub of: RuleOf,
    /// The type.
    pub rule: Box<str>,
    /// What it must become; `None`: it must go.
    pub configuration: Option<Box<str>>,
}

/// Whose rule it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOf {
    /// Of the whole registry.
    All,
    /// Of a group; 3.x only.
    Group(GroupKey),
    /// Of an artifact.
    Artifact(ArtifactKey),
}

impl fmt::Display for RuleChange {
    /// `rule VALIDITY of default/orders-value`, `global rule VALIDITY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            RuleOf::Artifact(artifact) => write!(f, "rule {} of {artifact}", self.rule),
            RuleOf::Group(group) => write!(f, "rule {} of group {group}", self.rule),
            RuleOf::All => write!(f, "global rule {}", self.rule),
        }
    }
}

impl RuleChange {
    pub(super) fn new(of: RuleOf, rule: &str, configuration: Option<&str>) -> Self {
        Self {
            of,
            rule: rule.into(),
            configuration: configuration.map(Box::from),
        }
    }
}
