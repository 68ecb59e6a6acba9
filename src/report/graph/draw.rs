//! From a plan to boxes and arrows.

use std::collections::BTreeSet;

use super::{
    back,
    picture::{Cluster, Edge, Frame, Item, Node, Picture, Shape},
    text,
};
use crate::{
    kind::{Behaviour, Program},
    model::{Assertion, Class, Gates, OnFailure, Phase, Region, Step, StepId},
};

/// Draws a plan; `edges` are those that the order needs, inside each phase and each rollback list.
pub(super) fn draw(program: &Program, edges: &[(StepId, StepId)]) -> Picture {
    let mut drawing = Drawing {
        program,
        edges,
        picture: Picture {
            title: format!("{} ({})", program.plan.name, counts(program)),
            ..Picture::default()
        },
        last: None,
    };
    let mut phases = program.plan.phases.as_slice();
    while let Some((phase, rest)) = phases.split_first() {
        let framed =
            framed(program, phase).and_then(|region| Some((region, phases.split_at_checked(region.phases.len())?)));
        if let Some((region, (inside, after))) = framed {
            let items = inside.iter().flat_map(|phase| drawing.phase(phase)).collect();
            let region = Item::Cluster(Cluster {
                id: region_id(region),
                frame: Frame::Region,
                title: region_title(region),
                items,
            });
            drawing.picture.items.push(region);
            phases = after;
        } else {
            let items = drawing.phase(phase);
            drawing.picture.items.extend(items);
            phases = rest;
        }
    }
    back::draw(program, edges, &mut drawing.picture);
    drawing.picture
}

fn counts(program: &Program) -> String {
    let phases = &program.plan.phases;
    let steps = phases.iter().map(|phase| phase.steps.len()).sum();
    format!(
        "{}, {}",
        crate::report::counted(phases.len(), "phase"),
        crate::report::counted(steps, "step")
    )
}

/// The id of a step's box; ids of steps are unique in a plan, rollback lists included.
pub(super) fn step_id(step: &StepId) -> String {
    format!("s_{step}")
}

pub(super) fn phase_id(phase: &Phase) -> String {
    format!("p_{}", phase.id)
}

pub(super) fn region_id(region: &Region) -> String {
    format!("f_{}", region.first)
}

/// The region that begins with this phase, when one frame can stand around it: it holds whole phases, and no other
/// region touches them.
pub(super) fn framed<'a>(program: &'a Program, first: &Phase) -> Option<&'a Region> {
    let region = program
        .regions
        .iter()
        .find(|region| region.phases.first() == Some(&first.id))?;
    let mut others = program.regions.iter().filter(|other| other.first != region.first);
    let mut phases = program
        .plan
        .phases
        .iter()
        .filter(|phase| region.phases.contains(&phase.id));
    let alone = others.all(|other| other.phases.iter().all(|phase| !region.phases.contains(phase)));
    let whole = phases.all(|phase| phase.steps.iter().all(|step| region.steps.contains(&step.id)));
    (alone && whole).then_some(region)
}

fn region_title(region: &Region) -> String {
    let mut words = vec![format!("frozen region of {}", region.route)];
    words.push(match region.limits.freeze {
        Some(limit) => format!("{limit} allowed"),
        None => "without a limit".to_owned(),
    });
    words.extend(
        region
            .estimate
            .map(|estimate| format!("about {estimate}, as the steps estimate")),
    );
    words.join(" · ")
}

struct Drawing<'a> {
    program: &'a Program,
    edges: &'a [(StepId, StepId)],
    picture: Picture,
    /// The box with which the phase before ended.
    last: Option<String>,
}

impl Drawing<'_> {
    /// The gates of a phase and its frame; the arrows that lead to it and through it.
    fn phase(&mut self, phase: &Phase) -> Vec<Item> {
        let mut items = Vec::new();
        if let Some(gate) = gate(phase) {
            self.go_on_to(&gate.id);
            self.last = Some(gate.id.clone());
            items.push(Item::Node(gate));
        }
        let inside: BTreeSet<&StepId> = phase.steps.iter().map(|step| &step.id).collect();
        let edges: Vec<_> = self
            .edges
            .iter()
            .filter(|(before, _)| inside.contains(before))
            .collect();
        let ids = || phase.steps.iter().map(|step| &step.id);
        for first in ids().filter(|id| edges.iter().all(|(_, after)| after != *id)) {
            self.go_on_to(&step_id(first));
        }
        let arrows = edges
            .iter()
            .map(|(before, after)| Edge::forward(&step_id(before), &step_id(after)));
        self.picture.edges.extend(arrows);
        let ends: Vec<String> = ids()
            .filter(|id| edges.iter().all(|(before, _)| before != *id))
            .map(step_id)
            .collect();
        let mut boxes: Vec<Item> = phase
            .steps
            .iter()
            .map(|step| Item::Node(node(self.program, step)))
            .collect();
        if let Some(end) = end(phase, ends.len()) {
            let arrows = ends.iter().map(|step| Edge::forward(step, &end.id));
            self.picture.edges.extend(arrows);
            self.last = Some(end.id.clone());
            boxes.push(Item::Node(end));
        } else {
            self.last = ends.into_iter().next().or(self.last.take());
        }
        items.push(Item::Cluster(Cluster {
            id: phase_id(phase),
            frame: Frame::Phase,
            title: phase_title(phase),
            items: boxes,
        }));
        items
    }

    fn go_on_to(&mut self, next: &str) {
        if let Some(last) = &self.last {
            self.picture.edges.push(Edge::forward(last, next));
        }
    }
}

