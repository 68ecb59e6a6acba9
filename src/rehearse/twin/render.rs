//! What the APIs of both versions have in common.

use serde_json::{Map, Value};

use super::{
    http::{Answer, Request},
    model::{Refusal, Store},
};

/// An object without the keys that have no value: both versions leave null fields out.
pub(super) fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(pairs.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A list that is left out when it is empty.
pub(super) fn filled(list: Vec<Value>) -> Value {
    if list.is_empty() { Value::Null } else { list.into() }
}

/// A map that is left out when it is empty.
pub(super) fn filled_map(map: Map<String, Value>) -> Value {
    if map.is_empty() {
        Value::Null
    } else {
        Value::Object(map)
    }
}

/// The page of a list that a request asks for; neither version has a greatest limit (reference: apicurio.md §1.5, §2.4).
pub(super) fn page<T>(all: Vec<T>, request: &Request) -> Vec<T> {
    let (offset, limit) = (request.number("offset", 0), request.number("limit", 20));
    all.into_iter().skip(offset).take(limit).collect()
}

/// Sorts rows by a key, the other way round when the request says so.
pub(super) fn sorted<T, K: Ord>(mut all: Vec<T>, request: &Request, key: impl Fn(&T) -> K) -> Vec<T> {
    all.sort_by_key(key);
    if request.param("order") == Some("desc") {
        all.reverse();
    }
    all
}

/// Nobody serves that path.
pub(super) fn no_resource(request: &Request) -> Refusal {
    let host = request.header("host").unwrap_or("localhost");
    let message = format!(
        "RESTEASY003210: Could not find resource for full path: http://{host}{}",
        request.raw_path
    );
    Refusal::new(404, "NotFoundException", message)
}

/// A number in a path; what is none is not found.
pub(super) fn id(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal {
        detail: Some(format!("NumberFormatException: For input string: \"{text}\"")),
        ..Refusal::new(
            404,
            "NotFoundException",
            format!("RESTEASY003870: Unable to extract parameter from http request: value is '{text}'"),
        )
    })
}

/// A refusal in the shape of 2.6's API (reference: apicurio.md §1.11).
pub(super) fn refused_v2(refusal: &Refusal) -> Answer {
    let body = object([
        ("causes", causes(refusal)),
        ("message", refusal.message.as_str().into()),
        ("error_code", refusal.status.into()),
        ("detail", refusal.detail().into()),
        ("name", refusal.name.into()),
    ]);
    allowed(refusal, Answer::json_with(refusal.status, &body))
}

/// A refusal in the shape of 3.x's API (reference: apicurio.md §2.11).
pub(super) fn refused_v3(refusal: &Refusal) -> Answer {
    let body = object([
        ("causes", causes(refusal)),
        ("detail", refusal.detail().into()),
        ("title", refusal.message.as_str().into()),
        ("status", refusal.status.into()),
        ("name", refusal.name.into()),
    ]);
    allowed(refusal, Answer::json_with(refusal.status, &body))
}

fn causes(refusal: &Refusal) -> Value {
    let Some(causes) = &refusal.causes else {
        return Value::Null;
    };
    let cause = |(description, context): &(String, String)| {
        object([
            ("description", description.as_str().into()),
            ("context", context.as_str().into()),
        ])
    };
    causes.iter().map(cause).collect()
}

fn allowed(refusal: &Refusal, answer: Answer) -> Answer {
    if refusal.status == 405 {
        answer.with("allow", "GET")
    } else {
        answer
    }
}

/// The dynamic properties with what is known of their type; labels and descriptions are left to the real ones.
pub(super) fn property(store: &Store, name: &str) -> Result<Value, Refusal> {
    let value = store.property(name)?;
    let kind = match value {
        "true" | "false" => "java.lang.Boolean",
        _ if value.parse::<i64>().is_ok() => "java.lang.Long",
        _ => "java.lang.String",
    };
    Ok(object([
        ("name", name.into()),
        ("value", value.into()),
        ("type", kind.into()),
        ("label", name.into()),
        ("description", name.into()),
    ]))
}

/// A text field of a JSON body.
pub(super) fn text(body: &Value, key: &str) -> Option<String> {
    body.get(key).and_then(Value::as_str).map(str::to_owned)
}
