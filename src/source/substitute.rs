//! Puts variables into values. A value that names a secret becomes the reference `{"$secret": "<template>"}`.

use serde_json::{Value, json};

use super::template::{Piece, is_template, pieces};
use crate::model::{DocPath, Finding, Findings, Segment, Vars, suggest};

/// What `${run.id}` says before the first apply.
pub(super) const RUN_NOT_KNOWN: &str = "(run id, known at the first apply)";

/// What `${…}` may name.
pub(super) struct Names<'a> {
    pub vars: &'a Vars,
    /// Declared names, whether they have a value or not.
    pub declared: &'a [&'a str],
    pub run: &'a str,
    pub environment: &'a str,
}

/// Substitutes in the whole document, but not in `vars:`, in names at its root, and in expressions.
pub(super) fn substitute(document: &mut Value, names: &Names<'_>, out: &mut Findings) {
    let mut walk = Walk {
        names,
        path: Vec::new(),
        out,
    };
    let Some(root) = document.as_object_mut() else { return };
    for (key, value) in root {
        if !["regplan", "name", "description", "vars"].contains(&key.as_str()) {
            walk.below(Segment::Key(key.clone()), value, key == "phases");
        }
    }
}

struct Walk<'a> {
    names: &'a Names<'a>,
    path: Vec<Segment>,
    out: &'a mut Findings,
}

impl Walk<'_> {
    fn below(&mut self, segment: Segment, value: &mut Value, structure: bool) {
        self.path.push(segment);
        self.visit(value, structure);
        self.path.pop();
    }

    /// `structure`: between `phases` and `with`, where `if` and `assert` are expressions.
    fn visit(&mut self, value: &mut Value, structure: bool) {
        match value {
            Value::String(text) => {
                if is_template(text)
                    && let Some(resolved) = self.text(text)
                {
                    *value = resolved;
                }
            }
            Value::Array(list) => {
                for (index, item) in list.iter_mut().enumerate() {
                    self.below(Segment::Index(index), item, structure);
                }
            }
            Value::Object(map) => {
                for (key, item) in map {
                    if structure && (key == "if" || key == "assert") {
                        continue;
                    }
                    self.below(Segment::Key(key.clone()), item, structure && key != "with");
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str) -> Option<Value> {
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(unclosed) => {
                let finding = Finding::error("plan::reference", self.at(), "`${` without its `}`");
                let help = "Close the brace, or write `$${` for the two characters themselves.";
                self.out.push(finding.inside(unclosed.at).help(help));
                return None;
            }
        };
        if let [Piece::Reference(name, at)] = pieces.as_slice() {
            return match self.look_up(name, at)? {
                Found::Value(value) => Some(value),
                Found::Secret => Some(json!({ "$secret": format!("${{{name}}}") })),
            };
        }
        let mut found = Vec::new();
        for piece in pieces {
            found.push(match piece {
                Piece::Text(text) => Ok(text),
                Piece::Reference(name, at) => match self.look_up(&name, &at)? {
                    Found::Value(Value::String(text)) => Ok(text),
                    Found::Value(value) => Ok(value.to_string()),
                    Found::Secret => Err(format!("${{{name}}}")),
                },
            });
        }
        Some(joined(found))
    }

    fn at(&self) -> DocPath {
        self.path.iter().fold(DocPath::root(), |at, segment| match segment {
            Segment::Key(key) => at.key(key.clone()),
            Segment::Index(index) => at.index(*index),
        })
    }

    fn look_up(&mut self, name: &str, inside: &std::ops::Range<usize>) -> Option<Found> {
        match name.split_once('.') {
            Some(("vars", var)) => {
                if let Some(value) = self.names.vars.values.get(var) {
                    return Some(Found::Value(value.clone()));
                }
                if self.names.vars.secrets.contains_key(var) {
                    return Some(Found::Secret);
                }
                // A declared variable without a value has its own finding.
                if !self.names.declared.contains(&var) {
                    let finding = Finding::error("plan::reference", self.at(), format!("there is no variable `{var}`"));
                    let help = suggest::help(var, self.names.declared, "The plan declares");
                    let help = help.unwrap_or_else(|| "Declare it under `vars:`.".to_owned());
                    self.out.push(finding.inside(inside.clone()).help(help));
                }
                None
            }
            Some(("run", "id")) => Some(Found::Value(self.names.run.into())),
            Some(("run", "environment")) => Some(Found::Value(self.names.environment.into())),
            _ => {
                let what = format!("`${{{name}}}` is nothing that a value can name");
                let finding = Finding::error("plan::reference", self.at(), what).inside(inside.clone());
                let declared = self.names.declared.contains(&name);
                self.out.push(finding.help(if declared {
                    format!("Did you mean `${{vars.{name}}}`?")
                } else {
                    "Values may name `vars.NAME`, `run.id` and `run.environment`; `$${` stands for the characters `${`."
                        .to_owned()
                }));
                None
            }
        }
    }
}

enum Found {
    Value(Value),
    Secret,
}

/// Plain text, or a template when a part of it is a secret (`Err`).
fn joined(parts: Vec<Result<String, String>>) -> Value {
    if parts.iter().all(Result::is_ok) {
        return parts.into_iter().flatten().collect::<String>().into();
    }
    let template: String = parts
        .into_iter()
        .map(|part| match part {
            Ok(text) => text.replace("${", "$${"),
            Err(reference) => reference,
        })
        .collect();
    json!({ "$secret": template })
}
