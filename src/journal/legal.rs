//! The table of legal transitions: which body may follow in which state. It changes nothing.
//!
//! ```text
//! step  (none) ─intended─► Intended ─settled─► Done ─intended─► Intended   (repaired, checked again, edited)
//!          │ │ └──────────────┬─┘ ▲  └─failed─► Failed ─intended, settled─► …
//!          │ └─settled (already so, adopted)─► Done
//!          └─skipped─► Skipped                                             (a condition is asked once per attempt)
//! phase (none) ─started─► open ─closed─► closed;  open or closed ─rolled back─► (none), next attempt
//! ```
//!
//! The rules keep two promises apart: what would make the state a lie is refused; how a plan was edited in between, only the
//! plan knows, so nothing here can leave a run without a way on or back.

use std::collections::BTreeMap;

use super::{Attempt, Body, Part, PhaseState, RollbackState, RunState, SettledBy, StepState, fold::Illegal};
use crate::model::{Digest, PhaseId, StepId};

/// Whether that may follow now.
pub(super) fn check(state: &RunState, body: &Body) -> Result<(), Illegal> {
    match body {
        Body::RunStarted { .. } => Err("the run has started already".to_owned()),
        Body::SessionStarted { .. } | Body::Interrupted { .. } | Body::FreezeMeasured { .. } => Ok(()),
        Body::PhaseStarted { phase, attempt, steps } => phase_starts(state, phase, *attempt, steps),
        Body::StepIntended {
            phase,
            attempt,
            part,
            step,
            ..
        } => intends(known(state, phase, *attempt, *part, step)?, step),
        Body::StepNoted {
            phase, attempt, step, ..
        } => notes(state, phase, *attempt, step),
        Body::StepSettled {
            phase,
            attempt,
            part,
            step,
            by,
            ..
        } => settles(known(state, phase, *attempt, *part, step)?, step, *by),
        Body::StepFailed {
            phase,
            attempt,
            part,
            step,
            ..
        } => fails(known(state, phase, *attempt, *part, step)?, step),
        Body::StepSkipped {
            phase,
            attempt,
            part,
            step,
            ..
        } => skips(known(state, phase, *attempt, *part, step)?, step),
        Body::Standby { phase, attempt, .. } => open_attempt(state, phase, *attempt).map(drop),
        Body::CheckpointJudged {
            phase, attempt, step, ..
        } => judges(state, phase, *attempt, step.as_ref()),
        Body::PhaseClosed { phase, attempt } => phase_closes(state, phase, *attempt),
        Body::RollbackStarted { .. } => rollback_starts(state),
        Body::PhaseRolledBack { phase, attempt: number } => {
            in_rollback(state, phase)?;
            attempt(state, phase, *number).map(drop)
        }
        Body::RollbackFinished { .. } => rollback_finishes(state),
        Body::RollbackFailed { .. } => under_way(state).map(drop),
        Body::RunFinished => run_finishes(state),
    }
}

/// The attempt of a phase that goes on, if it is that one.
fn attempt<'a>(state: &'a RunState, phase: &PhaseId, number: u32) -> Result<&'a Attempt, Illegal> {
    let known = state
        .phase(phase)
        .ok_or_else(|| format!("phase `{phase}` was never started"))?;
    if number != known.attempt() {
        let current = known.attempt();
        return Err(format!(
            "attempt {number} of phase `{phase}` is not the current one ({current})"
        ));
    }
    (known.current.as_ref()).ok_or_else(|| format!("attempt {number} of phase `{phase}` has not started"))
}

/// The attempt of an open phase; nothing goes forward while a rollback is under way.
fn open_attempt<'a>(state: &'a RunState, phase: &PhaseId, number: u32) -> Result<&'a Attempt, Illegal> {
    if state.rollback.is_some() {
        return Err("a rollback is under way".to_owned());
    }
    let current = attempt(state, phase, number)?;
    if current.closed {
        return Err(format!("phase `{phase}` is closed"));
    }
    Ok(current)
}

/// Where a step stands that may be written down now.
fn known<'a>(
    state: &'a RunState,
    phase: &PhaseId,
    number: u32,
    part: Part,
    step: &StepId,
) -> Result<Option<&'a StepState>, Illegal> {
    let current = match part {
        Part::Forward => open_attempt(state, phase, number)?,
        Part::Rollback => {
            in_rollback(state, phase)?;
            attempt(state, phase, number)?
        }
    };
    if part == Part::Forward && !current.digests.contains_key(step) {
        return Err(format!("step `{step}` is not in phase `{phase}`"));
    }
    Ok(current.part(part).get(step))
}

fn under_way(state: &RunState) -> Result<&RollbackState, Illegal> {
    (state.rollback.as_ref()).ok_or_else(|| "no rollback is under way".to_owned())
}

fn in_rollback(state: &RunState, phase: &PhaseId) -> Result<(), Illegal> {
    if under_way(state)?.phases.contains(phase) {
        return Ok(());
    }
    Err(format!("phase `{phase}` is not part of the rollback"))
}

