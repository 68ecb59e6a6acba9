use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{Part, SettledBy};
use crate::model::{BackendName, Change, Class, Digest, PhaseId, ResourceKey, RunId, StepId, SystemName};

/// What the journal of a run says: the fold of its records.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    /// The run.
    pub run: RunId,
    /// The plan's name.
    pub plan: String,
    /// The environment.
    pub environment: String,
    /// When it started.
    pub started: Timestamp,
    /// The identity of each system at the first apply.
    pub identities: BTreeMap<SystemName, Value>,
    /// Records so far.
    pub records: u64,
    /// The hash of the last record.
    pub last_hash: Digest,
    /// The greatest fence seen.
    pub fence: u64,
    /// What is known of each phase that was ever started.
    pub phases: BTreeMap<PhaseId, PhaseState>,
    /// The freeze that is in force, if any: when its intent was written, and by which step.
    pub frozen: Option<Frozen>,
    /// A rollback that was started and has not ended well.
    pub rollback: Option<RollbackState>,
    /// The record of the last intent that let writes through to a backend, in whatever attempt; under `None` one that named no
    /// backend.
    pub opened: BTreeMap<Option<BackendName>, u64>,
    /// The last measured freeze, in milliseconds.
    pub last_freeze_ms: Option<u64>,
    /// Whether all phases were closed.
    pub finished: bool,
}

/// A freeze in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    /// When the intent of the freeze was written.
    pub since: Timestamp,
    /// The phase of the step.
    pub phase: PhaseId,
    /// The step that froze.
    pub step: StepId,
    /// The route.
    pub route: ResourceKey,
    /// The undo that was put on standby: kind and `with:`.
    pub standby: Option<Value>,
    /// Whether the step that thaws forward was intended.
    pub switch_intended: bool,
}

/// What is known of a phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PhaseState {
    /// Attempts that ended by a rollback.
    pub ended_attempts: u32,
    /// The attempt that goes on, if one was started.
    pub current: Option<Attempt>,
}

impl RunState {
    /// What is known of a phase; `None` when it was never started.
    pub fn phase(&self, phase: &PhaseId) -> Option<&PhaseState> {
        self.phases.get(phase)
    }

    /// The attempt of a phase that goes on.
    pub fn attempt(&self, phase: &PhaseId) -> Option<&Attempt> {
        self.phases.get(phase)?.current.as_ref()
    }

    /// Whether a write may have reached that backend in the attempts that go on; `false` only when the journal proves that
    /// no route let one through.
    pub fn written(&self, backend: &BackendName) -> bool {
        self.phases
            .values()
            .filter_map(|phase| phase.current.as_ref())
            .any(|attempt| attempt.opened_unnamed || attempt.opened.contains(backend))
    }

    /// Whether a write may have reached that backend after that record, also in an attempt that was rolled back since.
    pub fn written_since(&self, backend: &BackendName, record: u64) -> bool {
        let keys = [Some(backend.clone()), None];
        keys.iter()
            .any(|key| self.opened.get(key).is_some_and(|opened| *opened > record))
    }
}

impl PhaseState {
    /// The attempt that goes on or would start, from 1.
    pub fn attempt(&self) -> u32 {
        self.ended_attempts + 1
    }

    /// Whether its checkpoint has passed in the attempt that goes on.
    pub fn is_closed(&self) -> bool {
        self.current.as_ref().is_some_and(|attempt| attempt.closed)
    }
}

/// One attempt of a phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attempt {
    /// Whether its checkpoint has passed.
    pub closed: bool,
    /// The digest of each step when the attempt began.
    pub digests: BTreeMap<StepId, Digest>,
    /// Where its steps stand; a step that is not in it is pending.
    pub steps: BTreeMap<StepId, StepState>,
    /// Where the steps of its rollback stand, by their own ids.
    pub rollback: BTreeMap<StepId, StepState>,
    /// The order in which forward intents were written: undo goes through it backwards.
    pub intents: Vec<StepId>,
    /// Backends to which some intent of this attempt let writes through.
    pub opened: BTreeSet<BackendName>,
    /// Whether some intent let writes through to a backend that it does not name (a route without `to`).
    pub opened_unnamed: bool,
    /// The last verdict on each checkpoint since the step (or, for `None`, any step of the phase) was last intended.
    pub judged: BTreeMap<Option<StepId>, bool>,
    /// The way to thaw that was written down for each step that freezes: kind and `with:`.
    pub standby: BTreeMap<StepId, Value>,
}

