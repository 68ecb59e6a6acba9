//! The forward steps in order, before anything is decided about them.

use std::collections::BTreeMap;

use crate::{
    engine::simulation::Written,
    journal::{Attempt, RunState, StepState},
    kind::{Behaviour, Program},
    model::{Class, Phase, ResourceKey, Step, StepId, Touches},
};

/// A forward step, its place, and all that does not depend on the world.
pub(super) struct Placed<'a> {
    /// Its place in the order, from 0.
    pub(super) index: usize,
    pub(super) phase: &'a Phase,
    pub(super) step: &'a Step,
    /// `None` when this version does not support its kind.
    pub(super) behaviour: Option<&'a Behaviour>,
    pub(super) touches: Touches,
    /// The resource that it moves, when it is an effect.
    pub(super) address: Option<ResourceKey>,
    /// Whether its phase is closed.
    pub(super) closed: bool,
    /// What the journal says of it in this attempt.
    pub(super) known: Option<&'a StepState>,
}

impl Placed<'_> {
    pub(super) fn class(&self) -> Option<Class> {
        self.behaviour.map(Behaviour::class)
    }

    /// Whether the plan says something else than what was done.
    pub(super) fn edited(&self) -> bool {
        matches!(self.known, Some(StepState::Done { digest, .. }) if *digest != self.step.digest)
    }
}

impl<'a> Placed<'a> {
    /// Notes what this step has written; only effects move resources, the scratch that a check writes is its own.
    pub(super) fn write_into(&'a self, written: &mut Written<'a>) {
        if let Some(known) = self.known
            && matches!(self.class(), Some(Class::Effect | Class::Capture))
        {
            written.forward(known, self.address.as_ref(), &self.touches.writes);
        }
    }
}

/// All forward steps in order; each touches its kind once.
pub(super) fn place<'a>(program: &'a Program, state: Option<&'a RunState>) -> Vec<Placed<'a>> {
    let mut homes: BTreeMap<&StepId, (&Phase, &Step, Option<&Attempt>)> = BTreeMap::new();
    for phase in &program.plan.phases {
        let attempt = state.and_then(|state| state.attempt(&phase.id));
        homes.extend(phase.steps.iter().map(|step| (&step.id, (phase, step, attempt))));
    }
    let ordered = program.order.iter().filter_map(|id| homes.get(id)).enumerate();
    ordered
        .map(|(index, (phase, step, attempt))| {
            let behaviour = program.behaviour(&step.id);
            Placed {
                index,
                phase,
                step,
                behaviour,
                touches: behaviour.map(Behaviour::touches).unwrap_or_default(),
                address: match behaviour {
                    Some(Behaviour::Effect(effect)) => Some(effect.address()),
                    Some(Behaviour::Check(_) | Behaviour::Capture(_) | Behaviour::Wait(_)) | None => None,
                },
                closed: attempt.is_some_and(|attempt| attempt.closed),
                known: attempt.and_then(|attempt| attempt.steps.get(&step.id)),
            }
        })
        .collect()
}
