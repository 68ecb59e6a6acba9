//! Plans and kinds for tests of the engine's pure parts.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Observations, Observed, PlanInput, plan};
use crate::{
    journal::RunState,
    kind::{
        ApplyError, Behaviour, DecodeError, DynCapture, DynCheck, DynEffect, DynWait, Inputs, KindError, PlanView,
        Program, Receipt, Undo, Verdict, WaitStatus,
    },
    model::{
        Change, ChangeSet, Class, DocPath, Findings, Gates, OnFailure, Phase, Plan, PlanDuration, Region, ResourceKey,
        Retry, RunId, Standing, Step, StepChange, StepId, SystemDecl, Touches, Vars, digest_of,
    },
    resource::{Depth, Probed},
    system::{Act, Observe, Progress, SystemError},
};

/// A step of that name that needs nothing.
pub(crate) fn step(id: &str) -> Step {
    let second = PlanDuration::new(Duration::from_secs(1));
    Step {
        id: id.into(),
        uses: "test.effect".to_owned(),
        with: Value::Null,
        needs: Vec::new(),
        condition: None,
        retry: Retry {
            attempts: 1,
            backoff: second,
            max_backoff: second,
        },
        timeout: None,
        checkpoint: Vec::new(),
        provides: [].into(),
        estimate: None,
        point_of_no_return: false,
        reads: [].into(),
        writes: [].into(),
        digest: digest_of(&Value::from(id)),
        at: DocPath::root(),
    }
}

/// The double of a kind of any class. As an effect it moves its resource to `target`; a number that would shrink is a regress.
#[derive(Clone)]
pub(crate) struct Double {
    pub(crate) address: ResourceKey,
    pub(crate) target: Value,
    pub(crate) touches: Touches,
    pub(crate) observable: bool,
    pub(crate) diffs: Arc<AtomicUsize>,
}

#[async_trait]
impl DynEffect for Double {
    fn touches(&self) -> Touches {
        self.touches.clone()
    }

    fn check(&self, _plan: &PlanView<'_>, _out: &mut Findings) {}

    fn address(&self) -> ResourceKey {
        self.address.clone()
    }

    async fn probe(&self, _world: &Observe, _depth: Depth) -> Result<Probed<Value>, SystemError> {
        Ok(Probed::Seen(Value::Null))
    }

    fn diff(&self, now: &Value, inputs: &Inputs) -> Result<Change, KindError> {
        self.diffs.fetch_add(1, Ordering::Relaxed);
        let target = self.aim(inputs)?;
        Ok(Change::none().field("value", now.clone(), target))
    }

    fn after(&self, _now: &Value, inputs: &Inputs) -> Result<Value, KindError> {
        self.aim(inputs)
    }

    fn foreign(&self, now: &Value, ours: Option<&RunId>) -> Result<Option<String>, KindError> {
        let theirs = now.get("run").and_then(Value::as_str);
        Ok(theirs
            .filter(|theirs| ours.is_none_or(|ours| ours.as_str() != *theirs))
            .map(|theirs| format!("set by run {theirs}")))
    }

    fn regresses(&self, now: &Value) -> Result<Option<String>, KindError> {
        Ok((now.as_i64() > self.target.as_i64() && self.target.is_i64()).then(|| format!("{now} is beyond it")))
    }

    fn observable(&self) -> bool {
        self.observable
    }

    async fn apply(
        &self,
        _change: &Change,
        _inputs: &Inputs,
        _world: &Act,
        _log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        Err(ApplyError::NotDone("a double".to_owned()))
    }

    fn output(&self, settled: &Value, _receipt: Option<&Receipt>) -> Result<Value, KindError> {
        Ok(settled.clone())
    }

    fn undo(&self, before: &Value) -> Result<Undo, KindError> {
        Ok(Undo::Same {
            with: before.clone(),
            what: format!("back to {before}"),
        })
    }

    fn again(&self, with: Value) -> Result<Box<dyn DynEffect>, DecodeError> {
        Ok(Box::new(Self {
            target: with,
            ..self.clone()
        }))
    }
}

impl Double {
    fn behave(&self, class: Class) -> Behaviour {
        let double = Box::new(self.clone());
        match class {
            Class::Effect => Behaviour::Effect(double),
            Class::Check => Behaviour::Check(double),
            Class::Capture => Behaviour::Capture(double),
            Class::Wait => Behaviour::Wait(double),
        }
    }

