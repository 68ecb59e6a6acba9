//! Going back: derived undo or the phase's `rollback:` list, phase by phase, last first.

use serde_json::Value;

use super::executor::{Condition, EngineError, Executor, Failed, Outcome, StepRun, Stopped, Tried};
use crate::{
    journal::{Body, Part, SettledBy, StepState},
    kind::{Behaviour, DynEffect, Undo},
    model::{Event, Phase, PhaseId, Step, StepId},
    system::causes,
};

/// What going back through a phase ended in: what is left as it is, or why it could not be done.
type WentBack = Result<Vec<String>, String>;

impl Executor {
    /// Goes back through the region whose freeze is in force.
    ///
    /// # Errors
    /// When another runner took over.
    pub(super) async fn roll_back_region(
        &mut self,
        reason: &str,
        signal: Option<&'static str>,
    ) -> Result<Outcome, EngineError> {
        let frozen_phase = self.freeze().map(|frozen| frozen.phase.clone());
        let region = self
            .program
            .regions
            .iter()
            .find(|region| frozen_phase.as_ref().is_some_and(|phase| region.phases.contains(phase)));
        let phases = region
            .map(|region| self.begun(region.phases.iter()))
            .unwrap_or_default();
        self.roll_back(phases, reason, signal).await
    }

    /// Goes back through these phases, last first, and ends their attempts.
    ///
    /// # Errors
    /// When another runner took over.
    pub(super) async fn roll_back(
        &mut self,
        phases: Vec<PhaseId>,
        reason: &str,
        signal: Option<&'static str>,
    ) -> Result<Outcome, EngineError> {
        self.ledger.tolerate();
        self.signals.obeyed();
        self.act.snapshots().frozen(false);
        self.ledger.append(Body::RollbackStarted {
            phases: phases.clone(),
            reason: reason.to_owned(),
            interrupted: signal.is_some(),
        })?;
        self.tell(Event::RollbackStarted {
            phases: phases.clone(),
            reason: reason.to_owned(),
        });
        self.go_back(&phases, reason, signal).await
    }

    /// Goes on with a rollback that an earlier session began.
    ///
    /// # Errors
    /// When another runner took over.
    pub(super) async fn resume_rollback(&mut self) -> Result<Option<Outcome>, EngineError> {
        let Some(rollback) = self.ledger.state().and_then(|state| state.rollback.clone()) else {
            return Ok(None);
        };
        self.ledger.tolerate();
        let phases: Vec<_> = rollback
            .phases
            .iter()
            .filter(|id| !rollback.done.contains(*id))
            .cloned()
            .collect();
        self.tell(Event::RollbackStarted {
            phases: phases.clone(),
            reason: rollback.reason.clone(),
        });
        self.go_back(&phases, &rollback.reason, None).await.map(Some)
    }

    async fn go_back(
        &mut self,
        phases: &[PhaseId],
        reason: &str,
        signal: Option<&'static str>,
    ) -> Result<Outcome, EngineError> {
        let program = self.program.clone();
        let mut left = Vec::new();
        for id in phases {
            let Some(phase) = program.plan.phases.iter().find(|phase| &phase.id == id) else {
                return self.cannot_go_back(format!("phase `{id}` is gone from the plan"));
            };
            match self.phase_back(phase).await? {
                Ok(more) => left.extend(more),
                Err(error) => return self.cannot_go_back(error),
            }
            let attempt = self.attempt(id);
            self.ledger.append(Body::PhaseRolledBack {
                phase: id.clone(),
                attempt,
            })?;
        }
        if let Some(frozen) = self.freeze() {
            let error = format!(
                "the way back has ended and `{}` still does not allow writes",
                frozen.route
            );
            return self.cannot_go_back(error);
        }
        if let Some(lost) = self.ledger.lost() {
            let error = format!("it went back, but the journal could not be written: {lost}");
            return self.cannot_go_back(error);
        }
        self.ledger.append(Body::RollbackFinished { left: left.clone() })?;
        self.tell(Event::RolledBack { left: left.clone() });
        Ok(Outcome::RolledBack {
            reason: reason.to_owned(),
            left,
            interrupted: signal,
        })
    }

