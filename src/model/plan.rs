use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BackendName, Digest, DocPath, PhaseId, PlanDuration, ResourceKey, SecretSource, StepId, SystemName};

/// A checked and resolved plan: variables are substituted, references exist, the order has no cycle.
///
/// Nothing edits it afterwards. Steps are plain data (a kind's name and its document); `kind` turns the name into behaviour.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// `name:`; with the environment it identifies a run.
    pub name: String,
    /// `description:`.
    pub description: Option<String>,
    /// `systems:`, by name.
    pub systems: BTreeMap<SystemName, SystemDecl>,
    /// `vars:` after `--var` and files.
    pub vars: Vars,
    /// `limits:` of the frozen region.
    pub limits: Limits,
    /// In the order of the file; each is a barrier.
    pub phases: Vec<Phase>,
}

/// A system as the plan declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemDecl {
    /// `type:`: `apicurio`, `nginx`, …
    pub kind: String,
    /// All other keys, substituted; secrets stand as `{"$secret": "…"}`.
    pub spec: Value,
    /// Where it was written.
    pub at: DocPath,
}

/// The variables' values, and where the secret ones come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vars {
    /// Values that may be shown, by name.
    pub values: BTreeMap<String, Value>,
    /// Secret variables, by name.
    pub secrets: BTreeMap<String, SecretSource>,
}

/// What the frozen region may cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// From the intent of the freeze to the settled thaw.
    pub freeze: Option<PlanDuration>,
    /// Longest time without a successful read in the outside stream.
    pub read_gap: Option<PlanDuration>,
}

/// A barrier: all its steps, then its checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// `id:`.
    pub id: PhaseId,
    /// In the order of the file.
    pub steps: Vec<Step>,
    /// `checkpoint:`; all must hold before the phase is closed.
    pub checkpoint: Vec<Assertion>,
    /// What stands before it.
    pub gates: Gates,
    /// `on_failure:`; always `Rollback` inside a frozen region.
    pub on_failure: OnFailure,
    /// `rollback:`, which replaces the derived way back; `None` = derived.
    pub rollback: Option<Vec<Step>>,
    /// Where it was written.
    pub at: DocPath,
}

/// Gates before a phase, as written. Their engines come later: a plan with one is shown and not applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gates {
    /// `window:`: the name of a window.
    pub window: Option<String>,
    /// `approval:`.
    pub approval: Option<Value>,
    /// `not_before:`.
    pub not_before: Option<Value>,
}

impl Gates {
    /// The names of the gates that are set.
    pub fn names(&self) -> Vec<&'static str> {
        let set = [
            ("window", self.window.is_some()),
            ("approval", self.approval.is_some()),
            ("not_before", self.not_before.is_some()),
        ];
        set.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }
}

/// What happens when a step or a checkpoint of a phase fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Stop where it is; `apply` again goes on.
    #[default]
    Stop,
    /// Go back to the state before the phase.
    Rollback,
}

/// One step: a kind, what it is to do, and its place in the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `id:`.
    pub id: StepId,
    /// `uses:`: the name of a kind.
    pub uses: String,
    /// `with:`, substituted; secrets stand as `{"$secret": "…"}`.
    pub with: Value,
    /// The steps it waits for, resolved: `needs:` or the one before it.
    pub needs: Vec<StepId>,
    /// `if:`, a CEL expression evaluated once per attempt, right before the step.
    pub condition: Option<String>,
    /// `retry:`.
    pub retry: Retry,
    /// `timeout:` of one try.
    pub timeout: Option<PlanDuration>,
    /// `checkpoint:` of this step.
    pub checkpoint: Vec<Assertion>,
    /// Systems that this step brings up.
    pub provides: BTreeSet<SystemName>,
    /// `estimate:` for predictions.
    pub estimate: Option<PlanDuration>,
    /// Whether going back past it is refused.
    pub point_of_no_return: bool,
    /// `reads:` of `run.*`; every other kind computes them.
    pub reads: BTreeSet<ResourceKey>,
    /// `writes:` of `run.*`.
    pub writes: BTreeSet<ResourceKey>,
    /// What the user wrote after substitution, secrets as references, no defaults: compared when a plan was edited.
    pub digest: Digest,
    /// Where it was written.
    pub at: DocPath,
}

/// How often a failed try is repeated, and how long to wait between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Tries in all; 1 = no repetition.
    pub attempts: u32,
    /// Wait before the second try; doubled each time, with jitter.
    pub backoff: PlanDuration,
    /// The longest wait.
    pub max_backoff: PlanDuration,
}

/// A CEL expression that must be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// `assert:`.
    pub expression: String,
    /// `message:`, for people.
    pub message: Option<String>,
    /// Retry until it holds, at most this long.
    pub within: Option<PlanDuration>,
    /// It must stay true this long.
    pub held_for: Option<PlanDuration>,
    /// Time between two looks; one second when absent.
    pub every: Option<PlanDuration>,
    /// Where the expression was written.
    pub at: DocPath,
}

/// How a kind behaves; the engine matches on it and never on a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Moves one resource to a target.
    Effect,
    /// Gives a verdict.
    Check,
    /// Is taken once per attempt.
    Capture,
    /// Waits for something or somebody.
    Wait,
}

/// What a step reads, moves, brings up, freezes and opens; computed by its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touches {
    /// Resources that it moves.
    pub writes: BTreeSet<ResourceKey>,
    /// Resources that it looks at.
    pub reads: BTreeSet<ResourceKey>,
    /// Systems that it talks to; all must be reachable when it runs.
    pub systems: BTreeSet<SystemName>,
    /// Steps whose outputs it needs.
    pub inputs: BTreeSet<StepId>,
    /// The route on which it denies or holds writes: opens a frozen region.
    pub freezes: Option<ResourceKey>,
    /// The route on which it allows writes: ends the frozen region of that route.
    pub thaws: Option<ResourceKey>,
    /// The backend to which it lets writes through, when it names one.
    pub opens: Option<BackendName>,
    /// Whether only a person can do it, so that it must not stand in a frozen region.
    pub needs_person: bool,
}
