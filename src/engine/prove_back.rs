//! First prove, then act (design §7): before its first effect a way back looks at all that it would do; and when it fails all
//! the same, what it froze itself is opened again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::executor::{EngineError, Executor, Failed};
use crate::{
    expr::Expression,
    journal::{Part, SettledBy, StepState},
    kind::{Behaviour, DynEffect, Inputs, KindError, Undo},
    model::{Digest, Event, Phase, PhaseId, ResourceKey, Step, StepId, SystemName},
    system::causes,
};

/// What is recorded in place of a step's digest when the step of a way back was taken back: it is to be done again.
const TAKEN_BACK: &str = "taken back";

/// Looks at a system that does not answer, before it counts as gone.
const LOOKS: u32 = 3;

/// Between them.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// What the steps walked so far would leave.
#[derive(Default)]
struct Ahead<'p> {
    /// Whether an effect comes before: the first one needs no proof, its own act is one, with its retries.
    begun: bool,
    /// `None`: known only when it is done.
    left: BTreeMap<ResourceKey, Option<Value>>,
    /// Steps whose outputs come on the way.
    to_do: BTreeSet<&'p StepId>,
    /// Systems that come up on the way.
    provided: BTreeSet<&'p SystemName>,
}

impl Executor {
    /// Why the listed way back through these phases would not arrive, as far as a look can tell: a system that does not answer,
    /// a change that its kind refuses. Nothing is written.
    ///
    /// What only an earlier step of the way shows is not looked at. Derived ways back undo what was just done, and are not
    /// looked at either: a thaw must not wait.
    pub(super) async fn prove_way_back(&mut self, phases: &[PhaseId]) -> Result<(), String> {
        let program = self.program.clone();
        let mut ahead = Ahead::default();
        for id in phases {
            let phase = program.plan.phases.iter().find(|phase| &phase.id == id);
            let Some(phase) = phase else { continue };
            for step in phase.rollback.iter().flatten() {
                if !self.is_behind(phase, step) && self.would_run(phase, step).await {
                    let behaviour = program.behaviour(&step.id);
                    let proven = self.prove_step(step, behaviour, &mut ahead).await;
                    proven.map_err(|error| format!("step `{}` of the way back: {error}", step.id))?;
                }
            }
        }
        Ok(())
    }

    /// Whether a step of a list is done or skipped.
    pub(super) fn is_behind(&self, phase: &Phase, step: &Step) -> bool {
        let known = self
            .attempt_of(phase)
            .and_then(|attempt| attempt.rollback.get(&step.id));
        match known {
            Some(StepState::Done { digest, .. }) => digest.as_str() != TAKEN_BACK,
            Some(StepState::Skipped { .. }) => true,
            Some(StepState::Intended(_) | StepState::Failed { .. }) | None => false,
        }
    }

    /// Whether its condition holds now; it is asked again, and recorded, when its turn comes.
    async fn would_run(&mut self, phase: &Phase, step: &Step) -> bool {
        let Some(condition) = &step.condition else { return true };
        let Ok(expression) = Expression::parse(condition) else {
            return false;
        };
        let Ok(facts) = self.facts(&phase.id, Part::Rollback, &expression).await else {
            return false;
        };
        expression.judge(&facts).is_ok_and(|judgement| judgement.holds)
    }

