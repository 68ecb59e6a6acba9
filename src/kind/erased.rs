//! Boxing and decoding, written once: the engine sees these, kinds never do.

use std::{any::Any, marker::PhantomData};

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    ApplyError, Capture, Check, Effect, Inputs, KindError, PlanView, Receipt, Undo, Verdict, Wait, WaitStatus,
    table::{DecodeError, decode},
};
use crate::{
    model::{BackendName, Change, Class, Findings, ResourceKey, RunId, Step, Texts, Touches},
    resource::{Depth, Probed, Resource},
    system::{Act, Observe, Progress, SystemError},
};

/// A decoded step: its class and its behaviour.
pub enum Behaviour {
    /// Moves one resource.
    Effect(Box<dyn DynEffect>),
    /// Gives a verdict.
    Check(Box<dyn DynCheck>),
    /// Is taken once per attempt.
    Capture(Box<dyn DynCapture>),
    /// Waits.
    Wait(Box<dyn DynWait>),
}

impl Behaviour {
    /// Its class.
    pub fn class(&self) -> Class {
        match self {
            Behaviour::Effect(_) => Class::Effect,
            Behaviour::Check(_) => Class::Check,
            Behaviour::Capture(_) => Class::Capture,
            Behaviour::Wait(_) => Class::Wait,
        }
    }

    /// What it reads, moves, brings up, freezes and opens.
    pub fn touches(&self) -> Touches {
        match self {
            Behaviour::Effect(kind) => kind.touches(),
            Behaviour::Check(kind) => kind.touches(),
            Behaviour::Capture(kind) => kind.touches(),
            Behaviour::Wait(kind) => kind.touches(),
        }
    }

    /// How what it saw of a frozen side differs from what that holds now, right before that side is left and `opened` takes
    /// writes; see [`Capture::moved`].
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub async fn moved(
        &self,
        outputs: &Value,
        opened: &BackendName,
        world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        match self {
            Behaviour::Effect(kind) => kind.moved(outputs, opened, world).await,
            Behaviour::Check(kind) => kind.moved(outputs, opened, world).await,
            Behaviour::Capture(kind) => {
                let systems = kind.touches().systems;
                if systems.iter().any(|system| system.as_str() == opened.as_str()) {
                    return Ok(None);
                }
                kind.moved(outputs, world).await
            }
            Behaviour::Wait(_) => Ok(None),
        }
    }

    /// Whole-plan checks of the kind; paths below the step.
    pub fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        match self {
            Behaviour::Effect(kind) => kind.check(plan, out),
            Behaviour::Check(kind) => kind.check(plan, out),
            Behaviour::Capture(kind) => kind.check(plan, out),
            Behaviour::Wait(kind) => kind.check(plan, out),
        }
    }
}

