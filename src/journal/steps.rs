//! The legal transitions of one step in its attempt.
//!
//! ```text
//! (none) ─intended─► Intended ─settled─► Done ─intended─► Intended   (repaired, checked again, edited)
//!    │ │ └──────────────┬─┘ ▲  └─failed─► Failed ─intended─► Intended
//!    │ └─settled (already so, adopted)─► Done
//!    └─skipped─► Skipped                                             (a condition is asked once per attempt)
//! ```

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Attempt, Body, Failure, Frozen, Intent, Part, Record, RunState, SettledBy, StepState,
    fold::{Illegal, under_way},
};
use crate::model::{PhaseId, ResourceKey, StepId};

/// Where a step's record belongs.
pub(super) struct Place<'a> {
    phase: &'a PhaseId,
    attempt: u32,
    part: Part,
    step: &'a StepId,
}

impl<'a> Place<'a> {
    pub(super) fn of(phase: &'a PhaseId, attempt: u32, part: Part, step: &'a StepId) -> Self {
        Self {
            phase,
            attempt,
            part,
            step,
        }
    }
}

/// The attempt of a phase that goes on, if it is that one.
pub(super) fn attempt<'a>(state: &'a mut RunState, phase: &PhaseId, number: u32) -> Result<&'a mut Attempt, Illegal> {
    let known = state
        .phases
        .get_mut(phase)
        .ok_or_else(|| format!("phase `{phase}` was never started"))?;
    let current = known.attempt();
    if number != current {
        return Err(format!(
            "attempt {number} of phase `{phase}` is not the current one ({current})"
        ));
    }
    known
        .current
        .as_mut()
        .ok_or_else(|| format!("attempt {number} of phase `{phase}` has not started"))
}

/// The attempt of an open phase; nothing goes forward while a rollback is under way.
pub(super) fn open_attempt<'a>(
    state: &'a mut RunState,
    phase: &PhaseId,
    number: u32,
) -> Result<&'a mut Attempt, Illegal> {
    if state.rollback.is_some() {
        return Err("a rollback is under way".to_owned());
    }
    let current = attempt(state, phase, number)?;
    if current.closed {
        return Err(format!("phase `{phase}` is closed"));
    }
    Ok(current)
}

/// The attempt in which a step of that place may be written down now.
fn attempt_at<'a>(state: &'a mut RunState, place: &Place<'_>) -> Result<&'a mut Attempt, Illegal> {
    match place.part {
        Part::Forward => {
            let current = open_attempt(state, place.phase, place.attempt)?;
            if !current.digests.contains_key(place.step) {
                return Err(format!("step `{}` is not in phase `{}`", place.step, place.phase));
            }
            Ok(current)
        }
        Part::Rollback => {
            if !under_way(state)?.phases.contains(place.phase) {
                return Err(format!("phase `{}` is not part of the rollback", place.phase));
            }
            attempt(state, place.phase, place.attempt)
        }
    }
}

fn steps_of(current: &mut Attempt, part: Part) -> &mut BTreeMap<StepId, StepState> {
    match part {
        Part::Forward => &mut current.steps,
        Part::Rollback => &mut current.rollback,
    }
}

