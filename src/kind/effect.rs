use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{ApplyError, Inputs, KindError, PlanView, Receipt};
use crate::{
    model::{BackendName, Change, Findings, RunId, Step, Texts, Touches},
    resource::Resource,
    system::{Act, Observe, Progress, SystemError},
};

/// A kind that moves one resource to a target.
///
/// `diff`, `after`, `regresses`, `output` and `undo` are pure. `apply` may be called twice; after a good `apply`,
/// probe + `diff` is *no change*: the engine checks that, for every kind, in one place.
pub trait Effect: Send + Sync + 'static {
    /// `lb.route`.
    const NAME: &'static str;
    /// One line for `explain` and the table of kinds.
    const ABOUT: &'static str;
    /// What `with:` holds; `deny_unknown_fields`; doc comments become `explain` and the schema.
    type Spec: DeserializeOwned + Serialize + schemars::JsonSchema + Clone + Send + Sync + 'static;
    /// The state that it moves.
    type On: Resource;
    /// What later steps and checkpoints may read as `steps.<id>.*`.
    type Output: Serialize + schemars::JsonSchema;

    /// Which resource: the argument of its probe.
    fn on(spec: &Self::Spec, step: &Step) -> <Self::On as Resource>::Key;

    /// Which resource to look at once it was intended: whatever else than the resource the intent saw stays as it was seen then.
    fn on_after(spec: &Self::Spec, step: &Step, _seen: &<Self::On as Resource>::State) -> <Self::On as Resource>::Key {
        Self::on(spec, step)
    }

    /// The state to compare with when it was done and left `settled`: what else than the resource is in it, is as it was then.
    fn pinned(
        _spec: &Self::Spec,
        now: <Self::On as Resource>::State,
        _settled: &<Self::On as Resource>::State,
    ) -> <Self::On as Resource>::State {
        now
    }

    /// A word on what has gone on elsewhere since it was done and left `settled`; an information, never drift.
    fn since(
        _spec: &Self::Spec,
        _now: &<Self::On as Resource>::State,
        _settled: &<Self::On as Resource>::State,
    ) -> Option<String> {
        None
    }

    /// What it reads, moves, brings up, freezes and opens.
    fn touches(spec: &Self::Spec, step: &Step) -> Touches;

    /// Whole-plan checks of this kind. Findings carry paths below the step (`/with/to`): the caller prefixes the step's place.
    fn check(_spec: &Self::Spec, _step: &Step, _plan: &PlanView<'_>, _out: &mut Findings) {}

    /// Desired against observed.
    ///
    /// # Errors
    /// When an input is missing or the state cannot be compared.
    fn diff(spec: &Self::Spec, now: &<Self::On as Resource>::State, inputs: &Inputs) -> Result<Change, KindError>;

    /// The simulated state once it is done.
    ///
    /// # Errors
    /// When an input is missing.
    fn after(
        spec: &Self::Spec,
        now: &<Self::On as Resource>::State,
        inputs: &Inputs,
    ) -> Result<<Self::On as Resource>::State, KindError>;

    /// Why doing it now would move the resource backwards (a forward route that would move v3 to v2).
    fn regresses(_spec: &Self::Spec, _now: &<Self::On as Resource>::State) -> Option<String> {
        None
    }

    /// Why the resource is not ours to look at from this journal: another run left its mark on it. `ours` is the run that the
    /// journal knows; `None` before the first apply.
    fn foreign(_spec: &Self::Spec, _now: &<Self::On as Resource>::State, _ours: Option<&RunId>) -> Option<String> {
        None
    }

    /// Whether the resource's state can be observed at all. `false`: only the receipt of a good `apply` settles it, and
    /// after a crash in between a person is asked.
    fn observable(_spec: &Self::Spec) -> bool {
        true
    }

    /// Does it. Cancelled by dropping (timeout), so it must leave children dead and the resource re-checkable.
    ///
    /// # Errors
    /// When it is not done; the engine probes afterwards in any case.
    fn apply(
        spec: &Self::Spec,
        step: &Step,
        change: &Change,
        inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> impl Future<Output = Result<Receipt, ApplyError>> + Send;

    /// As [`Capture::moved`](super::Capture::moved), of what it read and did not write, unless that is about to be `opened`;
    /// `outputs` are what it recorded.
    ///
    /// # Errors
    /// When what it read cannot be looked at.
    fn moved(
        _spec: &Self::Spec,
        _outputs: &Value,
        _opened: &BackendName,
        _world: &Observe,
    ) -> impl Future<Output = Result<Option<String>, ApplyError>> + Send {
        std::future::ready(Ok(None))
    }

    /// The texts that the change from `now` would put in the place of others, for a reviewer who asks; `None`: it moves none, or
    /// too little was looked at. Only looks.
    ///
    /// # Errors
    /// When what it would bring cannot be read.
    fn texts(
        _spec: &Self::Spec,
        _now: &<Self::On as Resource>::State,
        _world: &Observe,
    ) -> impl Future<Output = Result<Option<Texts>, SystemError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Outputs from what was seen; what only the act knows comes from the receipt and is missing after `adopt`.
    fn output(spec: &Self::Spec, settled: &<Self::On as Resource>::State, receipt: Option<&Receipt>) -> Self::Output;

    /// How to go back to `before`.
    fn undo(spec: &Self::Spec, before: &<Self::On as Resource>::State) -> Undo;
}

/// How to go back.
#[derive(Debug, Clone, PartialEq)]
pub enum Undo {
    /// The same kind with another `with:`, planned and applied like any change.
    Same {
        /// The other `with:`.
        with: Value,
        /// A few words for the plan.
        what: String,
    },
    /// It is left as it is: derived undo never drops data.
    Left(String),
    /// It changed nothing that could be undone.
    Nothing,
}
