use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use cel::{Context, Env, ExecutionError, objects};
use serde_json::Value;

use super::{EvaluateError, Judgement, Part};

/// Most elements that facts may have: `cel` has no cost limit, so lists must be small.
const MOST_ELEMENTS: usize = 10_000;

/// Longest value that is shown, in characters.
const LONGEST_SHOWN: usize = 120;

/// The standard environment, made once: it is the larger part of a judgement's cost.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Judges the terms of an `&&`: false when any is, whatever the others lack.
pub(super) fn judge(parts: &[Part], facts: &Value) -> Result<Judgement, EvaluateError> {
    let context = context(facts)?;
    let mut failed = None;
    for part in parts {
        match truth(part, &context, facts) {
            Ok(true) => {}
            Ok(false) => {
                return Ok(Judgement {
                    holds: false,
                    because: because(Some(part), &part.names, facts),
                });
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let names: Vec<_> = parts.iter().flat_map(|part| part.names.iter().cloned()).collect();
    Ok(Judgement {
        holds: true,
        because: because(None, &names, facts),
    })
}

fn context(facts: &Value) -> Result<Context<'static, 'static>, EvaluateError> {
    if elements(facts) > MOST_ELEMENTS {
        return Err(EvaluateError::Type(format!(
            "the facts have more than {MOST_ELEMENTS} elements: too many for an expression"
        )));
    }
    let mut context = Context::with_env(Arc::clone(&STANDARD));
    let own = context.add_function("within_pct", within_pct);
    own.map_err(|error| EvaluateError::Type(error.to_string()))?;
    for (name, value) in facts.as_object().into_iter().flatten() {
        context.add_variable_from_value(name.clone(), convert(value));
    }
    Ok(context)
}

/// Whether `a` is within `percent` of `b`.
#[expect(clippy::needless_pass_by_value, reason = "`cel` hands arguments over by value")]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a percentage is one of two of `cel`'s many types"
)]
fn within_pct(a: i64, b: i64, percent: objects::Value) -> Result<bool, ExecutionError> {
    let failed = |what: &str| Err(ExecutionError::function_error("within_pct", what));
    // Counts of artifacts and versions are far below 2^53.
    #[expect(clippy::cast_precision_loss)]
    let float = |number: i64| number as f64;
    let percent = match percent {
        objects::Value::Int(percent) => float(percent),
        objects::Value::Float(percent) => percent,
        _ => return failed("the percentage is not a number"),
    };
    if b == 0 {
        return failed("the second value is 0");
    }
    Ok(float(a.saturating_sub(b).saturating_abs()) <= float(b.saturating_abs()) * percent / 100.0)
}

fn truth(part: &Part, context: &Context<'_, '_>, facts: &Value) -> Result<bool, EvaluateError> {
    match context.resolve(&part.tree) {
        Ok(objects::Value::Bool(truth)) => Ok(truth),
        Ok(other) => Err(EvaluateError::Type(format!(
            "`{}` is {}, not true or false",
            part.text,
            other.type_of()
        ))),
        Err(ExecutionError::NoSuchKey(key)) => Err(missing(part, facts)
            .unwrap_or_else(|| EvaluateError::Type(format!("`{}`: there is no key `{key}`", part.text)))),
        Err(error) => {
            Err(missing(part, facts).unwrap_or_else(|| EvaluateError::Type(format!("`{}`: {error}", part.text))))
        }
    }
}

/// The first fact of the part that is not there, and why.
fn missing(part: &Part, facts: &Value) -> Option<EvaluateError> {
    let path = part.names.iter().find(|path| look_up(facts, path).is_none())?;
    let name = path.join(".");
    let known = |to: usize| path.get(..to).and_then(|path| look_up(facts, path)).is_some();
    let reason = match path.first().map(String::as_str) {
        Some("steps") if path.len() > 1 && !known(2) => {
            format!("step `{}` has no outputs in this attempt yet", path[1])
        }
        Some("steps") if path.len() > 2 => format!("step `{}` ended without that output", path[1]),
        Some("systems") if path.len() > 1 && !known(2) => format!("system `{}` was not looked at", path[1]),
        Some("systems") if path.len() > 2 => {
            let reachable = path
                .get(..2)
                .and_then(|path| look_up(facts, path))
                .and_then(|it| it.get("reachable"));
            if reachable == Some(&Value::Bool(false)) {
                format!("system `{}` is not reachable", path[1])
            } else {
                format!("system `{}` does not say", path[1])
            }
        }
        _ => "there is no such fact".to_owned(),
    };
    Some(EvaluateError::Missing { name, reason })
}

fn look_up<'a>(facts: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut now = facts;
    for (depth, key) in path.iter().enumerate() {
        let Some(map) = now.as_object() else {
            // What follows is an access into a value that has no parts: a mistake of types, not a missing fact.
            return (depth > 0).then_some(now);
        };
        now = map.get(key)?;
    }
    (!now.is_null()).then_some(now)
}

fn because(part: Option<&Part>, names: &[Vec<String>], facts: &Value) -> String {
    let mut words: Vec<String> = part.map(|part| part.text.clone()).into_iter().collect();
    let mut seen = std::collections::BTreeSet::new();
    for path in names {
        if let Some(value) = look_up(facts, path)
            && seen.insert(path)
        {
            words.push(format!("{} is {}", path.join("."), shown(value)));
        }
    }
    words.join("; ")
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= LONGEST_SHOWN {
        return text;
    }
    text.chars().take(LONGEST_SHOWN).chain("…".chars()).collect()
}

fn elements(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len() + list.iter().map(elements).sum::<usize>(),
        Value::Object(map) => map.len() + map.values().map(elements).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Integers stay `int`: the library's own bridge makes positive ones `uint`, and `uint + 1` is an error in CEL.
fn convert(value: &Value) -> objects::Value {
    match value {
        Value::Null => objects::Value::Null,
        Value::Bool(truth) => objects::Value::Bool(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => objects::Value::Int(number),
            (None, Some(number)) => objects::Value::UInt(number),
            (None, None) => objects::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => objects::Value::String(Arc::new(text.clone())),
        Value::Array(list) => objects::Value::List(Arc::new(list.iter().map(convert).collect())),
        Value::Object(map) => {
            let entries = map.iter().filter(|(_, value)| !value.is_null());
            let map: HashMap<objects::Key, objects::Value> = entries
                .map(|(key, value)| (objects::Key::String(Arc::new(key.clone())), convert(value)))
                .collect();
            objects::Value::Map(objects::Map { map: Arc::new(map) })
        }
    }
}
