//! The plan file exactly as people write it, with the doc comments that become its JSON Schema.
//!
//! Lists and mappings whose items are read one by one are plain values here, so that a mistake in one leaves the others
//! readable; the schema shows their real types.

mod phase;
mod step;
mod systems;
mod vars;

pub(super) use phase::{ApprovalFile, NotBeforeFile, OnFailureFile, PhaseFile, WindowFile};
pub(super) use step::{AssertionFile, RetryFile, StepFile};
pub use systems::Fact;
pub(super) use systems::{COMMON_FACTS, RUN_FACTS, SYSTEM_TYPES, SystemType};
pub(super) use vars::{VarFile, VarType};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::model::PlanDuration;

/// A plan: the systems it speaks of, and the phases that lead from one registry to the other.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "regplan plan", rename = "Plan")]
pub(super) struct PlanFile {
    /// The version of the plan language.
    #[expect(dead_code, reason = "decoding it is the check")]
    pub regplan: Language,
    /// The plan's name: `[a-z][a-z0-9_-]*`. With `--env` it identifies a run.
    pub name: String,
    /// What the plan is for, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// Variables by name, read as `${vars.NAME}` in values and as `vars.NAME` in expressions.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, VarFile>")]
    #[expect(dead_code, reason = "variables are read first, since all else may hold them")]
    pub vars: BTreeMap<String, Value>,
    /// The systems outside, by name. Every address and credential of the plan stands here.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SystemFile>")]
    pub systems: BTreeMap<String, Value>,
    /// What the frozen region may cost, from "writes: deny" to "writes: allow".
    #[serde(default)]
    #[schemars(with = "LimitsFile")]
    pub limits: Option<Value>,
    /// Change windows by name, for `window:` of a phase. Not supported yet.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, WindowFile>")]
    pub windows: BTreeMap<String, Value>,
    /// The phases, in order; each is a barrier.
    #[schemars(with = "Vec<PhaseFile>", length(min = 1))]
    pub phases: Vec<Value>,
}

/// The version of the plan language.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Language {
    /// The first one.
    V1,
}

/// What the frozen region may cost.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(super) struct LimitsFile {
    /// How long writes may be frozen. When what is left is less than the way back needs, `on_failure` starts.
    #[serde(default)]
    pub freeze: Option<PlanDuration>,
    /// The longest time without a successful read.
    #[serde(default)]
    pub read_gap: Option<PlanDuration>,
}

/// A system outside. Which other keys there are depends on `type`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "System")]
pub(super) struct SystemFile {
    /// What it is.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "only for the schema: a system is read as the spec of its type")]
    pub kind: SystemType,
}
