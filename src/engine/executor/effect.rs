use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    EngineError, Executor, Guard, Stopped, elapsed,
    step::{Again, StepRun, Tried},
};
use crate::{
    journal::{Body, Intent, Part, SettledBy, StepState},
    kind::{DynEffect, Inputs, Receipt, Undo},
    model::{Change, Class, Delta, Event, PlanDuration, Step, StepId, Touches},
    resource::{Depth, Probed},
    system::{Answer, causes},
};

/// What the way back needs when no freeze was measured yet: a reload with its probes, generously.
const WAY_BACK_UNMEASURED: Duration = Duration::from_secs(10);

/// The least that is kept for the way back: below it a reload cannot be proven.
const WAY_BACK_LEAST: Duration = Duration::from_secs(1);

/// Looks after an act: a connection that was dropped or a server that was busy for a moment is back by the third.
const LOOKS_AFTER: u32 = 3;

/// Between them: longer than a reload takes to show (`reference/lab.md` §1.6), short against any freeze.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// Why a try failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failed {
    /// In one line or a few.
    pub(crate) error: String,
    /// Whether the outcome is unknown.
    pub(crate) in_doubt: bool,
    /// Facts forbid it: not repeated, exit 4.
    pub(crate) refused: bool,
    /// What a check that did not pass found.
    pub(crate) outputs: Option<Value>,
    /// What ended it before its own end.
    pub(crate) stopped: Option<Stopped>,
}

impl Failed {
    /// A known failure.
    pub(crate) fn new(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            in_doubt: false,
            refused: false,
            outputs: None,
            stopped: None,
        }
    }

    /// Ended before its own end: the outcome is unknown.
    pub(crate) fn stopped(stopped: Stopped) -> Self {
        let error = match stopped {
            Stopped::Timeout(limit) => format!("it took longer than its timeout of {}", PlanDuration::new(limit)),
            Stopped::Deadline => "what is left of the freeze is needed for the way back".to_owned(),
            Stopped::Signal(signal) | Stopped::Twice(signal) => format!("{signal} ended it"),
        };
        Self {
            in_doubt: true,
            stopped: Some(stopped),
            ..Self::new(error)
        }
    }

    pub(crate) fn because(self, stopped: Stopped) -> Self {
        Self {
            stopped: Some(stopped),
            ..self
        }
    }

    fn refused(error: impl Into<String>) -> Self {
        Self {
            refused: true,
            ..Self::new(error)
        }
    }

    /// Whether `retry:` may repeat it.
    pub(crate) fn may_repeat(&self) -> bool {
        !self.refused && matches!(self.stopped, None | Some(Stopped::Timeout(_)))
    }
}

impl Executor {
    /// Probe, diff, intent, apply, probe, diff is none, settled.
    pub(in crate::engine) async fn try_effect(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
    ) -> Result<Result<Tried, Failed>, EngineError> {
        let started = Instant::now();
        let touches = effect.touches();
        let inputs = match self.inputs(touches.inputs.iter()) {
            Ok(inputs) => inputs,
            Err(error) => return Ok(Err(Failed::new(error))),
        };
        let before = match self.probe(run.part, effect).await {
            Ok(before) => before,
            // A look moves nothing: it leaves the doubt as it was.
            Err(failed) => {
                return Ok(Err(Failed {
                    in_doubt: run.in_doubt,
                    ..failed
                }));
            }
        };
        let change = match self.change(run, effect, &before, &inputs) {
            Ok(change) => change,
            Err(failed) => return Ok(Err(failed)),
        };
        if change.is_none() && effect.observable() {
            let by = if run.in_doubt {
                SettledBy::Probe
            } else {
                SettledBy::AlreadySo
            };
            return self.settle_effect(run, effect, by, &before, None, started.elapsed());
        }
        if run.in_doubt && !effect.observable() {
            match self.ask_whether_done(run) {
                Doubt::Done => {
                    return self.settle_effect(run, effect, SettledBy::Adopted, &before, None, started.elapsed());
                }
                Doubt::Repeat => {}
                Doubt::Wait(tried) => return Ok(Ok(tried)),
            }
        }
        self.intend_effect(run, effect, &touches, &before, &change, &inputs)?;
        let applied = self.act(run, effect, &change, &inputs).await;
        self.look_after(run, effect, applied, &inputs, started).await
    }

