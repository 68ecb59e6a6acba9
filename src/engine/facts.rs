use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    journal::RunState,
    kind::Program,
    model::{PhaseId, SystemName},
};

/// Whose facts are asked for.
#[derive(Clone, Copy)]
pub struct FactsOf<'a> {
    /// The plan.
    pub program: &'a Program,
    /// What the journal says; `None` before the first apply.
    pub state: Option<&'a RunState>,
    /// The live facts of the systems.
    pub systems: &'a BTreeMap<SystemName, Value>,
    /// The environment.
    pub environment: &'a str,
    /// The phase in which an expression stands: it decides `run.attempt`.
    pub phase: &'a PhaseId,
}

/// All that an expression may read: `{systems, steps, vars, run}`.
pub fn facts(_of: FactsOf<'_>) -> Value {
    Value::Null
}
