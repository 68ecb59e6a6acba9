use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{ApplyError, Inputs};
use crate::{
    model::{BackendName, Findings, Plan, Step, SystemName, Touches},
    system::{Act, Observe, Progress},
};

/// The plan as a kind may look at it while it is checked.
pub struct PlanView<'a> {
    /// The resolved plan.
    pub plan: &'a Plan,
    /// `type` of each system.
    pub systems: BTreeMap<&'a SystemName, &'a str>,
}

/// A kind that gives a verdict. What it must write goes to a declared scratch resource.
pub trait Check: Send + Sync + 'static {
    /// `registry.verify`.
    const NAME: &'static str;
    /// One line for `explain`.
    const ABOUT: &'static str;
    /// What `with:` holds.
    type Spec: DeserializeOwned + Serialize + schemars::JsonSchema + Clone + Send + Sync + 'static;
    /// What later steps and checkpoints may read.
    type Output: Serialize + schemars::JsonSchema;

    /// What it reads and writes (scratch).
    fn touches(spec: &Self::Spec, step: &Step) -> Touches;

    /// Whole-plan checks of this kind; paths below the step.
    fn check(_spec: &Self::Spec, _step: &Step, _plan: &PlanView<'_>, _out: &mut Findings) {}

    /// Looks, and judges.
    ///
    /// # Errors
    /// When no verdict could be reached; that is a failure, never a pass.
    fn run(
        spec: &Self::Spec,
        step: &Step,
        inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> impl Future<Output = Result<Verdict<Self::Output>, ApplyError>> + Send;

    /// As [`Capture::moved`], of every side that it read but the one that is about to be `opened`; `outputs` are what it
    /// recorded.
    ///
    /// # Errors
    /// When a side cannot be looked at.
    fn moved(
        _spec: &Self::Spec,
        _outputs: &Value,
        _opened: &BackendName,
        _world: &Observe,
    ) -> impl Future<Output = Result<Option<String>, ApplyError>> + Send {
        std::future::ready(Ok(None))
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict<O> {
    /// Whether it passed; a check that did not is a failed step, with its outputs recorded.
    pub passed: bool,
    /// A line for the log: `0 differences in 68 versions`.
    pub summary: String,
    /// What was found, for people; the first ones are shown.
    pub findings: Vec<String>,
    /// The outputs.
    pub output: O,
}

/// A kind that is taken once per attempt.
pub trait Capture: Send + Sync + 'static {
    /// `registry.export`.
    const NAME: &'static str;
    /// One line for `explain`.
    const ABOUT: &'static str;
    /// What `with:` holds.
    type Spec: DeserializeOwned + Serialize + schemars::JsonSchema + Clone + Send + Sync + 'static;
    /// What later steps and checkpoints may read.
    type Output: Serialize + DeserializeOwned + schemars::JsonSchema + Send + Sync;

    /// What it reads and which file it writes.
    fn touches(spec: &Self::Spec, step: &Step) -> Touches;

    /// Whole-plan checks of this kind; paths below the step.
    fn check(_spec: &Self::Spec, _step: &Step, _plan: &PlanView<'_>, _out: &mut Findings) {}

    /// Takes it. `attempt` is from 1; a later attempt must not overwrite what an earlier one took (`.attempt-2`).
    ///
    /// # Errors
    /// When it could not be taken whole.
    fn take(
        spec: &Self::Spec,
        step: &Step,
        attempt: u32,
        world: &Act,
        log: &Progress,
    ) -> impl Future<Output = Result<Self::Output, ApplyError>> + Send;

    /// Whether what was taken is still there, unchanged.
    ///
    /// # Errors
    /// When that cannot be looked at.
    fn intact(
        spec: &Self::Spec,
        taken: &Self::Output,
        world: &Observe,
    ) -> impl Future<Output = Result<bool, ApplyError>> + Send;

    /// How its source differs from what was taken, in a few words; `None` when it does not, or when that cannot be told.
    /// Asked while the source is frozen, right before it is left for another.
    ///
    /// # Errors
    /// When the source cannot be looked at.
    fn moved(
        _spec: &Self::Spec,
        _taken: &Self::Output,
        _world: &Observe,
    ) -> impl Future<Output = Result<Option<String>, ApplyError>> + Send {
        std::future::ready(Ok(None))
    }
}

/// A kind that waits for a time or a person.
pub trait Wait: Send + Sync + 'static {
    /// `manual.confirm`.
    const NAME: &'static str;
    /// One line for `explain`.
    const ABOUT: &'static str;
    /// What `with:` holds.
    type Spec: DeserializeOwned + Serialize + schemars::JsonSchema + Clone + Send + Sync + 'static;
    /// What later steps and checkpoints may read.
    type Output: Serialize + schemars::JsonSchema;

    /// What it looks at.
    fn touches(spec: &Self::Spec, step: &Step) -> Touches;

    /// Whole-plan checks of this kind; paths below the step.
    fn check(_spec: &Self::Spec, _step: &Step, _plan: &PlanView<'_>, _out: &mut Findings) {}

    /// One look.
    ///
    /// # Errors
    /// When what it waits for can no longer come.
    fn sample(
        spec: &Self::Spec,
        step: &Step,
        world: &Act,
        log: &Progress,
    ) -> impl Future<Output = Result<WaitStatus<Self::Output>, ApplyError>> + Send;
}

/// What one look of a wait found.
#[derive(Debug, Clone, PartialEq)]
pub enum WaitStatus<O = Value> {
    /// It came.
    Over(O),
    /// Not yet: the run ends with "waiting" (exit 3).
    Pending {
        /// For what.
        reason: String,
        /// What to type.
        command: Option<String>,
    },
}
