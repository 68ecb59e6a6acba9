use std::time::Duration;

use serde::Serialize;

use super::{PhaseId, StepId};

/// Everything a run can say while it goes on; reporters render it, nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins or goes on.
    RunStarted {
        /// The run.
        run: String,
        /// Whether the journal knew it.
        resumed: bool,
    },
    /// A phase begins.
    PhaseStarted {
        /// The phase.
        phase: PhaseId,
        /// Its attempt, from 1.
        attempt: u32,
    },
    /// A phase's checkpoint has passed.
    PhaseClosed {
        /// The phase.
        phase: PhaseId,
    },
    /// A step begins.
    StepStarted {
        /// The step.
        step: StepId,
        /// Its kind.
        uses: String,
        /// The change in a few words.
        what: String,
    },
    /// Something worth telling about a running step.
    StepProgress {
        /// The step.
        step: StepId,
        /// In a few words.
        text: String,
        /// Done so far, of how many.
        done: Option<(u64, u64)>,
    },
    /// A try failed and will be repeated.
    StepRetried {
        /// The step.
        step: StepId,
        /// Why.
        error: String,
        /// Until the next try.
        wait: Duration,
    },
    /// A step is settled.
    StepSettled {
        /// The step.
        step: StepId,
        /// What was found or done, in a few words.
        what: String,
        /// How long it took.
        took: Duration,
    },
    /// A step was skipped because its condition is false.
    StepSkipped {
        /// The step.
        step: StepId,
        /// The condition and the values it saw.
        reason: String,
    },
    /// A step failed for good.
    StepFailed {
        /// The step.
        step: StepId,
        /// Why, with its causes.
        error: String,
    },
    /// A checkpoint is waited for.
    CheckpointWaiting {
        /// The phase or step.
        of: String,
        /// The expression.
        expression: String,
        /// Which part is false, and the values it saw.
        because: String,
    },
    /// A checkpoint has failed.
    CheckpointFailed {
        /// The phase or step.
        of: String,
        /// The expression.
        expression: String,
        /// Which part is false, and the values it saw.
        because: String,
    },
    /// Writes are frozen now.
    Frozen,
    /// Writes flow again.
    Thawed {
        /// How long they were frozen.
        after: Duration,
    },
    /// Going back begins.
    RollbackStarted {
        /// The phases, last first.
        phases: Vec<PhaseId>,
        /// Why.
        reason: String,
    },
    /// Going back has ended well.
    RolledBack {
        /// What is left as it is, with the reasons.
        left: Vec<String>,
    },
    /// Going back has failed: a person is needed.
    RollbackFailed {
        /// Why.
        error: String,
        /// What to type.
        commands: Vec<String>,
    },
    /// A signal was heard.
    Interrupted {
        /// What will happen because of it.
        what: String,
    },
    /// The run waits for a person or a time and ends here for now.
    Waiting {
        /// For what.
        reason: String,
        /// What to type.
        command: Option<String>,
    },
    /// All phases are closed.
    Finished,
}