impl Attempt {
    /// Where its steps of that part stand.
    pub fn part(&self, part: Part) -> &BTreeMap<StepId, StepState> {
        match part {
            Part::Forward => &self.steps,
            Part::Rollback => &self.rollback,
        }
    }
}

/// Where a step stands in its attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum StepState {
    /// Intended without an end: in doubt.
    Intended(Intent),
    /// Settled.
    Done {
        /// The last intent, when there was one.
        intent: Option<Intent>,
        /// How it was settled.
        by: SettledBy,
        /// What the user wrote.
        digest: Digest,
        /// The resource as it was seen afterwards.
        after: Option<Value>,
        /// Its outputs.
        outputs: Value,
        /// The sequence of the settling record: later writers have a greater one.
        sequence: u64,
        /// A line for people.
        summary: String,
    },
    /// Failed: `apply` again tries again.
    Failed {
        /// The last intent.
        intent: Option<Intent>,
        /// Why.
        error: String,
        /// Whether the outcome is unknown.
        in_doubt: bool,
        /// What a check that did not pass found.
        outputs: Option<Value>,
    },
    /// Its condition was false.
    Skipped {
        /// The condition and the values it saw.
        reason: String,
    },
}

impl StepState {
    /// Its last intent, when there was one in this attempt.
    pub fn intent(&self) -> Option<&Intent> {
        match self {
            StepState::Intended(intent) => Some(intent),
            StepState::Done { intent, .. } | StepState::Failed { intent, .. } => intent.as_ref(),
            StepState::Skipped { .. } => None,
        }
    }

    /// Whether it is done or was skipped.
    pub fn is_settled(&self) -> bool {
        matches!(self, StepState::Done { .. } | StepState::Skipped { .. })
    }

    /// Its resource as it was seen when it settled; absent when a person said that it is done.
    pub fn after(&self) -> Option<&Value> {
        match self {
            StepState::Done { after, .. } => after.as_ref(),
            StepState::Intended(_) | StepState::Failed { .. } | StepState::Skipped { .. } => None,
        }
    }

    /// Its recorded outputs, when it is done.
    pub fn outputs(&self) -> Option<&Value> {
        match self {
            StepState::Done { outputs, .. } => Some(outputs),
            StepState::Intended(_) | StepState::Failed { .. } | StepState::Skipped { .. } => None,
        }
    }
}

/// What was written before an act.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// The record's sequence.
    pub sequence: u64,
    /// When.
    pub time: Timestamp,
    /// The kind.
    pub uses: String,
    /// Its class.
    pub class: Class,
    /// What the user wrote.
    pub digest: Digest,
    /// The resource.
    pub resource: Option<ResourceKey>,
    /// The resource before the *first* intent of this attempt: what undo leads back to.
    pub before: Option<Value>,
    /// What was to be done.
    pub change: Option<Change>,
    /// The recorded outputs that it worked from.
    pub inputs: BTreeMap<StepId, Value>,
    /// The backend to which it lets writes through.
    pub opens: Option<BackendName>,
    /// The route it freezes.
    pub freezes: Option<ResourceKey>,
    /// The route it thaws.
    pub thaws: Option<ResourceKey>,
}

/// A rollback under way.
#[derive(Debug, Clone, PartialEq)]
pub struct RollbackState {
    /// The phases, last first.
    pub phases: Vec<PhaseId>,
    /// Those already back at their beginning.
    pub done: BTreeSet<PhaseId>,
    /// Why.
    pub reason: String,
    /// Whether a signal was the reason.
    pub interrupted: bool,
    /// Why it failed, when it did.
    pub failed: Option<String>,
}
