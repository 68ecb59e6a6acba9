use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{DocPath, Finding, Findings};

/// Longest name: it becomes a part of file names, headers and generations.
const LONGEST: usize = 64;

/// Everything that has a name in the file, read before anything is decoded: a reference to something that has mistakes
/// of its own is no second mistake.
#[derive(Debug, Default)]
pub(in crate::source) struct Names {
    /// Every step with an id, in the order of the file, rollback lists included.
    pub steps: Vec<NamedStep>,
    /// Phases by id, with their number.
    pub phases: BTreeMap<String, usize>,
    /// Systems, with their type.
    pub systems: BTreeMap<String, String>,
    /// Variables.
    pub vars: Vec<String>,
    /// Secret variables.
    pub secrets: Vec<String>,
    /// Windows.
    pub windows: Vec<String>,
    /// Backends of all balancers.
    pub backends: Vec<String>,
    by_id: BTreeMap<String, usize>,
    phase_ids: Vec<(String, DocPath)>,
}

/// A step as far as anybody can read it.
#[derive(Debug)]
pub(in crate::source) struct NamedStep {
    pub id: String,
    pub uses: String,
    pub phase: usize,
    /// Whether it stands in a rollback list.
    pub back: bool,
    pub at: DocPath,
}

impl Names {
    /// Reads the names of a document.
    pub(in crate::source) fn read(document: &Value) -> Self {
        let mut names = Self {
            vars: keys(document.get("vars")),
            windows: keys(document.get("windows")),
            ..Self::default()
        };
        for (name, var) in document.get("vars").and_then(Value::as_object).into_iter().flatten() {
            if text(var, "type") == Some("secret") {
                names.secrets.push(name.clone());
            }
        }
        for (name, system) in document.get("systems").and_then(Value::as_object).into_iter().flatten() {
            let kind = text(system, "type").unwrap_or_default().to_owned();
            names.systems.insert(name.clone(), kind);
            names.backends.extend(keys(system.get("backends")));
        }
        let at = DocPath::root().key("phases");
        let phases = document.get("phases").and_then(Value::as_array);
        for (index, phase) in phases.into_iter().flatten().enumerate() {
            names.phase(phase, index, &at.index(index));
        }
        names
    }

    fn phase(&mut self, phase: &Value, index: usize, at: &DocPath) {
        if let Some(id) = text(phase, "id") {
            self.phase_ids.push((id.to_owned(), at.key("id")));
            self.phases.entry(id.to_owned()).or_insert(index);
        }
        for (list, back) in [("steps", false), ("rollback", true)] {
            let steps = phase.get(list).and_then(Value::as_array);
            for (number, step) in steps.into_iter().flatten().enumerate() {
                let Some(id) = text(step, "id") else { continue };
                self.by_id.entry(id.to_owned()).or_insert(self.steps.len());
                self.steps.push(NamedStep {
                    id: id.to_owned(),
                    uses: text(step, "uses").unwrap_or_default().to_owned(),
                    phase: index,
                    back,
                    at: at.key(list).index(number),
                });
            }
        }
    }

    /// The first step of that id.
    pub(in crate::source) fn step(&self, id: &str) -> Option<&NamedStep> {
        self.by_id.get(id).and_then(|index| self.steps.get(*index))
    }
}

fn keys(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_object)
        .map(|map| map.keys().cloned().collect())
        .unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// Names are well-formed and unique; whether all steps and phases are unique.
pub(super) fn check(names: &Names, out: &mut Findings) -> bool {
    let root = DocPath::root();
    let steps = names.steps.iter().map(|step| (step.id.as_str(), step.at.key("id")));
    let steps = unique("step", steps, out);
    let phases = unique(
        "phase",
        names.phase_ids.iter().map(|(id, at)| (id.as_str(), at.clone())),
        out,
    );
    let keys = [
        ("systems", "system", names.systems.keys().collect::<Vec<_>>()),
        ("vars", "variable", names.vars.iter().collect()),
    ];
    for (list, what, keys) in keys {
        for key in keys {
            if let Some(finding) = malformed(what, key, root.key(list).key(key.clone())) {
                out.push(finding.on_key());
            }
        }
    }
    steps && phases
}

fn unique<'a>(what: &str, ids: impl Iterator<Item = (&'a str, DocPath)>, out: &mut Findings) -> bool {
    let mut seen: BTreeMap<&str, DocPath> = BTreeMap::new();
    let mut all = true;
    for (id, at) in ids {
        if let Some(finding) = malformed(what, id, at.clone()) {
            out.push(finding);
        }
        if let Some(first) = seen.get(id) {
            let finding = Finding::error("plan::duplicate_id", at, format!("a second {what} has the id `{id}`"));
            let help = format!("Ids are unique in the whole plan: the journal knows a {what} by its id.");
            out.push(finding.help(help).related(first.clone(), "the first one"));
            all = false;
        } else {
            seen.insert(id, at);
        }
    }
    all
}

fn malformed(what: &str, name: &str, at: DocPath) -> Option<Finding> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if first && rest && name.len() <= LONGEST {
        return None;
    }
    let shown: String = name.chars().take(LONGEST).collect();
    let finding = Finding::error("plan::id", at, format!("`{shown}` cannot be the name of a {what}"));
    let fixed: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(LONGEST)
        .collect();
    let rule =
        format!("Names begin with a small letter and go on with small letters, digits and `_`, at most {LONGEST}");
    Some(finding.help(if fixed.is_empty() {
        format!("{rule}.")
    } else {
        format!("{rule}: `{fixed}`.")
    }))
}
