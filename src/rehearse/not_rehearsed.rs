//! What a rehearsal leaves out or only records, and what follows from that; nothing is left out without being named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    expr::Expression,
    kind::Program,
    model::{Assertion, Phase, Plan, Step, StepId},
};

/// Something of the plan that is not exercised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRehearsed {
    /// A step, a system, a gate, an assertion, a limit or a secret, by its name in the plan.
    pub what: String,
    /// Why, or what is done instead.
    pub why: String,
}

impl fmt::Display for NotRehearsed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "not rehearsed: {} ({})", self.what, self.why)
    }
}

fn not(what: impl Into<String>, why: impl Into<String>) -> NotRehearsed {
    NotRehearsed {
        what: what.into(),
        why: why.into(),
    }
}

/// Makes a program that a rehearsal can run: gates are open, steps that this version cannot do are recorded, and so are steps
/// that need what those did not do; assertions about them are left out. Returns all of it, in the order of the plan.
pub(super) fn leave_out(program: &mut Program) -> Vec<NotRehearsed> {
    let mut left = systems(&program.plan);
    let absent = steps(program, &mut left);
    for phase in &mut program.plan.phases {
        open_gates(phase, &mut left);
        for step in phase.steps.iter_mut().chain(phase.rollback.iter_mut().flatten()) {
            let of = format!("checkpoint of `{}`", step.id);
            if absent.contains(&step.id) {
                // What is only recorded is recorded whatever its condition says, and has made nothing true.
                step.condition = None;
                left.extend(
                    step.checkpoint
                        .drain(..)
                        .map(|assertion| not(format!("{of}: {}", assertion.expression), "its step is not done")),
                );
            }
            assertions(&mut step.checkpoint, &of, &absent, &mut left);
        }
        let of = format!("checkpoint of `{}`", phase.id);
        assertions(&mut phase.checkpoint, &of, &absent, &mut left);
    }
    // What is left of it is nothing that a rehearsal cannot do, and all of it has been named.
    program.unsupported.clear();
    left
}

/// Systems that only have recorded answers, limits that nobody watches, and secrets.
fn systems(plan: &Plan) -> Vec<NotRehearsed> {
    let mut left = Vec::new();
    for (name, declared) in &plan.systems {
        let kind = &declared.kind;
        if super::recorded::facts(kind, &declared.spec).is_some() {
            left.push(not(
                format!("system `{name}`, {kind}"),
                "a stand-in with recorded answers",
            ));
        }
    }
    for name in plan.vars.secrets.keys() {
        left.push(not(
            format!("secret `{name}`"),
            "its source is not read; a dummy is used",
        ));
    }
    if plan.limits.read_gap.is_some() {
        left.push(not(
            "limit `read_gap`",
            "it is measured, and a longer gap is no failure",
        ));
    }
    left
}

fn open_gates(phase: &mut Phase, left: &mut Vec<NotRehearsed>) {
    for gate in phase.gates.names() {
        let name = match (gate, &phase.gates.window) {
            ("window", Some(window)) => format!("gate window {window} of `{}`", phase.id),
            _ => format!("gate {gate} of `{}`", phase.id),
        };
        left.push(not(name, "open in a rehearsal"));
    }
    phase.gates = crate::model::Gates::default();
}

/// Records the steps that cannot be done; who they are.
fn steps(program: &mut Program, left: &mut Vec<NotRehearsed>) -> BTreeSet<StepId> {
    let all: Vec<Step> = program.plan.phases.iter().flat_map(of_phase).cloned().collect();
    let mut reasons: BTreeMap<StepId, String> = BTreeMap::new();
    for step in &all {
        if !program.do_on_twins(&step.id) {
            reasons.insert(step.id.clone(), why(step).to_owned());
        }
    }
    // Who needs an absent step is absent too, and who needs that one.
    loop {
        let more: Vec<_> = (all.iter())
            .filter(|step| !reasons.contains_key(&step.id))
            .filter_map(|step| Some((step.id.clone(), needs_absent(program, step, &reasons)?)))
            .collect();
        if more.is_empty() {
            break;
        }
        reasons.extend(more);
    }
    for step in &all {
        if let Some(reason) = reasons.get(&step.id) {
            let found = not(format!("step `{}`, {}", step.id, step.uses), reason.clone());
            program.stand_in(&step.id, found.to_string());
            left.push(found);
        }
    }
    reasons.into_keys().collect()
}

fn of_phase(phase: &Phase) -> impl Iterator<Item = &Step> {
    phase.steps.iter().chain(phase.rollback.iter().flatten())
}

fn why(step: &Step) -> &'static str {
    if crate::kind::find(&step.uses).is_some() {
        "this version's kind does not have what it asks for"
    } else {
        "this version has no such kind"
    }
}

fn needs_absent(program: &Program, step: &Step, absent: &BTreeMap<StepId, String>) -> Option<String> {
    let inputs = program.touches(&step.id).inputs;
    if let Some(input) = inputs.iter().find(|input| absent.contains_key(*input)) {
        return Some(format!("it needs what `{input}` would give"));
    }
    let input = reads(step.condition.as_deref()?)
        .into_iter()
        .find(|input| absent.contains_key(input))?;
    Some(format!("its condition reads what `{input}` would give"))
}

/// The steps whose outputs an expression reads; one that cannot be parsed is judged, and told, by the run.
fn reads(expression: &str) -> BTreeSet<StepId> {
    let names = Expression::parse(expression).map(|expression| expression.names());
    names
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(path, _)| match path.as_slice() {
            [root, step, ..] if root == "steps" => Some(StepId::new(step.clone())),
            _ => None,
        })
        .collect()
}

fn assertions(list: &mut Vec<Assertion>, of: &str, absent: &BTreeSet<StepId>, left: &mut Vec<NotRehearsed>) {
    list.retain(|assertion| {
        let Some(step) = reads(&assertion.expression).intersection(absent).next().cloned() else {
            return true;
        };
        left.push(not(
            format!("{of}: {}", assertion.expression),
            format!("it reads what `{step}` would give"),
        ));
        false
    });
    for assertion in list.iter().filter(|assertion| assertion.held_for.is_some()) {
        left.push(not(
            format!("`for` of {of}: {}", assertion.expression),
            "it is judged once",
        ));
    }
}
