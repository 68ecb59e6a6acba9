use std::collections::BTreeMap;

use super::{
    Body, PhaseState, Record, RollbackState, RunState,
    steps::{self, Place},
};
use crate::model::{PhaseId, StepId};

/// Why records do not make a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {sequence}: {reason}")]
pub struct FoldError {
    /// The record.
    pub sequence: u64,
    /// The illegal transition.
    pub reason: String,
}

/// The reason of an illegal transition.
pub(super) type Illegal = String;

/// The state that the records of one run make; `None` without records.
///
/// # Errors
/// At the first illegal transition.
pub fn fold(records: &[Record]) -> Result<Option<RunState>, FoldError> {
    let Some((first, rest)) = records.split_first() else {
        return Ok(None);
    };
    let mut state = begin(first)?;
    for record in rest {
        state.apply(record)?;
    }
    Ok(Some(state))
}

/// The state after the first record.
fn begin(record: &Record) -> Result<RunState, FoldError> {
    let illegal = |reason: &str| FoldError {
        sequence: record.sequence,
        reason: reason.to_owned(),
    };
    if record.sequence != 1 {
        return Err(illegal("the records before it are missing"));
    }
    let Body::RunStarted {
        plan,
        environment,
        identities,
        ..
    } = &record.body
    else {
        return Err(illegal("a run begins with `run_started`"));
    };
    Ok(RunState {
        run: record.run.clone(),
        plan: plan.clone(),
        environment: environment.clone(),
        started: record.time,
        identities: identities.clone(),
        records: 1,
        last_hash: record.hash.clone(),
        fence: record.fence,
        phases: BTreeMap::new(),
        frozen: None,
        rollback: None,
        last_freeze_ms: None,
        finished: false,
    })
}

impl RunState {
    /// The state after the first record of a run.
    ///
    /// # Errors
    /// When it is no first record.
    pub fn begin(record: &Record) -> Result<Self, FoldError> {
        begin(record)
    }

    /// Takes one more record of the same run; after an error the state must not be used any more.
    ///
    /// # Errors
    /// When the record does not follow the one before, or is an illegal transition.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        follows(self, record)
            .and_then(|()| take(self, record))
            .map_err(|reason| FoldError {
                sequence: record.sequence,
                reason,
            })?;
        self.records = record.sequence;
        self.fence = record.fence;
        self.last_hash = record.hash.clone();
        Ok(())
    }
}

/// Whether the record is the next one of this run.
fn follows(state: &RunState, record: &Record) -> Result<(), Illegal> {
    if record.run != state.run {
        return Err(format!("it belongs to run {}", record.run));
    }
    if record.sequence != state.records + 1 {
        return Err(format!("it follows record {}", state.records));
    }
    if record.fence < state.fence {
        return Err(format!(
            "its writer (fence {}) was replaced ({})",
            record.fence, state.fence
        ));
    }
    Ok(())
}

/// The table of legal transitions.
fn take(state: &mut RunState, record: &Record) -> Result<(), Illegal> {
    match &record.body {
        Body::RunStarted { .. } => Err("the run has started already".to_owned()),
        Body::SessionStarted { .. } | Body::Interrupted { .. } => Ok(()),
        Body::PhaseStarted { phase, attempt, steps } => start_phase(state, phase, *attempt, steps),
        Body::StepIntended { .. } => steps::intend(state, record),
        Body::StepNoted {
            phase, attempt, step, ..
        } => steps::note(state, phase, *attempt, step),
        Body::StepSettled { .. } => steps::settle(state, record),
        Body::StepFailed {
            phase,
            attempt,
            part,
            step,
            failure,
            outputs,
        } => steps::fail(
            state,
            &Place::of(phase, *attempt, *part, step),
            failure,
            outputs.as_ref(),
        ),
        Body::StepSkipped {
            phase,
            attempt,
            part,
            step,
            reason,
        } => steps::skip(state, &Place::of(phase, *attempt, *part, step), reason),
        Body::Standby {
            phase,
            attempt,
            step,
            undo,
        } => steps::stand_by(state, phase, *attempt, step, undo),
        Body::CheckpointJudged {
            phase,
            attempt,
            step,
            passed,
            ..
        } => judge(state, phase, *attempt, step.as_ref(), *passed),
        Body::PhaseClosed { phase, attempt } => close_phase(state, phase, *attempt),
        Body::FreezeMeasured { milliseconds } => {
            state.frozen = None;
            state.last_freeze_ms = Some(*milliseconds);
            Ok(())
        }
        Body::RollbackStarted {
            phases,
            reason,
            interrupted,
        } => start_rollback(state, phases, reason, *interrupted),
        Body::PhaseRolledBack { phase, attempt } => roll_phase_back(state, phase, *attempt),
        Body::RollbackFinished { .. } => finish_rollback(state),
        Body::RollbackFailed { error } => {
            under_way(state)?.failed = Some(error.clone());
            Ok(())
        }
        Body::RunFinished => finish(state),
    }
}