/// An [`Effect`] bound to its step; states are JSON.
#[async_trait]
pub trait DynEffect: Send + Sync {
    /// See [`Effect::touches`].
    fn touches(&self) -> Touches;
    /// See [`Effect::check`].
    fn check(&self, plan: &PlanView<'_>, out: &mut Findings);
    /// The address of its resource.
    fn address(&self) -> ResourceKey;
    /// See [`Resource::probe`].
    async fn probe(&self, world: &Observe, depth: Depth) -> Result<Probed<Value>, SystemError>;
    /// The key of its resource, for [`DynEffect::probe_with`].
    fn key(&self) -> Box<dyn Any + Send + Sync> {
        Box::new(())
    }
    /// One look for several steps that move one resource, with all that any of them wants to know ([`Resource::join`]).
    async fn probe_with(
        &self,
        _others: &[&dyn DynEffect],
        world: &Observe,
        depth: Depth,
    ) -> Result<Probed<Value>, SystemError> {
        self.probe(world, depth).await
    }
    /// A look once it was intended; see [`Effect::on_after`].
    async fn probe_after(&self, _seen: &Value, world: &Observe, depth: Depth) -> Result<Probed<Value>, SystemError> {
        self.probe(world, depth).await
    }
    /// See [`Effect::pinned`].
    fn pinned(&self, now: &Value, _settled: &Value) -> Result<Value, KindError> {
        Ok(now.clone())
    }
    /// See [`Effect::since`].
    fn since(&self, _now: &Value, _settled: &Value) -> Result<Option<String>, KindError> {
        Ok(None)
    }
    /// See [`Effect::diff`].
    fn diff(&self, now: &Value, inputs: &Inputs) -> Result<Change, KindError>;
    /// See [`Effect::after`].
    fn after(&self, now: &Value, inputs: &Inputs) -> Result<Value, KindError>;
    /// See [`Effect::regresses`].
    fn regresses(&self, now: &Value) -> Result<Option<String>, KindError>;
    /// See [`Effect::foreign`].
    fn foreign(&self, now: &Value, ours: Option<&RunId>) -> Result<Option<String>, KindError>;
    /// See [`Effect::observable`].
    fn observable(&self) -> bool;
    /// See [`Effect::apply`].
    async fn apply(&self, change: &Change, inputs: &Inputs, world: &Act, log: &Progress)
    -> Result<Receipt, ApplyError>;
    /// See [`Effect::moved`].
    async fn moved(
        &self,
        _outputs: &Value,
        _opened: &BackendName,
        _world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        Ok(None)
    }
    /// See [`Effect::texts`].
    async fn texts(&self, _now: &Value, _world: &Observe) -> Result<Option<Texts>, ApplyError> {
        Ok(None)
    }
    /// See [`Effect::output`].
    fn output(&self, settled: &Value, receipt: Option<&Receipt>) -> Result<Value, KindError>;
    /// See [`Effect::undo`].
    fn undo(&self, before: &Value) -> Result<Undo, KindError>;
    /// The same step of the same kind with another `with:`, as [`Undo::Same`] gives it.
    fn again(&self, with: Value) -> Result<Box<dyn DynEffect>, DecodeError>;
}

/// A [`Check`] bound to its step.
#[async_trait]
pub trait DynCheck: Send + Sync {
    /// See [`Check::touches`].
    fn touches(&self) -> Touches;
    /// See [`Check::check`].
    fn check(&self, plan: &PlanView<'_>, out: &mut Findings);
    /// See [`Check::run`].
    async fn run(&self, inputs: &Inputs, world: &Act, log: &Progress) -> Result<Verdict<Value>, ApplyError>;
    /// See [`Check::moved`].
    async fn moved(
        &self,
        _outputs: &Value,
        _opened: &BackendName,
        _world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        Ok(None)
    }
}

/// A [`Capture`] bound to its step.
#[async_trait]
pub trait DynCapture: Send + Sync {
    /// See [`Capture::touches`].
    fn touches(&self) -> Touches;
    /// See [`Capture::check`].
    fn check(&self, plan: &PlanView<'_>, out: &mut Findings);
    /// See [`Capture::take`].
    async fn take(&self, attempt: u32, world: &Act, log: &Progress) -> Result<Value, ApplyError>;
    /// See [`Capture::intact`].
    async fn intact(&self, taken: &Value, world: &Observe) -> Result<bool, ApplyError>;
    /// See [`Capture::moved`].
    async fn moved(&self, taken: &Value, world: &Observe) -> Result<Option<String>, ApplyError>;
}

/// A [`Wait`] bound to its step.
#[async_trait]
pub trait DynWait: Send + Sync {
    /// See [`Wait::touches`].
    fn touches(&self) -> Touches;
    /// See [`Wait::check`].
    fn check(&self, plan: &PlanView<'_>, out: &mut Findings);
    /// See [`Wait::sample`].
    async fn sample(&self, world: &Act, log: &Progress) -> Result<WaitStatus, ApplyError>;
}

/// A kind's spec and the step it was decoded from.
pub(super) struct Bound<K, S> {
    spec: S,
    step: Step,
    kind: PhantomData<fn() -> K>,
}

impl<K, S> Bound<K, S> {
    /// Binds a decoded spec to its step.
    pub(super) fn new(spec: S, step: Step) -> Self {
        Self {
            spec,
            step,
            kind: PhantomData,
        }
    }
}

fn read<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, KindError> {
    T::deserialize(value).map_err(|source| KindError::Shape {
        what: what.to_owned(),
        source,
    })
}

fn write<T: Serialize>(what: &str, value: &T) -> Result<Value, KindError> {
    serde_json::to_value(value).map_err(|source| KindError::Shape {
        what: what.to_owned(),
        source,
    })
}

async fn look<R: Resource>(key: &R::Key, world: &Observe, depth: Depth) -> Result<Probed<Value>, SystemError> {
    Ok(match R::probe(key, world, depth).await? {
        Probed::Seen(state) => match serde_json::to_value(&state) {
            Ok(value) => Probed::Seen(value),
            Err(error) => Probed::Unreachable(error.to_string()),
        },
        Probed::Unreachable(reason) => Probed::Unreachable(reason),
        Probed::NotLooked(reason) => Probed::NotLooked(reason),
    })
}

type StateOf<E> = <<E as Effect>::On as Resource>::State;

#[async_trait]
impl<E: Effect> DynEffect for Bound<E, E::Spec> {
    fn touches(&self) -> Touches {
        E::touches(&self.spec, &self.step)
    }

    fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        E::check(&self.spec, &self.step, plan, out);
    }

    fn address(&self) -> ResourceKey {
        E::On::address(&E::on(&self.spec, &self.step))
    }

    async fn probe(&self, world: &Observe, depth: Depth) -> Result<Probed<Value>, SystemError> {
        look::<E::On>(&E::on(&self.spec, &self.step), world, depth).await
    }

    fn key(&self) -> Box<dyn Any + Send + Sync> {
        Box::new(E::on(&self.spec, &self.step))
    }

    async fn probe_with(
        &self,
        others: &[&dyn DynEffect],
        world: &Observe,
        depth: Depth,
    ) -> Result<Probed<Value>, SystemError> {
        let mut key = E::on(&self.spec, &self.step);
        for other in others {
            if let Some(other) = other.key().downcast_ref::<<E::On as Resource>::Key>() {
                E::On::join(&mut key, other);
            }
        }
        look::<E::On>(&key, world, depth).await
    }

    async fn probe_after(&self, seen: &Value, world: &Observe, depth: Depth) -> Result<Probed<Value>, SystemError> {
        match read::<StateOf<E>>(E::NAME, seen) {
            Ok(seen) => look::<E::On>(&E::on_after(&self.spec, &self.step, &seen), world, depth).await,
            Err(error) => Ok(Probed::Unreachable(crate::system::causes(&error))),
        }
    }

    fn pinned(&self, now: &Value, settled: &Value) -> Result<Value, KindError> {
        let settled = read::<StateOf<E>>(E::NAME, settled)?;
        write(
            E::NAME,
            &E::pinned(&self.spec, read::<StateOf<E>>(E::NAME, now)?, &settled),
        )
    }

    fn since(&self, now: &Value, settled: &Value) -> Result<Option<String>, KindError> {
        let settled = read::<StateOf<E>>(E::NAME, settled)?;
        Ok(E::since(&self.spec, &read::<StateOf<E>>(E::NAME, now)?, &settled))
    }

    fn diff(&self, now: &Value, inputs: &Inputs) -> Result<Change, KindError> {
        E::diff(&self.spec, &read::<StateOf<E>>(E::NAME, now)?, inputs)
    }

    fn after(&self, now: &Value, inputs: &Inputs) -> Result<Value, KindError> {
        write(
            E::NAME,
            &E::after(&self.spec, &read::<StateOf<E>>(E::NAME, now)?, inputs)?,
        )
    }

    fn regresses(&self, now: &Value) -> Result<Option<String>, KindError> {
        Ok(E::regresses(&self.spec, &read::<StateOf<E>>(E::NAME, now)?))
    }

    fn foreign(&self, now: &Value, ours: Option<&RunId>) -> Result<Option<String>, KindError> {
        Ok(E::foreign(&self.spec, &read::<StateOf<E>>(E::NAME, now)?, ours))
    }

