use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Check, Inputs, Verdict},
    model::{ResourceKey, Step, StepId, SystemName, Touches},
    system::{Act, Progress},
};

/// Compares everything that two registries hold, by the equality contract.
pub struct RegistryVerify;

/// What is compared with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryVerifySpec {
    /// The registry that is right.
    pub left: SystemName,
    /// The registry that is compared with it.
    pub right: SystemName,
    /// Compare with what this step captured instead of what `left` holds now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<StepId>,
    /// Where the whole list of differences is written as JSON; relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

/// What the comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegistryVerifyOutput {
    /// Rows that differ and must not.
    pub differences: u64,
    /// Rows that differ by a coded row of the contract.
    pub expected: u64,
    /// Rows accepted by code and reason in the plan.
    pub accepted: u64,
    /// Versions compared on the left.
    pub versions: u64,
    /// Artifacts compared on the left.
    pub artifacts: u64,
    /// The first differences, for people.
    pub first: Vec<String>,
    /// The file with the whole list.
    pub report: Option<String>,
}

impl Check for RegistryVerify {
    const NAME: &'static str = "registry.verify";
    const ABOUT: &'static str = "Compares everything that two registries hold, by the equality contract.";
    type Spec = RegistryVerifySpec;
    type Output = RegistryVerifyOutput;

    fn touches(spec: &RegistryVerifySpec, _step: &Step) -> Touches {
        Touches {
            reads: [
                ResourceKey::of(&spec.left, "content"),
                ResourceKey::of(&spec.right, "content"),
            ]
            .into(),
            systems: [spec.left.clone(), spec.right.clone()].into(),
            inputs: spec.at.iter().cloned().collect(),
            ..Touches::default()
        }
    }

    async fn run(
        _spec: &RegistryVerifySpec,
        _step: &Step,
        _inputs: &Inputs,
        _world: &Act,
        _log: &Progress,
    ) -> Result<Verdict<RegistryVerifyOutput>, ApplyError> {
        Err(ApplyError::NotDone("registry.verify is not built yet".to_owned()))
    }
}
