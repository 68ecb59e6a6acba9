//! As much of the Confluent-compatible API as clients of a rehearsal and the probes of regplan use: mode, subjects, look-ups
//! and registrations in the default group (reference: apicurio.md §10.4).

use serde_json::{Value, json};

use super::{
    http::{Answer, Request},
    model::{IfExists, Key, NewArtifact, NewVersion, Reference, Refusal, Store, Tags, inspect, is_json, kind_of},
    render::{id, object, text},
};
use crate::registry::VersionState;

/// Answers a request below `/apis/ccompat/v7`.
pub(super) fn answer(store: &mut Store, request: &Request, path: &[&str]) -> Answer {
    match answered(store, request, path) {
        Ok(answer) => answer,
        Err((code, refusal)) => {
            if refusal.status >= 500 {
                store.health.answer_failed(store.now);
            }
            Answer::json_with(refusal.status, &json!({"message": refusal.message, "error_code": code}))
        }
    }
}

type Coded = (u32, Refusal);

fn answered(store: &mut Store, request: &Request, path: &[&str]) -> Result<Answer, Coded> {
    match (request.method.as_str(), path) {
        // 2.6 has no modes; 3.2 and later tell per replica whether it is read-only (reference: apicurio.md §2.8).
        ("GET", ["mode"]) if store.is_v2() => Err((0, Refusal::new(404, "NotFound", "Operation not supported."))),
        ("GET", ["mode"]) => {
            let mode = if store.is_read_only() { "READONLY" } else { "READWRITE" };
            Ok(Answer::json(&json!({"mode": mode})))
        }
        ("GET", ["schemas", "types"]) => Ok(Answer::json(&["JSON", "PROTOBUF", "AVRO"])),
        ("GET", ["contexts"]) => Ok(Answer::json(&[":.:"])),
        ("GET", ["config"]) => {
            let level = store.global_rules.get("COMPATIBILITY").map_or("NONE", String::as_str);
            Ok(Answer::json(&json!({"compatibilityLevel": level})))
        }
        ("GET", ["subjects"]) => Ok(Answer::json(&subjects(store))),
        ("GET", ["subjects", subject, "versions"]) => versions(store, subject),
        ("GET", ["subjects", subject, "versions", version]) => one(store, subject, version),
        ("POST", ["subjects", subject]) => {
            let id = look_up(store, request, subject)?;
            Ok(Answer::json(&schema(store, id, true).map_err(|refusal| (0, refusal))?))
        }
        ("POST", ["subjects", subject, "versions"]) => register(store, request, subject),
        ("GET", ["schemas", "ids", number]) => {
            let content = id(number).ok().and_then(|id| store.contents.get(&id));
            let content = content.ok_or_else(|| {
                (
                    40403,
                    Refusal::new(
                        404,
                        "ContentNotFound",
                        format!("No content with id {number} was found."),
                    ),
                )
            })?;
            let kind = kind_of(&content.bytes);
            Ok(Answer::json(&object([
                ("schema", shown(store, kind, &content.bytes).into()),
                ("references", references(store, content.references.as_deref())),
            ])))
        }
        _ => Err((404, Refusal::new(404, "NotFoundException", "HTTP 404 Not Found"))),
    }
}

fn key(subject: &str) -> Key {
    Key::new(None, subject)
}

/// Subjects of the default group: on 2.6 by age, on 3.3 by name; those whose latest version is disabled are not shown.
fn subjects(store: &Store) -> Vec<&str> {
    const TYPES: [&str; 3] = ["AVRO", "JSON", "PROTOBUF"];
    let shown = |key: &&Key| {
        let artifact = store.artifacts.get(*key);
        artifact.is_some_and(|artifact| TYPES.contains(&artifact.artifact_type.as_str())) && store.latest(key).is_some()
    };
    let mut keys: Vec<&Key> = store.keys_of(None).filter(shown).collect();
    if store.is_v2() {
        keys.sort_by_key(|key| {
            store
                .artifacts
                .get(*key)
                .and_then(|artifact| artifact.versions.first().copied())
        });
    }
    keys.into_iter().map(|key| key.artifact.as_str()).collect()
}

/// Version numbers: on 2.6 the version strings, which must be numbers; on 3.3 their order.
fn versions(store: &Store, subject: &str) -> Result<Answer, Coded> {
    let ids = &store
        .artifact(&key(subject))
        .map_err(|refusal| (40401, refusal))?
        .versions;
    let rows = ids
        .iter()
        .filter_map(|id| store.versions.get(id))
        .filter(|version| version.state != VersionState::Disabled);
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
    let numbers: Option<Vec<i64>> = match store.is_v2() {
        true => rows.map(|version| number(&version.version)).collect(),
        false => Some(rows.map(|version| version.order).collect()),
    };
    match numbers {
        Some(mut numbers) => {
            numbers.sort_unstable();
            Ok(Answer::json(&numbers))
        }
        None => Err((0, Refusal::new(500, "NumberFormatException", "a version is no number"))),
    }
}

