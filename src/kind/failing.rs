//! Steps that fail on purpose: a rehearsal shows what the plan does then.

use std::any::Any;

use async_trait::async_trait;
use serde_json::Value;

use super::{
    ApplyError, Behaviour, DecodeError, DynCapture, DynCheck, DynEffect, DynWait, Inputs, KindError, PlanView, Receipt,
    Undo, Verdict, WaitStatus,
};
use crate::{
    model::{BackendName, Change, Findings, ResourceKey, RunId, Texts, Touches},
    resource::{Depth, Probed},
    system::{Act, Observe, Progress, SystemError},
};

/// A behaviour whose act fails; everything that only looks or decides is as it was.
struct Failing<B>(B);

/// The same behaviour, failing.
pub(super) fn failing(behaviour: Behaviour) -> Behaviour {
    match behaviour {
        Behaviour::Effect(inner) => Behaviour::Effect(Box::new(Failing(inner))),
        Behaviour::Check(inner) => Behaviour::Check(Box::new(Failing(inner))),
        Behaviour::Capture(inner) => Behaviour::Capture(Box::new(Failing(inner))),
        Behaviour::Wait(inner) => Behaviour::Wait(Box::new(Failing(inner))),
    }
}

fn told() -> ApplyError {
    ApplyError::NotDone("it was told to fail (--fail)".to_owned())
}

#[async_trait]
impl DynEffect for Failing<Box<dyn DynEffect>> {
    fn touches(&self) -> Touches {
        self.0.touches()
    }

    fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        self.0.check(plan, out);
    }

    fn address(&self) -> ResourceKey {
        self.0.address()
    }

    async fn probe(&self, world: &Observe, depth: Depth) -> Result<Probed<Value>, SystemError> {
        self.0.probe(world, depth).await
    }

    fn key(&self) -> Box<dyn Any + Send + Sync> {
        self.0.key()
    }

    async fn probe_with(
        &self,
        others: &[&dyn DynEffect],
        world: &Observe,
        depth: Depth,
    ) -> Result<Probed<Value>, SystemError> {
        self.0.probe_with(others, world, depth).await
    }

    async fn probe_after(&self, seen: &Value, world: &Observe, depth: Depth) -> Result<Probed<Value>, SystemError> {
        self.0.probe_after(seen, world, depth).await
    }

    fn pinned(&self, now: &Value, settled: &Value) -> Result<Value, KindError> {
        self.0.pinned(now, settled)
    }

    fn since(&self, now: &Value, settled: &Value) -> Result<Option<String>, KindError> {
        self.0.since(now, settled)
    }

    fn diff(&self, now: &Value, inputs: &Inputs) -> Result<Change, KindError> {
        self.0.diff(now, inputs)
    }

    fn after(&self, now: &Value, inputs: &Inputs) -> Result<Value, KindError> {
        self.0.after(now, inputs)
    }

    fn regresses(&self, now: &Value) -> Result<Option<String>, KindError> {
        self.0.regresses(now)
    }

    fn foreign(&self, now: &Value, ours: Option<&RunId>) -> Result<Option<String>, KindError> {
        self.0.foreign(now, ours)
    }

    fn observable(&self) -> bool {
        self.0.observable()
    }

    async fn apply(&self, _: &Change, _: &Inputs, _: &Act, _: &Progress) -> Result<Receipt, ApplyError> {
        Err(told())
    }

    async fn moved(
        &self,
        outputs: &Value,
        opened: &BackendName,
        world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        self.0.moved(outputs, opened, world).await
    }

    async fn texts(&self, now: &Value, world: &Observe) -> Result<Option<Texts>, ApplyError> {
        self.0.texts(now, world).await
    }

    fn output(&self, settled: &Value, receipt: Option<&Receipt>) -> Result<Value, KindError> {
        self.0.output(settled, receipt)
    }

    fn undo(&self, before: &Value) -> Result<Undo, KindError> {
        self.0.undo(before)
    }

    fn again(&self, with: Value) -> Result<Box<dyn DynEffect>, DecodeError> {
        self.0.again(with)
    }
}

#[async_trait]
impl DynCheck for Failing<Box<dyn DynCheck>> {
    fn touches(&self) -> Touches {
        self.0.touches()
    }

    fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        self.0.check(plan, out);
    }

    async fn run(&self, _: &Inputs, _: &Act, _: &Progress) -> Result<Verdict<Value>, ApplyError> {
        Err(told())
    }

    async fn moved(
        &self,
        outputs: &Value,
        opened: &BackendName,
        world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        self.0.moved(outputs, opened, world).await
    }
}

#[async_trait]
impl DynCapture for Failing<Box<dyn DynCapture>> {
    fn touches(&self) -> Touches {
        self.0.touches()
    }

    fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        self.0.check(plan, out);
    }

    async fn take(&self, _: u32, _: &Act, _: &Progress) -> Result<Value, ApplyError> {
        Err(told())
    }

    async fn intact(&self, taken: &Value, world: &Observe) -> Result<bool, ApplyError> {
        self.0.intact(taken, world).await
    }

    async fn moved(&self, taken: &Value, world: &Observe) -> Result<Option<String>, ApplyError> {
        self.0.moved(taken, world).await
    }
}

#[async_trait]
impl DynWait for Failing<Box<dyn DynWait>> {
    fn touches(&self) -> Touches {
        self.0.touches()
    }

    fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        self.0.check(plan, out);
    }

    async fn sample(&self, _: &Act, _: &Progress) -> Result<WaitStatus, ApplyError> {
        Err(told())
    }
}