    /// What is to be done, or why it must not be.
    fn change(
        &self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        now: &Value,
        inputs: &Inputs,
    ) -> Result<Change, Failed> {
        let foreign = effect.foreign(now, Some(self.act.run()));
        if let Some(reason) = foreign.map_err(|error| Failed::new(causes(&error)))? {
            return Err(Failed::refused(reason));
        }
        if run.part == Part::Forward {
            if let Some(reason) = effect.regresses(now).map_err(|error| Failed::new(causes(&error)))? {
                return Err(Failed::refused(format!(
                    "{reason}; refused, because it would go backwards"
                )));
            }
            self.expect_ours(run, effect, now)?;
        }
        effect.diff(now, inputs).map_err(|error| Failed::new(causes(&error)))
    }

    /// Inside the frozen region nobody else may have moved the resource since the step of ours that moved it last.
    fn expect_ours(&self, run: &StepRun<'_>, effect: &dyn DynEffect, now: &Value) -> Result<(), Failed> {
        if self.freeze().is_none() {
            return Ok(());
        }
        let Some((earlier, behaviour)) = self.last_writer(effect, &run.step.id) else {
            return Ok(());
        };
        match behaviour.diff(now, &Inputs::default()) {
            Ok(change) if !(change.is_none() || run.in_doubt && self.is_own_doubt(run, effect, now)) => {
                Err(Failed::new(format!(
                    "somebody else moved it since step `{earlier}`: {}",
                    words(&change)
                )))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether a step in doubt finds its resource as its own act may have left it: every field that it was to move is where
    /// it was, or every one is where it was to be. Anything between is somebody else's.
    fn is_own_doubt(&self, run: &StepRun<'_>, effect: &dyn DynEffect, now: &Value) -> bool {
        let intended = self
            .ledger
            .state()
            .and_then(|state| state.attempt(&run.phase)?.steps.get(&run.step.id)?.intent())
            .and_then(|intent| intent.change.as_ref());
        let (Some(intended), Ok(left)) = (intended, effect.diff(now, &Inputs::default())) else {
            return false;
        };
        let left_of = |field: &str| left.deltas.iter().find(|delta| delta.field == field);
        let untouched = |delta: &Delta| left_of(&delta.field).is_some_and(|left| left.before == delta.before);
        let moved = |delta: &Delta| left_of(&delta.field).is_none();
        intended.deltas.iter().all(untouched) || intended.deltas.iter().all(moved)
    }

    /// The last settled step of this run that moved the same resource, other than `step`.
    fn last_writer(&self, effect: &dyn DynEffect, step: &StepId) -> Option<(StepId, &dyn DynEffect)> {
        let address = effect.address();
        let state = self.ledger.state()?;
        let attempts = state.phases.values().filter_map(|phase| phase.current.as_ref());
        let (_, earlier) = attempts
            .flat_map(|attempt| &attempt.steps)
            .filter(|(id, _)| *id != step)
            .filter_map(|(id, known)| match known {
                StepState::Done { sequence, .. } => Some((*sequence, id)),
                StepState::Intended(_) | StepState::Failed { .. } | StepState::Skipped { .. } => None,
            })
            .filter(|(_, id)| self.effect_of(id).is_some_and(|other| other.address() == address))
            .max_by_key(|(sequence, _)| *sequence)?;
        Some((earlier.clone(), self.effect_of(earlier)?))
    }

    fn effect_of(&self, step: &StepId) -> Option<&dyn DynEffect> {
        match self.program.behaviour(step)? {
            crate::kind::Behaviour::Effect(effect) => Some(effect.as_ref()),
            crate::kind::Behaviour::Check(_) | crate::kind::Behaviour::Capture(_) | crate::kind::Behaviour::Wait(_) => {
                None
            }
        }
    }

    /// A look that must succeed.
    pub(super) async fn probe(&mut self, part: Part, effect: &dyn DynEffect) -> Result<Value, Failed> {
        let (act, guard) = (self.act.clone(), self.guard(part));
        match self.signals.run(effect.probe(&act, Depth::Deep), guard).await {
            Err(stopped) => Err(Failed::stopped(stopped)),
            Ok(Ok(Probed::Seen(state))) => Ok(state),
            Ok(Ok(Probed::Unreachable(reason) | Probed::NotLooked(reason))) => Err(Failed::new(reason)),
            Ok(Err(error)) => Err(Failed::new(causes(&error))),
        }
    }

    fn intend_effect(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        touches: &Touches,
        before: &Value,
        change: &Change,
        inputs: &Inputs,
    ) -> Result<(), EngineError> {
        let forward = run.part == Part::Forward;
        self.ledger.append(Body::StepIntended {
            phase: run.phase.clone(),
            attempt: run.attempt,
            part: run.part,
            step: run.step.id.clone(),
            uses: run.step.uses.clone(),
            class: Class::Effect,
            digest: run.step.digest.clone(),
            resource: Some(effect.address()),
            before: Some(before.clone()),
            change: Some(change.clone()),
            inputs: inputs.0.clone(),
            opens: touches.opens.clone(),
            freezes: touches.freezes.clone(),
            thaws: touches.thaws.clone(),
            condition: run.condition,
        })?;
        if forward
            && touches.freezes.is_some()
            && let Ok(Undo::Same { with, .. }) = effect.undo(before)
        {
            self.ledger.append(Body::Standby {
                phase: run.phase.clone(),
                attempt: run.attempt,
                step: run.step.id.clone(),
                undo: json!({ "uses": run.step.uses, "with": with }),
            })?;
        }
        self.tell(Event::StepStarted {
            step: run.step.id.clone(),
            uses: run.step.uses.clone(),
            what: words(change),
        });
        Ok(())
    }

    async fn act(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        change: &Change,
        inputs: &Inputs,
    ) -> Result<Receipt, Failed> {
        let (act, log) = (self.act.clone(), self.progress(&run.step.id));
        let guard = self.guard_of(run);
        match self.signals.run(effect.apply(change, inputs, &act, &log), guard).await {
            Err(stopped) => Err(Failed::stopped(stopped)),
            Ok(Err(error)) => Err(Failed::new(causes(&error))),
            Ok(Ok(receipt)) => Ok(receipt),
        }
    }

    /// Looks again: a success is proven, never believed, and a failure may have done its work all the same.
    async fn look_after(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        applied: Result<Receipt, Failed>,
        inputs: &Inputs,
        started: Instant,
    ) -> Result<Result<Tried, Failed>, EngineError> {
        if let Err(failed) = &applied
            && (!effect.observable() || matches!(failed.stopped, Some(Stopped::Twice(_) | Stopped::Signal(_))))
        {
            return Ok(Err(failed.clone()));
        }
        let seen = match self.look_until_seen(run, effect, applied.is_ok()).await {
            Ok(seen) => seen,
            Err(failed) => return Ok(Err(applied.err().unwrap_or(failed))),
        };
        let left = match effect.diff(&seen, inputs) {
            Ok(left) => left,
            Err(error) => return Ok(Err(applied.err().unwrap_or_else(|| Failed::new(causes(&error))))),
        };
        if left.is_none() || !effect.observable() {
            let (by, receipt) = match applied {
                Ok(receipt) => (SettledBy::Done, Some(receipt)),
                Err(_) => (SettledBy::Probe, None),
            };
            return self.settle_effect(run, effect, by, &seen, receipt.as_ref(), started.elapsed());
        }
        let error = applied
            .err()
            .unwrap_or_else(|| Failed::new(format!("it was done, and it is not so: {} is left", words(&left))));
        Ok(Err(error))
    }

    /// Looks; after an act that said it was done, a few times: one look without an answer must not take back what is done and
    /// what clients may have built on.
    async fn look_until_seen(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        done: bool,
    ) -> Result<Value, Failed> {
        let mut left = if done { LOOKS_AFTER } else { 1 };
        loop {
            left -= 1;
            match self.probe(run.part, effect).await {
                Err(failed) if left > 0 && failed.stopped.is_none() => {
                    let guard = self.guard(run.part);
                    let pause = tokio::time::sleep(LOOK_PAUSE);
                    (self.signals.run(pause, guard).await).map_err(|stopped| failed.because(stopped))?;
                }
                seen => return seen,
            }
        }
    }

    fn settle_effect(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        by: SettledBy,
        seen: &Value,
        receipt: Option<&Receipt>,
        took: Duration,
    ) -> Result<Result<Tried, Failed>, EngineError> {
        let outputs = match effect.output(seen, receipt) {
            Ok(outputs) => outputs,
            Err(error) => return Ok(Err(Failed::new(causes(&error)))),
        };
        let summary = match by {
            SettledBy::AlreadySo => "already so",
            SettledBy::Done => "done",
            SettledBy::Probe => "was done already, as a look shows",
            SettledBy::Adopted => "done, as a person says",
        };
        let frozen_since = self.freeze().map(|frozen| frozen.since);
        self.ledger.append(Body::StepSettled {
            phase: run.phase.clone(),
            attempt: run.attempt,
            part: run.part,
            step: run.step.id.clone(),
            by,
            digest: run.step.digest.clone(),
            resource: Some(effect.address()),
            after: Some(seen.clone()),
            outputs,
            summary: summary.to_owned(),
            reason: None,
        })?;
        self.tell(Event::StepSettled {
            step: run.step.id.clone(),
            what: summary.to_owned(),
            took,
        });
        if by != SettledBy::AlreadySo {
            self.rewritten.insert(effect.address());
        }
        self.follow_freeze(run, effect, frozen_since, took)?;
        Ok(Ok(Tried::Settled))
    }

    /// Says when writes were frozen or flow again, and measures the freeze.
    fn follow_freeze(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        frozen_since: Option<jiff::Timestamp>,
        took: Duration,
    ) -> Result<(), EngineError> {
        let touches = effect.touches();
        if touches.freezes.is_some() && run.part == Part::Forward {
            self.freeze_took = Some(took);
            self.tell(Event::Frozen);
        }
        // A thaw that was already so has no intent, and its route is open all the same: the measure says so to the journal.
        let over = (self.freeze()).is_none_or(|frozen| touches.thaws.as_ref() == Some(&frozen.route));
        if let Some(since) = frozen_since.filter(|_| over) {
            let after = elapsed(since);
            self.ledger.append(Body::FreezeMeasured {
                milliseconds: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            })?;
            self.tell(Event::Thawed { after });
        }
        Ok(())
    }

    /// A command without a guard that was begun and never ended: only a person can tell.
    fn ask_whether_done(&self, run: &StepRun<'_>) -> Doubt {
        let text = format!(
            "step `{}` was begun and its end is not recorded. Did it do its work?",
            run.step.id
        );
        match self.act.people().confirm(run.step.id.as_str(), &text) {
            Answer::Yes { .. } => Doubt::Done,
            Answer::No => Doubt::Repeat,
            Answer::Nobody => Doubt::Wait(Tried::Waiting {
                reason: format!(
                    "step `{}` was begun and its end is not recorded; it has no guard, so only a person can tell",
                    run.step.id
                ),
                command: Some(format!(
                    "regplan apply … --confirm {}   # if it did its work",
                    run.step.id
                )),
            }),
        }
    }

    /// Whether a settled effect of an open phase still holds; what does not is repaired, unless that is a regress.
    pub(super) async fn still_holds(
        &mut self,
        intent: Option<&Intent>,
        step: &Step,
        effect: &dyn DynEffect,
    ) -> Result<Again, EngineError> {
        if !effect.observable() || self.moved_on(effect, step) || self.belongs_to_clients(effect) {
            return Ok(Again::Holds);
        }
        // The snapshot pinned in the intent is the target; what the source did later is not drift.
        let inputs = match intent {
            Some(intent) => Inputs(intent.inputs.clone()),
            None => match self.inputs(effect.touches().inputs.iter()) {
                Ok(inputs) => inputs,
                Err(error) => return Ok(Again::Stop(error)),
            },
        };
        let now = match self.probe(Part::Forward, effect).await {
            Ok(now) => now,
            Err(failed) => return Ok(Again::Stop(failed.error)),
        };
        match effect.diff(&now, &inputs) {
            Err(error) => Ok(Again::Stop(causes(&error))),
            Ok(change) if change.is_none() => Ok(Again::Holds),
            // What was taken and compared since the freeze is worth nothing when writes flowed in between.
            Ok(change) if self.freeze().is_some() && self.region_went_on(&step.id) => Ok(Again::Stop(format!(
                "somebody else moved it while writes were to be frozen: {}",
                words(&change)
            ))),
            Ok(change) => Ok(match effect.regresses(&now) {
                Ok(None) => Again::Run,
                Ok(Some(reason)) => Again::Stop(format!("it no longer holds ({}), and {reason}", words(&change))),
                Err(error) => Again::Stop(causes(&error)),
            }),
        }
    }

    /// Whether a later step of the same frozen region was begun.
    fn region_went_on(&self, step: &StepId) -> bool {
        let Some(region) = self.program.region_of(step) else {
            return false;
        };
        let begun = |later: &StepId| {
            let mut attempts = self.ledger.state().into_iter().flat_map(|state| state.phases.values());
            attempts.any(|phase| {
                phase
                    .current
                    .as_ref()
                    .is_some_and(|attempt| attempt.steps.contains_key(later))
            })
        };
        region
            .steps
            .iter()
            .skip_while(|known| *known != step)
            .skip(1)
            .any(begun)
    }

    fn moved_on(&self, effect: &dyn DynEffect, step: &Step) -> bool {
        let Some((later, _)) = self.last_writer(effect, &step.id) else {
            return false;
        };
        let position = |id: &StepId| self.program.order.iter().position(|known| known == id);
        position(&later) > position(&step.id)
    }

    /// Once a route let writes through to a backend, the content of the system of that name belongs to its clients.
    fn belongs_to_clients(&self, effect: &dyn DynEffect) -> bool {
        let address = effect.address();
        let Some((system, "content")) = address.as_str().split_once('/') else {
            return false;
        };
        self.ledger.state().is_some_and(|state| state.written(&system.into()))
    }

    /// The recorded outputs that a step works from.
    pub(in crate::engine) fn inputs<'a>(&self, wanted: impl Iterator<Item = &'a StepId>) -> Result<Inputs, String> {
        let mut inputs = Inputs::default();
        for step in wanted {
            let known = self.ledger.state().and_then(|state| {
                state
                    .phases
                    .values()
                    .find_map(|phase| phase.current.as_ref()?.steps.get(step))
            });
            match known {
                Some(StepState::Done { outputs, .. }) => {
                    inputs.0.insert(step.clone(), outputs.clone());
                }
                Some(StepState::Intended(_) | StepState::Failed { .. } | StepState::Skipped { .. }) | None => {
                    return Err(format!(
                        "it needs what step `{step}` recorded, and that is not done in this attempt"
                    ));
                }
            }
        }
        Ok(inputs)
    }

    /// What may end the act of a step.
    pub(super) fn guard_of(&self, run: &StepRun<'_>) -> Guard {
        Guard {
            timeout: run.step.timeout.map(PlanDuration::get),
            ..self.guard(run.part)
        }
    }

    /// What may end a look or an act. Inside the freeze, before the switch, a signal cancels and the clock runs; the way back
    /// is never cancelled by the clock that started it, or by one signal.
    pub(super) fn guard(&self, part: Part) -> Guard {
        let before_switch = self.freeze().is_some_and(|frozen| !frozen.switch_intended);
        if part == Part::Rollback || !before_switch {
            return Guard::default();
        }
        Guard {
            cancel_on_signal: true,
            deadline: self.deadline(),
            timeout: None,
        }
    }

    /// What may end a wait between two tries. Nothing is under way in it, so the clock runs also when a switch was intended and
    /// did not come into force.
    pub(super) fn guard_between(&self, part: Part) -> Guard {
        match part {
            Part::Rollback => Guard::default(),
            Part::Forward => Guard {
                deadline: self.deadline(),
                ..self.guard(part)
            },
        }
    }

    /// When what is left of the freeze is needed for the way back; `None` without a freeze or a limit.
    fn deadline(&self) -> Option<tokio::time::Instant> {
        let (frozen, limit) = self.freeze().zip(self.program.plan.limits.freeze)?;
        let way_back = self
            .freeze_took
            .map_or(WAY_BACK_UNMEASURED, |took| (took * 2).max(WAY_BACK_LEAST));
        let usable = limit.get().saturating_sub(way_back.min(limit.get() / 2));
        Some(tokio::time::Instant::now() + usable.saturating_sub(elapsed(frozen.since)))
    }
}

/// What a person said of a step in doubt.
enum Doubt {
    Done,
    Repeat,
    Wait(Tried),
}

/// A change in a few words: `writes: allow → deny`.
pub(in crate::engine) fn words(change: &Change) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    let deltas = change
        .deltas
        .iter()
        .map(|delta| format!("{}: {} → {}", delta.field, text(&delta.before), text(&delta.after)));
    change
        .summary
        .iter()
        .cloned()
        .chain(deltas)
        .collect::<Vec<_>>()
        .join(" · ")
}
