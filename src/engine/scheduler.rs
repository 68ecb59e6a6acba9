use crate::model::{Step, StepId};

/// What of a phase may run now: a state machine without clocks or tasks.
///
/// Steps come in the order in which they run one at a time; needs that lie outside the phase are met (phases are barriers).
/// After a failure nothing new starts.
#[derive(Debug, Clone, Default)]
pub struct Schedule {}

/// A step that cannot start, and the steps it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The step.
    pub step: StepId,
    /// Those it waits for.
    pub by: Vec<StepId>,
}

impl Schedule {
    /// The schedule of those steps, of which some are settled already.
    pub fn new<'a>(_steps: impl IntoIterator<Item = &'a Step>, _settled: impl Fn(&StepId) -> bool) -> Self {
        Self {}
    }

    /// Steps that may start now, in order; they do not wait for each other. Empty after a failure.
    pub fn ready(&self) -> Vec<StepId> {
        Vec::new()
    }

    /// The first of [`Self::ready`].
    pub fn next(&self) -> Option<StepId> {
        None
    }

    /// It runs now.
    pub fn start(&mut self, _step: &StepId) {}

    /// It is done or was skipped.
    pub fn settle(&mut self, _step: &StepId) {}

    /// It has failed: nothing new starts.
    pub fn fail(&mut self, _step: &StepId) {}

    /// Whether a step has failed.
    pub fn has_failed(&self) -> bool {
        false
    }

    /// Steps that run now, in order.
    pub fn running(&self) -> Vec<StepId> {
        Vec::new()
    }

    /// Whether all steps are settled.
    pub fn is_finished(&self) -> bool {
        false
    }

    /// Steps that were not started, and what each waits for: steps not yet settled, a failed one included.
    pub fn blocked(&self) -> Vec<Blocked> {
        Vec::new()
    }
}
