use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use backon::BackoffBuilder as _;
use serde_json::Value;

use super::{EngineError, Executor, Failed, Failure, Flow, Guard, Outcome, Stopped};
use crate::{
    expr::Expression,
    journal::{Body, Failure as FailureRecord, Part, SettledBy, StepState},
    kind::{Behaviour, DynCapture, DynCheck, DynWait, Inputs, WaitStatus},
    model::{Class, Event, Phase, PhaseId, ResourceKey, Step},
    system::causes,
};

/// Which step runs, and for what.
#[derive(Clone)]
pub(in crate::engine) struct StepRun<'a> {
    pub(in crate::engine) phase: PhaseId,
    pub(in crate::engine) attempt: u32,
    pub(in crate::engine) part: Part,
    pub(in crate::engine) step: &'a Step,
    /// `if:` as it was evaluated.
    pub(in crate::engine) condition: Option<bool>,
    /// Whether an earlier session intended it without an end.
    pub(in crate::engine) in_doubt: bool,
}

/// What a try of a step ended in.
pub(in crate::engine) enum Tried {
    /// Settled and recorded.
    Settled,
    /// The run waits for somebody or something.
    Waiting { reason: String, command: Option<String> },
}

impl Executor {
    /// Runs what is left of a step.
    pub(super) async fn run_step(&mut self, phase: &Phase, step: &Step) -> Result<Flow, EngineError> {
        self.act.snapshots().frozen(self.is_settled_freeze());
        let known = self
            .ledger
            .state()
            .and_then(|state| state.phases.get(&phase.id)?.current.as_ref()?.steps.get(&step.id))
            .cloned();
        // `if:` is asked once per attempt: an intent, or an end without one, says that it held.
        let ran = |known: &StepState| known.intent().is_some() || matches!(known, StepState::Done { .. });
        let asked = step.condition.is_some() && known.as_ref().is_some_and(ran);
        let in_doubt = match known {
            Some(StepState::Skipped { .. }) => return Ok(Flow::On),
            Some(StepState::Done { digest, .. }) if digest != step.digest => false,
            Some(StepState::Done { .. }) if !self.is_resumed() => return Ok(Flow::On),
            Some(ref done @ StepState::Done { ref outputs, .. }) => match self.look_again(step, outputs, done).await? {
                Again::Holds => return self.judge_step_again(&phase.id, step).await,
                Again::Run => false,
                Again::Stop(reason) => return Ok(self.failed(step, reason)),
            },
            Some(StepState::Intended(_)) => true,
            Some(StepState::Failed { in_doubt, .. }) => in_doubt,
            None => false,
        };
        let mut run = StepRun {
            phase: phase.id.clone(),
            attempt: self.attempt(&phase.id),
            part: Part::Forward,
            step,
            condition: None,
            in_doubt,
        };
        let condition = if asked {
            Condition::Holds
        } else {
            self.condition(&run).await?
        };
        match condition {
            Condition::None => {}
            Condition::Holds => run.condition = Some(true),
            Condition::Skip => return Ok(Flow::On),
            Condition::Failed(reason) => return Ok(self.failed(step, reason)),
            Condition::Stopped(stopped) => return self.step_failed(step, Failed::stopped(stopped)),
        }
        match self.try_until_settled(&run).await? {
            Ok(Tried::Settled) => self.judge_step(&phase.id, step).await,
            Ok(Tried::Waiting { reason, command }) => {
                self.tell(Event::Waiting {
                    reason: reason.clone(),
                    command: command.clone(),
                });
                Ok(Flow::End(Outcome::Waiting { reason, command }))
            }
            Err(failed) => self.step_failed(step, failed),
        }
    }

    fn failed(&self, step: &Step, reason: String) -> Flow {
        self.tell(Event::StepFailed {
            step: step.id.clone(),
            error: reason.clone(),
        });
        Flow::Failed(Failure::step(step, reason))
    }

