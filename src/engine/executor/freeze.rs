use std::time::Duration;

use super::{EngineError, Executor, Guard, elapsed, step::StepRun};
use crate::{
    journal::{Body, Part},
    kind::DynEffect,
    model::{Event, PlanDuration},
};

/// What the way back needs when no freeze was measured yet: a reload with its probes, generously.
const WAY_BACK_UNMEASURED: Duration = Duration::from_secs(10);

/// The least that is kept for the way back: below it a reload cannot be proven.
const WAY_BACK_LEAST: Duration = Duration::from_secs(1);

/// The clock of the frozen region: what it may end, and what it measured.
impl Executor {
    /// Says when writes were frozen or flow again, and measures the freeze.
    pub(super) fn follow_freeze(
        &mut self,
        run: &StepRun<'_>,
        effect: &dyn DynEffect,
        frozen_since: Option<jiff::Timestamp>,
        took: Duration,
    ) -> Result<(), EngineError> {
        let touches = effect.touches();
        if touches.freezes.is_some() && run.part == Part::Forward {
            self.freeze_took = Some(took);
            self.tell(Event::Frozen);
        }
        // A thaw that was already so has no intent, and its route is open all the same: the measure says so to the journal.
        let over = (self.freeze()).is_none_or(|frozen| touches.thaws.as_ref() == Some(&frozen.route));
        if let Some(since) = frozen_since.filter(|_| over) {
            let after = elapsed(since);
            self.ledger.append(Body::FreezeMeasured {
                milliseconds: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            })?;
            self.tell(Event::Thawed { after });
        }
        Ok(())
    }

    /// Whether this session has seen that writes are frozen, and nothing has been begun that lets them flow again. A freeze of
    /// an earlier session may have been thawed by somebody since.
    pub(super) fn is_settled_freeze(&self) -> bool {
        self.freeze_took.is_some() && self.freeze().is_some_and(|frozen| !frozen.switch_intended)
    }

    /// What may end the act of a step.
    pub(super) fn guard_of(&self, run: &StepRun<'_>) -> Guard {
        Guard {
            timeout: run.step.timeout.map(PlanDuration::get),
            ..self.guard(run.part)
        }
    }

    /// What may end a look or an act. Inside the freeze, before the switch, a signal cancels and the clock runs; the way back
    /// is never cancelled by the clock that started it, or by one signal.
    pub(super) fn guard(&self, part: Part) -> Guard {
        let before_switch = self.freeze().is_some_and(|frozen| !frozen.switch_intended);
        if part == Part::Rollback || !before_switch {
            return Guard::default();
        }
        Guard {
            cancel_on_signal: true,
            deadline: self.deadline(),
            timeout: None,
        }
    }

    /// What may end a wait between two tries. Nothing is under way in it, so the clock runs also when a switch was intended and
    /// did not come into force.
    pub(super) fn guard_between(&self, part: Part) -> Guard {
        match part {
            Part::Rollback => Guard::default(),
            Part::Forward => Guard {
                deadline: self.deadline(),
                ..self.guard(part)
            },
        }
    }

    /// When what is left of the freeze is needed for the way back; `None` without a freeze or a limit.
    fn deadline(&self) -> Option<tokio::time::Instant> {
        let (frozen, limit) = self.freeze().zip(self.program.plan.limits.freeze)?;
        let way_back = self
            .freeze_took
            .map_or(WAY_BACK_UNMEASURED, |took| (took * 2).max(WAY_BACK_LEAST));
        let usable = limit.get().saturating_sub(way_back.min(limit.get() / 2));
        Some(tokio::time::Instant::now() + usable.saturating_sub(elapsed(frozen.since)))
    }
}
