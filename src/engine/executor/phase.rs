use std::collections::BTreeMap;

use super::{EngineError, Executor, Failure, Flow, Outcome};
use crate::{
    engine::Schedule,
    journal::Body,
    model::{Event, OnFailure, Phase, PhaseId, Step},
};

impl Executor {
    /// Runs what is left of a phase, in order, and its checkpoint.
    pub(super) async fn run_phase(&mut self, index: usize) -> Result<Flow, EngineError> {
        let program = self.program.clone();
        let phase = &program.plan.phases[index];
        self.begin(phase)?;
        let steps: BTreeMap<_, _> = phase.steps.iter().map(|step| (&step.id, step)).collect();
        let mut schedule = Schedule::new(&phase.steps, |_| false);
        while let Some(step) = schedule.next().and_then(|id| steps.get(&id).copied()) {
            if let Some(flow) = self.obey_signal()? {
                return Ok(flow);
            }
            schedule.start(&step.id);
            match self.run_step(phase, step).await? {
                Flow::On => schedule.settle(&step.id),
                other @ (Flow::End(_) | Flow::Failed(_)) => return Ok(other),
            }
        }
        if let Some(flow) = self.obey_signal()? {
            return Ok(flow);
        }
        if let Some(failure) = self.still_frozen(phase) {
            return Ok(Flow::Failed(failure));
        }
        let flow = self.judge_phase(phase).await?;
        if matches!(flow, Flow::On) {
            let attempt = self.attempt(&phase.id);
            self.ledger.append(Body::PhaseClosed {
                phase: phase.id.clone(),
                attempt,
            })?;
            self.tell(Event::PhaseClosed {
                phase: phase.id.clone(),
            });
        }
        Ok(flow)
    }

    fn begin(&mut self, phase: &Phase) -> Result<(), EngineError> {
        let attempt = self.attempt(&phase.id);
        let known = self.ledger.state().and_then(|state| state.phases.get(&phase.id));
        let steps: BTreeMap<_, _> = (phase.steps.iter())
            .map(|step| (step.id.clone(), step.digest.clone()))
            .collect();
        // An open phase whose plan was edited says so: its new steps belong to the same attempt.
        let current = known.and_then(|known| known.current.as_ref());
        if current.is_none_or(|current| current.digests != steps) {
            self.ledger.append(Body::PhaseStarted {
                phase: phase.id.clone(),
                attempt,
                steps,
            })?;
        }
        self.tell(Event::PhaseStarted {
            phase: phase.id.clone(),
            attempt,
        });
        Ok(())
    }

    /// Obeys a signal that was heard: before the switch is intended by going back, after it not yet, else by ending here.
    fn obey_signal(&mut self) -> Result<Option<Flow>, EngineError> {
        let Some(signal) = self.signals.pending() else {
            return Ok(None);
        };
        match self.freeze() {
            Some(frozen) if frozen.switch_intended => Ok(None),
            Some(_) => Ok(Some(Flow::Failed(Failure::signal(signal)))),
            None => self.interrupted(signal).map(Some),
        }
    }

    /// A region whose thaw was skipped would never end.
    fn still_frozen(&self, phase: &Phase) -> Option<Failure> {
        let frozen = self.freeze()?;
        let region = (self.program.regions.iter()).find(|region| region.phases.contains(&frozen.phase))?;
        let last = phase.steps.iter().find(|step| step.id == region.last)?;
        Some(Failure::step(
            last,
            "it was not run, and nothing else allows writes again",
        ))
    }

    /// Ends the run because of a signal, outside a frozen region.
    pub(super) fn interrupted(&mut self, signal: &'static str) -> Result<Flow, EngineError> {
        self.ledger.append(Body::Interrupted {
            signal: signal.to_owned(),
        })?;
        self.tell(Event::Interrupted {
            what: format!("{signal}: the running step has ended, and the journal is safe"),
        });
        Ok(Flow::End(Outcome::Interrupted { signal }))
    }

    /// What a phase does when it failed.
    pub(super) async fn on_failure(&mut self, index: usize, failure: Failure) -> Result<Outcome, EngineError> {
        let phase = self.program.plan.phases[index].clone();
        let mut phases = self.phases_to_roll_back(&phase);
        if self.passed_no_return(&phases) {
            phases.clear();
        }
        if phases.is_empty() {
            let Failure {
                step,
                reason,
                checkpoint,
                refused,
                signal: _,
            } = failure;
            return Ok(if refused {
                Outcome::Refused { reasons: vec![reason] }
            } else if checkpoint {
                Outcome::CheckpointFailed { reason }
            } else {
                Outcome::Failed { step, error: reason }
            });
        }
        self.roll_back(phases, &failure.reason, failure.signal).await
    }

    /// A phase of a frozen region rolls back all of the region that was begun, last first; another one only itself, if it says so.
    fn phases_to_roll_back(&self, phase: &Phase) -> Vec<PhaseId> {
        let region = self
            .program
            .regions
            .iter()
            .find(|region| region.phases.contains(&phase.id));
        match region {
            Some(region) => self.begun(region.phases.iter()),
            None if phase.on_failure == OnFailure::Rollback => vec![phase.id.clone()],
            None => Vec::new(),
        }
    }

    /// Whether a step that ends the way back was begun in one of them.
    fn passed_no_return(&self, phases: &[PhaseId]) -> bool {
        let begun = |phase: &PhaseId, step: &Step| {
            let attempt = self.ledger.state().and_then(|state| state.attempt(phase));
            attempt.is_some_and(|attempt| {
                attempt
                    .steps
                    .get(&step.id)
                    .is_some_and(|known| known.intent().is_some())
            })
        };
        let of = self
            .program
            .plan
            .phases
            .iter()
            .filter(|phase| phases.contains(&phase.id));
        of.flat_map(|phase| phase.steps.iter().map(|step| (&phase.id, step)))
            .any(|(phase, step)| step.point_of_no_return && begun(phase, step))
    }

    /// Those that have a current attempt, last first.
    pub(in crate::engine) fn begun<'a>(&self, phases: impl DoubleEndedIterator<Item = &'a PhaseId>) -> Vec<PhaseId> {
        let known = self.ledger.state().map(|state| &state.phases);
        phases
            .rev()
            .filter(|id| {
                known
                    .and_then(|known| known.get(*id))
                    .is_some_and(|phase| phase.current.is_some())
            })
            .cloned()
            .collect()
    }
}

impl Failure {
    /// A step that failed.
    pub(super) fn step(step: &Step, reason: impl Into<String>) -> Self {
        Self {
            step: Some(step.id.clone()),
            reason: format!("step `{}`: {}", step.id, reason.into()),
            checkpoint: false,
            refused: false,
            signal: None,
        }
    }

    /// A checkpoint that failed.
    pub(super) fn checkpoint(of: &str, reason: impl Into<String>) -> Self {
        Self {
            step: None,
            reason: format!("checkpoint of `{of}`: {}", reason.into()),
            checkpoint: true,
            refused: false,
            signal: None,
        }
    }

    /// A signal inside the frozen region, before the switch.
    pub(super) fn signal(signal: &'static str) -> Self {
        Self {
            step: None,
            reason: format!("{signal} while writes were frozen"),
            checkpoint: false,
            refused: false,
            signal: Some(signal),
        }
    }
}
