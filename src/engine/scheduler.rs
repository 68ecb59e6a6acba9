use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Step, StepId};

/// What of a phase may run now: a state machine without clocks or tasks.
///
/// Steps come in the order in which they run one at a time; needs that lie outside the phase are met (phases are barriers).
/// After a failure nothing new starts. A whole phase costs `n log n` over all its calls.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    steps: Vec<Slot>,
    places: BTreeMap<StepId, usize>,
    ready: BTreeSet<usize>,
    running: BTreeSet<usize>,
    unsettled: usize,
    failed: bool,
}

#[derive(Debug, Clone)]
struct Slot {
    id: StepId,
    needs: Vec<usize>,
    needed_by: Vec<usize>,
    unmet: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    Settled,
    Failed,
}

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
    pub fn new<'a>(steps: impl IntoIterator<Item = &'a Step>, settled: impl Fn(&StepId) -> bool) -> Self {
        let steps: Vec<&Step> = steps.into_iter().collect();
        let places: BTreeMap<StepId, usize> = steps
            .iter()
            .enumerate()
            .map(|(at, step)| (step.id.clone(), at))
            .collect();
        let mut schedule = Self {
            unsettled: steps.len(),
            steps: steps.iter().map(|step| Slot::waiting(step, &places)).collect(),
            places,
            ..Self::default()
        };
        for at in 0..schedule.steps.len() {
            for need in schedule.steps[at].needs.clone() {
                schedule.steps[need].needed_by.push(at);
            }
        }
        schedule.ready = (0..steps.len()).filter(|at| schedule.steps[*at].unmet == 0).collect();
        for step in steps {
            if settled(&step.id) {
                schedule.settle(&step.id);
            }
        }
        schedule
    }

    /// Steps that may start now, in order; they do not wait for each other. Empty after a failure.
    pub fn ready(&self) -> Vec<StepId> {
        if self.failed {
            return Vec::new();
        }
        self.named(&self.ready)
    }

    /// The first of [`Self::ready`].
    pub fn next(&self) -> Option<StepId> {
        let first = self.ready.first().filter(|_| !self.failed)?;
        Some(self.steps[*first].id.clone())
    }

    /// It runs now. Only a ready step can start; anything else is ignored, so that nothing ever starts twice.
    pub fn start(&mut self, step: &StepId) {
        if let Some(&at) = self.places.get(step)
            && !self.failed
            && self.ready.remove(&at)
        {
            self.steps[at].stage = Stage::Running;
            self.running.insert(at);
        }
    }

    /// It is done or was skipped. It need not have been started: a step that is so already is settled at once.
    pub fn settle(&mut self, step: &StepId) {
        let Some(&at) = self.places.get(step) else {
            return;
        };
        if self.steps[at].stage == Stage::Settled {
            return;
        }
        self.ready.remove(&at);
        self.running.remove(&at);
        self.steps[at].stage = Stage::Settled;
        self.unsettled -= 1;
        for next in self.steps[at].needed_by.clone() {
            let slot = &mut self.steps[next];
            slot.unmet -= 1;
            if slot.unmet == 0 && slot.stage == Stage::Waiting {
                self.ready.insert(next);
            }
        }
    }

    /// It has failed: nothing new starts; what runs may end.
    pub fn fail(&mut self, step: &StepId) {
        if let Some(&at) = self.places.get(step)
            && self.steps[at].stage != Stage::Settled
        {
            self.ready.remove(&at);
            self.running.remove(&at);
            self.steps[at].stage = Stage::Failed;
            self.failed = true;
        }
    }

    /// Whether a step has failed.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Steps that run now, in order.
    pub fn running(&self) -> Vec<StepId> {
        self.named(&self.running)
    }

    /// Whether all steps are settled.
    pub fn is_finished(&self) -> bool {
        self.unsettled == 0
    }

    /// Steps that were not started, and what each waits for: steps not yet settled, a failed one included.
    pub fn blocked(&self) -> Vec<Blocked> {
        let waiting = self
            .steps
            .iter()
            .filter(|slot| slot.stage == Stage::Waiting && slot.unmet > 0);
        waiting
            .map(|slot| Blocked {
                step: slot.id.clone(),
                by: (slot.needs.iter().map(|need| &self.steps[*need]))
                    .filter(|need| need.stage != Stage::Settled)
                    .map(|need| need.id.clone())
                    .collect(),
            })
            .collect()
    }

    fn named(&self, places: &BTreeSet<usize>) -> Vec<StepId> {
        places.iter().map(|at| self.steps[*at].id.clone()).collect()
    }
}

impl Slot {
    fn waiting(step: &Step, places: &BTreeMap<StepId, usize>) -> Self {
        let needs: BTreeSet<usize> = step.needs.iter().filter_map(|need| places.get(need).copied()).collect();
        Self {
            id: step.id.clone(),
            unmet: needs.len(),
            needs: needs.into_iter().collect(),
            needed_by: Vec::new(),
            stage: Stage::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::step;

    fn ids(names: &[&str]) -> Vec<StepId> {
        names.iter().map(|name| StepId::from(*name)).collect()
    }

    /// `a` and `b` at once, `c` after both, `d` after `c`.
    fn diamond() -> Vec<Step> {
        [("a", &[][..]), ("b", &[]), ("c", &["a", "b"]), ("d", &["c"])]
            .into_iter()
            .map(|(id, needs)| Step {
                needs: ids(needs),
                ..step(id)
            })
            .collect()
    }

    #[test]
    fn steps_that_do_not_wait_for_each_other_are_ready_together() {
        let mut schedule = Schedule::new(&diamond(), |_| false);
        assert_eq!(schedule.ready(), ids(&["a", "b"]));
        schedule.start(&"a".into());
        assert_eq!((schedule.next(), schedule.running()), (Some("b".into()), ids(&["a"])));
        schedule.settle(&"a".into());
        schedule.settle(&"b".into());
        assert_eq!(schedule.ready(), ids(&["c"]));
        schedule.settle(&"c".into());
        assert!(!schedule.is_finished());
        schedule.settle(&"d".into());
        schedule.settle(&"d".into());
        assert!(schedule.is_finished() && schedule.ready().is_empty());
    }

    #[test]
    fn after_a_failure_nothing_new_starts_and_siblings_may_end() {
        let mut schedule = Schedule::new(&diamond(), |_| false);
        schedule.start(&"a".into());
        schedule.start(&"b".into());
        schedule.fail(&"a".into());
        assert_eq!((schedule.ready(), schedule.next()), (vec![], None));
        assert_eq!(schedule.running(), ids(&["b"]));
        schedule.settle(&"b".into());
        assert!(schedule.has_failed() && !schedule.is_finished());
        schedule.start(&"c".into());
        assert_eq!(schedule.running(), []);
        let by = |step: &str, by: &[&str]| Blocked {
            step: step.into(),
            by: ids(by),
        };
        assert_eq!(schedule.blocked(), [by("c", &["a"]), by("d", &["c"])]);
    }

    #[test]
    fn what_was_settled_before_is_not_run_again() {
        let schedule = Schedule::new(&diamond(), |step| ["a", "b"].contains(&step.as_str()));
        assert_eq!(schedule.ready(), ids(&["c"]));
    }

    #[test]
    fn needs_of_other_phases_are_met() {
        let steps = [Step {
            needs: ids(&["elsewhere"]),
            ..step("a")
        }];
        assert_eq!(Schedule::new(&steps, |_| false).ready(), ids(&["a"]));
    }
}
