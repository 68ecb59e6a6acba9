use std::collections::BTreeMap;

use super::{View, references::no_such};
use crate::{
    expr::Expression,
    graph::Reach,
    kind,
    model::{Assertion, DocPath, Finding, Findings, Step, suggest},
    source::{
        explain::whole,
        file::{COMMON_FACTS, RUN_FACTS, SYSTEM_TYPES},
        mistakes::secret_printed,
    },
};

/// Where expressions begin.
const ROOTS: &[&str] = &["systems", "steps", "vars", "run"];

/// When an expression is evaluated.
#[derive(Clone, Copy)]
enum When<'a> {
    /// When all steps of this phase are done.
    Closing(usize),
    /// Right before this step.
    Before(&'a Step),
    /// When this step has settled.
    After(&'a Step),
    /// On the way back: everything that ran may have outputs.
    Back,
}

/// Every expression parses and names facts that exist when it is evaluated.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let mut rules = Rules {
        view,
        reach: view.graph.reach(),
        outputs: BTreeMap::new(),
        out,
    };
    for (index, phase) in view.plan.phases.iter().enumerate() {
        for step in &phase.steps {
            rules.condition(step, When::Before(step));
            rules.assertions(&step.checkpoint, When::After(step));
        }
        rules.assertions(&phase.checkpoint, When::Closing(index));
        for step in phase.rollback.iter().flatten() {
            rules.condition(step, When::Back);
            rules.assertions(&step.checkpoint, When::Back);
        }
    }
}

struct Rules<'a> {
    view: &'a View<'a>,
    reach: Reach<'a>,
    /// Output fields by kind, made when they are asked for.
    outputs: BTreeMap<&'static str, Vec<String>>,
    out: &'a mut Findings,
}

