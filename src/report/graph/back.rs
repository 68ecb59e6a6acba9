//! The ways back of a plan: rollback lists, and what is derived from the steps.

use super::{
    draw::{framed, node, phase_id, region_id, step_id},
    picture::{Cluster, Edge, Frame, Item, Node, Picture, Shape},
};
use crate::{
    kind::Program,
    model::{OnFailure, Phase, PhaseId, Step, StepId},
};

/// Draws them behind the phases, each with a dashed arrow from where a failure leaves.
pub(super) fn draw(program: &Program, edges: &[(StepId, StepId)], picture: &mut Picture) {
    for phase in &program.plan.phases {
        match &phase.rollback {
            Some(list) if !list.is_empty() => listed(program, phase, list, edges, picture),
            Some(_) | None if phase.on_failure == OnFailure::Rollback => derived(program, phase, picture),
            Some(_) | None => {}
        }
    }
}

/// A rollback list in a frame of its own.
fn listed(program: &Program, phase: &Phase, list: &[Step], edges: &[(StepId, StepId)], picture: &mut Picture) {
    let has = |id: &StepId| list.iter().any(|step| &step.id == id);
    let inside = || edges.iter().filter(|(before, _)| has(before));
    let label = match phase.on_failure {
        OnFailure::Rollback => "on failure",
        OnFailure::Stop => "if it is rolled back",
    };
    let firsts = list.iter().filter(|step| inside().all(|(_, after)| after != &step.id));
    let out = firsts.map(|step| leave(phase, &phase_id(phase), step_id(&step.id), label));
    picture.edges.extend(out);
    let arrows = inside().map(|(before, after)| Edge::forward(&step_id(before), &step_id(after)));
    picture.edges.extend(arrows);
    picture.items.push(Item::Cluster(Cluster {
        id: format!("r_{}", phase.id),
        frame: Frame::WayBack,
        title: format!("way back of {}", phase.id),
        items: list.iter().map(|step| Item::Node(node(program, step))).collect(),
    }));
}

/// A way back without a list. The phases of a frozen region go back together, so they share one box, and where one frame
/// stands around them one arrow.
fn derived(program: &Program, phase: &Phase, picture: &mut Picture) {
    let region = program.regions.iter().find(|region| region.phases.contains(&phase.id));
    let first = region.and_then(|region| region.phases.first()).unwrap_or(&phase.id);
    let id = format!("b_{first}");
    let known = picture
        .items
        .iter()
        .any(|item| matches!(item, Item::Node(node) if node.id == id));
    let frame = framed_from(program, first).map(region_id);
    if !known {
        picture.items.push(Item::Node(Node {
            id: id.clone(),
            shape: Shape::WayBack,
            lines: vec![
                format!("back to before {first}"),
                "derived: each step is undone, the last first".to_owned(),
            ],
            frozen: false,
            no_return: false,
        }));
    }
    if !known || frame.is_none() {
        let out_of = frame.unwrap_or_else(|| phase_id(phase));
        picture.edges.push(leave(phase, &out_of, id, "on failure"));
    }
}

fn framed_from<'a>(program: &'a Program, first: &PhaseId) -> Option<&'a crate::model::Region> {
    let phase = program.plan.phases.iter().find(|phase| &phase.id == first)?;
    framed(program, phase)
}

fn leave(phase: &Phase, out_of: &str, to: String, label: &'static str) -> Edge {
    Edge {
        from: phase
            .steps
            .last()
            .map_or_else(|| phase_id(phase), |step| step_id(&step.id)),
        out_of: Some(out_of.to_owned()),
        to,
        label: Some(label),
    }
}
