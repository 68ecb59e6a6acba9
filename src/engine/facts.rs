use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    expr::Expression,
    journal::{RunState, StepState},
    kind::Program,
    model::{BackendName, PhaseId, StepId, SystemName},
};

/// Whose facts are asked for.
#[derive(Clone, Copy)]
pub struct FactsOf<'a> {
    /// The plan.
    pub program: &'a Program,
    /// What the journal says; `None` before the first apply.
    pub state: Option<&'a RunState>,
    /// The live facts of the systems.
    pub systems: &'a BTreeMap<SystemName, Value>,
    /// The environment.
    pub environment: &'a str,
    /// The phase in which an expression stands: it decides `run.attempt`.
    pub phase: &'a PhaseId,
}

/// What that expression reads of `{systems, steps, vars, run}`, and nothing else: a judgement costs what it names, however
/// long the plan is. A fact that is not known is absent.
pub fn facts(of: FactsOf<'_>, expression: &Expression) -> Value {
    let mut tree = [
        ("systems", Map::new()),
        ("steps", Map::new()),
        ("vars", Map::new()),
        ("run", run_facts(of)),
    ];
    for (path, _) in expression.names() {
        let mut path = path.iter().map(String::as_str);
        let (Some(root), name) = (path.next(), path.next()) else {
            continue;
        };
        for (key, facts) in &mut tree {
            if *key == root {
                name_facts(of, root, name, path.next(), facts);
            }
        }
    }
    tree.into_iter()
        .map(|(key, facts)| (key.to_owned(), Value::Object(facts)))
        .collect::<Map<_, _>>()
        .into()
}

/// Adds what `root.name` reads; all of `root` without a name.
fn name_facts(of: FactsOf<'_>, root: &str, name: Option<&str>, below: Option<&str>, into: &mut Map<String, Value>) {
    let vars = &of.program.plan.vars.values;
    match (root, name) {
        ("systems", Some(name)) => put(into, name, of.systems.get(name)),
        ("systems", None) => {
            for (name, facts) in of.systems {
                put(into, name.as_str(), Some(facts));
            }
        }
        ("vars", Some(name)) => put(into, name, vars.get(name)),
        ("vars", None) => {
            for (name, value) in vars {
                put(into, name, Some(value));
            }
        }
        ("steps", Some(name)) => put(into, name, outputs(of.state, name)),
        ("steps", None) => {
            for (step, known) in attempts(of.state) {
                put(into, step.as_str(), known.outputs());
            }
        }
        ("run", Some("written")) => written(of.state, below, into),
        _ => {}
    }
}

fn put(into: &mut Map<String, Value>, name: &str, value: Option<&Value>) {
    if let Some(value) = value {
        into.insert(name.to_owned(), value.clone());
    }
}

/// The recorded outputs of a step in the attempts that go on.
pub(super) fn outputs<'a>(state: Option<&'a RunState>, step: &str) -> Option<&'a Value> {
    state?
        .phases
        .values()
        .filter_map(|phase| phase.current.as_ref())
        .find_map(|attempt| attempt.steps.get(step)?.outputs())
}

fn attempts(state: Option<&RunState>) -> impl Iterator<Item = (&StepId, &StepState)> {
    state
        .into_iter()
        .flat_map(|state| state.phases.values())
        .filter_map(|phase| phase.current.as_ref())
        .flat_map(|attempt| &attempt.steps)
}

fn run_facts(of: FactsOf<'_>) -> Map<String, Value> {
    let attempt = of
        .state
        .and_then(|state| state.phase(of.phase))
        .map_or(1, crate::journal::PhaseState::attempt);
    let mut run = Map::new();
    run.insert("environment".to_owned(), json!(of.environment));
    run.insert("attempt".to_owned(), json!(attempt));
    if let Some(state) = of.state {
        run.insert("id".to_owned(), json!(state.run));
        run.insert("started".to_owned(), json!(state.started.to_string()));
    }
    run
}

/// `run.written.<backend>`: without a journal nothing was let through.
fn written(state: Option<&RunState>, backend: Option<&str>, run: &mut Map<String, Value>) {
    let known = run.entry("written").or_insert_with(|| json!({}));
    if let (Some(known), Some(backend)) = (known.as_object_mut(), backend) {
        let name = BackendName::from(backend);
        let written = state.is_some_and(|state| state.written(&name));
        known.insert(backend.to_owned(), json!(written));
    }
}
