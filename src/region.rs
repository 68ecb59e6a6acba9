//! The frozen regions of a plan, computed from its routes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Plan, Region, ResourceKey, StepId, Touches};

/// What the routes of a plan say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Regions {
    /// In the order of their first steps.
    pub frozen: Vec<Region>,
    /// Routes that are frozen and never thawed, with the step that freezes.
    pub endless: Vec<(ResourceKey, StepId)>,
}

/// From each step that freezes a route to the next forward step that thaws it, in program order.
pub fn regions(plan: &Plan, order: &[StepId], touches: &BTreeMap<StepId, Touches>) -> Regions {
    let mut found = Regions::default();
    let mut frozen: BTreeMap<ResourceKey, usize> = BTreeMap::new();
    for (position, step) in order.iter().enumerate() {
        let Some(touched) = touches.get(step) else { continue };
        if let Some(route) = &touched.freezes {
            frozen.entry(route.clone()).or_insert(position);
        }
        if let Some(route) = &touched.thaws
            && let Some(first) = frozen.remove(route)
            && let Some(steps) = order.get(first..=position)
        {
            found.frozen.push(region(plan, route, steps));
        }
    }
    let position = |region: &Region| order.iter().position(|step| step == &region.first);
    found.frozen.sort_by_key(position);
    found.endless = frozen
        .into_iter()
        .filter_map(|(route, first)| order.get(first).map(|step| (route, step.clone())))
        .collect();
    found
}

/// `steps` is never empty: it begins with the step that freezes and ends with the one that thaws.
fn region(plan: &Plan, route: &ResourceKey, steps: &[StepId]) -> Region {
    let inside: BTreeSet<&StepId> = steps.iter().collect();
    let phases = plan
        .phases
        .iter()
        .filter(|phase| phase.steps.iter().any(|step| inside.contains(&step.id)))
        .map(|phase| phase.id.clone())
        .collect();
    Region {
        route: route.clone(),
        first: steps.first().cloned().unwrap_or_else(|| "".into()),
        last: steps.last().cloned().unwrap_or_else(|| "".into()),
        phases,
        steps: steps.to_vec(),
        limits: plan.limits,
    }
}
