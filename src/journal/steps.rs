//! What each legal record does to the state. Whether it is legal was asked before ([`super::legal`]).

use std::collections::BTreeMap;

use super::{Attempt, Body, Frozen, Intent, Part, Record, RollbackState, RunState, StepState};
use crate::model::{PhaseId, ResourceKey, StepId};

/// Takes a legal record.
pub(super) fn take(state: &mut RunState, record: &Record) {
    match &record.body {
        Body::RunStarted { .. } | Body::SessionStarted { .. } | Body::Interrupted { .. } | Body::StepNoted { .. } => {}
        Body::PhaseStarted { phase, steps, .. } => start_phase(state, phase, steps),
        Body::StepIntended { .. } => intend(state, record),
        Body::StepSettled { .. } => settle(state, record),
        Body::StepFailed { .. } => fail(state, &record.body),
        Body::StepSkipped {
            phase,
            part,
            step,
            reason,
            ..
        } => {
            let reason = reason.clone();
            put(state, phase, *part, step, StepState::Skipped { reason });
        }
        Body::Standby { phase, step, undo, .. } => stand_by(state, phase, step, undo),
        Body::CheckpointJudged {
            phase, step, passed, ..
        } => with(state, phase, |attempt| {
            attempt.judged.insert(step.clone(), *passed);
        }),
        Body::PhaseClosed { phase, .. } => with(state, phase, |attempt| attempt.closed = true),
        Body::FreezeMeasured { milliseconds } => {
            state.frozen = None;
            state.last_freeze_ms = Some(*milliseconds);
        }
        Body::RollbackStarted {
            phases,
            reason,
            interrupted,
        } => start_rollback(state, phases, reason, *interrupted),
        Body::PhaseRolledBack { phase, .. } => roll_phase_back(state, phase),
        Body::RollbackFinished { .. } => finish_rollback(state),
        Body::RollbackFailed { error } => {
            if let Some(rollback) = &mut state.rollback {
                rollback.failed = Some(error.clone());
            }
        }
        Body::RunFinished => state.finished = true,
    }
}

/// Changes the attempt of a phase that goes on.
fn with(state: &mut RunState, phase: &PhaseId, change: impl FnOnce(&mut Attempt)) {
    if let Some(attempt) = state.phases.get_mut(phase).and_then(|known| known.current.as_mut()) {
        change(attempt);
    }
}

fn put(state: &mut RunState, phase: &PhaseId, part: Part, step: &StepId, new: StepState) {
    with(state, phase, |attempt| {
        let steps = match part {
            Part::Forward => &mut attempt.steps,
            Part::Rollback => &mut attempt.rollback,
        };
        steps.insert(step.clone(), new);
    });
}

fn known<'a>(state: &'a RunState, phase: &PhaseId, part: Part, step: &StepId) -> Option<&'a StepState> {
    state.attempt(phase)?.part(part).get(step)
}

/// A new attempt; or the same one with an edited plan, which forgets what was begun and is not in it any more.
fn start_phase(state: &mut RunState, phase: &PhaseId, digests: &BTreeMap<StepId, crate::model::Digest>) {
    state.finished = false;
    let current = (state.phases.entry(phase.clone()).or_default().current).get_or_insert_with(Attempt::default);
    current.steps.retain(|step, _| digests.contains_key(step));
    current.judged.remove(&None);
    current.digests.clone_from(digests);
}

/// What undo leads back to is the state before the *first* intent of a step in its attempt.
fn intend(state: &mut RunState, record: &Record) {
    let Body::StepIntended {
        phase,
        part,
        step,
        uses,
        class,
        digest,
        resource,
        before,
        change,
        inputs,
        opens,
        freezes,
        thaws,
        ..
    } = &record.body
    else {
        return;
    };
    let first = known(state, phase, *part, step).and_then(StepState::intent);
    let again = first.is_some();
    let first = first.and_then(|first| first.before.clone());
    let intent = Intent {
        sequence: record.sequence,
        time: record.time,
        uses: uses.clone(),
        class: *class,
        digest: digest.clone(),
        resource: resource.clone(),
        before: first.or_else(|| before.clone()),
        change: change.clone(),
        inputs: inputs.clone(),
        opens: opens.clone(),
        freezes: freezes.clone(),
        thaws: thaws.clone(),
    };
    put(state, phase, *part, step, StepState::Intended(intent));
    let unnamed = (thaws.is_some() && opens.is_none()).then_some(None);
    for opened in opens.iter().cloned().map(Some).chain(unnamed) {
        state.opened.insert(opened, record.sequence);
    }
    with(state, phase, |attempt| {
        if *part == Part::Forward {
            attempt.judged.remove(&Some(step.clone()));
            attempt.judged.remove(&None);
            if !again {
                attempt.intents.push(step.clone());
            }
        }
        attempt.opened.extend(opens.iter().cloned());
        attempt.opened_unnamed |= thaws.is_some() && opens.is_none();
    });
    let standby = || state.attempt(phase)?.standby.get(step).cloned();
    let frozen = freezes.as_ref().map(|route| Frozen {
        since: record.time,
        phase: phase.clone(),
        step: step.clone(),
        route: route.clone(),
        standby: standby(),
        switch_intended: false,
    });
    freeze(state, *part, frozen, thaws.as_ref());
}

