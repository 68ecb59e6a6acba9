use std::collections::BTreeMap;

use super::later;
use crate::{
    kind::{self, Behaviour, KNOWN_LATER_KINDS, Kind},
    model::{Finding, Findings, Plan, Step, StepId, Touches, suggest},
    source::{
        explain::whole,
        shape::{Broken, Schemas},
    },
};

/// What the kinds make of the steps.
pub(in crate::source) struct Decoded {
    pub behaviours: BTreeMap<StepId, Behaviour>,
    pub touches: BTreeMap<StepId, Touches>,
    /// Whether every step whose kind exists could be decoded.
    pub complete: bool,
}

/// Decodes the `with:` of every step.
pub(super) fn decode(plan: &Plan, schemas: &mut Schemas, out: &mut Findings) -> Decoded {
    let mut decoded = Decoded {
        behaviours: BTreeMap::new(),
        touches: BTreeMap::new(),
        complete: true,
    };
    for phase in &plan.phases {
        for step in phase.steps.iter().chain(phase.rollback.iter().flatten()) {
            let kind = kind::find(&step.uses);
            access(step, kind, out);
            let Some(kind) = kind else {
                decoded.complete &= unknown(step, out);
                continue;
            };
            if let Some(behaviour) = behaviour(step, kind, schemas, out) {
                decoded.touches.insert(step.id.clone(), behaviour.touches());
                decoded.behaviours.insert(step.id.clone(), behaviour);
            } else {
                decoded.complete &= later::asks(step);
            }
        }
    }
    decoded
}

fn behaviour(step: &Step, kind: &Kind, schemas: &mut Schemas, out: &mut Findings) -> Option<Behaviour> {
    match (kind.decode)(step) {
        Ok(behaviour) => Some(behaviour),
        // What asks for a part that does not exist yet is any mapping, like a kind that does not exist yet.
        Err(_) if later::asks(step) => None,
        Err(error) => {
            let at = step.at.key("with");
            let broken = vec![Broken::new(&at, &error.path, &error.source)];
            let schema = || whole(kind.spec_schema);
            for finding in schemas.mistakes(kind.name, schema, &step.with, &at, broken) {
                out.push(finding);
            }
            None
        }
    }
}

/// Whether the kind is one of a later version.
fn unknown(step: &Step, out: &mut Findings) -> bool {
    if kind::is_later_kind(&step.uses) {
        return true;
    }
    let finding = Finding::error(
        "plan::unknown_kind",
        step.at.key("uses"),
        format!("there is no kind `{}`", step.uses),
    );
    let names: Vec<&str> = kind::names().chain(KNOWN_LATER_KINDS.iter().copied()).collect();
    out.push(match suggest::help(&step.uses, &names, "The kinds are") {
        Some(help) => finding.help(help),
        None => finding,
    });
    false
}

/// `reads` and `writes` belong to kinds whose author declares what they touch.
fn access(step: &Step, kind: Option<&Kind>, out: &mut Findings) {
    let declares = kind.map_or_else(|| !kind::is_later_kind(&step.uses), |kind| kind.declares_access);
    if declares {
        return;
    }
    for (key, set) in [("reads", &step.reads), ("writes", &step.writes)] {
        if !set.is_empty() {
            let what = format!("`{}` computes what it touches", step.uses);
            let finding = Finding::error("plan::computed_access", step.at.key(key), what).on_key();
            out.push(finding.help(format!("Remove `{key}:`; only `run.*` declares it.")));
        }
    }
}

/// Where in `with:` a name stands, for findings about what the kind makes of it.
pub(super) fn place_in_with(step: &Step, name: &str) -> crate::model::DocPath {
    let with = step.at.key("with");
    for (key, value) in step.with.as_object().into_iter().flatten() {
        if value.as_str() == Some(name) {
            return with.key(key.clone());
        }
        let inside = value
            .as_array()
            .and_then(|list| list.iter().position(|item| item.as_str() == Some(name)));
        if let Some(index) = inside {
            return with.key(key.clone()).index(index);
        }
    }
    let written = step.with.as_object().is_some_and(|map| !map.is_empty());
    if written { with } else { step.at.clone() }
}
