//! Variables: `--var` before `--var-file` before `default:`, each of its declared type.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    file::{VarFile, VarType},
    template::{Piece, pieces},
};
use crate::model::{DocPath, Finding, Findings, PlanDuration, PlanDurationError, SecretSource, Vars, suggest};

/// A value from outside the plan, with the words for where it came from.
pub(super) struct Given {
    pub value: Value,
    pub from: String,
    /// Whether it is text whose type has to be read (`--var`).
    pub is_text: bool,
}

/// All values from outside by name: later files and `--var` replace earlier ones.
pub(super) fn given(files: Vec<(String, Map<String, Value>)>, vars: &[(String, String)]) -> BTreeMap<String, Given> {
    let mut given = BTreeMap::new();
    for (file, values) in files {
        for (name, value) in values {
            let from = file.clone();
            given.insert(
                name,
                Given {
                    value,
                    from,
                    is_text: false,
                },
            );
        }
    }
    for (name, text) in vars {
        let value = Value::String(text.clone());
        let from = "--var".to_owned();
        given.insert(
            name.clone(),
            Given {
                value,
                from,
                is_text: true,
            },
        );
    }
    given
}

/// The value of every declared variable.
pub(super) fn resolve(
    declared: &BTreeMap<String, VarFile>,
    names: &[&str],
    given: &BTreeMap<String, Given>,
    out: &mut Findings,
) -> Vars {
    let mut vars = Vars::default();
    let at = DocPath::root().key("vars");
    for (name, given) in given.iter().filter(|(name, _)| !names.contains(&name.as_str())) {
        let what = format!("{} gives `{name}`, which the plan does not declare", given.from);
        let finding = Finding::error("plan::unknown_variable", at.clone(), what);
        let help = suggest::help(name, names, "The plan declares");
        out.push(finding.help(help.unwrap_or_else(|| "Declare it under `vars:`.".to_owned())));
    }
    for (name, var) in declared {
        let at = at.key(name.clone());
        if let Some(finding) = reference(var, &at) {
            out.push(finding);
        }
        let found = if var.kind == VarType::Secret {
            secret(name, var, given.get(name), &at).map(|source| {
                vars.secrets.insert(name.clone(), source);
            })
        } else {
            plain(name, var, given.get(name), &at).map(|value| {
                vars.values.insert(name.clone(), value);
            })
        };
        if let Err(finding) = found {
            out.push(*finding);
        }
    }
    vars
}

/// A default that names a variable as if it were replaced there. A warning: `${…}` may be meant for a shell, and names of
/// ours hardly ever are.
fn reference(var: &VarFile, at: &DocPath) -> Option<Finding> {
    let text = var.default.as_ref()?.as_str()?;
    let found = pieces(text).ok()?.into_iter().find_map(|piece| match piece {
        Piece::Reference(name, bytes) if name.starts_with("vars.") || name.starts_with("run.") => Some(bytes),
        Piece::Reference(..) | Piece::Text(_) => None,
    })?;
    let shown = text.get(found.clone()).unwrap_or_default();
    let what = format!("`{shown}` is not replaced in a default: it stays these characters");
    let finding = Finding::warning("plan::reference_in_default", at.key("default"), what).inside(found);
    Some(finding.help("Put both variables together where the value is used."))
}

fn secret(name: &str, var: &VarFile, given: Option<&Given>, at: &DocPath) -> Result<SecretSource, Box<Finding>> {
    let error =
        |at: DocPath, what: &str, help: &str| Err(Box::new(Finding::error("plan::secret_source", at, what).help(help)));
    if let Some(given) = given {
        let what = format!("`{name}` is a secret and {} gives its value in the clear", given.from);
        return error(
            at.clone(),
            &what,
            "Put it where `from:` reads it: an environment variable, a file or a command.",
        );
    }
    if var.default.is_some() {
        let help = "Remove it: a plan holds no secrets.";
        return error(at.key("default"), "a secret has no default", help);
    }
    let Some(source) = &var.from else {
        let help = "Add `from: { env: NAME }`, `from: { file: PATH }` or `from: { command: [PROGRAM, …] }`.";
        return error(at.clone(), "a secret needs `from`", help);
    };
    let ways = [source.env.is_some(), source.file.is_some(), source.command.is_some()];
    if ways.iter().filter(|set| **set).count() != 1 || source.command.as_ref().is_some_and(Vec::is_empty) {
        let help = "Write exactly one of `env`, `file` and `command`.";
        return error(at.key("from"), "a secret comes from exactly one place", help);
    }
    Ok(source.clone())
}

fn plain(name: &str, var: &VarFile, given: Option<&Given>, at: &DocPath) -> Result<Value, Box<Finding>> {
    if var.from.is_some() {
        let finding = Finding::error("plan::secret_source", at.key("from"), "only a secret has `from`");
        return Err(Box::new(
            finding.help("Write `type: secret`, or pass the value with `--var` or `--var-file`."),
        ));
    }
    let (value, place, from) = match (given, &var.default) {
        (Some(given), _) if given.is_text => (from_text(&given.value, var.kind), at.clone(), given.from.as_str()),
        (Some(given), _) => (given.value.clone(), at.clone(), given.from.as_str()),
        (None, Some(default)) => (default.clone(), at.key("default"), "`default`"),
        (None, None) => {
            let finding = Finding::error("plan::no_value", at.clone(), format!("`{name}` has no value"));
            let help = format!("Add a `default:`, or pass `--var {name}=…`.");
            return Err(Box::new(finding.help(help)));
        }
    };
    let fits = match var.kind {
        VarType::String | VarType::Secret => value.is_string(),
        VarType::Number => value.is_number(),
        VarType::Boolean => value.is_boolean(),
        VarType::Duration => value.as_str().is_some_and(|text| text.parse::<PlanDuration>().is_ok()),
    };
    if fits {
        return Ok(value);
    }
    if var.kind == VarType::Duration
        && let Some(Err(error @ PlanDurationError::TooLong(_))) = value.as_str().map(str::parse::<PlanDuration>)
    {
        return Err(Box::new(Finding::error("plan::duration", place, error.to_string())));
    }
    let (wanted, help) = match var.kind {
        VarType::String | VarType::Secret => ("text", "Quote it."),
        VarType::Number => ("a number", "Write it without quotes."),
        VarType::Boolean => ("true or false", "Write `true` or `false`."),
        VarType::Duration => (
            "a duration",
            "Write a whole number and a unit, such as 500ms, 90s, 5m, 48h or 7d.",
        ),
    };
    let what = format!("the value of `{name}` from {from} is not {wanted}");
    Err(Box::new(Finding::error("plan::variable_type", place, what).help(help)))
}

/// What a text of `--var` stands for; the text itself when it stands for nothing of that type.
fn from_text(value: &Value, kind: VarType) -> Value {
    let text = value.as_str().unwrap_or_default();
    let read = match kind {
        VarType::Number => serde_json::from_str(text).ok().filter(Value::is_number),
        VarType::Boolean => text.parse().ok().map(Value::Bool),
        VarType::String | VarType::Duration | VarType::Secret => None,
    };
    read.unwrap_or_else(|| value.clone())
}
