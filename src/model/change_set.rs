use std::collections::BTreeMap;

use super::{Change, Class, Digest, Limits, PhaseId, PlanDuration, ResourceKey, RunId, StepId, SystemName, TextDiffs};
use serde::Serialize;

/// What `apply` would do now, in order: the result of the planner, for people and machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeSet {
    /// Raised when a field changes its meaning or goes; new fields do not raise it.
    pub format_version: u32,
    /// The plan's name.
    pub plan: String,
    /// The environment.
    pub environment: String,
    /// The run that the journal knows; absent before the first apply.
    pub run: Option<RunId>,
    /// Records in the journal.
    pub journal_records: u64,
    /// When the world was looked at, RFC 3339.
    pub observed_at: String,
    /// How long looking took, in milliseconds.
    pub observed_in_ms: u64,
    /// What was seen of each system.
    pub systems: BTreeMap<SystemName, SystemSeen>,
    /// Why this plan does not continue the journal: edited closed phases, other systems, steps gone. `apply` refuses it (exit 4).
    pub refusals: Vec<String>,
    /// Every phase of the plan.
    pub phases: Vec<PhaseChange>,
    /// The frozen regions, in order; most plans have one.
    pub regions: Vec<Region>,
    /// The steps by what is to be done.
    pub counts: Counts,
    /// Over phases, decisive facts and bounds; not over counts and latencies.
    pub digest: Digest,
}

/// What was seen of a system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemSeen {
    /// Whether it answered.
    pub reachable: bool,
    /// Its version, when it has one.
    pub version: Option<String>,
    /// Why it is not reachable, or a few words about it.
    pub note: Option<String>,
}

/// One phase of a change set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseChange {
    /// The phase.
    pub id: PhaseId,
    /// The attempt that is running or would start, from 1.
    pub attempt: u32,
    /// Whether its checkpoint has passed.
    pub closed: bool,
    /// The gates before it.
    pub gates: Vec<String>,
    /// Whether a failure rolls it back.
    pub rolls_back: bool,
    /// Its steps, in order.
    pub steps: Vec<StepChange>,
    /// The steps of its `rollback:`, in order; empty when its way back is derived.
    pub rollback: Vec<StepId>,
    /// Which assertions of its checkpoint hold now: the expression and `true`, `false` or unknown.
    pub checkpoint: Vec<(String, Option<bool>)>,
    /// Over the resolved phase and its decisive facts.
    pub digest: Digest,
}

/// One step of a change set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepChange {
    /// The step.
    pub id: StepId,
    /// Its kind.
    pub uses: String,
    /// How the kind behaves; absent when the kind is not supported yet.
    pub class: Option<Class>,
    /// The resource it moves.
    pub resource: Option<ResourceKey>,
    /// Where it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// Systems it brings up.
    pub provides: Vec<SystemName>,
    /// Informations for the reviewer.
    pub notes: Vec<String>,
    /// What a second look at a step of a closed phase found; absent when it was not asked for or all holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<ClosedDrift>,
    /// The texts that it would change; absent when they were not asked for or it moves none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextDiffs>,
    /// How it would be undone.
    pub way_back: WayBack,
    /// Whether going back past it is refused.
    pub point_of_no_return: bool,
}