fn one(store: &Store, subject: &str, version: &str) -> Result<Answer, Coded> {
    let key = key(subject);
    let artifact = store.artifact(&key).map_err(|refusal| (40401, refusal))?;
    let by_order = || {
        let order = version.parse::<i64>().ok().filter(|_| !store.is_v2())?;
        artifact
            .versions
            .iter()
            .copied()
            .find(|id| store.versions.get(id).is_some_and(|row| row.order == order))
    };
    let found = match version {
        "latest" | "-1" => store.latest(&key),
        _ => store.global_id(&key, version).ok().or_else(by_order),
    };
    let id = found.ok_or_else(|| {
        (
            40402,
            Refusal::new(404, "VersionNotFound", format!("Version {version} not found.")),
        )
    })?;
    Ok(Answer::json(&schema(store, id, false).map_err(|refusal| (0, refusal))?))
}

/// A schema with its ids; a look-up shows it as it was sent (seen).
fn schema(store: &Store, id: u64, raw: bool) -> Result<Value, Refusal> {
    let version = store.version(id)?;
    let content = store.content_of(version)?;
    let kind = store.artifact(&version.key)?.artifact_type.as_str();
    let shown = match raw {
        true => String::from_utf8_lossy(&content.bytes).into_owned(),
        false => shown(store, kind, &content.bytes),
    };
    Ok(object([
        ("subject", version.key.artifact.as_str().into()),
        ("version", version.order.into()),
        ("id", version.content_id.into()),
        ("schema", shown.into()),
        ("schemaType", if kind == "AVRO" { Value::Null } else { kind.into() }),
        ("references", references(store, content.references.as_deref())),
    ]))
}

/// A schema's text: 3.3 writes Avro without blanks.
fn shown(store: &Store, kind: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    match !store.is_v2() && kind == "AVRO" && is_json(bytes) {
        true => compact(&text),
        false => text,
    }
}

/// JSON without the blanks between its words, in its own order.
fn compact(json: &str) -> String {
    let (mut out, mut in_text, mut escaped) = (String::with_capacity(json.len()), false, false);
    for c in json.chars() {
        if in_text || !c.is_ascii_whitespace() {
            out.push(c);
        }
        if c == '"' && !escaped {
            in_text = !in_text;
        }
        escaped = in_text && c == '\\' && !escaped;
    }
    out
}

/// References as this API names them; 3.3 leaves an empty list out.
fn references(store: &Store, text: Option<&str>) -> Value {
    let all: Vec<Value> = Reference::parsed(text)
        .into_iter()
        .map(|one| json!({"name": one.name, "subject": one.artifact_id, "version": one.version}))
        .collect();
    if all.is_empty() && !store.is_v2() {
        Value::Null
    } else {
        all.into()
    }
}

fn look_up(store: &Store, request: &Request, subject: &str) -> Result<u64, Coded> {
    let new = new_version(request).map_err(|refusal| (42201, refusal))?;
    let key = key(subject);
    store.artifact(&key).map_err(|refusal| (40401, refusal))?;
    let references = Reference::serialized(&new.references);
    let plain = store.look_up(&key, &new.bytes, references.as_deref(), false);
    let found = plain.or_else(|_| store.look_up(&key, &new.bytes, references.as_deref(), true));
    let message = format!("The given schema does not match any schema under the subject {subject}");
    found.map_err(|_| (40403, Refusal::new(404, "SchemaNotFoundException", message)))
}

/// The contentId of a schema, which is written when nobody has: so what exists is answered while storage is read-only.
fn register(store: &mut Store, request: &Request, subject: &str) -> Result<Answer, Coded> {
    let found = look_up(store, request, subject).ok();
    let body = request.json().unwrap_or_default();
    let id = match found {
        Some(id) => id,
        None => {
            let first = new_version(request).map_err(|refusal| (42201, refusal))?;
            let kind = text(&body, "schemaType").unwrap_or_else(|| "AVRO".to_owned());
            let (name, description) = inspect(&kind, &first.bytes);
            let new = NewArtifact {
                key: key(subject),
                artifact_type: kind,
                name: name.clone(),
                description: description.clone(),
                tags: Tags::default(),
                first: Some(NewVersion {
                    name,
                    description,
                    ..first
                }),
                if_exists: IfExists::NewVersion,
                canonical: false,
            };
            let made = store
                .create(&new)
                .map_err(|refusal| (if refusal.causes.is_some() { 409 } else { 0 }, refusal))?;
            made.unwrap_or_default()
        }
    };
    let content = store.version(id).map_err(|refusal| (0, refusal))?.content_id;
    Ok(Answer::json(&json!({"id": content})))
}

fn new_version(request: &Request) -> Result<NewVersion, Refusal> {
    let unprocessable = || Refusal::new(422, "UnprocessableEntityException", "the schema is not valid");
    let body = request.json().ok_or_else(unprocessable)?;
    let schema = text(&body, "schema").ok_or_else(unprocessable)?;
    let rows = body
        .get("references")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let reference = |row: &Value| Reference {
        group_id: None,
        artifact_id: text(row, "subject"),
        version: row
            .get("version")
            .map(|version| version.to_string().trim_matches('"').to_owned()),
        name: text(row, "name"),
    };
    Ok(NewVersion {
        bytes: schema.into_bytes(),
        references: rows.iter().map(reference).collect(),
        content_type: Some("application/json".to_owned()),
        ..NewVersion::default()
    })
}
