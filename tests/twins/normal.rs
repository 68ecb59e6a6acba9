//! Answers without what differs from run to run, or in the words of a Java stack.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scenario::Step;

/// One or two lines.
pub fn answer(step: &Step, status: u16, kind: &str, body: &[u8]) -> String {
    let kind = kind.split(';').next().unwrap();
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(value) if kind == "application/json" => normal(value, step, status).to_string(),
        Ok(_) | Err(_) => String::from_utf8_lossy(body).replace('\n', "\\n"),
    };
    format!("  {status} {kind}\n  {text}\n").replace("  \n", "")
}

fn normal(value: Value, step: &Step, status: u16) -> Value {
    let mut value = tidy(value, step);
    if step.is_health() {
        let failed = value["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["status"] == "DOWN");
        return serde_json::json!({"status": value["status"], "failed": failed});
    }
    if let Value::Object(fields) = &mut value {
        fields.remove("detail");
        if let Some(Value::Array(causes)) = fields.get_mut("causes") {
            // Those of a compatibility rule say a place; those of a parser are its own words.
            causes.retain(|cause| cause["context"] != "");
        }
        // The words of an SQL error, of a parser, of a rule.
        let foreign = status >= 500 || fields.get("name") == Some(&"RuleViolationException".into());
        let foreign = foreign || (status >= 400 && step.target.starts_with("cc/"));
        for key in ["message", "title"] {
            let own_words = fields
                .get(key)
                .is_some_and(|text| !text.to_string().contains("RESTEASY"));
            if foreign || !own_words {
                fields.remove(key);
            }
        }
    }
    value
}

/// Sorts lists whose order means nothing; replaces dates, ids that are made up, and descriptions of properties.
fn tidy(value: Value, step: &Step) -> Value {
    match value {
        Value::Array(rows) => {
            let mut rows: Vec<Value> = rows.into_iter().map(|row| tidy(row, step)).collect();
            if !step.ordered {
                rows.sort_by_key(ToString::to_string);
            }
            rows.into()
        }
        Value::Object(fields) => {
            let is_property = fields.contains_key("label") && fields.contains_key("value");
            let kept = fields.into_iter().filter(|(key, value)| {
                let worded = is_property && matches!(key.as_str(), "label" | "description" | "type");
                // Answers to creates on 3.3 name the default group, reads do not.
                let default = key == "groupId" && *value == "default";
                !worded && !default && key != "builtOn"
            });
            // Sorted, whatever order this build keeps objects in.
            let kept: BTreeMap<String, Value> = kept.map(|(key, value)| (key, tidy(value, step))).collect();
            kept.into_iter().collect::<serde_json::Map<_, _>>().into()
        }
        Value::String(text) => plain(&text).into(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

fn plain(text: &str) -> String {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_hexdigit() { 'x' } else { c })
        .collect();
    if let Some(zone) = text.get(19..)
        && shape.starts_with("xxxx-xx-xxTxx:xx:xx")
        && zone.len() <= 5
    {
        // Only the form is told, and whether it ever was.
        let never = if text.starts_with("1970-01-01T00:00:00") {
            "never"
        } else {
            "date"
        };
        return format!("<{never}{zone}>");
    }
    // Letters are not shifted: what is no digit stays as long as it was.
    match shape.split_once("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") {
        Some((before, after)) => {
            let end = text.len() - after.len();
            let (before, after) = (text.get(..before.len()), text.get(end..));
            format!("{}<uuid>{}", before.unwrap(), after.unwrap())
        }
        None => text.to_owned(),
    }
}
