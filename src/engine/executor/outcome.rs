use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    journal::{FoldError, RunState, Store, StoreError},
    kind::Program,
    model::{Event, PhaseId, RunId, StepId},
    system::{Observe, People},
};

/// All that an apply needs.
pub struct ApplyRequest {
    /// What is to be done.
    pub program: Program,
    /// `--env`.
    pub environment: String,
    /// The outside, to look at; the executor makes its own handle to write.
    pub world: Observe,
    /// The journal.
    pub store: Box<dyn Store>,
    /// The run: the journal's, or a new one.
    pub run: RunId,
    /// What the journal says; `None` at the first apply.
    pub state: Option<RunState>,
    /// The lock's number.
    pub fence: u64,
    /// Host, pid and start time of this process.
    pub holder: String,
    /// Whom to ask.
    pub people: Arc<dyn People>,
    /// Where events go.
    pub events: mpsc::UnboundedSender<Event>,
    /// `SIGINT`, `SIGTERM` as they are heard.
    pub signals: mpsc::UnboundedReceiver<&'static str>,
    /// Stop after this phase.
    pub until: Option<PhaseId>,
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All phases are closed.
    Done,
    /// All phases were closed before.
    NothingToDo,
    /// `--until` was reached; what comes after it is left.
    Until {
        /// The phase that is closed.
        phase: PhaseId,
    },
    /// It waits for a person or a time.
    Waiting {
        /// For what.
        reason: String,
        /// What to type.
        command: Option<String>,
    },
    /// Facts forbid it; nothing was done.
    Refused {
        /// Why, all of them.
        reasons: Vec<String>,
    },
    /// The plan needs what this version does not have; nothing was done.
    NotSupported {
        /// What.
        what: Vec<String>,
    },
    /// A checkpoint failed, and the phase stops where it is.
    CheckpointFailed {
        /// Which, and what it saw.
        reason: String,
    },
    /// A step failed, and the phase stops where it is.
    Failed {
        /// The step.
        step: Option<StepId>,
        /// Why.
        error: String,
    },
    /// It went back, to the end.
    RolledBack {
        /// Why.
        reason: String,
        /// What is left as it is.
        left: Vec<String>,
        /// The signal that was the reason.
        interrupted: Option<&'static str>,
    },
    /// Going back failed: a person is needed.
    RollbackFailed {
        /// Why.
        error: String,
        /// What to type.
        commands: Vec<String>,
    },
    /// A signal ended it; the journal is safe.
    Interrupted {
        /// Which.
        signal: &'static str,
    },
}

/// Why an apply could not go on at all.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal cannot be written or read.
    #[error("the journal cannot be used")]
    Store(#[from] StoreError),
    /// The journal says something that cannot be.
    #[error("the journal cannot be understood")]
    Fold(#[from] FoldError),
}

impl EngineError {
    /// Whether the world is still ours to change: another runner that took over owns it.
    pub(super) fn is_ours(&self) -> bool {
        !matches!(self, EngineError::Store(StoreError::Fenced { .. }))
    }
}