/// What no longer holds of a step whose phase is closed: reported by `plan --drift`, never repaired.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum ClosedDrift {
    /// Somebody changed it since.
    Changed {
        /// What would lead back to the step's target.
        change: Change,
    },
    /// It cannot be told.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// Where a step stands: one row of design §3's table each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// `✓` its phase is closed.
    Closed,
    /// `✓` done, and a later done step has moved the resource on.
    Superseded,
    /// `✓` done, and its target holds.
    Done,
    /// `✓` skipped in this attempt: its condition was false.
    Skipped,
    /// `~` done, the phase is open, and the target no longer holds: it is repaired.
    Drift {
        /// What repairs it.
        change: Change,
    },
    /// `?` intended without an end: the probe decides.
    InDoubt {
        /// What the probe says would be left to do; absent when it cannot tell.
        change: Option<Change>,
    },
    /// `=` never done, and the world is already so.
    AlreadySo,
    /// `+ ~ -` to be applied.
    Pending {
        /// What is applied.
        change: Change,
    },
    /// `!` would move the resource backwards: refused.
    Regress {
        /// Why it is one.
        reason: String,
    },
    /// `…` decided by the same probe and diff when that step is done.
    Unknown {
        /// The step that must be done first.
        after: StepId,
    },
    /// `●` a capture that will be taken.
    Takes,
    /// `○` a check that will run (again).
    Checks,
    /// `◷` a wait.
    Waits,
    /// `!` it cannot be planned: a system that should answer does not.
    Unreachable {
        /// What failed.
        reason: String,
    },
    /// The kind's engine does not exist in this version: shown, never applied.
    NotSupported,
}

impl Standing {
    /// The sign that the plan shows.
    pub fn sign(&self) -> char {
        use super::Action;
        match self {
            Standing::Closed | Standing::Superseded | Standing::Done | Standing::Skipped => '✓',
            Standing::Drift { .. } => '~',
            Standing::InDoubt { .. } => '?',
            Standing::AlreadySo => '=',
            Standing::Pending { change } => match change.action {
                Action::None => '=',
                Action::Create => '+',
                Action::Update => '~',
                Action::Delete => '-',
            },
            Standing::Regress { .. } | Standing::Unreachable { .. } | Standing::NotSupported => '!',
            Standing::Unknown { .. } => '…',
            Standing::Takes => '●',
            Standing::Checks => '○',
            Standing::Waits => '◷',
        }
    }

    /// The change that it would make, if it is known.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Standing::Drift { change } | Standing::Pending { change } => Some(change),
            Standing::InDoubt { change } => change.as_ref(),
            Standing::Closed
            | Standing::Superseded
            | Standing::Done
            | Standing::Skipped
            | Standing::AlreadySo
            | Standing::Regress { .. }
            | Standing::Unknown { .. }
            | Standing::Takes
            | Standing::Checks
            | Standing::Waits
            | Standing::Unreachable { .. }
            | Standing::NotSupported => None,
        }
    }

    /// Whether `apply` has nothing left to do for it.
    pub fn is_settled(&self) -> bool {
        matches!(
            self,
            Standing::Closed | Standing::Superseded | Standing::Done | Standing::Skipped
        )
    }
}

/// How a step would be undone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "way_back", rename_all = "snake_case")]
pub enum WayBack {
    /// Nothing to undo: it changes nothing.
    Nothing,
    /// The kind's own undo, in a few words.
    Derived {
        /// What it does.
        what: String,
    },
    /// The phase's rollback list stands for it.
    Listed,
    /// It is left as it is, and why.
    Left {
        /// Why.
        reason: String,
    },
}

/// The frozen region: from the step that denies or holds writes to the one that allows them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Region {
    /// The route it freezes.
    pub route: ResourceKey,
    /// The step that freezes.
    pub first: StepId,
    /// The step that thaws.
    pub last: StepId,
    /// The phases it touches, in order: a rollback of one rolls back all.
    pub phases: Vec<PhaseId>,
    /// Every step in it, in order.
    pub steps: Vec<StepId>,
    /// What it may cost.
    pub limits: Limits,
    /// What its steps say that they take, when all but the routes say it (`estimate:`).
    pub estimate: Option<PlanDuration>,
}

/// The steps by what is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub steps: usize,
    /// Applied, taken, checked, waited for.
    pub to_do: usize,
    /// Decided when an earlier step is done.
    pub decided_later: usize,
    /// Done, closed, skipped or already so.
    pub already_so: usize,
    /// Of those to do: what ends something.
    pub to_destroy: usize,
    /// Refused: regress, unreachable or not supported.
    pub refused: usize,
    /// Of closed phases: what somebody changed since (`plan --drift`).
    pub drifted: usize,
}
