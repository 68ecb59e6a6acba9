//! What `explain` shows: the fields and outputs of a kind, from its JSON Schemas.

use serde_json::Value;

use super::{
    Look,
    layout::{Line, Page, wrap},
};
use crate::model::Class;

/// Schemas of ours are trees a few levels deep; this ends one that refers to itself.
const DEPTH: usize = 4;

/// Fewest columns for words.
const WORDS: usize = 24;

/// A kind with the schemas of its fields and outputs.
#[derive(Debug, Clone, Copy)]
pub struct KindText<'a> {
    /// `lb.route`.
    pub name: &'a str,
    /// One line.
    pub about: &'a str,
    /// How it behaves.
    pub class: Class,
    /// The schema of `with:`.
    pub spec: &'a Value,
    /// The schema of its outputs.
    pub output: &'a Value,
}

/// The kinds of this version, each with its line, and the names of later ones.
pub fn list(kinds: &[(&str, &str)], later: &[&str], look: &Look) -> String {
    let mut page = Page::default();
    let column = kinds.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0) + 2;
    for (name, about) in kinds {
        let mut line = Line::default().painted(name, &look.paint.bold(name));
        for words in wrap(about, look.width.saturating_sub(column).max(WORDS)) {
            page.push(std::mem::take(&mut line).pad_to(column).plain(&words));
        }
    }
    if !later.is_empty() {
        page.push(Line::default());
        let text = format!("Not supported yet: {}.", later.join(", "));
        for line in wrap(&text, look.width.max(WORDS)) {
            page.push(Line::default().painted(&line, &look.paint.dim(&line)));
        }
    }
    page.finish()
}

/// One kind.
pub fn kind(kind: &KindText<'_>, look: &Look) -> String {
    let mut page = Page::default();
    let class = match kind.class {
        Class::Effect => "effect: moves one resource to a target",
        Class::Check => "check: gives a verdict",
        Class::Capture => "capture: is taken once per attempt",
        Class::Wait => "wait: waits for something or somebody",
    };
    page.push(
        Line::default()
            .painted(kind.name, &look.paint.bold(kind.name))
            .plain(&format!("  ({class})")),
    );
    for line in wrap(kind.about, look.width) {
        page.push(Line::default().plain(&line));
    }
    for (title, schema, is_input) in [("with:", kind.spec, true), ("outputs:", kind.output, false)] {
        page.push(Line::default());
        page.push(Line::default().painted(title, &look.paint.bold(title)));
        let before = page.next();
        Fields {
            root: schema,
            is_input,
            look,
        }
        .add(&mut page, schema, 1);
        if page.next() == before {
            page.push(Line::default().plain("  none"));
        }
    }
    page.finish()
}

/// Walks through the properties of a schema.
struct Fields<'a> {
    root: &'a Value,
    /// Whether somebody writes them: only then is it worth saying which are required.
    is_input: bool,
    look: &'a Look,
}

impl Fields<'_> {
    /// Adds the properties of a schema, each with its type and description.
    fn add(&self, page: &mut Page, schema: &Value, depth: usize) {
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
            let required = self.is_input && required.contains(&name.as_str());
            self.field(page, name, property, required, depth);
        }
    }

    fn field(&self, page: &mut Page, name: &str, property: &Value, required: bool, depth: usize) {
        let indent = "  ".repeat(depth);
        let resolved = resolve(self.root, property);
        let mut facts = vec![type_of(self.root, property)];
        if required {
            facts.push("required".to_owned());
        }
        if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
            facts.push(format!("default {default}"));
        }
        let facts = facts.join(", ");
        let paint = self.look.paint;
        page.push(
            Line::default()
                .plain(&indent)
                .painted(name, &paint.bold(name))
                .plain("  ")
                .painted(&facts, &paint.dim(&facts)),
        );
        let description = [property, resolved]
            .into_iter()
            .find_map(|schema| schema.get("description").and_then(Value::as_str));
        if let Some(description) = description {
            let text = description.replace('\n', " ");
            for line in wrap(&text, self.look.width.saturating_sub(indent.len() + 4).max(WORDS)) {
                page.push(Line::default().plain(&indent).plain("    ").plain(&line));
            }
        }
        if depth < DEPTH {
            let inner = resolved.get("items").unwrap_or(resolved);
            self.add(page, inner, depth + 1);
        }
    }
}

/// Follows `$ref`, and `anyOf` of something or null.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEPTH {
        let referred = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix('#'))
            .and_then(|pointer| root.pointer(pointer));
        let chosen = || {
            let options = schema.get("anyOf")?.as_array()?;
            let mut real = options
                .iter()
                .filter(|option| option.get("type") != Some(&Value::from("null")));
            match (real.next(), real.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            }
        };
        match referred.or_else(chosen) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// `string`, `list of string`, `one of allow, deny`.
pub(super) fn type_of(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    let choices = choices(schema);
    if !choices.is_empty() {
        return format!("one of {}", choices.join(", "));
    }
    let name = match schema.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| *name != "null")
                .collect();
            names.join(" or ")
        }
        _ => "any value".to_owned(),
    };
    match (name.as_str(), schema.get("items"), schema.get("additionalProperties")) {
        ("array", Some(items), _) => format!("list of {}", type_of(root, items)),
        ("object", _, Some(values @ Value::Object(_))) => format!("mapping of {}", type_of(root, values)),
        ("object", _, _) => "mapping".to_owned(),
        _ => name,
    }
}

pub(super) fn choices(schema: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().filter(|value| !value.is_null()).map(text).collect();
    }
    let options = schema.get("oneOf").and_then(Value::as_array);
    options
        .map(|options| {
            options
                .iter()
                .filter_map(|option| option.get("const"))
                .map(text)
                .collect()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::report::Paint;

    #[test]
    fn a_kind_is_explained_by_its_schemas() {
        let spec = json!({
            "type": "object",
            "properties": {
                "lb": {"type": "string", "description": "The balancer."},
                "writes": {"$ref": "#/$defs/Writes", "description": "What happens\nto writes."},
                "to": {"type": ["string", "null"], "default": null},
                "tries": {"type": "integer", "default": 3},
                "hosts": {"type": "array", "items": {"$ref": "#/$defs/Host"}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": true,
            },
            "required": ["lb"],
            "$defs": {
                "Writes": {"oneOf": [{"const": "allow"}, {"const": "deny"}]},
                "Host": {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/Host"}}},
            },
        });
        let text = KindText {
            name: "lb.route",
            about: "Sends requests to a backend.",
            class: Class::Effect,
            spec: &spec,
            output: &json!({"type": "object"}),
        };
        let look = Look {
            width: 80,
            paint: Paint::new(false),
            zone: TimeZone::UTC,
            verbose: false,
        };
        insta::assert_snapshot!(kind(&text, &look));
    }
}
