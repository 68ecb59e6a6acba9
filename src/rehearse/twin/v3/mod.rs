//! 3.x's core API (reference: apicurio.md §2).

mod artifacts;
mod create;
mod render;
mod search;

use serde_json::{Value, json};

use super::{
    http::{Answer, Request},
    model::{Deleted, Edit, Key, Refusal, RuleOf, Store, Tags},
    render::{id, no_resource, page, property, sorted, text},
    v2,
};
use crate::registry::VersionState;

/// Answers a request below `/apis/registry/v3`.
pub(super) fn answer(store: &mut Store, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), path) {
        ("GET", ["system", "info"]) => Ok(Answer::json(&v2::info(store))),
        ("GET", ["system", "uiConfig"]) => Ok(Answer::json(&ui(store))),
        ("GET", ["users", "me"]) => Ok(Answer::json(&v2::me())),
        ("GET" | "POST", ["search", what]) => search::answer(store, request, what),
        (_, ["groups", ..]) => groups(store, request, path),
        ("GET", ["ids", rest @ ..]) => ids(store, request, rest),
        (_, ["admin", "rules", rest @ ..]) => v2::rules_with("ruleType", store, request, RuleOf::All, rest),
        ("GET", ["admin", "export"]) => {
            if request.flag("forBrowser") {
                // It writes a row.
                store.writable()?;
                return Ok(v2::link("/apis/registry/v3"));
            }
            v2::zip(store)
        }
        ("GET", ["admin", "config", "properties"]) => {
            let names: Vec<&str> = store.properties.keys().copied().collect();
            let all = names
                .into_iter()
                .map(|name| property(store, name))
                .collect::<Result<Vec<Value>, _>>()?;
            Ok(Answer::json(&all))
        }
        ("GET", ["admin", "config", "artifactTypes"]) => Ok(Answer::json(&v2::types(store))),
        (_, ["admin", "config", "properties", name]) => v2::config(store, request, name),
        (_, ["admin", "roleMappings", rest @ ..]) => v2::role_mappings(store, request, rest),
        _ => Err(no_resource(request)),
    }
}

/// What the UI is told; the deletion toggles are readable here without a login (reference: apicurio.md §2.2).
fn ui(store: &Store) -> Value {
    let on = |what: &str| store.is_on(&format!("apicurio.rest.deletion.{what}.enabled"));
    json!({
        "ui": {"contextPath": "/", "navPrefixPath": "/", "oaiDocsUrl": "/docs/", "editorsUrl": "/editors/"},
        "auth": {"type": "none", "rbacEnabled": false, "obacEnabled": false},
        "features": {
            "readOnly": false, "breadcrumbs": true, "roleManagement": false, "settings": true,
            "deleteGroup": on("group"), "deleteArtifact": on("artifact"), "deleteVersion": on("artifact-version"),
            "draftMutability": false, "agents": false, "searchIndex": false, "urlImportMaxContentLength": 5_242_880,
        },
    })
}

fn ids(store: &Store, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match path {
        ["globalIds", text] => {
            let id = id(text)?;
            let version = store.version(id)?;
            if version.state == VersionState::Disabled {
                return Err(Refusal::no_artifact(None, text));
            }
            let answer = render::content(store.content_of(version)?, text);
            match request.flag("returnArtifactType") {
                true => Ok(answer.with(
                    "x-registry-artifacttype",
                    store.artifact(&version.key)?.artifact_type.clone(),
                )),
                false => Ok(answer),
            }
        }
        ["globalIds", text, "references"] => {
            let id = id(text)?;
            store
                .version(id)
                .map_err(|_| Refusal::no_artifact(None, &format!("gid-{id}")))?;
            Ok(Answer::json(&v2::references(store, id, request)?))
        }
        [kind @ ("contentIds" | "contentHashes"), text, rest @ ..] => {
            let found = match *kind {
                "contentIds" => Some(id(text)?),
                _ => store.content_id(text),
            };
            let word = if *kind == "contentIds" { "ID" } else { "hash" };
            let content = found.and_then(|id| store.contents.get(&id)).ok_or_else(|| {
                let message = format!("No content with {word} '{text}' was found.");
                Refusal::new(404, "ContentNotFoundException", message)
            })?;
            match rest {
                [] => Ok(render::content(content, text)),
                ["references"] => Ok(Answer::json(&v2::references_of(content.references.as_deref()))),
                _ => Err(no_resource(request)),
            }
        }
        _ => Err(no_resource(request)),
    }
}

fn groups(store: &mut Store, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), path) {
        ("GET", ["groups"]) => Ok(list_groups(store, request)),
        ("POST", ["groups"]) => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            let id = text(&body, "groupId").ok_or_else(Refusal::not_readable)?;
            store.create_group(&id, &edit(&body))?;
            Ok(Answer::json(&render::group(&id, store.group(&id)?)))
        }
        ("GET", ["groups", group]) => Ok(Answer::json(&render::group(group, store.group(group)?))),
        ("PUT", ["groups", group]) => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            store.edit_group(group, &edit(&body))?;
            Ok(Answer::done())
        }
        ("DELETE", ["groups", group]) => {
            store.may_delete(Deleted::Group)?;
            store.delete_group(group)?;
            Ok(Answer::done())
        }
        (_, ["groups", group, "rules", rest @ ..]) => {
            v2::rules_with("ruleType", store, request, RuleOf::Group(group), rest)
        }
        ("GET", ["groups", group, "artifacts"]) => search::artifacts(store, request, Some(group)),
        ("POST", ["groups", group, "artifacts"]) => create::artifact(store, request, group),
        ("DELETE", ["groups", group, "artifacts"]) => {
            store.may_delete(Deleted::Artifact)?;
            store.delete_artifacts(Some(group))?;
            Ok(Answer::done())
        }
        (_, ["groups", group, "artifacts", artifact, rest @ ..]) => {
            artifacts::answer(store, request, &Key::new(Some(group), artifact), rest)
        }
        _ => Err(no_resource(request)),
    }
}

fn list_groups(store: &Store, request: &Request) -> Answer {
    let all = sorted(store.groups.iter().collect(), request, |(id, _)| (*id).clone());
    let count = all.len();
    // Lists leave labels out (seen).
    let rows: Vec<Value> = page(all, request)
        .into_iter()
        .map(|(id, group)| render::group_row(id, group))
        .collect();
    Answer::json(&json!({"groups": rows, "count": count}))
}

/// What a body of new metadata says.
fn edit(body: &Value) -> Edit {
    Edit {
        name: text(body, "name"),
        description: text(body, "description"),
        tags: body.get("labels").filter(|value| !value.is_null()).map(labels),
        owner: text(body, "owner"),
    }
}

/// Labels of a body.
fn labels(value: &Value) -> Tags {
    Tags {
        list: Vec::new(),
        map: serde_json::from_value(value.clone()).unwrap_or_default(),
    }
}
