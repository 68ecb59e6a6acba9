use std::time::Duration;

use tokio::time::Instant;

use super::{EngineError, Executor, Failed, Failure, Flow, Guard, Stopped};
use crate::{
    expr::Expression,
    journal::{Body, Part},
    model::{Assertion, Event, Phase, PhaseId, Step, StepId},
};

/// Time between two looks when the plan says nothing: quick enough for a freeze of seconds, slow enough for a registry.
const DEFAULT_EVERY: Duration = Duration::from_secs(1);

/// What became of assertions.
enum Judged {
    /// All hold: each expression with what it saw.
    Passed(Vec<(String, String)>),
    /// One does not.
    Failed {
        seen: Vec<(String, String)>,
        reason: String,
    },
}

impl Executor {
    /// The checkpoint of a phase.
    pub(super) async fn judge_phase(&mut self, phase: &Phase) -> Result<Flow, EngineError> {
        self.judge(&phase.id, None, &phase.checkpoint).await
    }

    /// The checkpoint of a step.
    pub(super) async fn judge_step(&mut self, phase: &PhaseId, step: &Step) -> Result<Flow, EngineError> {
        if step.checkpoint.is_empty() {
            return Ok(Flow::On);
        }
        self.judge(phase, Some(&step.id), &step.checkpoint).await
    }

    /// The checkpoint of a step that an earlier session settled, unless it has passed since.
    pub(super) async fn judge_step_again(&mut self, phase: &PhaseId, step: &Step) -> Result<Flow, EngineError> {
        let attempt = self.ledger.state().and_then(|state| state.attempt(phase));
        if attempt.is_some_and(|attempt| attempt.judged.get(&Some(step.id.clone())) == Some(&true)) {
            return Ok(Flow::On);
        }
        self.judge_step(phase, step).await
    }

    /// The checkpoint of a step of a rollback list; why it does not hold, when it does not.
    pub(in crate::engine) async fn judge_back(&mut self, phase: &PhaseId, step: &Step) -> Result<(), String> {
        let of = step.id.to_string();
        match self.judge_all(phase, Part::Rollback, &of, &step.checkpoint).await {
            Ok(Judged::Passed(_)) => Ok(()),
            Ok(Judged::Failed { reason, .. }) => Err(format!("checkpoint of `{of}`: {reason}")),
            Err(stopped) => Err(format!("checkpoint of `{of}`: {}", Failed::stopped(stopped).error)),
        }
    }

    async fn judge(
        &mut self,
        phase: &PhaseId,
        step: Option<&StepId>,
        assertions: &[Assertion],
    ) -> Result<Flow, EngineError> {
        let of = step.map_or_else(|| phase.to_string(), ToString::to_string);
        let judged = match self.judge_all(phase, Part::Forward, &of, assertions).await {
            Ok(judged) => judged,
            Err(stopped) => return self.stopped_judging(&of, stopped),
        };
        let (passed, seen, reason) = match judged {
            Judged::Passed(seen) => (true, seen, None),
            Judged::Failed { seen, reason } => (false, seen, Some(reason)),
        };
        let attempt = self.attempt(phase);
        self.ledger.append(Body::CheckpointJudged {
            phase: phase.clone(),
            attempt,
            step: step.cloned(),
            passed,
            seen,
        })?;
        Ok(match reason {
            None => Flow::On,
            Some(reason) => Flow::Failed(Failure::checkpoint(&of, reason)),
        })
    }

    fn stopped_judging(&mut self, of: &str, stopped: Stopped) -> Result<Flow, EngineError> {
        match stopped {
            Stopped::Signal(signal) if self.freeze().is_some() => Ok(Flow::Failed(Failure::signal(signal))),
            Stopped::Signal(signal) | Stopped::Twice(signal) => self.interrupted(signal),
            Stopped::Deadline | Stopped::Timeout(_) => Ok(Flow::Failed(Failure::checkpoint(
                of,
                "the freeze may not last longer: what is left is needed for the way back",
            ))),
        }
    }

    async fn judge_all(
        &mut self,
        phase: &PhaseId,
        part: Part,
        of: &str,
        assertions: &[Assertion],
    ) -> Result<Judged, Stopped> {
        let mut all = Vec::with_capacity(assertions.len());
        for assertion in assertions {
            let (holds, because) = self.judge_one(phase, part, of, assertion).await?;
            all.push((assertion.expression.clone(), because.clone()));
            if !holds {
                let message = assertion
                    .message
                    .as_ref()
                    .map(|text| format!("{text}; "))
                    .unwrap_or_default();
                self.tell(Event::CheckpointFailed {
                    of: of.to_owned(),
                    expression: assertion.expression.clone(),
                    because: because.clone(),
                });
                return Ok(Judged::Failed {
                    seen: all,
                    reason: format!("{message}{because}"),
                });
            }
        }
        Ok(Judged::Passed(all))
    }

    /// Looks until it holds or `within` is over.
    async fn judge_one(
        &mut self,
        phase: &PhaseId,
        part: Part,
        of: &str,
        assertion: &Assertion,
    ) -> Result<(bool, String), Stopped> {
        let expression = match Expression::parse(&assertion.expression) {
            Ok(expression) => expression,
            Err(error) => return Ok((false, error.to_string())),
        };
        let every = assertion.every.map_or(DEFAULT_EVERY, crate::model::PlanDuration::get);
        let end = Instant::now() + assertion.within.map_or(Duration::ZERO, crate::model::PlanDuration::get);
        let mut told = false;
        loop {
            let facts = self.facts(phase, part, &expression).await?;
            let (holds, because) = match expression.judge(&facts) {
                Ok(judgement) => (judgement.holds, judgement.because),
                Err(error) => (false, error.to_string()),
            };
            if holds || Instant::now() >= end {
                return Ok((holds, because));
            }
            if !told {
                told = true;
                self.tell(Event::CheckpointWaiting {
                    of: of.to_owned(),
                    expression: assertion.expression.clone(),
                    because,
                });
            }
            let guard = Guard {
                cancel_on_signal: part == Part::Forward,
                ..self.guard(part)
            };
            self.signals.run(tokio::time::sleep(every), guard).await?;
        }
    }
}