    async fn prove_step<'p>(
        &mut self,
        step: &'p Step,
        behaviour: Option<&Behaviour>,
        ahead: &mut Ahead<'p>,
    ) -> Result<(), String> {
        if let Some(Behaviour::Effect(effect)) = behaviour
            && effect.observable()
        {
            let left = self.prove_effect(step, effect.as_ref(), ahead).await?;
            ahead.left.insert(effect.address(), left);
            ahead.begun = true;
        }
        ahead.to_do.insert(&step.id);
        ahead.provided.extend(&step.provides);
        Ok(())
    }

    /// What an effect would leave; `None` when that is not known yet.
    async fn prove_effect(
        &mut self,
        step: &Step,
        effect: &dyn DynEffect,
        ahead: &Ahead<'_>,
    ) -> Result<Option<Value>, String> {
        let touches = effect.touches();
        let waits = touches.inputs.iter().any(|input| ahead.to_do.contains(input))
            || touches.systems.iter().any(|system| ahead.provided.contains(system));
        if waits {
            return Ok(None);
        }
        let inputs = self.inputs(touches.inputs.iter())?;
        let now = match ahead.left.get(&effect.address()) {
            Some(None) => return Ok(None),
            Some(Some(left)) => left.clone(),
            None => match self.look_ahead(effect).await {
                Ok(now) => now,
                Err(_) if !ahead.begun => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        self.judge_effect(step, effect, &now, &inputs)
    }

    async fn look_ahead(&mut self, effect: &dyn DynEffect) -> Result<Value, String> {
        let mut left = LOOKS;
        loop {
            left -= 1;
            match self.probe(Part::Rollback, effect).await {
                Ok(now) => return Ok(now),
                Err(failed) if left == 0 || failed.stopped.is_some() => return Err(failed.error),
                Err(_) => tokio::time::sleep(LOOK_PAUSE).await,
            }
        }
    }

    fn judge_effect(
        &self,
        step: &Step,
        effect: &dyn DynEffect,
        now: &Value,
        inputs: &Inputs,
    ) -> Result<Option<Value>, String> {
        let foreign = effect.foreign(now, Some(self.act.run()));
        if let Some(reason) = foreign.map_err(|error| causes(&error))? {
            return Err(reason);
        }
        let change = match effect.diff(now, inputs) {
            Ok(change) => change,
            Err(KindError::MissingInput { .. }) => return Ok(None),
            Err(error) => return Err(causes(&error)),
        };
        if !change.is_none() {
            self.tell(Event::StepProgress {
                step: step.id.clone(),
                text: format!("would do: {}", change.in_words()),
                done: None,
            });
        }
        Ok(effect.after(now, inputs).ok())
    }

    /// Opens again what this way back froze: a side that has the last writes and takes no more is worse than one that goes on.
    /// The step counts as not done, so the next try freezes it again.
    pub(super) async fn open_again(&mut self, phases: &[PhaseId]) -> Result<Option<String>, EngineError> {
        let program = self.program.clone();
        for id in phases {
            let Some(phase) = program.plan.phases.iter().find(|phase| &phase.id == id) else {
                continue;
            };
            for step in phase.rollback.iter().flatten().rev() {
                let Some(Behaviour::Effect(effect)) = program.behaviour(&step.id) else {
                    continue;
                };
                if let Some(undo) = self.opening(phase, step, effect.as_ref()) {
                    return self.take_back(phase, &undo, effect.as_ref()).await.map(Some);
                }
            }
        }
        Ok(None)
    }

    /// The undo of a step of the way back whose freeze is in force, when that lets writes through again.
    fn opening(&self, phase: &Phase, step: &Step, effect: &dyn DynEffect) -> Option<Step> {
        let frozen = self.freeze()?;
        let known = self.attempt_of(phase)?.rollback.get(&step.id)?;
        let froze = effect.touches().freezes.is_some() && frozen.step == step.id && frozen.phase == phase.id;
        let done = matches!(known, StepState::Done { by, .. } if *by != SettledBy::AlreadySo);
        let before = known.intent()?.before.as_ref()?;
        match effect.undo(before) {
            Ok(Undo::Same { with, .. }) if froze && done => Some(Step {
                with,
                checkpoint: Vec::new(),
                condition: None,
                digest: Digest::from(TAKEN_BACK),
                ..step.clone()
            }),
            Ok(_) | Err(_) => None,
        }
    }

    /// In words what came of it.
    async fn take_back(&mut self, phase: &Phase, undo: &Step, effect: &dyn DynEffect) -> Result<String, EngineError> {
        let opens = match effect.again(undo.with.clone()) {
            Ok(opens) if opens.touches().thaws.is_some() => opens,
            Ok(_) => return Ok(format!("what step `{}` froze stays frozen, as it was before", undo.id)),
            Err(error) => return Ok(format!("the undo of step `{}` is a bug: {error}", undo.id)),
        };
        let run = self.rollback_run(phase, undo);
        Ok(match self.try_effect(&run, opens.as_ref()).await? {
            Ok(_) => format!("writes are allowed again where step `{}` froze them", undo.id),
            Err(Failed { error, .. }) => format!("what step `{}` froze could not be opened again: {error}", undo.id),
        })
    }
}
