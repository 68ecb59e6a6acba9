//! One walk over the order: what is decided about each step, and what it leaves for the steps after it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use super::{PlanInput, effects::still, placed::Placed};
use crate::{
    engine::{
        simulation::{Now, World, Written},
        way_back::way_back,
    },
    journal::StepState,
    kind::Behaviour,
    model::{Class, ClosedDrift, ResourceKey, Standing, StepChange, StepId, SystemName},
};

/// What was decided about one step.
pub(super) struct Decided<'a> {
    pub(super) standing: Standing,
    /// The resource before the step, as far as it is known.
    pub(super) before: Option<Cow<'a, Value>>,
    pub(super) notes: Vec<String>,
    /// Of a step of a closed phase.
    pub(super) drift: Option<ClosedDrift>,
}

impl Decided<'_> {
    pub(super) fn new(standing: Standing) -> Self {
        Self {
            standing,
            before: None,
            notes: Vec::new(),
            drift: None,
        }
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

pub(super) fn unplannable(reason: impl Into<String>) -> Decided<'static> {
    Decided::new(Standing::Unreachable { reason: reason.into() })
}

/// The walk over the order: what the steps so far will have left.
pub(super) struct Walk<'a> {
    pub(super) input: &'a PlanInput<'a>,
    pub(super) world: World<'a>,
    /// Over the whole journal: a done step is superseded by a later one.
    pub(super) written: Written<'a>,
    /// By the steps walked so far: their later writes void a check.
    before: Written<'a>,
    /// Places of the steps walked so far that are not done.
    pub(super) open: BTreeMap<&'a StepId, usize>,
    /// What those steps will write.
    to_write: BTreeSet<&'a ResourceKey>,
    /// The last of them that brings up a system.
    pub(super) providers: BTreeMap<&'a SystemName, &'a StepId>,
    /// Recorded outputs that still count.
    pub(super) outputs: BTreeMap<&'a StepId, &'a Value>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(input: &'a PlanInput<'a>, placed: &'a [Placed<'a>]) -> Self {
        let mut written = Written::default();
        for at in placed {
            at.write_into(&mut written);
        }
        if let Some(state) = input.state {
            written.backward(state);
        }
        Self {
            input,
            world: World::new(input.observations),
            written,
            before: Written::default(),
            open: BTreeMap::new(),
            to_write: BTreeSet::new(),
            providers: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }

    pub(super) fn step(&mut self, at: &'a Placed<'a>) -> StepChange {
        let mut decided = self.decide(at);
        if !decided.standing.is_settled() {
            annotate(at, &mut decided.notes);
        }
        self.go_on(at, &decided.standing);
        StepChange {
            id: at.step.id.clone(),
            uses: at.step.uses.clone(),
            class: at.class(),
            resource: at.address.clone(),
            provides: at.step.provides.iter().cloned().collect(),
            way_back: way_back(
                at.phase,
                at.behaviour,
                at.known,
                &decided.standing,
                decided.before.as_deref(),
            ),
            standing: decided.standing,
            notes: decided.notes,
            drift: decided.drift,
            texts: None,
            point_of_no_return: at.step.point_of_no_return,
        }
    }

    fn decide(&mut self, at: &'a Placed<'a>) -> Decided<'a> {
        if at.closed {
            return self.closed(at);
        }
        let Some(behaviour) = at.behaviour else {
            return Decided::new(Standing::NotSupported);
        };
        if matches!(at.known, Some(StepState::Skipped { .. })) {
            return Decided::new(Standing::Skipped);
        }
        match behaviour {
            Behaviour::Effect(effect) => self.effect(at, effect.as_ref()),
            Behaviour::Check(_) => self.check(at),
            Behaviour::Capture(_) => self.once(at, Standing::Takes),
            Behaviour::Wait(_) => self.once(at, Standing::Waits),
        }
    }

    /// What later steps need to know about this one.
    fn go_on(&mut self, at: &'a Placed<'a>, standing: &Standing) {
        at.write_into(&mut self.before);
        if standing.is_settled() {
            if let Some(outputs) = at.known.and_then(StepState::outputs) {
                self.outputs.insert(&at.step.id, outputs);
            }
            return;
        }
        self.open.insert(&at.step.id, at.index);
        self.providers
            .extend(at.step.provides.iter().map(|system| (system, &at.step.id)));
        let idle = matches!(standing, Standing::AlreadySo | Standing::Regress { .. });
        if idle || !matches!(at.class(), Some(Class::Effect | Class::Capture)) {
            return;
        }
        self.to_write.extend(at.touches.writes.iter().chain(&at.address));
        for key in at.touches.writes.iter().filter(|key| at.address.as_ref() != Some(*key)) {
            self.world.leave(key.clone(), Now::After(at.step.id.clone()));
        }
    }

    /// A closed phase is never decided on again; `plan --drift` reports what its last writers no longer find.
    fn closed(&self, at: &Placed<'a>) -> Decided<'a> {
        Decided {
            drift: self.drift(at),
            ..Decided::new(Standing::Closed)
        }
    }

    /// What no longer holds of a done step of a closed phase. A resource belongs to its last writer, and content that
    /// clients may have written since belongs to them.
    fn drift(&self, at: &Placed<'a>) -> Option<ClosedDrift> {
        let (Some(Behaviour::Effect(effect)), Some(key)) = (at.behaviour, &at.address) else {
            return None;
        };
        let Some(StepState::Done { sequence, intent, .. }) = at.known else {
            return None;
        };
        let moved_on = self.written.intended_after(key, *sequence) || self.written.settled_after(key, *sequence);
        if !self.input.drift || !effect.observable() || moved_on || self.belongs_to_clients(key) {
            return None;
        }
        let unknown = |reason: String| Some(ClosedDrift::Unknown { reason });
        match self.world.live(key) {
            Now::Known(now) => match still(
                effect.as_ref(),
                &now,
                at.known.and_then(StepState::after),
                &self.pinned(at, intent.as_ref()),
            ) {
                Ok(change) if change.is_none() => None,
                Ok(change) => Some(ClosedDrift::Changed { change }),
                Err(error) => unknown(error.to_string()),
            },
            Now::Unreachable(reason) | Now::NotLooked(reason) | Now::Failed(reason) => unknown(reason.to_owned()),
            Now::After(_) => None,
        }
    }

    /// A check is done once, and again when a step before it wrote or will write what it reads.
    fn check(&self, at: &Placed<'a>) -> Decided<'a> {
        let Some(StepState::Done { sequence, .. }) = at.known.filter(|_| !at.edited()) else {
            return self.once(at, Standing::Checks);
        };
        let written = |key| self.before.settled_after(key, *sequence) || self.to_write.contains(key);
        let redone = at.touches.inputs.iter().any(|step| self.open.contains_key(step));
        if redone || at.touches.reads.iter().any(written) {
            return Decided::new(Standing::Checks).note("what it reads is written again");
        }
        Decided::new(Standing::Done)
    }

    /// Captures and waits are done once per attempt; so is a check that has not judged yet.
    fn once(&self, at: &Placed<'a>, to_do: Standing) -> Decided<'a> {
        if matches!(at.known, Some(StepState::Done { .. })) && !at.edited() {
            return Decided::new(Standing::Done);
        }
        match self.waits_for(at) {
            Ok(_) => Decided::new(to_do),
            Err(reason) => unplannable(reason),
        }
    }
}

/// What the journal adds for the reviewer.
fn annotate(at: &Placed<'_>, notes: &mut Vec<String>) {
    if let Some(condition) = &at.step.condition {
        notes.push(format!("if: {condition}"));
    }
    match at.known {
        Some(StepState::Failed { error, .. }) => notes.push(format!("failed before: {error}")),
        Some(StepState::Intended(intent)) if matches!(intent.class, Class::Check | Class::Capture) => {
            notes.push("was interrupted".to_owned());
        }
        Some(StepState::Done { .. }) if at.edited() => notes.push("edited since it was done".to_owned()),
        Some(_) | None => {}
    }
}
