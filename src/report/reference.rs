//! The reference of the plan language for people: Markdown from the JSON Schemas, the table of kinds and the facts.

use std::fmt::Write as _;

use serde_json::Value;

use super::explain::{KindText, choices, resolve, type_of};
use crate::model::Class;

/// How deep keys are shown as `auth.basic.user`; schemas of ours are not deeper.
const DEPTH: usize = 4;

/// The mappings of a plan in the order to read them; others follow by name.
const ORDER: &[&str] = &[
    "Variable",
    "SecretSource",
    "Limits",
    "Phase",
    "Step",
    "Retry",
    "Assertion",
    "Approval",
    "NotBefore",
    "Window",
];

/// All that the reference says.
#[derive(Debug, Clone, Copy)]
pub struct Reference<'a> {
    /// The JSON Schema of the plan file.
    pub plan: &'a Value,
    /// The types of systems.
    pub systems: &'a [SystemSection<'a>],
    /// What the run itself says.
    pub run_facts: &'a [FactRow<'a>],
    /// The kinds of this version.
    pub kinds: &'a [KindText<'a>],
    /// The kinds of later versions.
    pub later: &'a [&'a str],
    /// The texts of plans to take examples from, in order.
    pub plans: &'a [(&'a str, &'a str)],
}

/// A type of system.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemSection<'a> {
    /// `apicurio`.
    pub name: &'a str,
    /// Whether this version can talk to it.
    pub supported: bool,
    /// The schema of its keys without `type`.
    pub spec: &'a Value,
    /// What expressions may read of it.
    pub facts: Vec<FactRow<'a>>,
}

/// A path, its type, and what it says.
pub type FactRow<'a> = (&'a str, &'a str, &'a str);

/// The reference as one Markdown document.
pub fn markdown(reference: &Reference<'_>) -> String {
    let mut text = String::from(FRONT);
    structure(&mut text, reference.plan);
    text.push_str("\n## Systems\n\n`systems:` holds one mapping per name, with a `type`:\n");
    for system in reference.systems {
        self::system(&mut text, system);
    }
    text.push_str("\n## Facts of the run\n\nExpressions read them as `run.…`; values may name them as `${run.…}`.\n\n");
    facts(&mut text, "run", reference.run_facts);
    text.push_str("\n## Kinds of steps\n");
    for one in reference.kinds {
        kind(&mut text, one, reference.plans);
    }
    let later: Vec<String> = reference.later.iter().map(|name| format!("`{name}`")).collect();
    push(
        &mut text,
        format_args!(
            "\n### Not supported yet\n\n{}.\n\nA plan may name them: `validate` warns, `plan` shows them, and `apply` refuses the \
             plan before it does anything.",
            later.join(", ")
        ),
    );
    text
}

const FRONT: &str = "\
<!-- Written by `regplan schema --reference` from the types of the program: change those, then run the tests with
     UPDATE_SCHEMAS=1. -->

# Reference of the plan language

A plan is one YAML file. Editors complete it by `schemas/plan.v1.json`; `regplan explain KIND` shows one kind in the
terminal. Unknown keys are errors. In types, *duration* is a whole number and a unit (`500ms`, `90s`, `5m`, `48h`, `7d`),
and *secret text* is text in which `${vars.NAME}` may name a secret.
";

/// The plan itself and its mappings.
fn structure(text: &mut String, plan: &Value) {
    text.push_str("\n## The plan file\n\n");
    let keys = Keys {
        root: plan,
        links: true,
        is_input: true,
    };
    keys.table(text, plan);
    let Some(definitions) = plan.get("$defs").and_then(Value::as_object) else {
        return;
    };
    let mut names: Vec<&str> = ORDER
        .iter()
        .copied()
        .filter(|name| definitions.contains_key(*name))
        .collect();
    names.retain(|name| is_mapping(plan, name));
    for name in names {
        let Some(schema) = definitions.get(name) else { continue };
        push(text, format_args!("\n## {}\n\n{}\n", title(name), description(schema)));
        keys.table(text, schema);
    }
}

fn system(text: &mut String, system: &SystemSection<'_>) {
    let about = if system.supported {
        description(resolve(system.spec, system.spec))
    } else {
        "Not supported yet.".to_owned()
    };
    push(text, format_args!("\n### `{}`\n\n{about}\n", system.name));
    keys_of(system.spec, true).table(text, system.spec);
    push(text, format_args!("\nFacts:\n"));
    facts(text, "systems.NAME", &system.facts);
}

