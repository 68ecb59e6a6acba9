use std::{path::PathBuf, sync::Arc};

use tokio::sync::mpsc;

use super::{
    faults::Play,
    not_rehearsed::{NotRehearsed, leave_out},
    proof::{Claim, Violation},
    secrets,
    stage::{Stage, StageError},
    twin::Faults,
    witness::{self, Told, WitnessError},
};
use crate::{
    engine::{self, ApplyRequest, EngineError, Outcome},
    journal::{Body, FoldError, LockError, Record, SqliteStore, Store as _, StoreError, fold},
    kind::Program,
    model::{BackendName, Event, PhaseId, RunId, StepId, SystemName},
    system::{Answer, Observe, People, SystemError, World, WorldOptions},
};

/// What is rehearsed, and with what.
pub struct RehearseOptions {
    /// The plan.
    pub program: Program,
    /// An export that the 2.6 begins with; empty without.
    pub data: Option<PathBuf>,
    /// The step that fails.
    pub fail: Option<StepId>,
    /// What goes wrong.
    pub faults: Arc<Play>,
    /// Where captures, spool and journal of the rehearsal go.
    pub directory: PathBuf,
    /// Where events go.
    pub events: mpsc::UnboundedSender<Event>,
    /// Signals.
    pub signals: mpsc::UnboundedReceiver<&'static str>,
}

/// Why a rehearsal could not be held.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The stage cannot be set.
    #[error("the stage cannot be set")]
    Stage(#[from] StageError),
    /// The systems cannot be used.
    #[error("the twins cannot be used")]
    System(#[from] SystemError),
    /// The journal of the rehearsal cannot be used.
    #[error("the journal of the rehearsal cannot be used")]
    Store(#[from] StoreError),
    /// The journal of the rehearsal says something that cannot be.
    #[error("the journal of the rehearsal cannot be understood")]
    Fold(#[from] FoldError),
    /// Another runner is at work in the same rehearsal.
    #[error("the rehearsal cannot be locked")]
    Lock(#[from] LockError),
    /// The run could not go on.
    #[error("the rehearsal could not go on")]
    Engine(#[from] EngineError),
}

/// Somebody who says yes: nobody has to be there for a rehearsal.
pub(super) struct Willing;

impl People for Willing {
    fn confirm(&self, _step: &str, _text: &str) -> Answer {
        Answer::Yes {
            by: "rehearsal".to_owned(),
        }
    }
}

/// How a rehearsal went; the twins stay as long as this does.
pub struct Ran {
    /// As `apply` would have ended.
    pub outcome: Outcome,
    /// What the last comparison found; `None` when nothing was compared.
    pub differences: Option<u64>,
    /// The public address of the balancer.
    pub public: Option<String>,
    /// Whether the journal says that writes may have reached the new registry.
    opened: bool,
    stage: Stage,
}

impl Ran {
    /// Looks from outside whether all is as it must be after such an end; `None` when the plan has nothing to prove.
    ///
    /// # Errors
    /// When a twin cannot be looked at.
    pub async fn prove(&self, told: Told<'_>) -> Result<Option<Vec<Violation>>, WitnessError> {
        let seen = witness::look(&self.stage).await?;
        Ok(seen.map(|seen| seen.judge(Claim::of(&self.outcome, self.opened), told)))
    }
}

/// The name of the run: there is only one in a rehearsal's journal.
pub(super) const RUN: &str = "rehearsal";

/// The environment of the run.
pub(super) const ENVIRONMENT: &str = "rehearsal";

/// A stage with its plan, ready to run.
pub struct Rehearsal {
    stage: Stage,
    not_rehearsed: Vec<NotRehearsed>,
    options: RehearseOptions,
}

impl Rehearsal {
    /// Sets the stage: twins or stand-ins of every system, the plan with their addresses, and records in the place of what
    /// this version does not have.
    ///
    /// # Errors
    /// When a twin does not start, or nothing stands in for a system.
    pub async fn prepare(mut options: RehearseOptions) -> Result<Self, RehearseError> {
        let not_rehearsed = leave_out(&mut options.program);
        secrets::replace(&mut options.program.plan, &options.directory)?;
        let faults: Arc<dyn Faults> = Arc::clone(&options.faults) as Arc<dyn Faults>;
        let stage = Stage::set(&mut options.program.plan, options.data.take(), &faults).await?;
        options.faults.reach(stage.hand.clone(), stage.old_twin());
        if let Some(step) = &options.fail {
            options.program.fail(step);
        }
        Ok(Self {
            stage,
            not_rehearsed,
            options,
        })
    }

    /// What this rehearsal leaves out or only records.
    pub fn not_rehearsed(&self) -> &[NotRehearsed] {
        &self.not_rehearsed
    }

    /// Where clients go.
    pub fn public(&self) -> Option<&str> {
        self.stage.public.as_deref()
    }

    /// Runs the whole plan.
    ///
    /// # Errors
    /// When it could not go on at all; a plan that fails is an outcome.
    pub async fn run(self) -> Result<Ran, RehearseError> {
        let Self { stage, options, .. } = self;
        let world = World::open(
            &options.program.plan,
            &WorldOptions {
                base: options.directory.clone(),
                spool: options.directory.join("spool"),
                no_exec: false,
            },
        )?
        .with_doubles(Arc::clone(&stage.stand_ins));
        let path = options.directory.join("state.db");
        let mut store = SqliteStore::open(&path)?;
        let fence = store.next_fence()?;
        let outcome = engine::apply(ApplyRequest {
            program: options.program,
            environment: ENVIRONMENT.to_owned(),
            world: Observe::new(Arc::new(world)),
            store: Box::new(store),
            run: RunId::from(RUN),
            state: None,
            fence,
            holder: "rehearsal".to_owned(),
            people: Arc::new(Willing),
            events: options.events,
            signals: options.signals,
            until: None::<PhaseId>,
        })
        .await?;
        let records = SqliteStore::open(&path)?.read(&RunId::from(RUN))?;
        let state = fold(&records)?;
        let opened = |new: &SystemName| {
            let backend = BackendName::from(new.as_str());
            state.is_some_and(|state| state.written(&backend))
        };
        Ok(Ran {
            outcome,
            differences: differences(&records),
            public: stage.public.clone(),
            opened: stage.new.as_ref().is_some_and(opened),
            stage,
        })
    }
}

/// What the last comparison of the run found, as its journal says.
fn differences(records: &[Record]) -> Option<u64> {
    records.iter().rev().find_map(|record| {
        let outputs = if let Body::StepSettled { outputs, .. } = &record.body {
            Some(outputs)
        } else if let Body::StepFailed { outputs, .. } = &record.body {
            outputs.as_ref()
        } else {
            None
        };
        outputs?.get("differences")?.as_u64()
    })
}
