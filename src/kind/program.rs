use std::collections::BTreeMap;

use super::Behaviour;
use crate::model::{Plan, Region, Step, StepId, Touches};

/// A plan with the behaviour of each of its steps, rollback lists included.
///
/// A step without behaviour uses a kind of a later version: shown by `plan`, refused by `apply`.
pub struct Program {
    /// The resolved plan.
    pub plan: Plan,
    /// Forward steps in the order in which they run one at a time.
    pub order: Vec<StepId>,
    /// Its frozen regions, in order.
    pub regions: Vec<Region>,
    /// What it asks for and this version does not have, in words with their place; `apply` refuses it before its first effect.
    pub unsupported: Vec<String>,
    behaviours: BTreeMap<StepId, Behaviour>,
    /// Of steps without behaviour: what they would do if a real system had what they ask for.
    on_twins: BTreeMap<StepId, Behaviour>,
}

impl Program {
    /// Puts the parts together; order and regions were computed from the same plan and behaviours.
    pub fn new(plan: Plan, order: Vec<StepId>, regions: Vec<Region>, behaviours: BTreeMap<StepId, Behaviour>) -> Self {
        Self {
            plan,
            order,
            regions,
            unsupported: Vec::new(),
            behaviours,
            on_twins: BTreeMap::new(),
        }
    }

    /// Names what it asks for and this version does not have, and the steps that only real systems cannot do.
    #[must_use]
    pub fn lacking(mut self, unsupported: Vec<String>, on_twins: BTreeMap<StepId, Behaviour>) -> Self {
        self.unsupported = unsupported;
        self.on_twins = on_twins;
        self
    }

    /// The behaviour of a step, forward or in a rollback list; `None` when its kind is not supported yet.
    pub fn behaviour(&self, step: &StepId) -> Option<&Behaviour> {
        self.behaviours.get(step)
    }

    /// Lets a step fail when it acts: for rehearsals.
    pub fn fail(&mut self, step: &StepId) {
        if let Some(behaviour) = self.behaviours.remove(step) {
            self.behaviours.insert(step.clone(), super::failing::failing(behaviour));
        }
    }

    /// Lets twins do what real systems lack; for rehearsals. Says whether the step has a behaviour now.
    pub fn do_on_twins(&mut self, step: &StepId) -> bool {
        if let Some(behaviour) = self.on_twins.remove(step) {
            self.behaviours.insert(step.clone(), behaviour);
        }
        self.behaviours.contains_key(step)
    }

    /// Lets a step be recorded and not done: it succeeds without outputs, and what it found is this text. For rehearsals.
    pub fn stand_in(&mut self, step: &StepId, says: String) {
        self.behaviours.insert(step.clone(), super::recorded::recorded(says));
    }

    /// What a step touches; nothing when its kind is not supported yet.
    pub fn touches(&self, step: &StepId) -> Touches {
        self.behaviour(step).map(Behaviour::touches).unwrap_or_default()
    }

    /// A forward step by its id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.plan
            .phases
            .iter()
            .flat_map(|phase| &phase.steps)
            .find(|step| &step.id == id)
    }

    /// The region that a forward step stands in.
    pub fn region_of(&self, step: &StepId) -> Option<&Region> {
        self.regions.iter().find(|region| region.steps.contains(step))
    }
}
