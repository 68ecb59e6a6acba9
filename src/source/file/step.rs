use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::model::PlanDuration;

/// A step: one kind and what it is to do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
pub(crate) struct StepFile {
    /// `[a-z][a-z0-9_]*`, unique in the plan, rollback lists included.
    pub id: String,
    /// The kind: `regplan explain KIND` says what it does.
    pub uses: String,
    /// What the step is for.
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the plan")]
    pub description: Option<String>,
    /// The kind's own keys.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub with: Option<Value>,
    /// The steps it waits for. Absent: the step before it in its phase. `[]`: none.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub needs: Option<Vec<String>>,
    /// A condition (CEL), evaluated once, right before the step: when it is false the step is skipped.
    #[serde(default, rename = "if")]
    #[schemars(with = "String")]
    pub condition: Option<String>,
    /// How often a failed try is repeated; not at all when absent.
    #[serde(default)]
    #[schemars(with = "RetryFile")]
    pub retry: Option<RetryFile>,
    /// The longest time of one try.
    #[serde(default)]
    #[schemars(with = "PlanDuration")]
    pub timeout: Option<PlanDuration>,
    /// What must be true before the step counts as done.
    #[serde(default)]
    #[schemars(with = "Vec<AssertionFile>")]
    pub checkpoint: Vec<Value>,
    /// Systems that do not answer before this step and do after it.
    #[serde(default)]
    pub provides: Vec<String>,
    /// About how long it takes; used until it was measured.
    #[serde(default)]
    #[schemars(with = "PlanDuration")]
    pub estimate: Option<PlanDuration>,
    /// Going back past this step is refused.
    #[serde(default)]
    pub point_of_no_return: bool,
    /// Resources that the command reads (`v2/content`); only for `run.*`, every other kind computes them.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub reads: Option<Vec<String>>,
    /// Resources that the command moves; only for `run.*`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub writes: Option<Vec<String>>,
}

/// How often a failed try is repeated, and how long to wait between.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Retry")]
pub(crate) struct RetryFile {
    /// Tries in all.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// The wait before the second try; doubled each time. `1s` when absent.
    #[serde(default)]
    #[schemars(with = "PlanDuration")]
    pub backoff: Option<PlanDuration>,
    /// The longest wait. `1m` when absent.
    #[serde(default)]
    #[schemars(with = "PlanDuration")]
    pub max_backoff: Option<PlanDuration>,
}

/// Something that must be true.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Assertion")]
pub(crate) struct AssertionFile {
    /// A CEL expression over `systems`, `steps`, `vars` and `run`.
    pub assert: String,
    /// What it means when it is false, for people.
    #[serde(default)]
    #[schemars(with = "String")]
    pub message: Option<String>,
    /// Look again until it is true, at most this long.
    #[serde(default)]
    #[schemars(with = "PlanDuration")]
    pub within: Option<PlanDuration>,
    /// It must stay true this long. Not supported yet.
    #[serde(default, rename = "for")]
    #[schemars(with = "PlanDuration")]
    pub held_for: Option<PlanDuration>,
    /// The time between two looks; `1s` when absent.
    #[serde(default)]
    #[schemars(with = "PlanDuration")]
    pub every: Option<PlanDuration>,
}