/// A phase begins its next attempt while no other is open; or the same attempt goes on with an edited plan, which must keep
/// every step that is done.
fn start_phase(
    state: &mut RunState,
    phase: &PhaseId,
    attempt: u32,
    digests: &BTreeMap<StepId, crate::model::Digest>,
) -> Result<(), Illegal> {
    if state.rollback.is_some() {
        return Err(format!("phase `{phase}` cannot start while a rollback is under way"));
    }
    let other_open = |(id, known): (&PhaseId, &PhaseState)| {
        (id != phase && known.current.as_ref().is_some_and(|attempt| !attempt.closed)).then(|| id.clone())
    };
    if let Some(other) = state.phases.iter().find_map(other_open) {
        return Err(format!("phase `{phase}` cannot start: `{other}` is still open"));
    }
    let known = state.phases.entry(phase.clone()).or_default();
    if attempt != known.attempt() {
        return Err(format!(
            "attempt {attempt} of phase `{phase}` cannot start: {} is next",
            known.attempt()
        ));
    }
    state.finished = false;
    let Some(current) = &mut known.current else {
        known.current = Some(super::Attempt {
            digests: digests.clone(),
            ..super::Attempt::default()
        });
        return Ok(());
    };
    if current.closed || current.digests == *digests {
        return Err(format!("attempt {attempt} of phase `{phase}` has started already"));
    }
    if let Some((gone, _)) = current
        .steps
        .iter()
        .find(|(step, known)| known.is_settled() && !digests.contains_key(*step))
    {
        return Err(format!("step `{gone}` is done and not in the plan any more"));
    }
    current.steps.retain(|step, _| digests.contains_key(step));
    current.digests.clone_from(digests);
    Ok(())
}

fn judge(
    state: &mut RunState,
    phase: &PhaseId,
    attempt: u32,
    step: Option<&StepId>,
    passed: bool,
) -> Result<(), Illegal> {
    let current = steps::open_attempt(state, phase, attempt)?;
    if let Some(step) = step
        && !current.steps.contains_key(step)
    {
        return Err(format!("step `{step}` was never run"));
    }
    current.judged.insert(step.cloned(), passed);
    Ok(())
}

/// A phase closes when every step that it started with is done or skipped, nothing is in doubt or failed, and no last
/// verdict on a checkpoint is a "no". (Whether it has a checkpoint at all only the plan knows.)
fn close_phase(state: &mut RunState, phase: &PhaseId, attempt: u32) -> Result<(), Illegal> {
    let current = steps::open_attempt(state, phase, attempt)?;
    let unsettled = current
        .steps
        .iter()
        .find(|(_, known)| !known.is_settled())
        .map(|(step, _)| step);
    let missing = || current.digests.keys().find(|step| !current.steps.contains_key(*step));
    if let Some(step) = unsettled.or_else(missing) {
        return Err(format!("phase `{phase}` cannot close: step `{step}` is not done"));
    }
    if current.judged.values().any(|passed| !passed) {
        return Err(format!("phase `{phase}` cannot close: its checkpoint has not passed"));
    }
    current.closed = true;
    Ok(())
}

/// The rollback under way.
pub(super) fn under_way(state: &mut RunState) -> Result<&mut RollbackState, Illegal> {
    state
        .rollback
        .as_mut()
        .ok_or_else(|| "no rollback is under way".to_owned())
}

/// A rollback starts when none is under way, or the one before has failed: then it goes on with what is left.
fn start_rollback(state: &mut RunState, phases: &[PhaseId], reason: &str, interrupted: bool) -> Result<(), Illegal> {
    let before = state.rollback.take();
    if before.as_ref().is_some_and(|before| before.failed.is_none()) {
        return Err("a rollback is under way already".to_owned());
    }
    let has_attempt = |phase| state.attempt(phase).is_some();
    if before.is_none() && !phases.iter().any(has_attempt) {
        return Err("there is nothing to roll back".to_owned());
    }
    state.finished = false;
    state.rollback = Some(RollbackState {
        phases: phases.to_vec(),
        done: before.map(|before| before.done).unwrap_or_default(),
        reason: reason.to_owned(),
        interrupted,
        failed: None,
    });
    Ok(())
}

/// A phase is back at its beginning when nothing of its way back is in doubt or failed; its attempt ends.
fn roll_phase_back(state: &mut RunState, phase: &PhaseId, attempt: u32) -> Result<(), Illegal> {
    if !under_way(state)?.phases.contains(phase) {
        return Err(format!("phase `{phase}` is not part of the rollback"));
    }
    let current = steps::attempt(state, phase, attempt)?;
    if let Some((step, _)) = current.rollback.iter().find(|(_, known)| !known.is_settled()) {
        return Err(format!("step `{step}` of the way back is not done"));
    }
    if let Some(known) = state.phases.get_mut(phase) {
        known.ended_attempts += 1;
        known.current = None;
    }
    under_way(state)?.done.insert(phase.clone());
    Ok(())
}

/// A rollback ends when no phase of it has an attempt any more. It ends with writes allowed, so a freeze of its phases is over.
fn finish_rollback(state: &mut RunState) -> Result<(), Illegal> {
    let phases = std::mem::take(&mut under_way(state)?.phases);
    if let Some(phase) = phases.iter().find(|phase| state.attempt(phase).is_some()) {
        return Err(format!("phase `{phase}` is not rolled back yet"));
    }
    state.rollback = None;
    if state
        .frozen
        .as_ref()
        .is_some_and(|frozen| phases.contains(&frozen.phase))
    {
        state.frozen = None;
    }
    Ok(())
}

/// A run is finished when nothing of it is open: every phase that was ever started is closed.
fn finish(state: &mut RunState) -> Result<(), Illegal> {
    if state.rollback.is_some() {
        return Err("a rollback is under way".to_owned());
    }
    if let Some((phase, _)) = state.phases.iter().find(|(_, known)| !known.is_closed()) {
        return Err(format!("phase `{phase}` is not closed"));
    }
    state.finished = true;
    Ok(())
}
