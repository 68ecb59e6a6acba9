use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::model::{BackendName, Change, Class, Digest, PhaseId, ResourceKey, RunId, StepId, SystemName};

/// Raised when an old reader could misread a new record; new optional fields do not raise it.
pub const RECORD_FORMAT: u32 = 1;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_FORMAT`] of the writer.
    pub format_version: u32,
    /// From 1, without gaps, per run.
    pub sequence: u64,
    /// When it was written.
    pub time: Timestamp,
    /// The run.
    pub run: RunId,
    /// The lock's number of the writer; only grows.
    pub fence: u64,
    /// The hash of the record before; empty for the first.
    pub previous: Digest,
    /// The hash of this record without this field: SHA-256 over the bytes of its JSON as the store keeps it.
    pub hash: Digest,
    /// What happened.
    pub body: Body,
}

/// A record without its hash: what is hashed and kept, byte for byte.
///
/// The bytes are hashed and not the values, because a number that is read and written again may come out otherwise.
#[derive(Serialize, Deserialize)]
struct Unsealed {
    format_version: u32,
    sequence: u64,
    time: Timestamp,
    run: RunId,
    fence: u64,
    previous: Digest,
    body: Body,
}

/// Where a record stands in its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The sequence of the record before; 0 before the first.
    pub(super) sequence: u64,
    /// The fence of the record before; 0 before the first.
    pub(super) fence: u64,
    /// The hash of the record before; empty before the first.
    pub(super) hash: Digest,
}

impl Link {
    /// Before the first record.
    pub(super) fn first() -> Self {
        Self {
            sequence: 0,
            fence: 0,
            hash: Digest::from(""),
        }
    }
}

impl Record {
    /// The record that follows `link`, and the text to keep.
    pub(super) fn seal(
        run: &RunId,
        fence: u64,
        time: Timestamp,
        link: &Link,
        body: Body,
    ) -> Result<(Self, String), serde_json::Error> {
        let unsealed = Unsealed {
            format_version: RECORD_FORMAT,
            sequence: link.sequence + 1,
            time,
            run: run.clone(),
            fence,
            previous: link.hash.clone(),
            body,
        };
        let text = serde_json::to_string(&unsealed)?;
        let hash = hash_of(&text);
        Ok((unsealed.with(hash), text))
    }

    /// Reads a kept text back; `None` when it was altered or does not follow `link`.
    pub(super) fn unseal(text: &str, hash: &str, run: &RunId, link: &Link) -> Option<Self> {
        let seen = hash_of(text);
        if seen.as_str() != hash {
            return None;
        }
        let unsealed: Unsealed = serde_json::from_str(text).ok()?;
        let follows = unsealed.sequence == link.sequence + 1 && unsealed.previous == link.hash && unsealed.run == *run;
        follows.then(|| unsealed.with(seen))
    }

    /// Its place in the chain, for the record after it.
    pub(super) fn link(&self) -> Link {
        Link {
            sequence: self.sequence,
            fence: self.fence,
            hash: self.hash.clone(),
        }
    }
}

impl Unsealed {
    fn with(self, hash: Digest) -> Record {
        Record {
            format_version: self.format_version,
            sequence: self.sequence,
            time: self.time,
            run: self.run,
            fence: self.fence,
            previous: self.previous,
            hash,
            body: self.body,
        }
    }
}

fn hash_of(text: &str) -> Digest {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _infallible = write!(hex, "{byte:02x}");
    }
    Digest::new(hex)
}

/// Whether a step belongs to the way forward or to a way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The phase's own steps.
    Forward,
    /// Its rollback: the list, or derived undo (whose step ids are those of the steps undone).
    Rollback,
}

/// How a step came to be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettledBy {
    /// It was applied, taken, checked or waited for.
    Done,
    /// The world was already so.
    AlreadySo,
    /// It was in doubt, and the probe said that it is done.
    Probe,
    /// A person said so.
    Adopted,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error with its causes, redacted.
    pub error: String,
    /// Whether the outcome is unknown (timeout, killed) rather than a known refusal.
    pub in_doubt: bool,
}

/// What happened. Attempts are per phase, from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// The first record of a run.
    RunStarted {
        /// The plan's name.
        plan: String,
        /// The environment.
        environment: String,
        /// The identity of each system: another one is refused later.
        identities: BTreeMap<SystemName, Value>,
        /// The version of the program.
        program: String,
    },
    /// A process took the lock and goes on.
    SessionStarted {
        /// Host, pid and start time.
        holder: String,
    },
    /// A phase begins an attempt.
    PhaseStarted {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
        /// The digest of each of its steps as the user wrote them.
        steps: BTreeMap<StepId, Digest>,
    },
    /// Durable before the first byte leaves. Also for checks, captures and waits.
    StepIntended {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
        /// Forward or rollback.
        part: Part,
        /// The step.
        step: StepId,
        /// Its kind.
        uses: String,
        /// Its class.
        class: Class,
        /// What the user wrote after substitution.
        digest: Digest,
        /// The resource it moves.
        resource: Option<ResourceKey>,
        /// The resource before.
        before: Option<Value>,
        /// What will be done.
        change: Option<Change>,
        /// The recorded outputs that it works from: the pinned snapshot of a content step.
        inputs: BTreeMap<StepId, Value>,
        /// The backend to which it lets writes through.
        opens: Option<BackendName>,
        /// The route it freezes.
        freezes: Option<ResourceKey>,
        /// The route it thaws.
        thaws: Option<ResourceKey>,
        /// `if:` as it was evaluated; absent without one.
        condition: Option<bool>,
    },
    /// What a running step knows so far (chunks sent), for people and for resuming.
    StepNoted {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
        /// The step.
        step: StepId,
        /// What it knows.
        note: Value,
    },
    /// Durable before the next step starts.
    StepSettled {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
        /// Forward or rollback.
        part: Part,
        /// The step.
        step: StepId,
        /// How.
        by: SettledBy,
        /// What the user wrote after substitution.
        digest: Digest,
        /// The resource it moved.
        resource: Option<ResourceKey>,
        /// The resource as it was seen afterwards.
        after: Option<Value>,
        /// Its outputs.
        outputs: Value,
        /// A line for people.
        summary: String,
        /// Why, for a person's decision.
        reason: Option<String>,
    },
    /// The step failed for good in this attempt so far; `apply` again tries again.
    StepFailed {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
        /// Forward or rollback.
        part: Part,
        /// The step.
        step: StepId,
        /// Why.
        failure: Failure,
        /// What a check that did not pass found.
        outputs: Option<Value>,
    },
    /// Its condition was false.
    StepSkipped {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
        /// Forward or rollback.
        part: Part,
        /// The step.
        step: StepId,
        /// The condition and the values it saw.
        reason: String,
    },
    /// The way to thaw, written before the freeze is sent. No intent: the fold ignores it until the thaw starts, and the
    /// switch's intent cancels it.
    Standby {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
        /// The step that freezes.
        step: StepId,
        /// The undo: kind and `with:`.
        undo: Value,
    },
    /// A checkpoint was evaluated for good.
    CheckpointJudged {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
        /// The step it belongs to; absent for the phase's own.
        step: Option<StepId>,
        /// Whether all assertions hold.
        passed: bool,
        /// Each expression with what was seen.
        seen: Vec<(String, String)>,
    },
    /// Its checkpoint has passed: never diffed, repaired or evaluated again, except by a rollback.
    PhaseClosed {
        /// The phase.
        phase: PhaseId,
        /// Its attempt.
        attempt: u32,
    },
    /// A freeze ended, as the runner measured it.
    FreezeMeasured {
        /// From the intent of the freeze to the settled thaw, in milliseconds.
        milliseconds: u64,
    },
    /// Going back begins.
    RollbackStarted {
        /// The phases, last first.
        phases: Vec<PhaseId>,
        /// Why.
        reason: String,
        /// Whether a signal was the reason.
        interrupted: bool,
    },
    /// A phase is back at its beginning: its attempt has ended.
    PhaseRolledBack {
        /// The phase.
        phase: PhaseId,
        /// The attempt that ended.
        attempt: u32,
    },
    /// Going back has ended well.
    RollbackFinished {
        /// What is left as it is.
        left: Vec<String>,
    },
    /// Going back has failed: a person is needed.
    RollbackFailed {
        /// Why.
        error: String,
    },
    /// A signal was heard and obeyed.
    Interrupted {
        /// `SIGINT`, `SIGTERM`.
        signal: String,
    },
    /// All phases are closed.
    RunFinished,
}