    fn cannot_go_back(&mut self, error: String) -> Result<Outcome, EngineError> {
        if let Some(signal) = self.leaving {
            // A second signal: the journal knows that the way back is under way, and the next apply goes on with it.
            return Ok(Outcome::Interrupted { signal });
        }
        self.ledger.append(Body::RollbackFailed { error: error.clone() })?;
        let mut commands = vec![
            "regplan status PLAN".to_owned(),
            "regplan apply PLAN   # tries the way back again".to_owned(),
        ];
        if let Some(standby) = self.freeze().and_then(|frozen| frozen.standby.as_ref()) {
            commands.push(format!("# or by hand, what a step would do: {}", by_hand(standby)));
        }
        self.tell(Event::RollbackFailed {
            error: error.clone(),
            commands: commands.clone(),
        });
        Ok(Outcome::RollbackFailed { error, commands })
    }

    async fn phase_back(&mut self, phase: &Phase) -> Result<WentBack, EngineError> {
        match &phase.rollback {
            Some(list) => self.listed_way_back(phase, list).await,
            None => self.derived_way_back(phase).await,
        }
    }

    async fn listed_way_back(&mut self, phase: &Phase, list: &[Step]) -> Result<WentBack, EngineError> {
        for step in list {
            let done = self.attempt_of(phase).is_some_and(|attempt| {
                matches!(
                    attempt.rollback.get(&step.id),
                    Some(StepState::Done { .. } | StepState::Skipped { .. })
                )
            });
            if done {
                continue;
            }
            let known = self
                .attempt_of(phase)
                .and_then(|attempt| attempt.rollback.get(&step.id));
            // `if:` is asked once: what was begun under it goes on, whatever it would say now.
            let begun = known.is_some_and(|known| known.intent().is_some());
            let in_doubt = matches!(
                known,
                Some(StepState::Intended(_) | StepState::Failed { in_doubt: true, .. })
            );
            let mut run = StepRun {
                in_doubt,
                ..self.rollback_run(phase, step)
            };
            let condition = if begun && step.condition.is_some() {
                Condition::Holds
            } else {
                self.condition(&run).await?
            };
            match condition {
                Condition::None => {}
                Condition::Holds => run.condition = Some(true),
                Condition::Skip => continue,
                Condition::Failed(error) => return Ok(Err(format!("step `{}`: {error}", step.id))),
                Condition::Stopped(stopped) => {
                    return Ok(Err(self.back_failed(&step.id, Failed::stopped(stopped))));
                }
            }
            match self.try_until_settled(&run).await? {
                Ok(Tried::Settled) => {
                    if let Err(error) = self.judge_back(&phase.id, step).await {
                        return Ok(Err(error));
                    }
                }
                Ok(Tried::Waiting { reason, .. }) => return Ok(Err(format!("step `{}` waits: {reason}", step.id))),
                Err(failed) => return Ok(Err(self.back_failed(&step.id, failed))),
            }
        }
        Ok(Ok(Vec::new()))
    }

    /// In reverse order, for each effect with an intent in this attempt, the kind's own undo.
    async fn derived_way_back(&mut self, phase: &Phase) -> Result<WentBack, EngineError> {
        let program = self.program.clone();
        let mut left = Vec::new();
        let intents = self
            .attempt_of(phase)
            .map(|attempt| attempt.intents.clone())
            .unwrap_or_default();
        for id in intents.iter().rev() {
            if !phase.steps.iter().any(|step| &step.id == id) {
                left.push(format!("`{id}`: it is gone from the plan, so nothing takes it back"));
                continue;
            }
            let (Some(step), Some(Behaviour::Effect(effect))) =
                (phase.steps.iter().find(|step| &step.id == id), program.behaviour(id))
            else {
                continue;
            };
            let Some(before) = self.first_before(phase, id) else {
                continue;
            };
            match effect.undo(&before) {
                Err(error) => return Ok(Err(format!("step `{id}`: {}", causes(&error)))),
                Ok(Undo::Nothing) => {}
                Ok(Undo::Left(reason)) => left.push(format!("`{id}`: {reason}")),
                Ok(Undo::Same { with, .. }) => {
                    let undo = Step {
                        with,
                        checkpoint: Vec::new(),
                        ..step.clone()
                    };
                    if let Err(error) = self.undo_step(phase, &undo, effect.as_ref()).await? {
                        return Ok(Err(error));
                    }
                    left.extend(self.lost_writes(phase, id, effect.as_ref()));
                }
            }
        }
        Ok(Ok(left))
    }