fn facts(text: &mut String, prefix: &str, facts: &[FactRow<'_>]) {
    text.push_str("| fact | type | says |\n| --- | --- | --- |\n");
    for (path, of_type, about) in facts {
        push(
            text,
            format_args!("| `{prefix}.{path}` | {of_type} | {} |", cell(about)),
        );
    }
}

fn kind(text: &mut String, kind: &KindText<'_>, plans: &[(&str, &str)]) {
    let class = match kind.class {
        Class::Effect => "An *effect*: it moves one resource to a target",
        Class::Check => "A *check*: it gives a verdict",
        Class::Capture => "A *capture*: it is taken once per attempt",
        Class::Wait => "A *wait*: it waits for something or somebody",
    };
    push(
        text,
        format_args!("\n### `{}`\n\n{} {class}.\n", kind.name, line(kind.about)),
    );
    keys_of(kind.spec, true).table(text, kind.spec);
    push(
        text,
        format_args!("\nOutputs, which expressions read as `steps.ID.…`:\n"),
    );
    keys_of(kind.output, false).table(text, kind.output);
    let example = plans
        .iter()
        .find_map(|(name, plan)| example(plan, kind.name).map(|example| (name, example)));
    if let Some((name, example)) = example {
        push(text, format_args!("\nFrom `{name}`:\n\n```yaml\n{example}```"));
    }
}

/// The first step of a kind as it is written in a plan, moved to the left; the end of a step is the next line that is not
/// indented more than its dash.
fn example(plan: &str, kind: &str) -> Option<String> {
    let lines: Vec<&str> = plan.lines().collect();
    let uses = format!("uses: {kind}");
    let is_it = |text: &&str| {
        text.split_once(&uses).is_some_and(|(before, after)| {
            !before.contains('#')
                && !after.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '.')
        })
    };
    let found = lines.iter().position(is_it)?;
    let start = (0..=found)
        .rev()
        .find(|at| lines.get(*at).is_some_and(|text| text.trim_start().starts_with("- ")))?;
    let margin = indent(lines.get(start)?);
    let rest = lines.get(start + 1..)?;
    let more = rest
        .iter()
        .take_while(|text| !text.trim().is_empty() && indent(text) > margin);
    let mut example = String::new();
    for text in lines.get(start).into_iter().chain(more) {
        example.push_str(text.get(margin..).unwrap_or_default());
        example.push('\n');
    }
    Some(example)
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Walks through the properties of a schema.
struct Keys<'a> {
    root: &'a Value,
    /// Whether a mapping has its own section that is linked to; otherwise its keys follow, dotted.
    links: bool,
    /// Whether somebody writes them: only then is it worth saying which are required.
    is_input: bool,
}

fn keys_of(schema: &Value, is_input: bool) -> Keys<'_> {
    Keys {
        root: schema,
        links: false,
        is_input,
    }
}