/// A freeze counts from its first intent; the intent of the forward thaw cancels the way that was put on standby.
fn freeze(state: &mut RunState, part: Part, new: Option<Frozen>, thaws: Option<&ResourceKey>) {
    match &mut state.frozen {
        None => state.frozen = new,
        Some(frozen) if part == Part::Forward && thaws == Some(&frozen.route) => {
            frozen.switch_intended = true;
            frozen.standby = None;
        }
        Some(_) => {}
    }
}

/// A settled thaw ends the freeze of its route; so does the settled undo of the step that froze, whether or not it had
/// anything to do.
fn settle(state: &mut RunState, record: &Record) {
    let Body::StepSettled {
        phase,
        part,
        step,
        by,
        digest,
        after,
        outputs,
        summary,
        ..
    } = &record.body
    else {
        return;
    };
    let intent = known(state, phase, *part, step).and_then(StepState::intent).cloned();
    let thawed = intent.as_ref().and_then(|intent| intent.thaws.clone());
    let undone = *part == Part::Rollback && known(state, phase, Part::Forward, step).is_some();
    let settled = StepState::Done {
        intent,
        by: *by,
        digest: digest.clone(),
        after: after.clone(),
        outputs: outputs.clone(),
        sequence: record.sequence,
        summary: summary.clone(),
    };
    put(state, phase, *part, step, settled);
    let over = |frozen: &Frozen| {
        Some(&frozen.route) == thawed.as_ref() || (undone && frozen.step == *step && frozen.phase == *phase)
    };
    if state.frozen.as_ref().is_some_and(over) {
        state.frozen = None;
    }
}

fn fail(state: &mut RunState, body: &Body) {
    let Body::StepFailed {
        phase,
        part,
        step,
        failure,
        outputs,
        ..
    } = body
    else {
        return;
    };
    let failed = StepState::Failed {
        intent: known(state, phase, *part, step).and_then(StepState::intent).cloned(),
        error: failure.error.clone(),
        in_doubt: failure.in_doubt,
        outputs: outputs.clone(),
    };
    put(state, phase, *part, step, failed);
}

/// The way to thaw is written down, before or after the intent of the freeze; no intent follows from it.
fn stand_by(state: &mut RunState, phase: &PhaseId, step: &StepId, undo: &serde_json::Value) {
    with(state, phase, |attempt| {
        attempt.standby.insert(step.clone(), undo.clone());
    });
    if let Some(frozen) = &mut state.frozen
        && frozen.step == *step
        && frozen.phase == *phase
        && !frozen.switch_intended
    {
        frozen.standby = Some(undo.clone());
    }
}

/// After a failed rollback the next one keeps what is done of it.
fn start_rollback(state: &mut RunState, phases: &[PhaseId], reason: &str, interrupted: bool) {
    state.finished = false;
    let before = state.rollback.take();
    state.rollback = Some(RollbackState {
        phases: phases.to_vec(),
        done: before.map(|before| before.done).unwrap_or_default(),
        reason: reason.to_owned(),
        interrupted,
        failed: None,
    });
}

/// The attempt ends. (Whether its way back is done only the plan knows: its list may have been edited since it began.)
fn roll_phase_back(state: &mut RunState, phase: &PhaseId) {
    if let Some(known) = state.phases.get_mut(phase) {
        known.ended_attempts += 1;
        known.current = None;
    }
    if let Some(rollback) = &mut state.rollback {
        rollback.done.insert(phase.clone());
    }
}

/// A rollback ends with writes allowed, so a freeze of its phases is over.
fn finish_rollback(state: &mut RunState) {
    let Some(rollback) = state.rollback.take() else {
        return;
    };
    if let Some(frozen) = &state.frozen
        && rollback.phases.contains(&frozen.phase)
    {
        state.frozen = None;
    }
}
