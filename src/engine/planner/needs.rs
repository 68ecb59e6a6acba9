//! What a step needs of the steps before it: their outputs, and the systems they bring up.

use serde_json::Value;

use super::{
    placed::Placed,
    walk::{Decided, Walk, unplannable},
};
use crate::{
    journal::Intent,
    kind::Inputs,
    model::{ResourceKey, Standing, StepId, SystemName},
};

impl<'a> Walk<'a> {
    /// The last step that must be done before this one can be decided: an input's, or the one that brings up a system.
    pub(super) fn waits_for(&self, at: &Placed<'a>) -> Result<Option<&'a StepId>, String> {
        let mut last: Option<(usize, &'a StepId)> = None;
        for input in &at.touches.inputs {
            if let Some((id, index)) = self.open.get_key_value(input) {
                last = last.max(Some((*index, id)));
            } else if !self.outputs.contains_key(input) {
                return Err(format!(
                    "step `{input}` was skipped or is not before it: it has no outputs"
                ));
            }
        }
        for system in at.touches.systems.iter().filter(|system| self.is_down(system)) {
            let Some(provider) = self.providers.get(system) else {
                let reason = self.input.observations.systems.get(system);
                let reason = reason.and_then(|facts| facts.get("reason")?.as_str());
                let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                return Err(format!(
                    "system `{system}` does not answer{reason}, and no step before brings it up"
                ));
            };
            last = last.max(Some((self.open.get(provider).copied().unwrap_or(0), provider)));
        }
        Ok(last.map(|(_, step)| step))
    }

    fn is_down(&self, system: &SystemName) -> bool {
        let facts = self.input.observations.systems.get(system);
        facts.and_then(|facts| facts.get("reachable")) == Some(&Value::Bool(false))
    }

    /// Of two steps that are not done, the one that comes later.
    pub(super) fn later_of<'s>(&self, one: &'s StepId, other: &'s StepId) -> &'s StepId {
        if self.open.get(one) > self.open.get(other) {
            one
        } else {
            other
        }
    }

    /// The resource cannot be seen: excused only by a step before that is not done and brings up its system.
    pub(super) fn unreachable(&self, at: &Placed<'a>, key: &ResourceKey, reason: &str) -> Decided<'a> {
        let own = key.as_str().split('/').next().map(SystemName::from);
        let mut systems = at.touches.systems.iter().chain(&own);
        match systems.find_map(|system| self.providers.get(system)) {
            Some(provider) => Decided::new(Standing::Unknown {
                after: (*provider).clone(),
            }),
            None => unplannable(reason),
        }
    }

    /// The recorded outputs that a pending step works from.
    pub(super) fn inputs(&self, at: &Placed<'a>) -> Inputs {
        let recorded = at.touches.inputs.iter().filter_map(|step| {
            let outputs = self.outputs.get(step)?;
            Some((step.clone(), (*outputs).clone()))
        });
        Inputs(recorded.collect())
    }

    /// What a step worked from when it was intended: the target of a content step is the snapshot pinned there.
    pub(super) fn pinned(&self, at: &Placed<'a>, intent: Option<&Intent>) -> Inputs {
        match intent {
            Some(intent) => Inputs(intent.inputs.clone()),
            None => self.inputs(at),
        }
    }
}
