use serde_json::Value;

use super::{
    EngineError, Executor, Failed,
    step::{Again, StepRun},
};
use crate::{
    journal::{Part, StepState},
    kind::{Behaviour, DynEffect, Inputs},
    model::{BackendName, Delta, Step, StepId},
    system::causes,
};

/// The last settled step that moved a resource.
struct LastWriter<'a> {
    step: StepId,
    effect: &'a dyn DynEffect,
    settled: Option<&'a Value>,
    /// The settling record.
    record: u64,
}

/// What of the world is ours: what this run moved, and what somebody else has moved since.
impl Executor {
    /// Inside the frozen region nobody else may have moved the resource since the step of ours that moved it last.
    pub(super) fn expect_ours(&self, run: &StepRun<'_>, effect: &dyn DynEffect, now: &Value) -> Result<(), Failed> {
        if self.freeze().is_none() {
            return Ok(());
        }
        let Some(last) = self.last_writer(effect, &run.step.id) else {
            return Ok(());
        };
        if self.clients_wrote_since(effect, last.record) {
            return Ok(());
        }
        let pinned = last.settled.and_then(|settled| last.effect.pinned(now, settled).ok());
        match last.effect.diff(pinned.as_ref().unwrap_or(now), &Inputs::default()) {
            Ok(change) if !(change.is_none() || run.in_doubt && self.is_own_doubt(run, effect, now)) => {
                Err(Failed::new(format!(
                    "somebody else moved it since step `{}`: {}",
                    last.step,
                    change.in_words()
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

    /// Whether a settled effect of an open phase still holds; what does not is repaired, unless that is a regress.
    pub(super) async fn still_holds(
        &mut self,
        known: &StepState,
        step: &Step,
        effect: &dyn DynEffect,
    ) -> Result<Again, EngineError> {
        if !effect.observable() || self.moved_on(effect, step) || self.belongs_to_clients(effect) {
            return Ok(Again::Holds);
        }
        // The snapshot pinned in the intent is the target; what the source did later is not drift.
        let inputs = match known.intent() {
            Some(intent) => Inputs(intent.inputs.clone()),
            None => match self.inputs(effect.touches().inputs.iter()) {
                Ok(inputs) => inputs,
                Err(error) => return Ok(Again::Stop(error)),
            },
        };
        let looked = match known.after() {
            Some(settled) => self.probe_after(Part::Forward, effect, settled).await,
            None => self.probe(Part::Forward, effect).await,
        };
        let now = match looked {
            Ok(now) => now,
            Err(failed) => return Ok(Again::Stop(failed.error)),
        };
        let now = match known.after().map(|settled| effect.pinned(&now, settled)) {
            None => now,
            Some(Ok(pinned)) => pinned,
            Some(Err(error)) => return Ok(Again::Stop(causes(&error))),
        };
        match effect.diff(&now, &inputs) {
            Err(error) => Ok(Again::Stop(causes(&error))),
            Ok(change) if change.is_none() => Ok(Again::Holds),
            // What was taken and compared since the freeze is worth nothing when writes flowed in between.
            Ok(change) if self.freeze().is_some() && self.region_went_on(&step.id) => Ok(Again::Stop(format!(
                "somebody else moved it while writes were to be frozen: {}",
                change.in_words()
            ))),
            Ok(change) => Ok(match effect.regresses(&now) {
                Ok(None) => Again::Run,
                Ok(Some(reason)) => Again::Stop(format!("it no longer holds ({}), and {reason}", change.in_words())),
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
        let Some(later) = self.last_writer(effect, &step.id) else {
            return false;
        };
        let position = |id: &StepId| self.program.order.iter().position(|known| known == id);
        position(&later.step) > position(&step.id)
    }

    /// Once a route let writes through to a backend, the content of the system of that name belongs to its clients.
    pub(super) fn belongs_to_clients(&self, effect: &dyn DynEffect) -> bool {
        let backend = backend_of_content(effect);
        let state = self.ledger.state();
        backend.is_some_and(|backend| state.is_some_and(|state| state.written(&backend)))
    }

    /// Whether clients may have written there after that record: what a way back left behind is not drift for the next attempt.
    fn clients_wrote_since(&self, effect: &dyn DynEffect, record: u64) -> bool {
        let backend = backend_of_content(effect);
        let state = self.ledger.state();
        backend.is_some_and(|backend| state.is_some_and(|state| state.written_since(&backend, record)))
    }

    /// The last settled step of this run that moved the same resource, other than `step`.
    fn last_writer(&self, effect: &dyn DynEffect, step: &StepId) -> Option<LastWriter<'_>> {
        let address = effect.address();
        let state = self.ledger.state()?;
        let attempts = state.phases.values().filter_map(|phase| phase.current.as_ref());
        let (record, earlier, known) = attempts
            .flat_map(|attempt| &attempt.steps)
            .filter(|(id, _)| *id != step)
            .filter_map(|(id, known)| match known {
                StepState::Done { sequence, .. } => Some((*sequence, id, known)),
                StepState::Intended(_) | StepState::Failed { .. } | StepState::Skipped { .. } => None,
            })
            .filter(|(_, id, _)| self.effect_of(id).is_some_and(|other| other.address() == address))
            .max_by_key(|(sequence, ..)| *sequence)?;
        Some(LastWriter {
            step: earlier.clone(),
            effect: self.effect_of(earlier)?,
            settled: known.after(),
            record,
        })
    }

    fn effect_of(&self, step: &StepId) -> Option<&dyn DynEffect> {
        match self.program.behaviour(step)? {
            Behaviour::Effect(effect) => Some(effect.as_ref()),
            Behaviour::Check(_) | Behaviour::Capture(_) | Behaviour::Wait(_) => None,
        }
    }
}

/// The backend whose clients write what an effect moves.
fn backend_of_content(effect: &dyn DynEffect) -> Option<BackendName> {
    match effect.address().as_str().split_once('/')? {
        (system, "content") => Some(system.into()),
        _ => None,
    }
}
