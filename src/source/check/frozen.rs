use super::{View, way_back};
use crate::{
    model::{Finding, Findings, OnFailure, Region, StepId},
    region::Regions,
    source::build::Built,
};

/// Later kinds that wait for hours: known by name, since they have no behaviour to ask.
const LATER_WAITS: &[&str] = &["metrics.watch"];

/// What may stand between a freeze and its thaw.
pub(super) fn check(view: &View<'_>, built: &[Built], regions: &Regions, complete: bool, out: &mut Findings) {
    for (route, first) in regions.endless.iter().filter(|_| complete) {
        let finding = Finding::error(
            "plan::endless_freeze",
            place(view, first, "id"),
            format!("`{first}` freezes writes on {route}, and no later step allows them again"),
        );
        out.push(finding.help("Add an `lb.route` step with `writes: allow` after it."));
    }
    for region in &regions.frozen {
        gates(view, region, out);
        persons(view, region, out);
        stops(view, built, region, out);
        no_return(view, region, out);
        way_back::check(view, region, complete, out);
        limit(view, region, out);
    }
}

pub(super) fn place(view: &View<'_>, step: &StepId, key: &str) -> crate::model::DocPath {
    view.names
        .step(step.as_str())
        .map(|named| named.at.key(key))
        .unwrap_or_default()
}

pub(super) fn about(view: &View<'_>, region: &Region, finding: Finding) -> Finding {
    finding
        .related(place(view, &region.first, "id"), "writes are frozen from here")
        .related(place(view, &region.last, "id"), "to here")
}

fn gates(view: &View<'_>, region: &Region, out: &mut Findings) {
    for phase in view
        .plan
        .phases
        .iter()
        .filter(|phase| region.phases.iter().skip(1).any(|id| *id == phase.id))
    {
        for gate in phase.gates.names() {
            let what = format!(
                "the gate `{gate}` of phase `{}` would stop the plan while writes are frozen",
                phase.id
            );
            let finding = Finding::error("plan::gate_in_freeze", phase.at.key(gate), what).on_key();
            let help = "Move it to the phase in which the freeze begins: gates stand before its first step.";
            out.push(about(view, region, finding.help(help)));
        }
    }
}

fn persons(view: &View<'_>, region: &Region, out: &mut Findings) {
    let inner = region
        .steps
        .iter()
        .filter(|step| **step != region.first && **step != region.last);
    for id in inner {
        let person = view.touches.get(id).is_some_and(|touches| touches.needs_person);
        let waits = view
            .names
            .step(id.as_str())
            .is_some_and(|named| LATER_WAITS.contains(&named.uses.as_str()));
        if person || waits {
            let what = format!("`{id}` would wait while writes are frozen");
            let finding = Finding::error("plan::wait_in_freeze", place(view, id, "uses"), what);
            let help = "Put it before the step that freezes, or after the one that allows writes again.";
            out.push(about(view, region, finding.help(help)));
        }
    }
}

fn stops(view: &View<'_>, built: &[Built], region: &Region, out: &mut Findings) {
    let stopping = built.iter().filter(|built| built.on_failure == Some(OnFailure::Stop));
    for phase in stopping
        .map(|built| &built.phase)
        .filter(|phase| region.phases.contains(&phase.id))
    {
        let what = format!("phase `{}` would stop with writes frozen", phase.id);
        let finding = Finding::error("plan::stop_in_freeze", phase.at.key("on_failure"), what);
        let help = "Remove it: inside the frozen region a failure always rolls back.";
        out.push(about(view, region, finding.help(help)));
    }
}

fn no_return(view: &View<'_>, region: &Region, out: &mut Findings) {
    let steps = view
        .plan
        .phases
        .iter()
        .filter(|phase| region.phases.contains(&phase.id));
    for step in steps
        .flat_map(|phase| &phase.steps)
        .filter(|step| step.point_of_no_return)
    {
        let what = format!(
            "`{}` would end the way back of phases that must be able to go back",
            step.id
        );
        let finding = Finding::error("plan::no_return_in_freeze", step.at.key("point_of_no_return"), what);
        let help = "Put it into a later phase: a failure in these phases always goes back.";
        out.push(about(view, region, finding.on_key().help(help)));
    }
}

fn limit(view: &View<'_>, region: &Region, out: &mut Findings) {
    if view.plan.limits.freeze.is_some() {
        return;
    }
    let what = "nothing limits how long writes are frozen from here";
    let finding = Finding::warning("plan::no_freeze_limit", place(view, &region.first, "id"), what);
    out.push(
        finding.help("Add `limits: { freeze: 2m }` to the plan: when the way back needs what is left, it starts."),
    );
}