impl Rules<'_> {
    fn assertions(&mut self, assertions: &[Assertion], when: When<'_>) {
        for assertion in assertions {
            self.expression(&assertion.expression, &assertion.at, when);
        }
    }

    fn condition(&mut self, step: &Step, when: When<'_>) {
        if let Some(condition) = &step.condition {
            self.expression(condition, &step.at.key("if"), when);
        }
    }

    fn expression(&mut self, text: &str, at: &DocPath, when: When<'_>) {
        if let Some(start) = text.find("${") {
            let end = text
                .get(start..)
                .and_then(|rest| rest.find('}'))
                .map_or(text.len(), |end| start + end + 1);
            let finding = Finding::error("plan::expression", at.clone(), "`${…}` has no meaning in an expression");
            let help = "Expressions name variables directly: `vars.NAME`.";
            self.out.push(finding.inside(start..end).help(help));
            return;
        }
        let parsed = match Expression::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let inside = text.get(error.at.clone()).unwrap_or_default();
                let finding = Finding::error("plan::expression", at.clone(), error.to_string()).inside(error.at);
                let single = inside == "=";
                self.out.push(if single {
                    finding.help("Write `==` to compare.")
                } else {
                    finding
                });
                return;
            }
        };
        if let Some((kind, bytes)) = parsed.no_truth() {
            let part = text.get(bytes.clone()).unwrap_or_default();
            let what = format!("`{part}` is {kind}, not true or false");
            let finding = Finding::error("plan::expression", at.clone(), what);
            self.out.push(
                finding
                    .inside(bytes)
                    .help("Compare it with something, such as `… == 2`."),
            );
        }
        for (path, bytes) in parsed.names() {
            if let Some(finding) = self.name(&path, at, when) {
                self.out.push(finding.inside(bytes));
            }
        }
    }

    fn name(&mut self, path: &[String], at: &DocPath, when: When<'_>) -> Option<Finding> {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["systems", name, fact @ ..] => self.system(name, fact, at),
            ["steps", name, field @ ..] => self.step(name, field.first().copied(), at, when),
            ["vars", name, ..] => self.variable(name, at),
            ["run", fact @ ..] => self.run(fact, at),
            [root] if ROOTS.contains(root) => None,
            [root, ..] => Some(unknown_fact(at, root, ROOTS, "Facts begin with")),
            [] => None,
        }
    }

    fn system(&self, name: &str, fact: &[&str], at: &DocPath) -> Option<Finding> {
        let systems = &self.view.names.systems;
        let Some(kind) = systems.get(name) else {
            let names: Vec<&str> = systems.keys().map(String::as_str).collect();
            return Some(no_such("plan::unknown_system", at.clone(), "system", name, &names));
        };
        let line = SYSTEM_TYPES.iter().find(|line| line.name == kind)?;
        let known: Vec<&str> = COMMON_FACTS.iter().chain(line.facts).map(|fact| fact.path).collect();
        let asked = fact.join(".");
        let exists = asked.is_empty()
            || known
                .iter()
                .any(|known| *known == asked || known.strip_prefix(&asked).is_some_and(|rest| rest.starts_with('.')));
        let what = format!("A system of type `{kind}` says");
        (!exists).then(|| unknown_fact(at, &asked, &known, &what))
    }

    fn step(&mut self, name: &str, field: Option<&str>, at: &DocPath, when: When<'_>) -> Option<Finding> {
        let Some(named) = self.view.names.step(name) else {
            let names: Vec<&str> = self.view.names.steps.iter().map(|named| named.id.as_str()).collect();
            return Some(no_such("plan::unknown_step", at.clone(), "step", name, &names));
        };
        if !self.has_run(name, named.back, named.phase, when) {
            let finding = Finding::error(
                "plan::not_yet",
                at.clone(),
                format!("`{name}` has not run when this is evaluated"),
            );
            let finding = finding.related(named.at.key("id"), "it stands here");
            return Some(match when {
                When::Before(step) => finding.help(format!("Add `{name}` to the `needs` of `{}`.", step.id)),
                When::Closing(_) | When::After(_) | When::Back => {
                    finding.help("Move the expression to where the step is done.")
                }
            });
        }
        let kind = kind::find(&named.uses)?;
        let known = self
            .outputs
            .entry(kind.name)
            .or_insert_with(|| fields(&whole(kind.output_schema)));
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let field = field.filter(|field| !known.contains(field))?;
        Some(unknown_fact(at, field, &known, &format!("`{}` hands on", kind.name)))
    }

    fn has_run(&self, name: &str, back: bool, phase: usize, when: When<'_>) -> bool {
        let id = name.into();
        match when {
            When::Back => true,
            _ if back => false,
            When::Closing(closing) => phase <= closing,
            When::Before(step) => self.reach.is_before(&id, &step.id),
            When::After(step) => id == step.id || self.reach.is_before(&id, &step.id),
        }
    }

    fn variable(&self, name: &str, at: &DocPath) -> Option<Finding> {
        let names = &self.view.names;
        if names.secrets.iter().any(|secret| secret == name) {
            return Some(secret_printed(at.clone()));
        }
        if names.vars.iter().any(|var| var == name) {
            return None;
        }
        let vars: Vec<&str> = names.vars.iter().map(String::as_str).collect();
        Some(no_such("plan::reference", at.clone(), "variable", name, &vars))
    }

    fn run(&self, fact: &[&str], at: &DocPath) -> Option<Finding> {
        match fact {
            [] | ["written"] => None,
            ["written", backend] => {
                let names: Vec<&str> = self.view.names.backends.iter().map(String::as_str).collect();
                let unknown = !names.contains(backend);
                unknown.then(|| no_such("plan::unknown_backend", at.clone(), "backend", backend, &names))
            }
            [known] if RUN_FACTS.iter().any(|fact| fact.path == *known) => None,
            _ => {
                let known: Vec<&str> = RUN_FACTS.iter().map(|fact| fact.path).collect();
                Some(unknown_fact(at, &fact.join("."), &known, "A run says"))
            }
        }
    }
}

fn unknown_fact(at: &DocPath, name: &str, known: &[&str], what: &str) -> Finding {
    let finding = Finding::error(
        "plan::unknown_fact",
        at.clone(),
        format!("there is no fact `{name}` here"),
    );
    match suggest::help(name, known, what) {
        Some(help) => finding.help(help),
        None => finding,
    }
}

/// The top-level fields of an output schema.
fn fields(schema: &serde_json::Value) -> Vec<String> {
    let target = schema.get("$ref").and_then(|target| target.as_str()?.strip_prefix('#'));
    let schema = target.and_then(|target| schema.pointer(target)).unwrap_or(schema);
    let properties = schema.get("properties").and_then(serde_json::Value::as_object);
    properties.map(|map| map.keys().cloned().collect()).unwrap_or_default()
}
