//! A migration in memory: a balancer, a check, a journal, and what is to go wrong.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::{ApplyRequest, EngineError, Outcome, apply};
use crate::{
    engine::testing::step,
    journal::{Body, RECORD_FORMAT, Record, RunState, Store, StoreError, fold},
    kind::{
        ApplyError, Behaviour, DecodeError, DynCheck, DynEffect, Inputs, KindError, PlanView, Program, Receipt, Undo,
        Verdict,
    },
    model::{
        BackendName, Change, Digest, DocPath, Event, Findings, Gates, Limits, OnFailure, Phase, PhaseId, Plan,
        PlanDuration, Region, ResourceKey, RunId, Step, StepId, Touches, Vars,
    },
    resource::{Depth, Probed},
    system::{Act, NobodyThere, Observe, Progress, SystemError, World, WorldOptions},
};

/// What all doubles share: the route, and what is to go wrong.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) route: Mutex<(String, String)>,
    /// Every route that was in force, in order.
    pub(super) history: Mutex<Vec<(String, String)>>,
    /// The step whose `apply` never ends.
    pub(super) hangs: Mutex<Option<&'static str>>,
    /// The step whose `apply` fails.
    pub(super) fails: Mutex<Option<&'static str>>,
    /// Sends this signal when the step acts.
    signals: Mutex<Option<(&'static str, mpsc::UnboundedSender<&'static str>)>>,
    /// The journal's disk is gone after this many records; 0 = never.
    pub(super) room: Mutex<usize>,
    pub(super) records: Mutex<Vec<Record>>,
    /// Whether a full disk is a refusal (a fence) after which nothing may be touched, or an error.
    pub(super) fenced: Mutex<bool>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Shared {
    pub(super) fn set(&self, to: &str, writes: &str) {
        let route = (to.to_owned(), writes.to_owned());
        *lock(&self.route) = route.clone();
        lock(&self.history).push(route);
    }
}

/// `lb.route` without a balancer.
struct RouteDouble {
    id: &'static str,
    to: String,
    writes: String,
    shared: Arc<Shared>,
}

#[async_trait]
impl DynEffect for RouteDouble {
    fn touches(&self) -> Touches {
        let route = ResourceKey::from("lb/route");
        let allows = self.writes == "allow";
        Touches {
            writes: [route.clone()].into(),
            freezes: (!allows).then(|| route.clone()),
            thaws: allows.then_some(route),
            opens: allows.then(|| BackendName::from(self.to.as_str())),
            ..Touches::default()
        }
    }

    fn check(&self, _plan: &PlanView<'_>, _out: &mut Findings) {}

    fn address(&self) -> ResourceKey {
        ResourceKey::from("lb/route")
    }

    async fn probe(&self, _world: &Observe, _depth: Depth) -> Result<Probed<Value>, SystemError> {
        let (to, writes) = lock(&self.shared.route).clone();
        Ok(Probed::Seen(json!({"to": to, "writes": writes})))
    }

    fn diff(&self, now: &Value, _inputs: &Inputs) -> Result<Change, KindError> {
        Ok(Change::none().field("to", now["to"].clone(), self.to.clone()).field(
            "writes",
            now["writes"].clone(),
            self.writes.clone(),
        ))
    }

    fn after(&self, _now: &Value, _inputs: &Inputs) -> Result<Value, KindError> {
        Ok(json!({"to": self.to, "writes": self.writes}))
    }

    fn regresses(&self, _now: &Value) -> Result<Option<String>, KindError> {
        Ok(None)
    }

    fn foreign(&self, _now: &Value, _ours: Option<&RunId>) -> Result<Option<String>, KindError> {
        Ok(None)
    }

    fn observable(&self) -> bool {
        true
    }

    async fn apply(&self, _: &Change, _: &Inputs, _: &Act, _: &Progress) -> Result<Receipt, ApplyError> {
        self.shared.disturb(self.id).await?;
        self.shared.set(&self.to, &self.writes);
        Ok(Receipt::default())
    }

    fn output(&self, settled: &Value, _receipt: Option<&Receipt>) -> Result<Value, KindError> {
        Ok(settled.clone())
    }

    fn undo(&self, before: &Value) -> Result<Undo, KindError> {
        Ok(Undo::Same {
            with: before.clone(),
            what: "back".to_owned(),
        })
    }

    fn again(&self, with: Value) -> Result<Box<dyn DynEffect>, DecodeError> {
        let text = |key: &str| with[key].as_str().unwrap_or_default().to_owned();
        Ok(Box::new(Self {
            id: "undo",
            to: text("to"),
            writes: text("writes"),
            shared: Arc::clone(&self.shared),
        }))
    }
}

/// A check between freeze and switch.
struct CheckDouble {
    shared: Arc<Shared>,
}

#[async_trait]
impl DynCheck for CheckDouble {
    fn touches(&self) -> Touches {
        Touches::default()
    }

    fn check(&self, _plan: &PlanView<'_>, _out: &mut Findings) {}

    async fn run(&self, _: &Inputs, _: &Act, _: &Progress) -> Result<Verdict<Value>, ApplyError> {
        self.shared.disturb("verify").await?;
        Ok(Verdict {
            passed: true,
            summary: "equal".to_owned(),
            findings: Vec::new(),
            output: json!({"differences": 0}),
        })
    }
}

impl Shared {
    async fn disturb(&self, id: &'static str) -> Result<(), ApplyError> {
        let signal = lock(&self.signals).take_if(|(step, _)| *step == id);
        if let Some((_, send)) = signal {
            send.send("SIGINT").unwrap();
            tokio::task::yield_now().await;
        }
        let hangs = *lock(&self.hangs) == Some(id);
        if hangs {
            std::future::pending::<()>().await;
        }
        let fails = *lock(&self.fails) == Some(id);
        if fails {
            return Err(ApplyError::NotDone("it was told to fail".to_owned()));
        }
        Ok(())
    }
}

struct SharedStore(Arc<Shared>);

impl Store for SharedStore {
    fn find_run(&self, _plan: &str, _environment: &str) -> Result<Option<RunId>, StoreError> {
        Ok(None)
    }

