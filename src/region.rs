//! The frozen regions of a plan, computed from its routes. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::model::{Plan, PlanDuration, Region, ResourceKey, StepId, Touches};

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
            found.frozen.push(region(plan, route, steps, touches));
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
fn region(plan: &Plan, route: &ResourceKey, steps: &[StepId], touches: &BTreeMap<StepId, Touches>) -> Region {
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
        estimate: estimate(plan, &inside, touches),
    }
}

/// The sum of what the steps say that they take; `None` as soon as one says nothing, except those that move the route itself.
fn estimate(plan: &Plan, inside: &BTreeSet<&StepId>, touches: &BTreeMap<StepId, Touches>) -> Option<PlanDuration> {
    let is_route = |step: &StepId| {
        touches
            .get(step)
            .is_some_and(|it| it.freezes.is_some() || it.thaws.is_some())
    };
    let steps = plan
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .filter(|step| inside.contains(&step.id));
    let (mut sum, mut said) = (Duration::ZERO, false);
    for step in steps {
        match step.estimate {
            Some(estimate) => (sum, said) = (sum + estimate.get(), true),
            None if is_route(&step.id) => {}
            None => return None,
        }
    }
    said.then(|| PlanDuration::new(sum))
}