/// A phase begins its next attempt while no other is open; or the same attempt goes on with an edited plan, which must keep
/// every step that is done.
fn phase_starts(
    state: &RunState,
    phase: &PhaseId,
    attempt: u32,
    digests: &BTreeMap<StepId, Digest>,
) -> Result<(), Illegal> {
    if state.rollback.is_some() {
        return Err(format!("phase `{phase}` cannot start while a rollback is under way"));
    }
    let open = |known: &PhaseState| known.current.as_ref().is_some_and(|attempt| !attempt.closed);
    if let Some((other, _)) = state.phases.iter().find(|(id, known)| *id != phase && open(known)) {
        return Err(format!("phase `{phase}` cannot start: `{other}` is still open"));
    }
    let next = state.phase(phase).map_or(1, PhaseState::attempt);
    if attempt != next {
        return Err(format!(
            "attempt {attempt} of phase `{phase}` cannot start: {next} is next"
        ));
    }
    let Some(current) = state.attempt(phase) else {
        return Ok(());
    };
    if current.closed || current.digests == *digests {
        return Err(format!("attempt {attempt} of phase `{phase}` has started already"));
    }
    let gone = |(step, known): &(&StepId, &StepState)| known.is_settled() && !digests.contains_key(*step);
    match current.steps.iter().find(gone) {
        Some((gone, _)) => Err(format!("step `{gone}` is done and not in the plan any more")),
        None => Ok(()),
    }
}

/// Any step but a skipped one may be intended.
fn intends(known: Option<&StepState>, step: &StepId) -> Result<(), Illegal> {
    if matches!(known, Some(StepState::Skipped { .. })) {
        return Err(format!("step `{step}` was skipped in this attempt"));
    }
    Ok(())
}

fn notes(state: &RunState, phase: &PhaseId, number: u32, step: &StepId) -> Result<(), Illegal> {
    let current = attempt(state, phase, number)?;
    let running = |part| matches!(current.part(part).get(step), Some(StepState::Intended(_)));
    if running(Part::Forward) || running(Part::Rollback) {
        return Ok(());
    }
    Err(format!("step `{step}` is not running"))
}

/// What was done or proven by a probe was intended before; what was so already need not be; a person may say anything but
/// that a skipped step is done.
fn settles(known: Option<&StepState>, step: &StepId, by: SettledBy) -> Result<(), Illegal> {
    use StepState::{Failed, Intended, Skipped};
    let legal = match by {
        SettledBy::Done | SettledBy::Probe => matches!(known, Some(Intended(_) | Failed { intent: Some(_), .. })),
        SettledBy::AlreadySo | SettledBy::Adopted => !matches!(known, Some(Skipped { .. })),
    };
    if legal {
        return Ok(());
    }
    Err(format!("step `{step}` cannot be settled: it {}", standing(known)))
}

/// A step fails while it runs, or before it could be intended (a refusal, a condition without an answer).
fn fails(known: Option<&StepState>, step: &StepId) -> Result<(), Illegal> {
    if known.is_some_and(|known| matches!(known, StepState::Skipped { .. })) {
        return Err(format!("step `{step}` cannot fail: it {}", standing(known)));
    }
    Ok(())
}

/// A step is skipped before anything of it was intended: what was begun must stay undoable.
fn skips(known: Option<&StepState>, step: &StepId) -> Result<(), Illegal> {
    if matches!(known, None | Some(StepState::Failed { intent: None, .. })) {
        return Ok(());
    }
    Err(format!("step `{step}` cannot be skipped: it {}", standing(known)))
}

fn standing(known: Option<&StepState>) -> &'static str {
    match known {
        None => "was not intended",
        Some(StepState::Intended(_)) => "is in doubt",
        Some(StepState::Done { .. }) => "is done",
        Some(StepState::Failed { .. }) => "has failed",
        Some(StepState::Skipped { .. }) => "was skipped",
    }
}

fn judges(state: &RunState, phase: &PhaseId, attempt: u32, step: Option<&StepId>) -> Result<(), Illegal> {
    let current = open_attempt(state, phase, attempt)?;
    match step.filter(|step| !current.steps.contains_key(*step)) {
        Some(step) => Err(format!("step `{step}` was never run")),
        None => Ok(()),
    }
}

/// A phase closes when every step that it started with is done or skipped, nothing is in doubt or failed, and no last
/// verdict on a checkpoint is a "no". (Whether it has a checkpoint at all only the plan knows.)
fn phase_closes(state: &RunState, phase: &PhaseId, attempt: u32) -> Result<(), Illegal> {
    let current = open_attempt(state, phase, attempt)?;
    let unsettled = current.steps.iter().find(|(_, known)| !known.is_settled());
    let missing = || current.digests.keys().find(|step| !current.steps.contains_key(*step));
    if let Some(step) = unsettled.map(|(step, _)| step).or_else(missing) {
        return Err(format!("phase `{phase}` cannot close: step `{step}` is not done"));
    }
    if current.judged.values().any(|passed| !passed) {
        return Err(format!("phase `{phase}` cannot close: its checkpoint has not passed"));
    }
    Ok(())
}

/// A rollback starts when none is under way, or the one before has failed: then it goes on with what is left.
fn rollback_starts(state: &RunState) -> Result<(), Illegal> {
    match &state.rollback {
        Some(before) if before.failed.is_none() => Err("a rollback is under way already".to_owned()),
        Some(_) | None => Ok(()),
    }
}

/// A rollback ends when no phase of it has an attempt any more.
fn rollback_finishes(state: &RunState) -> Result<(), Illegal> {
    let left = under_way(state)?
        .phases
        .iter()
        .find(|phase| state.attempt(phase).is_some());
    match left {
        Some(phase) => Err(format!("phase `{phase}` is not rolled back yet")),
        None => Ok(()),
    }
}

/// A run is finished when nothing of it is open.
fn run_finishes(state: &RunState) -> Result<(), Illegal> {
    if state.rollback.is_some() {
        return Err("a rollback is under way".to_owned());
    }
    let open = |known: &PhaseState| known.current.as_ref().is_some_and(|attempt| !attempt.closed);
    match state.phases.iter().find(|(_, known)| open(known)) {
        Some((phase, _)) => Err(format!("phase `{phase}` is not closed")),
        None => Ok(()),
    }
}