/// Any step but a skipped one may be intended; what undo leads back to is the state before its *first* intent.
pub(super) fn intend(state: &mut RunState, record: &Record) -> Result<(), Illegal> {
    let Body::StepIntended {
        phase,
        attempt: number,
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
        return Err("it is no intent".to_owned());
    };
    let mut intent = Intent {
        sequence: record.sequence,
        time: record.time,
        uses: uses.clone(),
        class: *class,
        digest: digest.clone(),
        resource: resource.clone(),
        before: before.clone(),
        change: change.clone(),
        inputs: inputs.clone(),
        opens: opens.clone(),
        freezes: freezes.clone(),
        thaws: thaws.clone(),
    };
    let current = attempt_at(state, &Place::of(phase, *number, *part, step))?;
    let known = steps_of(current, *part).get(step);
    if matches!(known, Some(StepState::Skipped { .. })) {
        return Err(format!("step `{step}` was skipped in this attempt"));
    }
    let first = known.and_then(StepState::intent);
    let again = first.is_some();
    if let Some(first) = first.and_then(|first| first.before.clone()) {
        intent.before = Some(first);
    }
    if *part == Part::Forward {
        current.judged.remove(&Some(step.clone()));
        current.judged.remove(&None);
        if !again {
            current.intents.push(step.clone());
        }
    }
    current.opened.extend(opens.iter().cloned());
    current.opened_unnamed |= thaws.is_some() && opens.is_none();
    let standby = current.standby.get(step).cloned();
    steps_of(current, *part).insert(step.clone(), StepState::Intended(intent));
    let frozen = freezes.as_ref().map(|route| Frozen {
        since: record.time,
        phase: phase.clone(),
        step: step.clone(),
        route: route.clone(),
        standby,
        switch_intended: false,
    });
    freeze(state, *part, frozen, thaws.as_ref());
    Ok(())
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

/// A running step may say what it knows.
pub(super) fn note(state: &mut RunState, phase: &PhaseId, number: u32, step: &StepId) -> Result<(), Illegal> {
    let current = attempt(state, phase, number)?;
    let running = |part| matches!(current.part(part).get(step), Some(StepState::Intended(_)));
    if running(Part::Forward) || running(Part::Rollback) {
        return Ok(());
    }
    Err(format!("step `{step}` is not running"))
}

/// Whether a step that stands there may be settled in that way.
fn may_settle(known: Option<&StepState>, by: SettledBy) -> bool {
    use StepState::{Done, Failed, Intended, Skipped};
    match by {
        SettledBy::Done => matches!(known, Some(Intended(_))),
        SettledBy::Probe => matches!(known, Some(Intended(_) | Failed { intent: Some(_), .. })),
        SettledBy::AlreadySo => matches!(known, None | Some(Failed { .. } | Done { .. })),
        SettledBy::Adopted => !matches!(known, Some(Skipped { .. })),
    }
}

/// A step is settled; a settled thaw ends the freeze of its route.
pub(super) fn settle(state: &mut RunState, record: &Record) -> Result<(), Illegal> {
    let Body::StepSettled {
        phase,
        attempt: number,
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
        return Err("it settles nothing".to_owned());
    };
    let current = attempt_at(state, &Place::of(phase, *number, *part, step))?;
    let steps = steps_of(current, *part);
    let known = steps.get(step);
    if !may_settle(known, *by) {
        return Err(format!("step `{step}` cannot be settled: it {}", standing(known)));
    }
    let intent = known.and_then(StepState::intent).cloned();
    let thawed = intent.as_ref().and_then(|intent| intent.thaws.clone());
    steps.insert(
        step.clone(),
        StepState::Done {
            intent,
            by: *by,
            digest: digest.clone(),
            after: after.clone(),
            outputs: outputs.clone(),
            sequence: record.sequence,
            summary: summary.clone(),
        },
    );
    if thawed.is_some() && state.frozen.as_ref().map(|frozen| &frozen.route) == thawed.as_ref() {
        state.frozen = None;
    }
    Ok(())
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

/// A step fails while it runs, or before it could be intended (a refusal, a condition without an answer).
pub(super) fn fail(
    state: &mut RunState,
    place: &Place<'_>,
    failure: &Failure,
    outputs: Option<&Value>,
) -> Result<(), Illegal> {
    let steps = steps_of(attempt_at(state, place)?, place.part);
    let known = steps.get(place.step);
    if known.is_some_and(StepState::is_settled) {
        return Err(format!("step `{}` cannot fail: it {}", place.step, standing(known)));
    }
    let intent = known.and_then(StepState::intent).cloned();
    steps.insert(
        place.step.clone(),
        StepState::Failed {
            intent,
            error: failure.error.clone(),
            in_doubt: failure.in_doubt,
            outputs: outputs.cloned(),
        },
    );
    Ok(())
}

/// A step is skipped before anything of it was intended.
pub(super) fn skip(state: &mut RunState, place: &Place<'_>, reason: &str) -> Result<(), Illegal> {
    let steps = steps_of(attempt_at(state, place)?, place.part);
    let known = steps.get(place.step);
    if !matches!(known, None | Some(StepState::Failed { intent: None, .. })) {
        return Err(format!(
            "step `{}` cannot be skipped: it {}",
            place.step,
            standing(known)
        ));
    }
    steps.insert(
        place.step.clone(),
        StepState::Skipped {
            reason: reason.to_owned(),
        },
    );
    Ok(())
}

/// The way to thaw is written down, before or after the intent of the freeze; no intent follows from it.
pub(super) fn stand_by(
    state: &mut RunState,
    phase: &PhaseId,
    number: u32,
    step: &StepId,
    undo: &Value,
) -> Result<(), Illegal> {
    open_attempt(state, phase, number)?
        .standby
        .insert(step.clone(), undo.clone());
    if let Some(frozen) = &mut state.frozen
        && frozen.step == *step
        && frozen.phase == *phase
        && !frozen.switch_intended
    {
        frozen.standby = Some(undo.clone());
    }
    Ok(())
}