    fn read(&self, _run: &RunId) -> Result<Vec<Record>, StoreError> {
        Ok(lock(&self.0.records).clone())
    }

    fn append(&mut self, run: &RunId, fence: u64, body: Body) -> Result<Record, StoreError> {
        let mut records = lock(&self.0.records);
        let room = *lock(&self.0.room);
        if room > 0 && records.len() >= room {
            return Err(if *lock(&self.0.fenced) {
                StoreError::Fenced {
                    ours: fence,
                    theirs: fence + 1,
                }
            } else {
                StoreError::Query {
                    verb: "write",
                    source: "no space left on device".into(),
                }
            });
        }
        let record = Record {
            format_version: RECORD_FORMAT,
            sequence: records.len() as u64 + 1,
            time: jiff::Timestamp::now(),
            run: run.clone(),
            fence,
            previous: records.last().map_or(Digest::from(""), |record| record.hash.clone()),
            hash: Digest::new(format!("h{}", records.len() + 1)),
            body,
        };
        records.push(record.clone());
        Ok(record)
    }

    fn next_fence(&mut self) -> Result<u64, StoreError> {
        Ok(1)
    }
}

/// freeze { read_only } · verify { verify } · switch { to_v3 }: one region, with a limit.
pub(super) struct Migration {
    pub(super) shared: Arc<Shared>,
    pub(super) limit: Duration,
}

pub(super) struct Went {
    pub(super) outcome: Result<Outcome, EngineError>,
    pub(super) events: Vec<Event>,
}

fn phase(id: &str, step: Step) -> Phase {
    Phase {
        id: id.into(),
        steps: vec![step],
        checkpoint: Vec::new(),
        gates: Gates::default(),
        on_failure: OnFailure::Rollback,
        rollback: None,
        at: DocPath::root(),
    }
}

impl Migration {
    pub(super) fn new() -> Self {
        let shared = Arc::new(Shared::default());
        shared.set("v2", "allow");
        lock(&shared.history).clear();
        Self {
            shared,
            limit: Duration::from_secs(3_600),
        }
    }

    fn program(&self) -> Program {
        let ids = ["read_only", "verify", "to_v3"];
        let steps: Vec<StepId> = ids.map(StepId::from).to_vec();
        let phases = [("freeze", ids[0]), ("check", ids[1]), ("switch", ids[2])];
        let limits = Limits {
            freeze: Some(PlanDuration::new(self.limit)),
            read_gap: None,
        };
        let region = Region {
            route: "lb/route".into(),
            first: steps[0].clone(),
            last: steps[2].clone(),
            phases: phases.map(|(id, _)| PhaseId::from(id)).to_vec(),
            steps: steps.clone(),
            estimate: None,
            limits,
        };
        let plan = Plan {
            name: "migration".to_owned(),
            description: None,
            systems: BTreeMap::new(),
            vars: Vars::default(),
            limits,
            phases: phases.map(|(id, only)| phase(id, step(only))).to_vec(),
        };
        let route = |id, to: &str, writes: &str| {
            Behaviour::Effect(Box::new(RouteDouble {
                id,
                to: to.to_owned(),
                writes: writes.to_owned(),
                shared: Arc::clone(&self.shared),
            }))
        };
        let verify = Behaviour::Check(Box::new(CheckDouble {
            shared: Arc::clone(&self.shared),
        }));
        let behaviours = BTreeMap::from([
            (steps[0].clone(), route("read_only", "v2", "deny")),
            (steps[1].clone(), verify),
            (steps[2].clone(), route("to_v3", "v3", "allow")),
        ]);
        Program::new(plan, steps, vec![region], behaviours)
    }

    pub(super) fn state(&self) -> Option<RunState> {
        fold(&lock(&self.shared.records)).unwrap()
    }

    pub(super) async fn apply(&self) -> Went {
        let (send, signals) = mpsc::unbounded_channel();
        if let Some((_, sender)) = &mut *lock(&self.shared.signals) {
            *sender = send;
        }
        let program = self.program();
        let options = WorldOptions {
            base: std::env::temp_dir(),
            spool: std::env::temp_dir(),
            no_exec: false,
        };
        let world = World::open(&program.plan, &options).unwrap();
        let (events, mut heard) = mpsc::unbounded_channel();
        let outcome = apply(ApplyRequest {
            program,
            environment: "test".to_owned(),
            world: Observe::new(Arc::new(world)),
            store: Box::new(SharedStore(Arc::clone(&self.shared))),
            run: "r1".into(),
            state: self.state(),
            fence: 1,
            holder: "test".to_owned(),
            people: Arc::new(NobodyThere),
            events,
            signals,
            until: None,
        })
        .await;
        let mut all = Vec::new();
        while let Ok(event) = heard.try_recv() {
            all.push(event);
        }
        Went { outcome, events: all }
    }

    pub(super) fn signal_during(&self, step: &'static str) {
        *lock(&self.shared.signals) = Some((step, mpsc::unbounded_channel().0));
    }

    pub(super) fn route(&self) -> (String, String) {
        lock(&self.shared.route).clone()
    }

    /// Exactly one side takes writes, and it is this one.
    pub(super) fn serves(&self, backend: &str) {
        assert_eq!(self.route(), (backend.to_owned(), "allow".to_owned()));
    }
}
