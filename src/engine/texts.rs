use std::collections::BTreeMap;

use super::{Observations, Observed};
use crate::{
    kind::{ApplyError, Behaviour, Program},
    model::{ChangeSet, Standing, StepId, Texts},
    system::Observe,
};

/// The texts that the pending steps of a change set would change, by what was observed; for a reviewer who asks for them.
///
/// # Errors
/// When a kind cannot read what it would bring.
pub async fn texts(
    program: &Program,
    observations: &Observations,
    set: &ChangeSet,
    world: &Observe,
) -> Result<BTreeMap<StepId, Texts>, ApplyError> {
    let mut texts = BTreeMap::new();
    for step in set.phases.iter().flat_map(|phase| &phase.steps) {
        let (Standing::Pending { .. }, Some(Behaviour::Effect(effect))) = (&step.standing, program.behaviour(&step.id))
        else {
            continue;
        };
        if let Some(Observed::Seen(now)) = observations.resources.get(&effect.address())
            && let Some(found) = effect.texts(now, world).await?
        {
            texts.insert(step.id.clone(), found);
        }
    }
    Ok(texts)
}
