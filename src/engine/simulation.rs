//! The world as the steps before will have left it, and who wrote what when.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::{Observations, Observed};
use crate::{
    journal::{RunState, StepState},
    model::{ResourceKey, StepId},
};

/// A resource at one place of the order.
#[derive(Debug, Clone)]
pub(super) enum Now<'a> {
    /// It will be so.
    Known(Cow<'a, Value>),
    /// Known once that step is done.
    After(StepId),
    /// Its system does not answer.
    Unreachable(&'a str),
    /// Not looked at on purpose.
    NotLooked(&'a str),
    /// It could not be looked at.
    Failed(&'a str),
}

/// The simulated state of each resource while the order is walked.
pub(super) struct World<'a> {
    seen: &'a BTreeMap<ResourceKey, Observed>,
    moved: BTreeMap<ResourceKey, Now<'a>>,
}

impl<'a> World<'a> {
    /// The world as it was seen.
    pub(super) fn new(observations: &'a Observations) -> Self {
        Self {
            seen: &observations.resources,
            moved: BTreeMap::new(),
        }
    }

    /// The resource as it was seen, whatever pending steps will do.
    pub(super) fn live(&self, key: &ResourceKey) -> Now<'a> {
        match self.seen.get(key) {
            Some(Observed::Seen(state)) => Now::Known(Cow::Borrowed(state)),
            Some(Observed::Unreachable(reason)) => Now::Unreachable(reason),
            Some(Observed::NotLooked(reason)) => Now::NotLooked(reason),
            Some(Observed::Failed(reason)) => Now::Failed(reason),
            None => Now::Failed("it was not looked at"),
        }
    }

    /// The resource as the steps before leave it; a known state is taken out and must be put back by [`Self::leave`].
    pub(super) fn take(&mut self, key: &ResourceKey) -> Now<'a> {
        self.moved.remove(key).unwrap_or_else(|| self.live(key))
    }

    /// The resource as this step leaves it.
    pub(super) fn leave(&mut self, key: ResourceKey, now: Now<'a>) {
        self.moved.insert(key, now);
    }
}

/// When each resource was last written in the attempts that go on, by sequence of the journal.
#[derive(Default)]
pub(super) struct Written<'a> {
    settled: BTreeMap<&'a ResourceKey, u64>,
    intended: BTreeMap<&'a ResourceKey, u64>,
}

impl<'a> Written<'a> {
    /// A forward step that moves `main` and writes `others` on the way.
    pub(super) fn forward(
        &mut self,
        known: &StepState,
        main: Option<&'a ResourceKey>,
        others: impl IntoIterator<Item = &'a ResourceKey>,
    ) {
        let settled = settled_at(known);
        let intended = known.intent().map(|intent| intent.sequence);
        if let (Some(main), Some(settled)) = (main, settled) {
            raise(&mut self.settled, main, settled);
        }
        let Some(intended) = intended else {
            return;
        };
        for key in main.into_iter().chain(others) {
            raise(&mut self.intended, key, intended);
            if let Some(settled) = settled {
                raise(&mut self.settled, key, settled);
            }
        }
    }

    /// Every rollback step that was intended.
    pub(super) fn backward(&mut self, state: &'a RunState) {
        let attempts = state.phases.values().filter_map(|phase| phase.current.as_ref());
        for known in attempts.flat_map(|attempt| attempt.rollback.values()) {
            if let Some(intent) = known.intent()
                && let Some(key) = &intent.resource
            {
                raise(&mut self.intended, key, intent.sequence);
                raise(&mut self.settled, key, settled_at(known).unwrap_or(0));
            }
        }
    }

    /// Whether a later step has moved it on and is done.
    pub(super) fn settled_after(&self, key: &ResourceKey, sequence: u64) -> bool {
        self.settled.get(key).is_some_and(|at| *at > sequence)
    }

    /// Whether a later step may have moved it on.
    pub(super) fn intended_after(&self, key: &ResourceKey, sequence: u64) -> bool {
        self.intended.get(key).is_some_and(|at| *at > sequence)
    }
}

fn settled_at(known: &StepState) -> Option<u64> {
    match known {
        StepState::Done { sequence, .. } => Some(*sequence),
        StepState::Intended(_) | StepState::Failed { .. } | StepState::Skipped { .. } => None,
    }
}

fn raise<'a>(map: &mut BTreeMap<&'a ResourceKey, u64>, key: &'a ResourceKey, to: u64) {
    let at = map.entry(key).or_default();
    *at = (*at).max(to);
}
