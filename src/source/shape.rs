//! Decoding with places, and all mistakes of a shape at once.
//!
//! serde stops at its first mistake; the JSON Schema of the same type is asked only then, and knows all of them.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::mistakes::Reader;
use crate::model::{DocPath, Finding, Segment};

/// What `model::PlanDuration` says of a duration that is too long.
const TOO_LONG: &str = "is longer than 366d";

/// A part of the plan that could not be decoded.
pub(super) struct Broken {
    at: DocPath,
    what: String,
    unknown: bool,
}

impl Broken {
    /// From serde's error below `above`.
    pub(super) fn new(above: &DocPath, path: &serde_path_to_error::Path, error: &serde_json::Error) -> Self {
        let mut at = above.clone();
        for segment in path {
            at = match segment {
                serde_path_to_error::Segment::Seq { index } => at.index(*index),
                serde_path_to_error::Segment::Map { key } => at.key(key.clone()),
                serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => break,
            };
        }
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default().to_owned();
        Self {
            at,
            unknown: what.starts_with("unknown field"),
            what,
        }
    }

    /// What serde said, for what the schema does not know.
    pub(super) fn finding(self) -> Finding {
        if self.unknown {
            return Finding::error("plan::unknown_key", self.at, self.what).on_key();
        }
        // A duration that looks like one and is too long: the schema knows how durations look only.
        let code = if self.what.contains(TOO_LONG) {
            "plan::duration"
        } else {
            "plan::shape"
        };
        Finding::error(code, self.at, self.what)
    }
}

/// Most mistakes of one part that are taken out so that the rest of it can be read.
const MOST_PRUNED: usize = 16;

/// Decodes a value. What has a mistake is remembered, taken out, and the rest is read all the same, as long as nothing is
/// missing that must be there.
pub(super) fn decode<T: DeserializeOwned>(value: &Value, at: &DocPath, broken: &mut Vec<Broken>) -> Option<T> {
    let mut pruned: Option<Value> = None;
    for _ in 0..MOST_PRUNED {
        match serde_path_to_error::deserialize(pruned.as_ref().unwrap_or(value)) {
            Ok(decoded) => return Some(decoded),
            Err(error) => {
                let found = Broken::new(&DocPath::root(), error.path(), error.inner());
                let taken_out = remove(pruned.get_or_insert_with(|| value.clone()), &found.at);
                broken.push(Broken {
                    at: at.join(&found.at),
                    ..found
                });
                if !taken_out {
                    return None;
                }
            }
        }
    }
    None
}

/// Takes a key out of its mapping; whether there was one.
fn remove(root: &mut Value, at: &DocPath) -> bool {
    let Some((last, above)) = at.segments().split_last() else {
        return false;
    };
    let parent = above.iter().try_fold(root, |now, segment| match segment {
        Segment::Key(key) => now.get_mut(key),
        Segment::Index(index) => now.get_mut(index),
    });
    match (parent, last) {
        (Some(Value::Object(map)), Segment::Key(key)) => map.remove(key).is_some(),
        (Some(Value::Array(list)), Segment::Index(index)) if *index < list.len() => {
            list.remove(*index);
            true
        }
        _ => false,
    }
}

/// Compiled schemas by name; each is made when its first mistake is made.
#[derive(Default)]
pub(super) struct Schemas {
    compiled: BTreeMap<String, Option<(Value, Validator)>>,
}

impl Schemas {
    /// All mistakes of `instance`, which stands at `at`, by the schema of that name; and what serde said where the schema
    /// finds nothing.
    pub(super) fn mistakes(
        &mut self,
        name: &str,
        schema: impl FnOnce() -> Value,
        instance: &Value,
        at: &DocPath,
        broken: Vec<Broken>,
    ) -> Vec<Finding> {
        let entry = self.compiled.entry(name.to_owned()).or_insert_with(|| {
            let mut schema = schema();
            accept_secrets(&mut schema);
            let validator = jsonschema::validator_for(&schema).ok()?;
            Some((schema, validator))
        });
        let mut findings = Vec::new();
        if let Some((schema, validator)) = entry {
            let reader = Reader { schema, instance, at };
            for error in validator.iter_errors(instance) {
                reader.read(&error, &mut findings);
            }
        }
        for part in broken {
            let covered = findings.iter().any(|finding| {
                let (found, lost) = (finding.at.segments(), part.at.segments());
                found.starts_with(lost) || lost.starts_with(found)
            });
            if !covered {
                findings.push(part.finding());
            }
        }
        findings
    }
}

/// Lets `SecretText` be what it is after substitution.
fn accept_secrets(schema: &mut Value) {
    if let Some(secret) = schema.pointer_mut("/$defs/SecretText/type") {
        *secret = serde_json::json!(["string", "object"]);
    }
}
