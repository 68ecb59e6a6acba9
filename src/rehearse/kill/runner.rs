use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Order, remote::RemoteDoubles, store::KillingStore};
use crate::{
    engine::{self, ApplyRequest, Outcome},
    journal::{RunLock, RunState, SqliteStore, Store, fold},
    kind::Program,
    model::RunId,
    rehearse::{
        RehearseError,
        not_rehearsed::leave_out,
        run::{ENVIRONMENT, RUN, Willing},
        secrets,
    },
    system::{Observe, World, WorldOptions},
};

/// The lock of a runner that was killed is free at once; this is for a slow machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// The runner of a rehearsal in a process of its own: as `apply`, against the twins of an [`Order`].
pub struct Runner {
    /// The plan, with the addresses of the twins.
    pub program: Program,
    /// What the journal says; `None` for the first session.
    pub state: Option<RunState>,
    /// The twins.
    pub world: Observe,
    store: Box<dyn Store>,
    fence: u64,
    holder: String,
    _lock: RunLock,
}

impl Runner {
    /// Takes the lock and reads the journal; `over` may put another store over the one on disk.
    ///
    /// # Errors
    /// When the journal or a twin cannot be used.
    pub fn prepare(
        mut program: Program,
        order: &Order,
        over: impl FnOnce(Box<dyn Store>) -> Box<dyn Store>,
    ) -> Result<Self, RehearseError> {
        // As the other process did before it set the stage; what is left out is said there.
        let _said = leave_out(&mut program);
        secrets::replace(&mut program.plan, &order.directory)?;
        for (name, spec) in &order.systems {
            if let Some(declared) = program.plan.systems.get_mut(name) {
                declared.spec = spec.clone();
            }
        }
        if let Some(step) = &order.fail {
            program.fail(step);
        }
        let holder = RunLock::this_process(Timestamp::now());
        let lock = RunLock::take(&order.journal().with_extension("lock"), &holder, PATIENCE)?;
        let mut store: Box<dyn Store> = over(Box::new(SqliteStore::open(&order.journal())?));
        let known = store.find_run(&program.plan.name, ENVIRONMENT)?;
        let state = match known {
            Some(run) => fold(&store.read(&run)?)?,
            None => None,
        };
        let fence = store.next_fence()?;
        if let Some(kill) = order.kill {
            store = Box::new(KillingStore::new(store, kill));
        }
        let options = WorldOptions {
            base: order.directory.clone(),
            spool: order.directory.join("spool"),
            no_exec: false,
        };
        let world =
            World::open(&program.plan, &options)?.with_doubles(Arc::new(RemoteDoubles::new(order, &program.plan)?));
        Ok(Self {
            program,
            state,
            world: Observe::new(Arc::new(world)),
            store,
            fence,
            holder,
            _lock: lock,
        })
    }

    /// Runs the plan, or goes on with it.
    ///
    /// # Errors
    /// When it could not go on at all; a plan that fails is an outcome.
    pub async fn apply(self, signals: mpsc::UnboundedReceiver<&'static str>) -> Result<Outcome, RehearseError> {
        // Nobody listens: whoever started this process counts kills, not steps.
        let (events, _) = mpsc::unbounded_channel();
        let request = ApplyRequest {
            program: self.program,
            environment: ENVIRONMENT.to_owned(),
            world: self.world,
            store: self.store,
            run: RunId::from(RUN),
            state: self.state,
            fence: self.fence,
            holder: self.holder,
            people: Arc::new(Willing),
            events,
            signals,
            until: None,
        };
        Ok(Box::pin(engine::apply(request)).await?)
    }
}
