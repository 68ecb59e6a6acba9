//! 2.6's core API, on the 2.6 and, with what differs, on the 3.3 (reference: apicurio.md §1, §2.9).

mod admin;
mod artifacts;
mod create;
mod render;

pub(super) use admin::{config, link, role_mappings, rules_with, types, zip};
pub(super) use artifacts::{found_by, has_content, references};
pub(super) use render::references as references_of;
use serde_json::{Value, json};

pub(super) use super::model::canonically_equal;
use super::{
    http::{Answer, Request},
    model::{Refusal, Store},
    render::{id, no_resource},
};
use crate::registry::VersionState;

/// Answers a request below `/apis/registry/v2`.
pub(super) fn answer(store: &mut Store, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), path) {
        ("GET", ["system", "info"]) => Ok(Answer::json(&info(store))),
        ("GET", ["system", "limits"]) => Ok(Answer::json(&limits())),
        ("GET", ["users", "me"]) => Ok(Answer::json(&me())),
        ("GET", ["search", "artifacts"]) => artifacts::search(store, request, None),
        ("POST", ["search", "artifacts"]) => artifacts::search_by_content(store, request),
        (_, ["groups", ..]) => artifacts::groups(store, request, path),
        ("GET", ["ids", ..]) => ids(store, path, request),
        ("GET", ["downloads", ..]) => Err(Refusal::new(404, "DownloadNotFoundException", "Download not found.")),
        (_, ["admin", ..]) => admin::answer(store, request, path),
        _ => Err(no_resource(request)),
    }
}

/// `system/info`; only `version` tells anything (reference: apicurio.md §1.2, §2.2).
pub(super) fn info(store: &Store) -> Value {
    let (name, built) = match store.is_v2() {
        true => ("apicurio-registry", "2025-07-16T18:29:52+0000"),
        false => ("Apicurio Registry (SQL)", "2026-09-08T16:57:33Z"),
    };
    json!({
        "name": name,
        "description": "High performance, runtime registry for schemas and API designs.",
        "version": store.flavour.as_str(),
        "builtOn": built,
    })
}

fn limits() -> Value {
    let names = [
        "maxTotalSchemasCount",
        "maxSchemaSizeBytes",
        "maxArtifactsCount",
        "maxVersionsPerArtifactCount",
        "maxArtifactPropertiesCount",
        "maxPropertyKeySizeBytes",
        "maxPropertyValueSizeBytes",
        "maxArtifactLabelsCount",
        "maxLabelSizeBytes",
        "maxArtifactNameLengthChars",
        "maxArtifactDescriptionLengthChars",
        "maxRequestsPerSecondCount",
    ];
    names
        .into_iter()
        .map(|name| (name.to_owned(), Value::from(-1)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Everybody may do everything: authentication is off.
pub(super) fn me() -> Value {
    json!({"username": "", "displayName": "", "admin": true, "developer": false, "viewer": false})
}

fn ids(store: &Store, path: &[&str], request: &Request) -> Result<Answer, Refusal> {
    let octets = "application/octet-stream";
    match path {
        ["ids", "globalIds", text] => {
            let id = id(text)?;
            let Ok(version) = store.version(id) else {
                return Err(match store.is_v2() {
                    true => Refusal::no_artifact(None, text),
                    false => Refusal::new(
                        404,
                        "VersionNotFoundException",
                        format!("No version with global ID '{id}' found."),
                    ),
                });
            };
            // A disabled one is hidden by 2.6 and shown by 3.3's layer (reference: apicurio.md §2.9).
            if store.is_v2() && version.state == VersionState::Disabled {
                return Err(Refusal::no_artifact(None, text));
            }
            render::content(store, id)
        }
        ["ids", "globalIds", text, "references"] => {
            let id = id(text)?;
            let version = store
                .version(id)
                .map_err(|_| Refusal::no_artifact(None, &format!("gid-{id}")))?;
            Ok(Answer::json(&render::references(
                store.content_of(version)?.references.as_deref(),
            )))
        }
        ["ids", "contentIds", text] => {
            let content = store
                .contents
                .get(&id(text)?)
                .ok_or_else(|| no_content(store, "contentId", text))?;
            Ok(Answer::bytes(200, octets, content.bytes.to_vec()))
        }
        ["ids", "contentHashes", text] => {
            let found = store.content_id(text).and_then(|id| store.contents.get(&id));
            let content = found.ok_or_else(|| no_content(store, "contentHash", text))?;
            Ok(Answer::bytes(200, octets, content.bytes.to_vec()))
        }
        ["ids", "contentIds", text, "references"] => {
            let content = store
                .contents
                .get(&id(text)?)
                .ok_or_else(|| no_content(store, "contentId", text))?;
            Ok(Answer::json(&render::references(content.references.as_deref())))
        }
        ["ids", "contentHashes", text, "references"] => {
            let found = store.content_id(text).and_then(|id| store.contents.get(&id));
            let content = found.ok_or_else(|| no_content(store, "contentHash", text))?;
            Ok(Answer::json(&render::references(content.references.as_deref())))
        }
        _ => Err(no_resource(request)),
    }
}

fn no_content(store: &Store, kind: &str, text: &str) -> Refusal {
    let message = match (store.is_v2(), kind) {
        (true, _) => format!("No content with id/hash '{kind}-{text}' was found."),
        (false, "contentId") => format!("No content with ID '{text}' was found."),
        (false, _) => format!("No content with hash '{text}' was found."),
    };
    Refusal::new(404, "ContentNotFoundException", message)
}
