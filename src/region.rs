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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{LoadOptions, load_text};

    const SYSTEMS: &str = "systems:\n  one: { type: nginx, url: \"http://lb\", config: n.conf, directory: d, socket: s, backends: { v2: [\"a:1\"], v3: [\"b:1\"] } }\n  two: { type: nginx, url: \"http://lc\", config: n.conf, directory: e, socket: t, backends: { v2: [\"a:1\"], v3: [\"b:1\"] } }\n";

    /// The regions of a plan of one phase per line; a line is a list of `ID BALANCER WRITES` and other steps.
    fn regions_of(phases: &[&[&str]]) -> Vec<Region> {
        let mut text = format!("regplan: v1\nname: demo\nlimits: {{ freeze: 2m }}\n{SYSTEMS}phases:\n");
        for (index, steps) in phases.iter().enumerate() {
            text.push_str(&format!("  - id: p{index}\n    steps:\n"));
            for step in *steps {
                let words: Vec<&str> = step.split(' ').collect();
                text.push_str(&match words.as_slice() {
                    [id, lb, writes] => format!(
                        "      - {{ id: {id}, uses: lb.route, with: {{ lb: {lb}, to: v2, writes: {writes} }} }}\n"
                    ),
                    [id, estimate] => format!(
                        "      - {{ id: {id}, uses: run.check, estimate: {estimate}, with: {{ command: [\"true\"] }} }}\n"
                    ),
                    _ => format!("      - {{ id: {step}, uses: run.check, with: {{ command: [\"true\"] }} }}\n"),
                });
            }
        }
        let loaded = load_text("plan.yaml", text, &LoadOptions::default());
        loaded
            .program
            .unwrap_or_else(|| panic!("{:#?}", loaded.findings))
            .regions
    }

    fn ends(regions: &[Region]) -> Vec<(&str, &str)> {
        regions
            .iter()
            .map(|region| (region.first.as_str(), region.last.as_str()))
            .collect()
    }

    #[test]
    fn a_region_goes_from_the_first_freeze_to_the_next_thaw_of_the_same_route() {
        let found = regions_of(&[
            &["start one allow", "deny one deny"],
            &["deeper one deny", "copy"],
            &["open one allow", "after", "again one allow"],
            &["later"],
        ]);
        assert_eq!(ends(&found), [("deny", "open")]);
        let phases: Vec<&str> = found[0].phases.iter().map(crate::model::PhaseId::as_str).collect();
        assert_eq!(phases, ["p0", "p1", "p2"]);
        let steps: Vec<&str> = found[0].steps.iter().map(StepId::as_str).collect();
        assert_eq!(steps, ["deny", "deeper", "copy", "open"]);
    }

    #[test]
    fn routes_of_two_balancers_are_frozen_each_for_itself() {
        let found = regions_of(&[
            &["deny_one one deny", "deny_two two deny"],
            &["open_one one allow", "open_two two allow"],
        ]);
        assert_eq!(ends(&found), [("deny_one", "open_one"), ("deny_two", "open_two")]);
    }

    #[test]
    fn a_route_can_be_frozen_again() {
        let found = regions_of(&[
            &["deny one deny", "open one allow"],
            &["deny_again one deny", "open_again one allow"],
        ]);
        assert_eq!(ends(&found), [("deny", "open"), ("deny_again", "open_again")]);
    }

    #[test]
    fn the_estimate_is_the_sum_of_what_stands_inside_or_not_known() {
        let estimate = |inner: &[&str]| {
            let steps: Vec<&str> = ["deny one deny"].iter().chain(inner).copied().collect();
            let open = ["open one allow", "after 1h"];
            regions_of(&[&steps, &open])[0]
                .estimate
                .map(|estimate| estimate.to_string())
        };
        assert_eq!(estimate(&["copy 20s", "compare 40s"]).as_deref(), Some("1m"));
        assert_eq!(estimate(&["copy 20s", "compare"]), None);
        assert_eq!(estimate(&[]), None);
    }
}
