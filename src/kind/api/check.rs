use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Check, Inputs, Verdict},
    model::{ResourceKey, Step, SystemName, Touches},
    system::{Act, Progress},
};

/// Speaks with a registry as clients do and says what does not answer as it should.
pub struct ApiCheck;

/// Through which address, and what to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiCheckSpec {
    /// A load balancer or a registry: whose address is used.
    pub through: SystemName,
    /// What is tried, in order.
    pub suites: Vec<Suite>,
}

/// A set of requests with the answers they must get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// The address answers reads, and which version serves it.
    Traffic,
    /// An artifact is created in the scratch group `regplan-probe`, read by all its ids, and removed.
    WriteRoundTrip,
    /// Not supported yet.
    V2Compat,
    /// Not supported yet.
    Confluent,
    /// Not supported yet.
    V3Core,
    /// Not supported yet.
    Auth,
}

/// What was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApiCheckOutput {
    /// Requests that answered as they should.
    pub passed: u64,
    /// Requests that did not.
    pub failed: u64,
    /// The version that serves the address; empty when it did not say.
    pub version: String,
    /// The first failures, for people.
    pub first: Vec<String>,
}

impl Check for ApiCheck {
    const NAME: &'static str = "api.check";
    const ABOUT: &'static str = "Speaks with a registry as clients do and says what does not answer as it should.";
    type Spec = ApiCheckSpec;
    type Output = ApiCheckOutput;

    fn touches(spec: &ApiCheckSpec, _step: &Step) -> Touches {
        let writes = spec.suites.contains(&Suite::WriteRoundTrip);
        Touches {
            reads: [ResourceKey::of(&spec.through, "route")].into(),
            writes: writes
                .then(|| ResourceKey::of(&spec.through, "scratch"))
                .into_iter()
                .collect(),
            systems: [spec.through.clone()].into(),
            ..Touches::default()
        }
    }

    async fn run(
        _spec: &ApiCheckSpec,
        _step: &Step,
        _inputs: &Inputs,
        _world: &Act,
        _log: &Progress,
    ) -> Result<Verdict<ApiCheckOutput>, ApplyError> {
        Err(ApplyError::NotDone("api.check is not built yet".to_owned()))
    }
}
