//! What the planner decides about effects: what was done and still holds, what is in doubt, what is to be done.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    placed::Placed,
    walk::{Decided, Walk, unplannable},
};
use crate::{
    engine::simulation::Now,
    journal::{Intent, StepState},
    kind::{DynEffect, Inputs, KindError},
    model::{Action, Change, ResourceKey, Standing, StepId},
};

impl<'a> Walk<'a> {
    /// What is to be done about an effect, by what the journal knows of it.
    pub(super) fn effect(&mut self, at: &'a Placed<'a>, effect: &dyn DynEffect) -> Decided<'a> {
        let Some(key) = &at.address else {
            return unplannable("it has no address");
        };
        if let Some(reason) = self.foreign(effect, key) {
            return unplannable(reason);
        }
        match at.known {
            Some(StepState::Done { sequence, .. }) if !at.edited() => self.done(at, effect, key, *sequence),
            Some(
                StepState::Intended(intent)
                | StepState::Failed {
                    intent: Some(intent),
                    in_doubt: true,
                    ..
                },
            ) => self.in_doubt(at, effect, key, intent),
            Some(StepState::Done { .. } | StepState::Failed { .. } | StepState::Skipped { .. }) | None => {
                self.pending(at, effect, key)
            }
        }
    }

    /// Why the resource is another run's, as far as it can be seen now.
    fn foreign(&self, effect: &dyn DynEffect, key: &ResourceKey) -> Option<String> {
        let Now::Known(now) = self.world.live(key) else {
            return None;
        };
        let ours = self.input.state.map(|state| &state.run);
        effect.foreign(&now, ours).ok().flatten()
    }

    /// Done in this attempt, phase open: the last writer of a resource must still find its target.
    fn done(&mut self, at: &'a Placed<'a>, effect: &dyn DynEffect, key: &ResourceKey, sequence: u64) -> Decided<'a> {
        if self.written.settled_after(key, sequence) {
            return Decided::new(Standing::Superseded);
        }
        if !effect.observable() {
            return Decided::new(Standing::Done);
        }
        if self.belongs_to_clients(key) {
            return Decided::new(Standing::Done).note("its content belongs to its clients now");
        }
        let now = match self.world.live(key) {
            Now::Known(now) => now,
            Now::NotLooked(reason) => return Decided::new(Standing::Done).note(reason),
            Now::Unreachable(reason) => return self.unreachable(at, key, reason),
            Now::Failed(reason) => return unplannable(reason),
            Now::After(after) => return Decided::new(Standing::Unknown { after }),
        };
        let settled = at.known.and_then(StepState::after);
        let inputs = self.pinned(at, at.known.and_then(StepState::intent));
        match still(effect, &now, settled, &inputs) {
            Err(error) => self.no_answer(at, &error),
            Ok(change) if change.is_none() => {
                let since = settled.and_then(|settled| effect.since(&now, settled).ok().flatten());
                since.into_iter().fold(Decided::new(Standing::Done), Decided::note)
            }
            // A later step that is in doubt or failed may have moved it: the resource is that step's now.
            Ok(_) if self.written.intended_after(key, sequence) => Decided::new(Standing::Superseded),
            Ok(change) => self.decided_on(at, effect, key, now, &inputs, |now| {
                Standing::Drift { change }.unless_regress(effect.regresses(now))
            }),
        }
    }

    /// Once a route let writes through to a backend, the content of the system of that name is no longer ours to compare.
    pub(super) fn belongs_to_clients(&self, key: &ResourceKey) -> bool {
        match (key.as_str().split_once('/'), self.input.state) {
            (Some((system, "content")), Some(state)) => state.written(&system.into()),
            _ => false,
        }
    }

    /// Intended without an end: the probe decides.
    fn in_doubt(
        &mut self,
        at: &'a Placed<'a>,
        effect: &dyn DynEffect,
        key: &ResourceKey,
        intent: &Intent,
    ) -> Decided<'a> {
        let inputs = self.pinned(at, Some(intent));
        let unknown = |note: String| Decided::new(Standing::InDoubt { change: None }).note(note);
        let (now, note) = match self.world.take(key) {
            Now::Known(now) if effect.observable() => match effect.regresses(&now) {
                Ok(Some(reason)) => (Some(now), reason),
                Ok(None) => match effect.diff(&now, &inputs) {
                    Ok(change) => {
                        return self.decided_on(at, effect, key, now, &inputs, |_| Standing::InDoubt {
                            change: Some(change),
                        });
                    }
                    Err(error) => (Some(now), error.to_string()),
                },
                Err(error) => (Some(now), error.to_string()),
            },
            Now::Known(now) => (Some(now), "only a person can tell whether it was done".to_owned()),
            Now::After(step) => (None, format!("known after {step}")),
            Now::Unreachable(reason) | Now::NotLooked(reason) | Now::Failed(reason) => (None, reason.to_owned()),
        };
        self.world.leave(key.clone(), Now::After(at.step.id.clone()));
        Decided {
            before: now,
            ..unknown(note)
        }
    }

    /// Never done in this attempt: against the state that the steps before will have left.
    fn pending(&mut self, at: &'a Placed<'a>, effect: &dyn DynEffect, key: &ResourceKey) -> Decided<'a> {
        let decided = match self.waits_for(at) {
            Err(reason) => Err(unplannable(reason)),
            Ok(needed) => self.against_now(at, effect, key, needed),
        };
        decided.unwrap_or_else(|without_change| {
            if let Standing::Unknown { .. } = without_change.standing {
                self.world.leave(key.clone(), Now::After(at.step.id.clone()));
            }
            without_change
        })
    }

    /// The change of a pending step, or (`Err`) why there is none yet.
    #[expect(
        clippy::result_large_err,
        reason = "both sides are decisions, and neither is an error"
    )]
    fn against_now(
        &mut self,
        at: &'a Placed<'a>,
        effect: &dyn DynEffect,
        key: &ResourceKey,
        needed: Option<&'a StepId>,
    ) -> Result<Decided<'a>, Decided<'a>> {
        let after = |step: &StepId| Decided::new(Standing::Unknown { after: step.clone() });
        let now = match (self.world.take(key), needed) {
            (Now::Failed(reason), _) => return Err(unplannable(reason)),
            (Now::Unreachable(reason), None) => return Err(self.unreachable(at, key, reason)),
            (Now::After(step), None) => return Err(after(&step)),
            (Now::After(step), Some(needed)) => return Err(after(self.later_of(&step, needed))),
            (Now::Unreachable(_) | Now::Known(_) | Now::NotLooked(_), Some(needed)) => return Err(after(needed)),
            (Now::NotLooked(reason), None) => {
                let change = Change::new(Action::Create).summary("unless it is done already");
                return Ok(Decided::new(Standing::Pending { change }).note(reason));
            }
            (Now::Known(now), None) => now,
        };
        let inputs = self.inputs(at);
        match effect.diff(&now, &inputs) {
            Err(error) => {
                let decided = self.no_answer(at, &error);
                self.world.leave(key.clone(), Now::Known(now));
                Err(decided)
            }
            Ok(change) => Ok(self.decided_on(at, effect, key, now, &inputs, |now| {
                if change.is_none() {
                    return Standing::AlreadySo;
                }
                Standing::Pending { change }.unless_regress(effect.regresses(now))
            })),
        }
    }

    /// Leaves the resource as the step will: moved by `after`, or as it is when the step does nothing or is refused.
    fn decided_on(
        &mut self,
        at: &Placed<'a>,
        effect: &dyn DynEffect,
        key: &ResourceKey,
        now: Cow<'a, Value>,
        inputs: &Inputs,
        standing: impl FnOnce(&Value) -> Standing,
    ) -> Decided<'a> {
        let standing = standing(&now);
        let stays = matches!(
            standing,
            Standing::AlreadySo | Standing::Regress { .. } | Standing::Unreachable { .. }
        );
        let left = if stays {
            Now::Known(now.clone())
        } else {
            match effect.after(&now, inputs) {
                Ok(state) => Now::Known(Cow::Owned(state)),
                Err(_) => Now::After(at.step.id.clone()),
            }
        };
        self.world.leave(key.clone(), left);
        Decided {
            before: Some(now),
            ..Decided::new(standing)
        }
    }

    /// A pure function of the kind has no answer: it waits for a step, or it says why.
    fn no_answer(&self, at: &Placed<'a>, error: &KindError) -> Decided<'a> {
        if let KindError::MissingInput { step } = error
            && self.open.contains_key(step)
        {
            return Decided::new(Standing::Unknown { after: step.clone() });
        }
        unplannable(crate::system::causes(error)).note(format!("`{}` has no diff", at.step.uses))
    }
}

/// What a done step would still have to do; what else than the resource it was compared with, is as it was then.
pub(super) fn still(
    effect: &dyn DynEffect,
    now: &Value,
    settled: Option<&Value>,
    inputs: &Inputs,
) -> Result<Change, KindError> {
    match settled {
        Some(settled) => effect.diff(&effect.pinned(now, settled)?, inputs),
        None => effect.diff(now, inputs),
    }
}

impl Standing {
    /// Refused when the kind says that it would move the resource backwards.
    fn unless_regress(self, regresses: Result<Option<String>, KindError>) -> Self {
        match regresses {
            Ok(Some(reason)) => Standing::Regress { reason },
            Ok(None) => self,
            Err(error) => Standing::Unreachable {
                reason: crate::system::causes(&error),
            },
        }
    }
}
