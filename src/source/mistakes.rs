//! The words for mistakes of a shape: from a schema's errors to findings.

use jsonschema::{
    JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use crate::model::{DocPath, Finding, suggest};

/// The pattern of durations in schemas (`model::PlanDuration`).
const DURATION_PATTERN: &str = "^[0-9]+(ms|s|m|h|d)$";

/// The pattern of times of day in schemas (`source::file`).
pub(super) const TIME_PATTERN: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";

/// Reads what a validator says of one instance.
pub(super) struct Reader<'a> {
    /// The schema that was asked.
    pub(super) schema: &'a Value,
    /// The part of the plan.
    pub(super) instance: &'a Value,
    /// Where it stands.
    pub(super) at: &'a DocPath,
}

impl Reader<'_> {
    /// Adds one error of the validator to the findings.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's own words do for what schemas of ours never use"
    )]
    pub(super) fn read(&self, error: &ValidationError<'_>, out: &mut Vec<Finding>) {
        let at = self.path(error.instance_path().as_str());
        let instance = error.instance();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.known_keys(error.schema_path().as_str());
                for key in unexpected {
                    out.push(unknown_key(at.key(key.clone()), key, &known));
                }
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let finding = Finding::error("plan::missing_key", at, format!("`{name}` is missing"));
                out.push(finding.help(format!("Add `{name}:` here.")));
            }
            ValidationErrorKind::Type { .. }
                if instance.is_number() && self.is_duration(error.schema_path().as_str()) =>
            {
                out.push(no_duration(at, instance));
            }
            ValidationErrorKind::Type { kind } => out.push(wrong_type(at, instance, kind)),
            ValidationErrorKind::Enum { options } => {
                let options: Vec<&str> = options
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                out.push(one_of(at, instance, &options));
            }
            ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
                self.branches(at, instance, context, out);
            }
            ValidationErrorKind::Pattern { pattern } => out.push(pattern_of(at, instance, pattern)),
            _ => out.push(Finding::error("plan::value", at, lower(&error.to_string()))),
        }
    }

    /// Of `oneOf` and `anyOf`: the constants when all branches are constants, else the branch that came nearest.
    fn branches(
        &self,
        at: DocPath,
        instance: &Value,
        context: &[Vec<ValidationError<'static>>],
        out: &mut Vec<Finding>,
    ) {
        let mut constants = Vec::new();
        for error in context.iter().flatten() {
            if let ValidationErrorKind::Constant { expected_value } = error.kind() {
                constants.push(expected_value.to_string());
            } else if let ValidationErrorKind::Enum { options } = error.kind() {
                constants.extend(options.as_array().into_iter().flatten().map(ToString::to_string));
            }
        }
        if !constants.is_empty() {
            let names: Vec<&str> = constants.iter().map(|name| name.trim_matches('"')).collect();
            out.push(one_of(at, instance, &names));
            return;
        }
        let is_null = |errors: &[ValidationError<'_>]| {
            matches!(
                errors.first().map(ValidationError::kind),
                Some(ValidationErrorKind::Type {
                    kind: TypeKind::Single(JsonType::Null)
                })
            )
        };
        let branch = context
            .iter()
            .filter(|errors| !is_null(errors))
            .min_by_key(|errors| errors.len());
        match branch {
            Some(errors) => errors.iter().for_each(|error| self.read(error, out)),
            None => out.push(Finding::error("plan::value", at, "this value does not fit here")),
        }
    }

    /// A JSON pointer below the instance, as a place in the plan.
    fn path(&self, pointer: &str) -> DocPath {
        let mut at = self.at.clone();
        let mut now = Some(self.instance);
        for raw in pointer.split('/').skip(1) {
            let name = raw.replace("~1", "/").replace("~0", "~");
            match (now, name.parse::<usize>()) {
                (Some(Value::Array(list)), Ok(index)) => {
                    at = at.index(index);
                    now = list.get(index);
                }
                _ => {
                    now = now.and_then(|now| now.get(&name));
                    at = at.key(name);
                }
            }
        }
        at
    }

    /// The part of the schema whose keyword stands at that pointer.
    fn schema_of(&self, pointer: &str) -> &Value {
        let above = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        let mut now = self.schema;
        for raw in above.split('/').skip(1) {
            let name = raw.replace("~1", "/").replace("~0", "~");
            let index = name.parse::<usize>().ok().filter(|_| now.is_array());
            let next = index.map_or_else(|| now.get(&name), |index| now.get(index));
            let Some(next) = next else { break };
            now = match next.as_str() {
                Some(target) if name == "$ref" => self.target(target).unwrap_or(next),
                _ => next,
            };
        }
        // The pointer may leave `$ref` out.
        while let Some(next) = now
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|target| self.target(target))
        {
            now = next;
        }
        now
    }

    fn target(&self, reference: &str) -> Option<&Value> {
        self.schema.pointer(reference.strip_prefix('#')?)
    }

    /// The keys of the mapping whose `additionalProperties` stands at that pointer.
    fn known_keys(&self, pointer: &str) -> Vec<&str> {
        let keys = self.schema_of(pointer).get("properties").and_then(Value::as_object);
        keys.map(|keys| keys.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// Whether the value at that pointer is a duration.
    fn is_duration(&self, pointer: &str) -> bool {
        self.schema_of(pointer).get("pattern").and_then(Value::as_str) == Some(DURATION_PATTERN)
    }
}

/// An unknown key, with the key that was probably meant.
pub(super) fn unknown_key(at: DocPath, key: &str, known: &[&str]) -> Finding {
    let finding = Finding::error("plan::unknown_key", at, format!("there is no key `{key}` here")).on_key();
    match suggest::help(key, known, "The keys here are") {
        Some(help) => finding.help(help),
        None => finding,
    }
}

fn one_of(at: DocPath, instance: &Value, names: &[&str]) -> Finding {
    if is_secret(instance) {
        return secret_printed(at);
    }
    let finding = Finding::error(
        "plan::value",
        at,
        format!("{} is none of the values that fit here", shown(instance)),
    );
    match suggest::help(instance.as_str().unwrap_or_default(), names, "Write one of") {
        Some(help) => finding.help(help),
        None => finding,
    }
}

fn pattern_of(at: DocPath, instance: &Value, pattern: &str) -> Finding {
    match pattern {
        DURATION_PATTERN => no_duration(at, instance),
        TIME_PATTERN => Finding::error("plan::value", at, format!("{} is no time of day", shown(instance)))
            .help("Write hours and minutes in quotes, such as \"02:00\"."),
        _ => Finding::error(
            "plan::value",
            at,
            format!("{} does not look like {pattern}", shown(instance)),
        ),
    }
}

fn no_duration(at: DocPath, instance: &Value) -> Finding {
    Finding::error("plan::duration", at, format!("{} is no duration", shown(instance)))
        .help("Write a whole number and a unit, such as 500ms, 90s, 5m, 48h or 7d.")
}

fn wrong_type(at: DocPath, instance: &Value, kind: &TypeKind) -> Finding {
    let wanted = match kind {
        TypeKind::Single(kind) => vec![*kind],
        TypeKind::Multiple(kinds) => kinds.iter().filter(|kind| *kind != JsonType::Null).collect(),
    };
    // An empty value of an optional key: serde reads it as absent.
    if instance.is_null() {
        let words = words(&wanted);
        let finding = Finding::error(
            "plan::type",
            at,
            format!("there is no value here, {words} was expected"),
        );
        return finding.help("Write the value, or leave the key out.");
    }
    if is_secret(instance) {
        return secret_printed(at);
    }
    let what = format!(
        "{} is {}, {} was expected",
        shown(instance),
        word_of(instance),
        words(&wanted)
    );
    let finding = Finding::error("plan::type", at, what);
    let scalar = matches!(instance, Value::Number(_) | Value::Bool(_));
    match wanted.as_slice() {
        // Not with the value: YAML has already made 1.2 of 1.20.
        [JsonType::String] if scalar => finding.help("Quote it."),
        [JsonType::Array] if !instance.is_object() => finding.help(format!("Put it into a list: [{instance}].")),
        _ => finding,
    }
}

/// A secret where only plain text may stand.
pub(super) fn secret_printed(at: DocPath) -> Finding {
    Finding::error("plan::secret_printed", at, "a secret where it would be printed").help(
        "Secrets may stand in credentials of `systems:` (passwords, tokens, connection URLs) and in `env:` of commands; \
         everywhere else they would end up in plans, logs and process lists.",
    )
}

pub(super) fn is_secret(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.contains_key("$secret"))
}

fn words(kinds: &[JsonType]) -> String {
    let words: Vec<&str> = kinds
        .iter()
        .map(|kind| match kind {
            JsonType::Array => "a list",
            JsonType::Boolean => "true or false",
            JsonType::Integer => "a whole number",
            JsonType::Null => "nothing",
            JsonType::Number => "a number",
            JsonType::Object => "a mapping",
            JsonType::String => "text",
        })
        .collect();
    words.join(" or ")
}

fn word_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// A value in backticks, short.
fn shown(value: &Value) -> String {
    if value.is_array() || value.is_object() {
        return "this".to_owned();
    }
    format!("`{}`", bare(value))
}

fn bare(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_lowercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}