    fn observable(&self) -> bool {
        E::observable(&self.spec)
    }

    async fn apply(
        &self,
        change: &Change,
        inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        E::apply(&self.spec, &self.step, change, inputs, world, log).await
    }

    async fn moved(
        &self,
        outputs: &Value,
        opened: &BackendName,
        world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        E::moved(&self.spec, outputs, opened, world).await
    }

    async fn texts(&self, now: &Value, world: &Observe) -> Result<Option<Texts>, ApplyError> {
        let now = read::<StateOf<E>>(E::NAME, now)?;
        Ok(E::texts(&self.spec, &now, world).await?)
    }

    fn output(&self, settled: &Value, receipt: Option<&Receipt>) -> Result<Value, KindError> {
        let settled = read::<StateOf<E>>(E::NAME, settled)?;
        write(E::NAME, &E::output(&self.spec, &settled, receipt))
    }

    fn undo(&self, before: &Value) -> Result<Undo, KindError> {
        Ok(E::undo(&self.spec, &read::<StateOf<E>>(E::NAME, before)?))
    }

    fn again(&self, with: Value) -> Result<Box<dyn DynEffect>, DecodeError> {
        let step = Step {
            with,
            ..self.step.clone()
        };
        let spec: E::Spec = decode(&step)?;
        Ok(Box::new(Bound::<E, _>::new(spec, step)))
    }
}

#[async_trait]
impl<C: Check> DynCheck for Bound<C, C::Spec>
where
    C::Output: Send,
{
    fn touches(&self) -> Touches {
        C::touches(&self.spec, &self.step)
    }

    fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        C::check(&self.spec, &self.step, plan, out);
    }

    async fn run(&self, inputs: &Inputs, world: &Act, log: &Progress) -> Result<Verdict<Value>, ApplyError> {
        let verdict = C::run(&self.spec, &self.step, inputs, world, log).await?;
        Ok(Verdict {
            passed: verdict.passed,
            summary: verdict.summary,
            findings: verdict.findings,
            output: write(C::NAME, &verdict.output)?,
        })
    }

    async fn moved(
        &self,
        outputs: &Value,
        opened: &BackendName,
        world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        C::moved(&self.spec, outputs, opened, world).await
    }
}

#[async_trait]
impl<C: Capture> DynCapture for Bound<C, C::Spec> {
    fn touches(&self) -> Touches {
        C::touches(&self.spec, &self.step)
    }

    fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        C::check(&self.spec, &self.step, plan, out);
    }

    async fn take(&self, attempt: u32, world: &Act, log: &Progress) -> Result<Value, ApplyError> {
        let taken = C::take(&self.spec, &self.step, attempt, world, log).await?;
        Ok(write(C::NAME, &taken)?)
    }

    async fn intact(&self, taken: &Value, world: &Observe) -> Result<bool, ApplyError> {
        let taken = read::<C::Output>(C::NAME, taken)?;
        C::intact(&self.spec, &taken, world).await
    }

    async fn moved(&self, taken: &Value, world: &Observe) -> Result<Option<String>, ApplyError> {
        let taken = read::<C::Output>(C::NAME, taken)?;
        C::moved(&self.spec, &taken, world).await
    }
}

#[async_trait]
impl<W: Wait> DynWait for Bound<W, W::Spec>
where
    W::Output: Send,
{
    fn touches(&self) -> Touches {
        W::touches(&self.spec, &self.step)
    }

    fn check(&self, plan: &PlanView<'_>, out: &mut Findings) {
        W::check(&self.spec, &self.step, plan, out);
    }

    async fn sample(&self, world: &Act, log: &Progress) -> Result<WaitStatus, ApplyError> {
        Ok(match W::sample(&self.spec, &self.step, world, log).await? {
            WaitStatus::Over(output) => WaitStatus::Over(write(W::NAME, &output)?),
            WaitStatus::Pending { reason, command } => WaitStatus::Pending { reason, command },
        })
    }
}
