use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AssertionFile, StepFile};
use crate::model::PlanDuration;

/// A phase: gates before it, its steps, then its checkpoint. The next phase begins when all of it is done.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Phase")]
pub(crate) struct PhaseFile {
    /// `[a-z][a-z0-9_]*`, unique in the plan.
    pub id: String,
    /// What the phase is for.
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the plan")]
    pub description: Option<String>,
    /// The name of a window in which the phase may begin. Not supported yet.
    #[serde(default)]
    pub window: Option<String>,
    /// How many people must agree before the phase begins. Not supported yet.
    #[serde(default)]
    pub approval: Option<ApprovalFile>,
    /// The earliest time to begin. Not supported yet.
    #[serde(default)]
    pub not_before: Option<NotBeforeFile>,
    /// In order: a step follows the one before it, unless it has `needs`.
    #[schemars(with = "Vec<StepFile>", length(min = 1))]
    pub steps: Vec<Value>,
    /// What must be true before the phase is closed.
    #[serde(default)]
    #[schemars(with = "Vec<AssertionFile>")]
    pub checkpoint: Vec<Value>,
    /// What happens when a step or the checkpoint fails: `stop` (the default) or `rollback` (always, inside the frozen
    /// region).
    #[serde(default)]
    #[schemars(with = "OnFailureFile")]
    pub on_failure: Option<OnFailureFile>,
    /// Steps that lead back, in order, instead of the derived way back.
    #[serde(default)]
    #[schemars(with = "Vec<StepFile>")]
    pub rollback: Option<Vec<Value>>,
}

/// What happens when a step or the checkpoint of a phase fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OnFailure")]
pub(crate) enum OnFailureFile {
    /// Stop where it is; `apply` again goes on.
    Stop,
    /// Go back to the state before the phase.
    Rollback,
}

/// A gate that people open.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Approval")]
pub(crate) struct ApprovalFile {
    /// How many different people must sign.
    #[schemars(range(min = 1))]
    pub count: u32,
    /// A file of allowed signers in the format of `ssh-keygen -Y`; relative to the plan file.
    pub signers: String,
}

/// A gate that time opens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NotBefore")]
pub(crate) struct NotBeforeFile {
    /// An earlier phase.
    pub after: String,
    /// How long after it was closed.
    pub wait: PlanDuration,
}

/// Times at which a phase may begin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Window")]
#[expect(dead_code, reason = "windows are read and not used yet")]
pub(crate) struct WindowFile {
    /// On which days; every day when absent.
    #[serde(default)]
    pub days: Option<Vec<Day>>,
    /// From this time on, `HH:MM`.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// Until this time, `HH:MM`; before `from` when it is on the next day.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub to: String,
    /// An IANA time zone, such as `Europe/Berlin`.
    pub timezone: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
