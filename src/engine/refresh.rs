use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use futures_util::{StreamExt, future::join, stream};
use jiff::Timestamp;

use super::{Observations, Observed};
use crate::{
    journal::RunState,
    kind::{Behaviour, DynEffect, Program},
    model::{PhaseId, ResourceKey, SystemName},
    resource::{Depth, Probed},
    system::{Observe, causes},
};

/// Looks in flight at once: enough to hide the latency of a handful of systems, too few to be a load on any of them.
const LOOKS_AT_ONCE: usize = 8;

/// Probes each resource that a step of a phase not yet closed moves, once, and reads the facts of all systems.
///
/// Without `state` the closed phases are looked at too: that is what `plan --drift` needs.
pub async fn refresh(program: &Program, state: Option<&RunState>, world: &Observe, depth: Depth) -> Observations {
    let at = Timestamp::now();
    let begun = Instant::now();
    let probes = stream::iter(to_probe(program, state))
        .map(|(key, effects)| async move { (key, look(&effects, world, depth).await) })
        .buffer_unordered(LOOKS_AT_ONCE)
        .collect::<BTreeMap<ResourceKey, Observed>>();
    let names: Vec<SystemName> = world.systems().cloned().collect();
    let facts = stream::iter(names)
        .map(|name| async move {
            let facts = world.facts(&name).await;
            (name, facts)
        })
        .buffer_unordered(LOOKS_AT_ONCE)
        .collect::<BTreeMap<_, _>>();
    let (resources, systems) = join(probes, facts).await;
    Observations {
        resources,
        systems,
        at,
        took: begun.elapsed(),
    }
}

/// The effects on each resource of the phases that are not closed.
fn to_probe<'a>(program: &'a Program, state: Option<&RunState>) -> BTreeMap<ResourceKey, Vec<&'a dyn DynEffect>> {
    let closed: BTreeSet<&PhaseId> = state
        .iter()
        .flat_map(|state| &state.phases)
        .filter(|(_, phase)| phase.is_closed())
        .map(|(id, _)| id)
        .collect();
    let mut probes: BTreeMap<ResourceKey, Vec<&dyn DynEffect>> = BTreeMap::new();
    let open = program.plan.phases.iter().filter(|phase| !closed.contains(&phase.id));
    for step in open.flat_map(|phase| &phase.steps) {
        if let Some(Behaviour::Effect(effect)) = program.behaviour(&step.id) {
            probes.entry(effect.address()).or_default().push(effect.as_ref());
        }
    }
    probes
}

/// Looks once, with all that any of them wants to know.
async fn look(effects: &[&dyn DynEffect], world: &Observe, depth: Depth) -> Observed {
    let Some((effect, others)) = effects.split_first() else {
        return Observed::NotLooked("no step moves it".to_owned());
    };
    match effect.probe_with(others, world, depth).await {
        Ok(Probed::Seen(state)) => Observed::Seen(state),
        Ok(Probed::Unreachable(reason)) => Observed::Unreachable(reason),
        Ok(Probed::NotLooked(reason)) => Observed::NotLooked(reason),
        Err(error) => Observed::Failed(causes(&error)),
    }
}