    fn step_failed(&mut self, step: &Step, failed: Failed) -> Result<Flow, EngineError> {
        match failed.stopped {
            Some(Stopped::Twice(signal)) => return Ok(Flow::End(Outcome::Interrupted { signal })),
            Some(Stopped::Signal(signal)) if self.freeze().is_some() => {
                return Ok(Flow::Failed(Failure::signal(signal)));
            }
            Some(Stopped::Signal(signal)) => return self.interrupted(signal),
            Some(Stopped::Deadline | Stopped::Timeout(_)) | None => {}
        }
        let refused = failed.refused;
        let Flow::Failed(failure) = self.failed(step, failed.error) else {
            return Ok(Flow::On);
        };
        Ok(Flow::Failed(Failure { refused, ..failure }))
    }

    /// `if:`, once per attempt, right before the step.
    pub(in crate::engine) async fn condition(&mut self, run: &StepRun<'_>) -> Result<Condition, EngineError> {
        let Some(text) = &run.step.condition else {
            return Ok(Condition::None);
        };
        let judged = match Expression::parse(text) {
            Ok(expression) => {
                let facts = match self.facts(&run.phase, run.part, &expression).await {
                    Ok(facts) => facts,
                    Err(stopped) => return Ok(Condition::Stopped(stopped)),
                };
                expression.judge(&facts).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match judged {
            Err(error) => Ok(Condition::Failed(format!("its condition cannot be judged: {error}"))),
            Ok(judgement) if judgement.holds => Ok(Condition::Holds),
            Ok(judgement) => {
                self.ledger.append(Body::StepSkipped {
                    phase: run.phase.clone(),
                    attempt: run.attempt,
                    part: run.part,
                    step: run.step.id.clone(),
                    reason: judgement.because.clone(),
                })?;
                self.tell(Event::StepSkipped {
                    step: run.step.id.clone(),
                    reason: judgement.because,
                });
                Ok(Condition::Skip)
            }
        }
    }

    /// Tries as often as `retry:` says.
    pub(in crate::engine) async fn try_until_settled(
        &mut self,
        run: &StepRun<'_>,
    ) -> Result<Result<Tried, Failed>, EngineError> {
        let retry = run.step.retry;
        let mut waits = backon::ExponentialBuilder::default()
            .with_min_delay(retry.backoff.get())
            .with_max_delay(retry.max_backoff.get())
            .with_max_times(usize::try_from(retry.attempts.saturating_sub(1)).unwrap_or(usize::MAX))
            .with_jitter()
            .build();
        let mut run = run.clone();
        loop {
            let failed = match self.try_once(&run).await? {
                Ok(tried) => return Ok(Ok(tried)),
                Err(failed) => failed,
            };
            self.ledger.append(Body::StepFailed {
                phase: run.phase.clone(),
                attempt: run.attempt,
                part: run.part,
                step: run.step.id.clone(),
                failure: FailureRecord {
                    error: failed.error.clone(),
                    in_doubt: failed.in_doubt,
                },
                outputs: failed.outputs.clone(),
            })?;
            let wait = if failed.may_repeat() { waits.next() } else { None };
            let Some(wait) = wait else {
                return Ok(Err(failed));
            };
            // What timed out may have done its work: without a guard only a person can tell.
            run.in_doubt |= failed.in_doubt;
            self.tell(Event::StepRetried {
                step: run.step.id.clone(),
                error: failed.error.clone(),
                wait,
            });
            let guard = self.guard_between(run.part);
            if let Err(stopped) = self.signals.run(tokio::time::sleep(wait), guard).await {
                return Ok(Err(failed.because(stopped)));
            }
        }
    }

    async fn try_once(&mut self, run: &StepRun<'_>) -> Result<Result<Tried, Failed>, EngineError> {
        let program = self.program.clone();
        match program.behaviour(&run.step.id) {
            None => Ok(Err(Failed::new(format!(
                "kind `{}` is not supported yet",
                run.step.uses
            )))),
            Some(Behaviour::Effect(effect)) => self.try_effect(run, effect.as_ref()).await,
            Some(Behaviour::Check(check)) => self.try_check(run, check.as_ref()).await,
            Some(Behaviour::Capture(capture)) => self.try_capture(run, capture.as_ref()).await,
            Some(Behaviour::Wait(wait)) => self.try_wait(run, wait.as_ref()).await,
        }
    }

    async fn try_check(
        &mut self,
        run: &StepRun<'_>,
        check: &dyn DynCheck,
    ) -> Result<Result<Tried, Failed>, EngineError> {
        let inputs = match self.inputs(check.touches().inputs.iter()) {
            Ok(inputs) => inputs,
            Err(error) => return Ok(Err(Failed::new(error))),
        };
        self.intend(run, Class::Check, &inputs)?;
        let started = Instant::now();
        let (act, log) = (self.act.clone(), self.progress(&run.step.id));
        let guard = self.guard_of(run);
        let verdict = match self.signals.run(check.run(&inputs, &act, &log), guard).await {
            Err(stopped) => return Ok(Err(Failed::stopped(stopped))),
            Ok(Err(error)) => return Ok(Err(Failed::new(causes(&error)))),
            Ok(Ok(verdict)) => verdict,
        };
        if verdict.passed {
            self.settle(
                run,
                SettledBy::Done,
                None,
                verdict.output,
                verdict.summary,
                started.elapsed(),
            )?;
            return Ok(Ok(Tried::Settled));
        }
        let mut error = verdict.summary;
        for finding in verdict.findings.iter().take(SHOWN_FINDINGS) {
            error.push_str("\n  ");
            error.push_str(finding);
        }
        if verdict.findings.len() > SHOWN_FINDINGS {
            error.push_str(&format!("\n  and {} more", verdict.findings.len() - SHOWN_FINDINGS));
        }
        Ok(Err(Failed {
            outputs: Some(verdict.output),
            ..Failed::new(error)
        }))
    }

    async fn try_capture(
        &mut self,
        run: &StepRun<'_>,
        capture: &dyn DynCapture,
    ) -> Result<Result<Tried, Failed>, EngineError> {
        self.intend(run, Class::Capture, &Inputs::default())?;
        let started = Instant::now();
        let (act, log) = (self.act.clone(), self.progress(&run.step.id));
        let guard = self.guard_of(run);
        let taken = match self.signals.run(capture.take(run.attempt, &act, &log), guard).await {
            Err(stopped) => return Ok(Err(Failed::stopped(stopped))),
            Ok(Err(error)) => return Ok(Err(Failed::new(causes(&error)))),
            Ok(Ok(taken)) => taken,
        };
        self.settle(run, SettledBy::Done, None, taken, "taken".to_owned(), started.elapsed())?;
        Ok(Ok(Tried::Settled))
    }

    async fn try_wait(&mut self, run: &StepRun<'_>, wait: &dyn DynWait) -> Result<Result<Tried, Failed>, EngineError> {
        if !run.in_doubt {
            self.intend(run, Class::Wait, &Inputs::default())?;
        }
        let started = Instant::now();
        let (act, log) = (self.act.clone(), self.progress(&run.step.id));
        let guard = Guard {
            cancel_on_signal: run.part == Part::Forward,
            ..self.guard_of(run)
        };
        match self.signals.run(wait.sample(&act, &log), guard).await {
            Err(stopped) => Ok(Err(Failed::stopped(stopped))),
            Ok(Err(error)) => Ok(Err(Failed::new(causes(&error)))),
            Ok(Ok(WaitStatus::Pending { reason, command })) => Ok(Ok(Tried::Waiting { reason, command })),
            Ok(Ok(WaitStatus::Over(output))) => {
                self.settle(
                    run,
                    SettledBy::Done,
                    None,
                    output,
                    "confirmed".to_owned(),
                    started.elapsed(),
                )?;
                Ok(Ok(Tried::Settled))
            }
        }
    }

    /// Writes the intent of a step that moves nothing, and tells.
    fn intend(&mut self, run: &StepRun<'_>, class: Class, inputs: &Inputs) -> Result<(), EngineError> {
        self.ledger.append(Body::StepIntended {
            phase: run.phase.clone(),
            attempt: run.attempt,
            part: run.part,
            step: run.step.id.clone(),
            uses: run.step.uses.clone(),
            class,
            digest: run.step.digest.clone(),
            resource: None,
            before: None,
            change: None,
            inputs: inputs.0.clone(),
            opens: None,
            freezes: None,
            thaws: None,
            condition: run.condition,
        })?;
        self.tell(Event::StepStarted {
            step: run.step.id.clone(),
            uses: run.step.uses.clone(),
            what: String::new(),
        });
        Ok(())
    }

    /// Writes down that a step is settled, and tells; `moved` is the resource of an effect as it was seen afterwards.
    pub(super) fn settle(
        &mut self,
        run: &StepRun<'_>,
        by: SettledBy,
        moved: Option<(ResourceKey, Value)>,
        outputs: Value,
        summary: String,
        took: Duration,
    ) -> Result<(), EngineError> {
        let (resource, after) = moved.unzip();
        self.ledger.append(Body::StepSettled {
            phase: run.phase.clone(),
            attempt: run.attempt,
            part: run.part,
            step: run.step.id.clone(),
            by,
            digest: run.step.digest.clone(),
            resource,
            after,
            outputs,
            summary: summary.clone(),
            reason: None,
        })?;
        self.tell(Event::StepSettled {
            step: run.step.id.clone(),
            what: summary,
            took,
        });
        Ok(())
    }

    /// An open phase looks once more at what an earlier session settled.
    async fn look_again(&mut self, step: &Step, outputs: &Value, known: &StepState) -> Result<Again, EngineError> {
        let program = self.program.clone();
        let Some(behaviour) = program.behaviour(&step.id) else {
            return Ok(Again::Holds);
        };
        match behaviour {
            Behaviour::Effect(effect) => self.still_holds(known, step, effect.as_ref()).await,
            Behaviour::Capture(capture) => {
                let (act, guard) = (self.act.clone(), self.guard(Part::Forward));
                Ok(match self.signals.run(capture.intact(outputs, &act), guard).await {
                    Err(stopped) => Again::Stop(Failed::stopped(stopped).error),
                    Ok(Err(error)) => Again::Stop(causes(&error)),
                    Ok(Ok(true)) => Again::Holds,
                    Ok(Ok(false)) if self.freeze().is_some() => Again::Run,
                    Ok(Ok(false)) => Again::Stop("what it took is gone, and its source is no longer frozen".to_owned()),
                })
            }
            Behaviour::Check(check) => Ok(if self.is_void(step, &check.touches().reads) {
                Again::Run
            } else {
                Again::Holds
            }),
            Behaviour::Wait(_) => Ok(Again::Holds),
        }
    }

    /// Whether something that a check read was moved since its verdict, by this session or an earlier one.
    fn is_void(&self, check: &Step, reads: &BTreeSet<ResourceKey>) -> bool {
        self.void.contains(&check.id) || reads.iter().any(|key| self.rewritten.contains(key))
    }
}

/// Findings of a check that a person sees at once; all of them are in its report.
const SHOWN_FINDINGS: usize = 10;

/// What `if:` said.
pub(in crate::engine) enum Condition {
    None,
    Holds,
    Skip,
    Failed(String),
    Stopped(Stopped),
}

/// What a second look at a settled step says.
pub(super) enum Again {
    Holds,
    Run,
    Stop(String),
}
