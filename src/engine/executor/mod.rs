//! Drives a program: the only writer. It decides nothing that the plan did not show.
//!
//! ```text
//! phase: steps in order ─► checkpoint ─► closed
//! step:  if ─► probe ─► diff ─► intent (durable) ─► apply ─► probe ─► diff is none ─► settled (durable)
//! ```
//!
//! A failure inside the frozen region, or in a phase with `on_failure: rollback`, goes on in [`super::rollback`].

mod checkpoint;
mod effect;
mod freeze;
mod interrupt;
mod ledger;
mod ours;
mod outcome;
mod phase;
mod sources;
mod step;

#[cfg(test)]
mod tests;

pub use outcome::{ApplyRequest, EngineError, Outcome};

pub(super) use effect::Failed;
pub(super) use interrupt::{Guard, Signals, Stopped};
pub(super) use ledger::Ledger;
pub(super) use step::{Condition, StepRun, Tried};

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{FactsOf, facts, precheck, void_checks};
use crate::{
    expr::Expression,
    journal::{Body, Part, RunState},
    kind::Program,
    model::{Event, PhaseId, PlanDuration, ResourceKey, StepId, SystemName},
    system::{Act, Progress, ProgressUpdate},
};

/// Applies a program until it is done, stopped, or rolled back.
///
/// # Errors
/// When the journal cannot be written, or this runner was replaced by another.
pub async fn apply(request: ApplyRequest) -> Result<Outcome, EngineError> {
    if !request.program.unsupported.is_empty() {
        return Ok(Outcome::NotSupported {
            what: request.program.unsupported,
        });
    }
    let mut edited = None;
    if let Some(state) = &request.state {
        // A way back under way is never refused because of an edit, nor is the one out of a freeze that cannot go on.
        let thaws = state.frozen.as_ref().is_some_and(|frozen| !frozen.switch_intended);
        let reasons = precheck::refusals(&request.program, state, state.rollback.is_some());
        let of_systems = || !precheck::refusals(&request.program, state, true).is_empty();
        if !reasons.is_empty() && (!thaws || of_systems()) {
            return Ok(Outcome::Refused { reasons });
        }
        edited = (!reasons.is_empty()).then(|| reasons.join("; "));
        if precheck::nothing_left(&request.program, state) {
            return Ok(Outcome::NothingToDo);
        }
    }
    let until = request.until.clone();
    let mut executor = Executor::start(request)?;
    match edited {
        Some(reason) => executor.roll_back_region(&reason, None).await,
        None => executor.run(until.as_ref()).await,
    }
}

/// A run that goes on.
pub(super) struct Executor {
    pub(super) program: Arc<Program>,
    pub(super) environment: String,
    pub(super) act: Act,
    pub(super) ledger: Ledger,
    pub(super) signals: Signals,
    events: mpsc::UnboundedSender<Event>,
    /// Steps settled before this session began: an open phase looks at them again, once.
    resumed: bool,
    /// Checks whose verdict was void when this session began.
    void: BTreeSet<StepId>,
    /// Resources that this session moved: verdicts about them are void.
    rewritten: BTreeSet<ResourceKey>,
    /// The second signal, when one was heard on the way back: leave at once.
    pub(super) leaving: Option<&'static str>,
    /// How long the freeze of this session took to settle: the measure of the way back.
    freeze_took: Option<Duration>,
}

/// How a phase or a part of it ended.
pub(super) enum Flow {
    /// Go on.
    On,
    /// The run ends here, as that.
    End(Outcome),
    /// The phase failed: `on_failure` decides.
    Failed(Failure),
}

/// What made a phase fail.
pub(super) struct Failure {
    /// The step, when one failed.
    pub(super) step: Option<StepId>,
    /// In one line.
    pub(super) reason: String,
    /// Whether it was a checkpoint.
    pub(super) checkpoint: bool,
    /// Whether facts forbid it (exit 4).
    pub(super) refused: bool,
    /// The signal that was obeyed.
    pub(super) signal: Option<&'static str>,
}

impl Executor {
    fn start(request: ApplyRequest) -> Result<Self, EngineError> {
        let ApplyRequest {
            program,
            environment,
            world,
            store,
            run,
            state,
            fence,
            holder,
            people,
            events,
            signals,
            until: _,
        } = request;
        let act = world.allow_writes(run.clone(), people);
        let resumed = state.is_some();
        let void = state
            .as_ref()
            .map(|state| void_checks(&program, state))
            .unwrap_or_default();
        let mut ledger = Ledger::new(store, run.clone(), fence, state);
        if resumed {
            ledger.append(Body::SessionStarted { holder })?;
        } else {
            ledger.append(Body::RunStarted {
                plan: program.plan.name.clone(),
                environment: environment.clone(),
                identities: precheck::identities(&program.plan),
                program: env!("CARGO_PKG_VERSION").to_owned(),
            })?;
        }
        let executor = Self {
            program: Arc::new(program),
            environment,
            act,
            ledger,
            signals: Signals::new(signals),
            events,
            resumed,
            void,
            rewritten: BTreeSet::new(),
            leaving: None,
            freeze_took: None,
        };
        executor.tell(Event::RunStarted {
            run: run.to_string(),
            resumed,
        });
        Ok(executor)
    }

