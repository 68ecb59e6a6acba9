//! Text for machines: one JSON document, or one object per line; each carries `format_version`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Status;
use crate::{
    journal::Record,
    model::{ChangeSet, Event},
};

/// Raised when a field of an event line changes its meaning or goes; new fields do not raise it.
pub const EVENT_FORMAT: u32 = 1;

/// Why a value could not be written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {what} as JSON")]
pub struct JsonError {
    what: &'static str,
    #[source]
    source: serde_json::Error,
}

/// A change set as one document.
///
/// # Errors
/// When a value in it has no JSON form.
pub fn change_set(set: &ChangeSet) -> Result<String, JsonError> {
    document("the change set", set)
}

/// A status as one document.
///
/// # Errors
/// When a value in it has no JSON form.
pub fn status(status: &Status) -> Result<String, JsonError> {
    document("the status", status)
}

/// Any value as one indented document with a line break.
///
/// # Errors
/// When a value in it has no JSON form.
pub fn document(what: &'static str, value: &impl Serialize) -> Result<String, JsonError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| JsonError { what, source })?;
    text.push('\n');
    Ok(text)
}

/// A record of the journal as one line.
///
/// # Errors
/// When a value in it has no JSON form.
pub fn record(record: &Record) -> Result<String, JsonError> {
    line("a record", record)
}

/// An event as one line; durations are whole milliseconds in fields named `…_ms`.
///
/// # Errors
/// When a value in it has no JSON form.
pub fn event(now: Timestamp, event: &Event) -> Result<String, JsonError> {
    let what = "an event";
    let value = serde_json::to_value(event).map_err(|source| JsonError { what, source })?;
    let mut fields = Map::new();
    fields.insert("format_version".to_owned(), json!(EVENT_FORMAT));
    fields.insert("time".to_owned(), json!(now.to_string()));
    if let Value::Object(object) = value {
        for (name, value) in object {
            match milliseconds(&value) {
                Some(ms) => fields.insert(format!("{name}_ms"), ms),
                None => fields.insert(name, value),
            };
        }
    }
    line(what, &Value::Object(fields))
}

/// The first line of `apply --json`: the change set.
///
/// # Errors
/// When a value in it has no JSON form.
pub fn planned(now: Timestamp, set: &ChangeSet) -> Result<String, JsonError> {
    let what = "the change set";
    let set = serde_json::to_value(set).map_err(|source| JsonError { what, source })?;
    let value = json!({
        "format_version": EVENT_FORMAT,
        "time": now.to_string(),
        "event": "planned",
        "change_set": set,
    });
    line(what, &value)
}

/// The last line of `apply --json`: how it ended and with which exit code.
///
/// # Errors
/// Never in practice: all its values have a JSON form.
pub fn outcome(now: Timestamp, outcome: &str, exit: u8, detail: &Value) -> Result<String, JsonError> {
    let value = json!({
        "format_version": EVENT_FORMAT,
        "time": now.to_string(),
        "event": "ended",
        "outcome": outcome,
        "exit_code": exit,
        "detail": detail,
    });
    line("the outcome", &value)
}

fn line(what: &'static str, value: &impl Serialize) -> Result<String, JsonError> {
    let mut text = serde_json::to_string(value).map_err(|source| JsonError { what, source })?;
    text.push('\n');
    Ok(text)
}

/// serde's form of a `Duration`, as whole milliseconds.
fn milliseconds(value: &Value) -> Option<Value> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    let seconds = object.get("secs")?.as_u64()?;
    let nanos = object.get("nanos")?.as_u64()?;
    Some(json!(seconds.checked_mul(1_000)?.checked_add(nanos / 1_000_000)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::StepId;

    #[test]
    fn an_event_is_one_line_with_a_version_a_time_and_milliseconds() {
        let settled = Event::StepSettled {
            step: StepId::new("import"),
            what: "two\nlines".to_owned(),
            took: Duration::from_millis(1_234),
        };
        let text = event(Timestamp::UNIX_EPOCH, &settled).unwrap();
        assert_eq!(
            text,
            "{\"event\":\"step_settled\",\"format_version\":1,\"step\":\"import\",\"time\":\"1970-01-01T00:00:00Z\",\
             \"took_ms\":1234,\"what\":\"two\\nlines\"}\n"
        );
    }
}