    /// Its target: the outputs of its input, when it has one.
    fn aim(&self, inputs: &Inputs) -> Result<Value, KindError> {
        match self.touches.inputs.first() {
            Some(input) => inputs.of(input).cloned(),
            None => Ok(self.target.clone()),
        }
    }
}

#[async_trait]
impl DynCheck for Double {
    fn touches(&self) -> Touches {
        self.touches.clone()
    }

    fn check(&self, _plan: &PlanView<'_>, _out: &mut Findings) {}

    async fn run(&self, _inputs: &Inputs, _world: &Act, _log: &Progress) -> Result<Verdict<Value>, ApplyError> {
        Err(ApplyError::NotDone("a double".to_owned()))
    }
}

#[async_trait]
impl DynCapture for Double {
    fn touches(&self) -> Touches {
        self.touches.clone()
    }

    fn check(&self, _plan: &PlanView<'_>, _out: &mut Findings) {}

    async fn take(&self, _attempt: u32, _world: &Act, _log: &Progress) -> Result<Value, ApplyError> {
        Err(ApplyError::NotDone("a double".to_owned()))
    }

    async fn intact(&self, _taken: &Value, _world: &Observe) -> Result<bool, ApplyError> {
        Ok(true)
    }

    async fn moved(&self, _taken: &Value, _world: &Observe) -> Result<Option<String>, ApplyError> {
        Ok(None)
    }
}

#[async_trait]
impl DynWait for Double {
    fn touches(&self) -> Touches {
        self.touches.clone()
    }

    fn check(&self, _plan: &PlanView<'_>, _out: &mut Findings) {}

    async fn sample(&self, _world: &Act, _log: &Progress) -> Result<WaitStatus, ApplyError> {
        Err(ApplyError::NotDone("a double".to_owned()))
    }
}

/// A plan, its kinds and the world, for the planner.
pub(crate) struct Lab {
    pub(crate) plan: Plan,
    pub(crate) regions: Vec<Region>,
    doubles: BTreeMap<StepId, (Class, Double)>,
    pub(crate) seen: Observations,
    pub(crate) diffs: Arc<AtomicUsize>,
    pub(crate) drift: bool,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            plan: Plan {
                name: "p".to_owned(),
                description: None,
                systems: BTreeMap::new(),
                vars: Vars::default(),
                limits: Default::default(),
                phases: Vec::new(),
            },
            regions: Vec::new(),
            doubles: BTreeMap::new(),
            seen: Observations {
                resources: BTreeMap::new(),
                systems: BTreeMap::new(),
                at: Timestamp::from_second(1_800_000_000).unwrap(),
                took: Duration::from_millis(400),
            },
            diffs: Arc::default(),
            drift: false,
        }
    }

    /// Begins a phase; steps that follow belong to it.
    pub(crate) fn phase(mut self, id: &str) -> Self {
        self.plan.phases.push(Phase {
            id: id.into(),
            steps: Vec::new(),
            checkpoint: Vec::new(),
            gates: Gates::default(),
            on_failure: OnFailure::Stop,
            rollback: None,
            at: DocPath::root(),
        });
        self
    }

    /// Edits the phase that was begun last.
    pub(crate) fn phase_with(mut self, edit: impl FnOnce(&mut Phase)) -> Self {
        edit(self.plan.phases.last_mut().unwrap());
        self
    }

    /// A step without behaviour.
    pub(crate) fn later_kind(mut self, id: &str) -> Self {
        let mut new = step(id);
        new.uses = "metrics.watch".to_owned();
        self.plan.phases.last_mut().unwrap().steps.push(new);
        self
    }

    /// An effect that moves `address` to `target`.
    pub(crate) fn effect(self, id: &str, address: &str, target: impl Into<Value>) -> Self {
        self.effect_with(id, address, target, |_, _| {})
    }

