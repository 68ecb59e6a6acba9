//! Design §3: the plan is a trajectory. One walk over the order, with a simulated state for each resource.

mod effects;
mod needs;
mod phases;
mod placed;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    phases::{checkpoint, count, phase_change},
    placed::place,
    walk::Walk,
};
use super::{
    Observations,
    digests::{Digests, system_seen},
    precheck,
    simulation::Written,
};
use crate::{
    journal::{RunState, StepState},
    kind::Program,
    model::{ChangeSet, Class, PhaseChange, PhaseId, StepChange, StepId},
};

/// The format of `plan --json`: raised when a field changes its meaning or goes.
pub const CHANGE_SET_FORMAT: u32 = 1;

/// What the planner is given: values, not handles.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The plan with its behaviours.
    pub program: &'a Program,
    /// What the journal says; `None` before the first apply.
    pub state: Option<&'a RunState>,
    /// What was seen outside.
    pub observations: &'a Observations,
    /// The environment.
    pub environment: &'a str,
    /// Whether drift of closed phases is reported (`plan --drift`); it is never repaired. The observations must hold them.
    pub drift: bool,
}

/// What `apply` would do now, in order. Pure, and linear in the steps.
pub fn plan(input: &PlanInput<'_>) -> ChangeSet {
    let placed = place(input.program, input.state);
    let mut walk = Walk::new(input, &placed);
    let mut changes: BTreeMap<&PhaseId, Vec<StepChange>> = BTreeMap::new();
    for at in &placed {
        changes.entry(&at.phase.id).or_default().push(walk.step(at));
    }
    let digests = Digests::of(input);
    let phases: Vec<PhaseChange> = (input.program.plan.phases.iter())
        .map(|phase| PhaseChange {
            steps: changes.remove(&phase.id).unwrap_or_default(),
            checkpoint: checkpoint(input, phase, &walk),
            digest: digests.phase(&phase.id),
            ..phase_change(input, phase)
        })
        .collect();
    ChangeSet {
        format_version: CHANGE_SET_FORMAT,
        plan: input.program.plan.name.clone(),
        environment: input.environment.to_owned(),
        run: input.state.map(|state| state.run.clone()),
        journal_records: input.state.map_or(0, |state| state.records),
        observed_at: input.observations.at.to_string(),
        observed_in_ms: u64::try_from(input.observations.took.as_millis()).unwrap_or(u64::MAX),
        systems: system_seen(input),
        refusals: (input.state)
            .map(|state| precheck::refusals(input.program, state, state.rollback.is_some()))
            .unwrap_or_default(),
        regions: input.program.regions.clone(),
        counts: count(&phases),
        digest: digests.all(input, &phases),
        phases,
    }
}

/// The done checks whose verdict no longer counts, because a step before them wrote what they read after they had judged.
/// What a step *after* a check writes is the trajectory going on, and voids nothing.
pub fn void_checks(program: &Program, state: &RunState) -> BTreeSet<StepId> {
    let mut before = Written::default();
    let placed = place(program, Some(state));
    let mut void = BTreeSet::new();
    for at in &placed {
        if let Some(StepState::Done { sequence, .. }) = at.known
            && at.class() == Some(Class::Check)
            && at.touches.reads.iter().any(|key| before.settled_after(key, *sequence))
        {
            void.insert(at.step.id.clone());
        }
        at.write_into(&mut before);
    }
    void
}
