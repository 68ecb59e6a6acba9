use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::SettledBy;
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

impl PhaseState {
    /// The attempt that goes on or would start, from 1.
    pub fn attempt(&self) -> u32 {
        self.ended_attempts + 1
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