    pub(crate) fn effect_with(
        self,
        id: &str,
        address: &str,
        target: impl Into<Value>,
        edit: impl FnOnce(&mut Step, &mut Double),
    ) -> Self {
        let (address, target) = (ResourceKey::from(address), target.into());
        self.add(id, Class::Effect, |step, double| {
            double.touches.writes = [address.clone()].into();
            (double.address, double.target) = (address, target);
            edit(step, double);
        })
    }

    pub(crate) fn check(self, id: &str, reads: &[&str]) -> Self {
        self.add(id, Class::Check, |_, double| {
            double.touches.reads = reads.iter().map(|key| ResourceKey::from(*key)).collect();
        })
    }

    pub(crate) fn capture(self, id: &str, reads: &[&str], file: &str) -> Self {
        self.add(id, Class::Capture, |_, double| {
            double.touches.reads = reads.iter().map(|key| ResourceKey::from(*key)).collect();
            double.touches.writes = [ResourceKey::file(file)].into();
        })
    }

    pub(crate) fn wait(self, id: &str) -> Self {
        self.add(id, Class::Wait, |_, _| {})
    }

    pub(crate) fn add(mut self, id: &str, class: Class, edit: impl FnOnce(&mut Step, &mut Double)) -> Self {
        let mut new = step(id);
        let mut double = Double {
            address: "none".into(),
            target: Value::Null,
            touches: Touches::default(),
            observable: true,
            diffs: self.diffs.clone(),
        };
        edit(&mut new, &mut double);
        self.doubles.insert(id.into(), (class, double));
        let steps = &mut self.plan.phases.last_mut().unwrap().steps;
        if new.needs.is_empty() {
            new.needs.extend(steps.last().map(|before| before.id.clone()));
        }
        steps.push(new);
        self
    }

    /// What a probe of that resource says.
    pub(crate) fn sees(mut self, address: &str, state: impl Into<Value>) -> Self {
        self.seen.resources.insert(address.into(), Observed::Seen(state.into()));
        self
    }

    pub(crate) fn observed(mut self, address: &str, observed: Observed) -> Self {
        self.seen.resources.insert(address.into(), observed);
        self
    }

    /// A system and its facts.
    pub(crate) fn system(mut self, name: &str, facts: Value) -> Self {
        self.plan.systems.insert(
            name.into(),
            SystemDecl {
                kind: "apicurio".to_owned(),
                spec: json!({"urls": [format!("http://{name}")]}),
                at: DocPath::root(),
            },
        );
        self.seen.systems.insert(name.into(), facts);
        self
    }

    pub(crate) fn program(&self) -> Program {
        let order = self
            .plan
            .phases
            .iter()
            .flat_map(|phase| &phase.steps)
            .map(|step| step.id.clone());
        let behaviours = self
            .doubles
            .iter()
            .map(|(id, (class, double))| (id.clone(), double.behave(*class)));
        Program::new(
            self.plan.clone(),
            order.collect(),
            self.regions.clone(),
            behaviours.collect(),
        )
    }

    pub(crate) fn plan(&self, state: Option<&RunState>) -> ChangeSet {
        plan(&PlanInput {
            program: &self.program(),
            state,
            observations: &self.seen,
            environment: "default",
            drift: self.drift,
        })
    }

    /// One step of the plan.
    pub(crate) fn change(&self, state: Option<&RunState>, id: &str) -> StepChange {
        let set = self.plan(state);
        let found = set
            .phases
            .iter()
            .flat_map(|phase| &phase.steps)
            .find(|step| step.id.as_str() == id);
        found.unwrap().clone()
    }

    pub(crate) fn standing(&self, state: Option<&RunState>, id: &str) -> Standing {
        self.change(state, id).standing
    }

    /// Every step with its sign.
    pub(crate) fn signs(&self, state: Option<&RunState>) -> String {
        let set = self.plan(state);
        let steps = set.phases.iter().flat_map(|phase| &phase.steps);
        let signs: Vec<String> = steps
            .map(|step| format!("{} {}", step.standing.sign(), step.id))
            .collect();
        signs.join(", ")
    }
}
