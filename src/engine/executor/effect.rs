use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    EngineError, Executor, Stopped,
    step::{StepRun, Tried},
};
use crate::{
    journal::{Body, Part, SettledBy, StepState},
    kind::{DynEffect, Inputs, KindError, Receipt, Undo},
    model::{Change, Class, Event, PlanDuration, StepId, Touches},
    resource::{Depth, Probed},
    system::{Answer, SystemError, causes},
};

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
        if run.part == Part::Forward
            && let Err(failed) = self.expect_unmoved_sources(run, &touches).await
        {
            return Ok(Err(Failed {
                in_doubt: run.in_doubt,
                ..failed
            }));
        }
        self.intend_effect(run, effect, &touches, &before, &change, &inputs)?;
        let applied = self.act(run, effect, &change, &inputs).await;
        self.look_after(run, effect, applied, (&before, &inputs), started).await
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
        let change = effect.diff(now, inputs).map_err(|error| match error {
            KindError::Refused(_) => Failed::refused(causes(&error)),
            KindError::MissingInput { .. } | KindError::MissingOutput { .. } | KindError::Shape { .. } => {
                Failed::new(causes(&error))
            }
        })?;
        if run.part == Part::Forward && !change.is_none() && self.belongs_to_clients(effect) {
            let reason = "a route let writes through to it, so its content belongs to its clients now";
            return Err(Failed::refused(reason));
        }
        Ok(change)
    }

    /// A look that must succeed.
    pub(in crate::engine) async fn probe(&mut self, part: Part, effect: &dyn DynEffect) -> Result<Value, Failed> {
        let act = self.act.clone();
        self.seen(part, effect.probe(&act, Depth::Deep)).await
    }

    /// A look that must succeed, once the step was intended: what else the intent saw stays as it was then.
    pub(super) async fn probe_after(
        &mut self,
        part: Part,
        effect: &dyn DynEffect,
        seen: &Value,
    ) -> Result<Value, Failed> {
        let act = self.act.clone();
        self.seen(part, effect.probe_after(seen, &act, Depth::Deep)).await
    }

    async fn seen(
        &mut self,
        part: Part,
        look: impl Future<Output = Result<Probed<Value>, SystemError>>,
    ) -> Result<Value, Failed> {
        let guard = self.guard(part);
        match self.signals.run(look, guard).await {
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
            what: change.in_words(),
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
        (before, inputs): (&Value, &Inputs),
        started: Instant,
    ) -> Result<Result<Tried, Failed>, EngineError> {
        if let Err(failed) = &applied
            && (!effect.observable() || matches!(failed.stopped, Some(Stopped::Twice(_) | Stopped::Signal(_))))
        {
            return Ok(Err(failed.clone()));
        }
        let seen = match self.look_until_seen(run, effect, before, applied.is_ok()).await {
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
            .unwrap_or_else(|| Failed::new(format!("it was done, and it is not so: {} is left", left.in_words())));
        Ok(Err(error))
    }

    /// Looks; after an act that said it was done, a few times: one look without an answer must not take back what is done and
    /// what clients may have built on.
    async fn look_until_seen(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        before: &Value,
        done: bool,
    ) -> Result<Value, Failed> {
        let mut left = if done { LOOKS_AFTER } else { 1 };
        loop {
            left -= 1;
            match self.probe_after(run.part, effect, before).await {
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
        let moved = Some((effect.address(), seen.clone()));
        self.settle(run, by, moved, outputs, summary.to_owned(), took)?;
        if by != SettledBy::AlreadySo {
            self.rewritten.insert(effect.address());
        }
        self.follow_freeze(run, effect, frozen_since, took)?;
        Ok(Ok(Tried::Settled))
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
}

/// What a person said of a step in doubt.
enum Doubt {
    Done,
    Repeat,
    Wait(Tried),
}