    async fn run(&mut self, until: Option<&PhaseId>) -> Result<Outcome, EngineError> {
        if let Some(outcome) = self.resume_rollback().await? {
            return Ok(outcome);
        }
        if let Some(outcome) = self.freeze_overrun().await? {
            return Ok(outcome);
        }
        for index in 0..self.program.plan.phases.len() {
            let id = self.program.plan.phases[index].id.clone();
            if !self.is_closed(&id) {
                let flow = match self.run_phase(index).await {
                    Ok(flow) => flow,
                    Err(error) => return self.journal_lost(error).await,
                };
                match flow {
                    Flow::On => {}
                    Flow::End(outcome) => return Ok(outcome),
                    Flow::Failed(failure) => return self.on_failure(index, failure).await,
                }
            }
            if until == Some(&id) && index + 1 < self.program.plan.phases.len() {
                return Ok(Outcome::Until { phase: id });
            }
        }
        self.ledger.append(Body::RunFinished)?;
        self.tell(Event::Finished);
        Ok(Outcome::Done)
    }

    /// The journal cannot be written. Thawing never waits for a disk: inside a freeze the way back is gone all the same.
    async fn journal_lost(&mut self, error: EngineError) -> Result<Outcome, EngineError> {
        if !error.is_ours() || self.ledger.state().is_none_or(|state| state.frozen.is_none()) {
            return Err(error);
        }
        let reason = format!("the journal cannot be written: {}", crate::system::causes(&error));
        self.roll_back_region(&reason, None).await
    }

    /// A dead runner left the freeze longer than it may: `on_failure` first.
    async fn freeze_overrun(&mut self) -> Result<Option<Outcome>, EngineError> {
        let Some(limit) = self.program.plan.limits.freeze else {
            return Ok(None);
        };
        let Some(frozen) = self.ledger.state().and_then(|state| state.frozen.clone()) else {
            return Ok(None);
        };
        let since = elapsed(frozen.since);
        if frozen.switch_intended || since <= limit.get() {
            return Ok(None);
        }
        let reason = format!(
            "writes were frozen for {} and may be for {limit}",
            PlanDuration::new(Duration::from_secs(since.as_secs()))
        );
        self.roll_back_region(&reason, None).await.map(Some)
    }

    pub(super) fn is_closed(&self, phase: &PhaseId) -> bool {
        self.ledger
            .state()
            .and_then(|state| state.phases.get(phase)?.current.as_ref())
            .is_some_and(|attempt| attempt.closed)
    }

    /// The attempt of a phase that goes on or would start, from 1.
    pub(super) fn attempt(&self, phase: &PhaseId) -> u32 {
        self.ledger
            .state()
            .and_then(|state| state.phases.get(phase))
            .map_or(1, crate::journal::PhaseState::attempt)
    }

    /// The facts that an expression may read; only the systems that it names are asked.
    ///
    /// # Errors
    /// What stopped it: a system that is silent must not outlast the freeze.
    pub(in crate::engine) async fn facts(
        &mut self,
        phase: &PhaseId,
        part: Part,
        expression: &Expression,
    ) -> Result<Value, Stopped> {
        let mut systems = BTreeMap::new();
        for (name, _) in expression.names() {
            if let [root, system, ..] = name.as_slice()
                && root == "systems"
                && let Entry::Vacant(place) = systems.entry(SystemName::new(system.clone()))
            {
                let (act, guard) = (self.act.clone(), self.guard(part));
                let seen = self.signals.run(Box::pin(act.facts(place.key())), guard).await?;
                place.insert(seen);
            }
        }
        let of = FactsOf {
            program: &self.program,
            state: self.ledger.state(),
            systems: &systems,
            environment: &self.environment,
            phase,
        };
        Ok(facts(of, expression))
    }

    /// Tells whoever listens; a listener that has gone is no reason to stop.
    pub(in crate::engine) fn tell(&self, event: Event) {
        if self.events.send(event).is_err() {
            tracing::debug!("nobody listens to events");
        }
    }

    /// Where a running step says what it does.
    pub(super) fn progress(&self, step: &StepId) -> Progress {
        let events = self.events.clone();
        let step = step.clone();
        Progress::new(move |ProgressUpdate { text, done }| {
            let event = Event::StepProgress {
                step: step.clone(),
                text,
                done,
            };
            if events.send(event).is_err() {
                tracing::debug!("nobody listens to events");
            }
        })
    }

    /// Whether this session goes on with what an earlier one settled.
    pub(super) fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// The freeze in force, seen from the journal: how long it may last, and whether the switch was intended.
    pub(in crate::engine) fn freeze(&self) -> Option<&crate::journal::Frozen> {
        self.ledger.state().and_then(|state: &RunState| state.frozen.as_ref())
    }
}

/// Time since then; zero when the clock went back.
pub(super) fn elapsed(since: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default()
}