    /// What clients may have written where this step led them: in a region that is new data, and going back leaves it there.
    /// A step that is known to have failed and that needed no undo never led them anywhere.
    fn lost_writes(&self, phase: &Phase, step: &StepId, effect: &dyn DynEffect) -> Option<String> {
        let touches = effect.touches();
        let backend = touches.opens.filter(|_| touches.thaws.is_some())?;
        let attempt = self.attempt_of(phase)?;
        let in_region = self
            .program
            .regions
            .iter()
            .any(|region| region.phases.contains(&phase.id));
        let failed = matches!(attempt.steps.get(step)?, StepState::Failed { in_doubt: false, .. });
        let undone = matches!(
            attempt.rollback.get(step),
            Some(StepState::Done { by, .. }) if *by != SettledBy::AlreadySo
        );
        (in_region && attempt.opened.contains(&backend) && (undone || !failed))
            .then(|| format!("writes that `{backend}` took since step `{step}` stay there only"))
    }

    async fn undo_step(
        &mut self,
        phase: &Phase,
        undo: &Step,
        effect: &dyn DynEffect,
    ) -> Result<Result<(), String>, EngineError> {
        let effect = match effect.again(undo.with.clone()) {
            Ok(effect) => effect,
            Err(error) => return Ok(Err(format!("the undo of step `{}` is a bug: {error}", undo.id))),
        };
        let run = self.rollback_run(phase, undo);
        Ok(match self.try_effect(&run, effect.as_ref()).await? {
            Ok(_) => Ok(()),
            Err(failed) => Err(self.back_failed(&undo.id, failed)),
        })
    }

    fn back_failed(&mut self, step: &StepId, failed: Failed) -> String {
        let error = match failed.stopped {
            Some(Stopped::Twice(signal)) => {
                self.leaving = Some(signal);
                format!("{signal} ended the way back")
            }
            Some(Stopped::Deadline | Stopped::Signal(_) | Stopped::Timeout(_)) | None => failed.error,
        };
        self.tell(Event::StepFailed {
            step: step.clone(),
            error: error.clone(),
        });
        format!("step `{step}`: {error}")
    }

    fn rollback_run<'a>(&self, phase: &Phase, step: &'a Step) -> StepRun<'a> {
        StepRun {
            phase: phase.id.clone(),
            attempt: self.attempt(&phase.id),
            part: Part::Rollback,
            step,
            condition: None,
            in_doubt: false,
        }
    }

    fn attempt_of(&self, phase: &Phase) -> Option<&crate::journal::Attempt> {
        self.ledger.state()?.phases.get(&phase.id)?.current.as_ref()
    }

    /// The resource before the first intent of this attempt.
    fn first_before(&self, phase: &Phase, step: &StepId) -> Option<serde_json::Value> {
        let intent = match self.attempt_of(phase)?.steps.get(step)? {
            StepState::Intended(intent) => Some(intent),
            StepState::Done { intent, .. } | StepState::Failed { intent, .. } => intent.as_ref(),
            StepState::Skipped { .. } => None,
        };
        intent?.before.clone()
    }
}

/// The standby undo as somebody would write it into a plan: `lb.route { lb: lb, to: v2, writes: allow }`.
fn by_hand(standby: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let with = standby.get("with").and_then(Value::as_object);
    let with = with
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}: {}", text(value)));
    let with = with.collect::<Vec<_>>().join(", ");
    format!("{} {{ {with} }}", standby.get("uses").map(text).unwrap_or_default())
}
