//! Where the way back out of a frozen region ends: with writes allowed, and with none of them lost in silence.

use super::{
    View,
    frozen::{about, place},
};
use crate::model::{DocPath, Finding, Findings, Phase, Region, Step, StepId};

/// What a region's way back does with writes. `complete`: whether every step could be read.
pub(super) fn check(view: &View<'_>, region: &Region, complete: bool, out: &mut Findings) {
    conditions(view, region, out);
    stays_frozen(view, region, complete, out);
    leaves_writes(view, region, out);
}

/// A skipped thaw leaves writes denied; a skipped freeze lets writes pass while the content moves, and none of them would
/// come along. Both are errors: the region stands on these two steps.
fn conditions(view: &View<'_>, region: &Region, out: &mut Findings) {
    let both = [
        (
            &region.first,
            "plan::conditional_freeze",
            "writes go on while the content moves",
        ),
        (&region.last, "plan::conditional_thaw", "writes stay frozen"),
    ];
    for (id, code, then) in both {
        let Some(step) = forward(view, id).filter(|step| step.condition.is_some()) else {
            continue;
        };
        let what = format!("when this is false, `{id}` is skipped and {then}");
        let finding = Finding::error(code, step.at.key("if"), what);
        let help =
            "Remove it: what freezes and what allows writes again always runs. Put the condition on other steps.";
        out.push(about(view, region, finding.help(help)));
    }
}

/// The list of the phase that freezes runs last on every way back, and is the only one that runs on each: it must allow
/// writes itself.
fn stays_frozen(view: &View<'_>, region: &Region, complete: bool, out: &mut Findings) {
    let phase = view.plan.phases.iter().find(|phase| holds(phase, &region.first));
    let Some((phase, list)) = phase.and_then(|phase| Some((phase, phase.rollback.as_ref()?))) else {
        return;
    };
    let last = list.iter().rev().find(|step| is_route(view, region, &step.id));
    let (at, what) = match last {
        Some(step) if freezes(view, region, &step.id) => {
            let what = format!("the way back ends with `{}`, and writes stay frozen", step.id);
            (place_of_writes(step), what)
        }
        None if complete => {
            let what = format!("the way back of phase `{}` does not allow writes again", phase.id);
            (phase.at.key("rollback"), what)
        }
        Some(_) | None => return,
    };
    let finding = Finding::error("plan::way_back_stays_frozen", at, what);
    let help = "End the list with an `lb.route` step with `writes: allow`: it replaces the derived way back, and it is the \
                last to run when the frozen region goes back.";
    out.push(about(view, region, finding.help(help)));
}

/// The derived way back knows the route as it was, and nothing of what clients wrote since.
fn leaves_writes(view: &View<'_>, region: &Region, out: &mut Findings) {
    let phase = view.plan.phases.iter().find(|phase| holds(phase, &region.last));
    let Some(phase) = phase.filter(|phase| phase.rollback.is_none()) else {
        return;
    };
    let Some(opened) = opens_another(view, region) else {
        return;
    };
    let reach = view.graph.reach();
    let later = phase
        .steps
        .iter()
        .find(|step| step.id != region.last && !reach.is_before(&step.id, &region.last));
    let asserted = phase
        .steps
        .iter()
        .filter(|step| step.id == region.last)
        .flat_map(|step| &step.checkpoint)
        .chain(&phase.checkpoint)
        .next();
    let Some(cause) = later
        .map(|step| step.at.key("id"))
        .or_else(|| asserted.map(|assertion| assertion.at.clone()))
    else {
        return;
    };
    let what = format!(
        "a failure after `{}` goes back and leaves behind what {opened} took",
        region.last
    );
    let finding = Finding::warning("plan::way_back_leaves_writes", place(view, &region.last, "id"), what);
    let help = "Put what looks at it into a later phase, or write a `rollback:` list.";
    out.push(finding.related(cause, "this can fail after it").help(help));
}

/// The backend that the thaw opens, when it is not known to be the one that was frozen.
fn opens_another<'a>(view: &View<'a>, region: &Region) -> Option<&'a str> {
    // `to` is the one word by which every kind that moves a route names its backend; absent, it stays where it was.
    let named = |steps: &[StepId]| {
        let last = steps.iter().rev().filter(|id| is_route(view, region, id));
        last.filter_map(|id| forward(view, id)?.with.get("to")?.as_str()).next()
    };
    let order = view.graph.order();
    let start = order.iter().position(|id| *id == region.first)?;
    let frozen = named(order.get(..=start)?);
    let opened = named(region.steps.get(1..)?)?;
    (frozen != Some(opened)).then_some(opened)
}

fn is_route(view: &View<'_>, region: &Region, id: &StepId) -> bool {
    let thaws = view.touches.get(id).and_then(|touches| touches.thaws.as_ref());
    thaws == Some(&region.route) || freezes(view, region, id)
}

fn freezes(view: &View<'_>, region: &Region, id: &StepId) -> bool {
    let freezes = view.touches.get(id).and_then(|touches| touches.freezes.as_ref());
    freezes == Some(&region.route)
}

fn holds(phase: &Phase, id: &StepId) -> bool {
    phase.steps.iter().any(|step| step.id == *id)
}

fn forward<'a>(view: &View<'a>, id: &StepId) -> Option<&'a Step> {
    view.plan
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .find(|step| step.id == *id)
}

fn place_of_writes(step: &Step) -> DocPath {
    step.at.key("with").key("writes")
}