impl Keys<'_> {
    fn table(&self, text: &mut String, schema: &Value) {
        let mut rows = Vec::new();
        self.rows(&mut rows, "", schema, 0);
        if rows.is_empty() {
            text.push_str("None.\n");
            return;
        }
        text.push_str(if self.is_input {
            "| key | type | required | meaning |\n| --- | --- | :---: | --- |\n"
        } else {
            "| output | type | meaning |\n| --- | --- | --- |\n"
        });
        for row in rows {
            text.push_str(&row);
        }
    }

    fn rows(&self, rows: &mut Vec<String>, prefix: &str, schema: &Value, depth: usize) {
        let schema = resolve(self.root, schema);
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        for (name, property) in properties {
            let key = format!("{prefix}{name}");
            let (of_type, meaning) = (cell(&self.type_of(property)), cell(&self.meaning(property)));
            rows.push(if self.is_input {
                let required = if required.contains(&name.as_str()) { "yes" } else { "" };
                format!("| `{key}` | {of_type} | {required} | {meaning} |\n")
            } else {
                format!("| `{key}` | {of_type} | {meaning} |\n")
            });
            if !self.links && depth < DEPTH {
                let inner = resolve(self.root, property);
                match inner.get("items") {
                    Some(items) => self.rows(rows, &format!("{key}[]."), items, depth + 1),
                    None => self.rows(rows, &format!("{key}."), inner, depth + 1),
                }
            }
        }
    }

    /// `duration`, `list of [step](#step)`, `string`.
    fn type_of(&self, schema: &Value) -> String {
        if let Some(name) = definition(schema) {
            let target = resolve(self.root, schema);
            if self.links && is_mapping(self.root, name) {
                return if ORDER.contains(&name) {
                    format!(
                        "[{0}](#{1})",
                        title(name).to_lowercase(),
                        title(name).to_lowercase().replace(' ', "-")
                    )
                } else {
                    format!("[{0}](#{0}s)", title(name).to_lowercase())
                };
            }
            if target.get("type") == Some(&Value::from("string")) && choices(target).is_empty() {
                return title(name).to_lowercase();
            }
        }
        let target = resolve(self.root, schema);
        if !choices(target).is_empty() {
            return "choice".to_owned();
        }
        let is = |name: &str| match target.get("type") {
            Some(Value::Array(names)) => names.contains(&name.into()),
            Some(one) => one == name,
            None => false,
        };
        match (target.get("items"), target.get("additionalProperties")) {
            (Some(items), _) if is("array") => format!("list of {}", self.type_of(items)),
            (_, Some(values @ Value::Object(_))) if is("object") => format!("mapping of {}", self.type_of(values)),
            _ => type_of(self.root, target).replace("array", "list"),
        }
    }

    /// The description, the choices with theirs, and the default.
    fn meaning(&self, property: &Value) -> String {
        let target = resolve(self.root, property);
        let mut meaning = match description(property) {
            own if own.is_empty() => description(target),
            own => own,
        };
        let listed = target.get("items").map_or(target, |items| resolve(self.root, items));
        // A list of all kinds is a chapter of its own.
        let options = listed.get("oneOf").and_then(Value::as_array).filter(|options| {
            options
                .iter()
                .all(|option| option.get("const").is_some() && options.len() < 12)
        });
        for option in options.into_iter().flatten() {
            if let Some(name) = option.get("const").and_then(Value::as_str) {
                let _infallible = write!(meaning, " `{name}`: {}", description(option));
            }
        }
        if options.is_none() && listed.get("enum").is_some() {
            let names: Vec<String> = choices(listed).iter().map(|name| format!("`{name}`")).collect();
            let _infallible = write!(meaning, " One of {}.", names.join(", "));
        }
        if let Some(default) = property.get("default").filter(|default| is_worth_saying(default)) {
            let _infallible = write!(meaning, " Default: `{default}`.");
        }
        meaning.trim().to_owned()
    }
}

/// Absent, empty and false go without saying.
fn is_worth_saying(default: &Value) -> bool {
    match default {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Number(_) | Value::String(_) => true,
    }
}

/// The name of the definition that a schema, or its only choice besides null, refers to.
fn definition(schema: &Value) -> Option<&str> {
    let referring = match schema.get("anyOf").and_then(Value::as_array) {
        Some(options) => options.iter().find(|option| option.get("$ref").is_some())?,
        None => schema,
    };
    referring.get("$ref")?.as_str()?.rsplit('/').next()
}

fn is_mapping(root: &Value, name: &str) -> bool {
    root.get("$defs")
        .and_then(|definitions| definitions.get(name))
        .is_some_and(|schema| schema.get("properties").is_some())
}

/// `Secret source` of `SecretSource`.
fn title(name: &str) -> String {
    let mut title = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            title.push(' ');
            title.extend(letter.to_lowercase());
        } else {
            title.push(letter);
        }
    }
    title
}

fn description(schema: &Value) -> String {
    line(schema.get("description").and_then(Value::as_str).unwrap_or_default())
}

/// One line of several.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text that does not end its cell of a table.
fn cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _infallible = text.write_fmt(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_one_whole_step_and_not_a_kind_whose_name_only_begins_so() {
        let plan = "    steps:\n      - id: a\n        uses: run.command\n        with:\n          command: [x]\n      - { id: b, uses: run.check }\n";
        assert_eq!(
            example(plan, "run.command").as_deref(),
            Some("- id: a\n  uses: run.command\n  with:\n    command: [x]\n")
        );
        assert_eq!(
            example(plan, "run.check").as_deref(),
            Some("- { id: b, uses: run.check }\n")
        );
        assert_eq!(example(plan, "run.chec"), None);
        assert_eq!(example(plan, "lb.route"), None);
    }

    #[test]
    fn a_bar_in_a_description_stays_in_its_cell() {
        assert_eq!(cell("a | b\nc"), "a \\| b c");
    }
}
