//! What the language has and this version does not: a warning each; `apply` refuses such a plan before its first effect.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    kind::{self, Behaviour},
    model::{Assertion, DocPath, Finding, Findings, Plan, Step, StepId},
    source::file::SYSTEM_TYPES,
};

/// Values of a kind's keys that come later: kind, key, values.
const LATER_VALUES: &[(&str, &str, &[&str])] = &[
    ("lb.route", "writes", &["hold"]),
    ("api.check", "suites", &["v2_compat", "confluent", "v3_core", "auth"]),
];

/// Of these, what the kind itself can do and only real systems lack: kind, value. A rehearsal does it on twins.
const TWINS_HAVE: &[(&str, &str)] = &[("lb.route", "hold")];

/// Keys of systems that come later: type, place below the system.
const LATER_KEYS: &[(&str, &[&str])] = &[("nginx", &["hosts"])];

/// The code of the warnings of what the language has and this version does not.
pub const NOT_SUPPORTED_YET: &str = "plan::not_supported_yet";

fn warning(at: DocPath, what: &str) -> Finding {
    Finding::warning(NOT_SUPPORTED_YET, at, format!("{what} is not supported yet"))
        .help("`plan` shows it; `apply` refuses the plan before its first effect.")
}

/// All that was warned of, each with the phase, step or system that asks for it.
pub(super) fn lacking(plan: &Plan, found: &Findings) -> Vec<String> {
    let later = found.iter().filter(|finding| finding.code == NOT_SUPPORTED_YET);
    later
        .map(|finding| format!("{}: {}", asker(plan, &finding.at), finding.what))
        .collect()
}

/// Who stands at a place: the innermost of system, phase and step.
fn asker(plan: &Plan, at: &DocPath) -> String {
    let above = |outer: &DocPath| at.segments().starts_with(outer.segments());
    for phase in &plan.phases {
        if let Some(step) = phase
            .steps
            .iter()
            .chain(phase.rollback.iter().flatten())
            .find(|step| above(&step.at))
        {
            return format!("step `{}`", step.id);
        }
        if above(&phase.at) {
            return format!("phase `{}`", phase.id);
        }
    }
    let system = plan.systems.iter().find(|(_, declared)| above(&declared.at));
    system.map_or_else(|| "the plan".to_owned(), |(name, _)| format!("system `{name}`"))
}

/// Types of systems, and keys of theirs.
pub(super) fn systems(plan: &Plan, out: &mut Findings) {
    for declared in plan.systems.values() {
        let line = SYSTEM_TYPES.iter().find(|line| line.name == declared.kind);
        if line.is_some_and(|line| !line.supported) {
            out.push(warning(
                declared.at.key("type"),
                &format!("a system of type `{}`", declared.kind),
            ));
        }
        for (kind, keys) in LATER_KEYS.iter().filter(|(kind, _)| *kind == declared.kind) {
            let found = keys.iter().try_fold(&declared.spec, |now, key| now.get(key));
            if found.is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())) {
                let at = keys.iter().fold(declared.at.clone(), |at, key| at.key(*key));
                out.push(warning(at, &format!("`{}` of `{kind}`", keys.join("."))).on_key());
            }
        }
    }
}

/// Limits, gates, and `for` of assertions.
pub(super) fn phases(plan: &Plan, out: &mut Findings) {
    if plan.limits.read_gap.is_some() {
        let at = DocPath::root().key("limits").key("read_gap");
        out.push(warning(at, "a limit of the gap between reads").on_key());
    }
    for phase in &plan.phases {
        for gate in phase.gates.names() {
            out.push(warning(phase.at.key(gate), &format!("the gate `{gate}`")).on_key());
        }
        let steps = phase.steps.iter().chain(phase.rollback.iter().flatten());
        held(
            phase.checkpoint.iter().chain(steps.flat_map(|step| &step.checkpoint)),
            out,
        );
    }
}

fn held<'a>(assertions: impl Iterator<Item = &'a Assertion>, out: &mut Findings) {
    for assertion in assertions.filter(|assertion| assertion.held_for.is_some()) {
        let at = assertion.at.parent().unwrap_or_default().key("for");
        out.push(warning(at, "`for` of an assertion").on_key());
    }
}

/// Kinds, and values of theirs; a step that needs what does not exist loses its behaviour. Those that twins can do are returned.
pub(super) fn steps(
    plan: &Plan,
    behaviours: &mut BTreeMap<StepId, Behaviour>,
    out: &mut Findings,
) -> BTreeMap<StepId, Behaviour> {
    let mut on_twins = BTreeMap::new();
    for phase in &plan.phases {
        for step in phase.steps.iter().chain(phase.rollback.iter().flatten()) {
            if kind::is_later_kind(&step.uses) {
                out.push(warning(step.at.key("uses"), &format!("`{}`", step.uses)));
            }
            let asked = asked(step);
            if asked.is_empty() {
                continue;
            }
            let twins_have = |word: &str| TWINS_HAVE.contains(&(step.uses.as_str(), word));
            let all = asked.iter().all(|(_, word)| twins_have(word));
            if let Some(behaviour) = behaviours.remove(&step.id).filter(|_| all) {
                on_twins.insert(step.id.clone(), behaviour);
            }
            for (at, word) in asked {
                out.push(warning(at, &format!("`{word}` of `{}`", step.uses)));
            }
        }
    }
    on_twins
}

/// Whether a step asks for a part of its kind that comes later.
pub(super) fn asks(step: &Step) -> bool {
    !asked(step).is_empty()
}

fn asked(step: &Step) -> Vec<(DocPath, String)> {
    let mut found = Vec::new();
    for (_, key, later) in LATER_VALUES.iter().filter(|(kind, ..)| *kind == step.uses) {
        let at = step.at.key("with").key(*key);
        let later = |value: &Value| {
            value
                .as_str()
                .filter(|text| later.contains(text))
                .map(ToOwned::to_owned)
        };
        match step.with.get(key) {
            Some(Value::Array(list)) => {
                let words = list
                    .iter()
                    .enumerate()
                    .filter_map(|(index, value)| Some((at.index(index), later(value)?)));
                found.extend(words);
            }
            Some(value) => found.extend(later(value).map(|word| (at, word))),
            None => {}
        }
    }
    found
}