fn phase_title(phase: &Phase) -> String {
    match phase.on_failure {
        OnFailure::Stop => format!("phase {}", phase.id),
        OnFailure::Rollback => format!("phase {} · rolls back on failure", phase.id),
    }
}

/// All gates of a phase in one box: it begins when all are open.
fn gate(phase: &Phase) -> Option<Node> {
    let lines = gate_lines(&phase.gates);
    (!lines.is_empty()).then(|| Node {
        id: format!("g_{}", phase.id),
        shape: Shape::Gate,
        lines,
        frozen: false,
        no_return: false,
    })
}

fn gate_lines(gates: &Gates) -> Vec<String> {
    let member = |value: &serde_json::Value, name: &str| match value.get(name) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "?".to_owned(),
    };
    let window = gates.window.iter().map(|name| format!("window {name}"));
    let approval = gates.approval.iter().map(|approval| {
        let (count, signers) = (member(approval, "count"), member(approval, "signers"));
        format!("approval: {count} of {signers}")
    });
    let not_before = gates.not_before.iter().map(|gate| {
        let (wait, after) = (member(gate, "wait"), member(gate, "after"));
        format!("not before {wait} after {after}")
    });
    window.chain(approval).chain(not_before).collect()
}

/// What closes a phase: its checkpoint, or only that all of several last steps are done.
fn end(phase: &Phase, last_steps: usize) -> Option<Node> {
    if phase.checkpoint.is_empty() && last_steps < 2 {
        return None;
    }
    let mut lines = vec![
        if phase.checkpoint.is_empty() {
            "all done"
        } else {
            "checkpoint"
        }
        .to_owned(),
    ];
    lines.extend(phase.checkpoint.iter().map(assertion));
    Some(Node {
        id: format!("c_{}", phase.id),
        shape: Shape::Checkpoint,
        lines,
        frozen: false,
        no_return: false,
    })
}

fn assertion(assertion: &Assertion) -> String {
    let mut line = format!("assert {}", text::short(&assertion.expression));
    line.extend(assertion.within.map(|time| format!(" within {time}")));
    line.extend(assertion.held_for.map(|time| format!(" for {time}")));
    line
}

/// The box of a step, forward or in a rollback list.
pub(super) fn node(program: &Program, step: &Step) -> Node {
    let behaviour = program.behaviour(&step.id);
    let shape = match behaviour.map(Behaviour::class) {
        Some(Class::Effect) => Shape::Effect,
        Some(Class::Check) => Shape::Check,
        Some(Class::Capture) => Shape::Capture,
        Some(Class::Wait) => Shape::Wait,
        None => Shape::Later,
    };
    Node {
        id: step_id(&step.id),
        shape,
        lines: step_lines(program, step, shape),
        frozen: program.region_of(&step.id).is_some(),
        no_return: step.point_of_no_return,
    }
}

fn step_lines(program: &Program, step: &Step, shape: Shape) -> Vec<String> {
    let mut lines = vec![step.id.to_string(), step.uses.clone()];
    if shape == Shape::Later {
        lines.push("not supported yet".to_owned());
    }
    lines.extend(
        step.condition
            .iter()
            .map(|condition| format!("if {}", text::short(condition))),
    );
    lines.extend(step.provides.iter().map(|system| format!("provides {system}")));
    for region in &program.regions {
        if region.first == step.id {
            lines.push(format!("freezes {}", region.route));
        }
        if region.last == step.id {
            lines.push(format!("thaws {}", region.route));
        }
    }
    if let (Shape::Wait, Some(words)) = (shape, step.with.get("text").and_then(serde_json::Value::as_str)) {
        lines.push(format!("“{}”", text::short(words)));
    }
    lines.extend(step.checkpoint.iter().map(assertion));
    if step.point_of_no_return {
        lines.push("point of no return".to_owned());
    }
    lines
}
