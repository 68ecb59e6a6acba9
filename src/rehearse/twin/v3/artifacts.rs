use serde_json::{Value, json};

use super::{
    super::{
        http::{Answer, Request},
        model::{Deleted, Key, Refusal, RuleOf, Store},
        render::{no_resource, page, text},
        v2,
    },
    create, edit, render, search,
};
use crate::registry::VersionState;

/// Everything below one artifact.
pub fn answer(store: &mut Store, request: &Request, key: &Key, rest: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), rest) {
        ("GET", []) => Ok(Answer::json(&render::artifact(key, store.artifact(key)?))),
        ("PUT", []) => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            store.edit_artifact(key, &edit(&body))?;
            Ok(Answer::done())
        }
        ("DELETE", []) => {
            store.may_delete(Deleted::Artifact)?;
            store.delete_artifact(key)?;
            Ok(Answer::done())
        }
        (_, ["rules", rest @ ..]) => v2::rules_with("ruleType", store, request, RuleOf::Artifact(key), rest),
        (_, ["branches", rest @ ..]) => branches(store, request, key, rest),
        ("GET", ["versions"]) => {
            let ids = store.artifact(key)?.versions.clone();
            Ok(search::version_page(store, request, ids.into_iter().collect()))
        }
        ("POST", ["versions"]) => create::version(store, request, key),
        (method, ["versions", expression, rest @ ..]) => {
            if (method, rest) == ("DELETE", &[]) {
                store.may_delete(Deleted::Version)?;
            }
            let id = store.expression(key, expression)?;
            version(store, request, key, id, rest)
        }
        _ => Err(no_resource(request)),
    }
}

fn branches(store: &mut Store, request: &Request, key: &Key, rest: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all = &store.artifact(key)?.branches;
            let rows: Vec<Value> = page(all.iter().collect(), request)
                .into_iter()
                .map(|(id, branch)| render::branch(None, id, branch))
                .collect();
            Ok(Answer::json(&json!({"branches": rows, "count": all.len()})))
        }
        ("POST", []) => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            let id = text(&body, "branchId").ok_or_else(Refusal::not_readable)?;
            let versions = body.get("versions").cloned().unwrap_or_default();
            let versions: Vec<String> = serde_json::from_value(versions).unwrap_or_default();
            store.make_branch(key, &id, &versions)?;
            Ok(Answer::json(&render::branch(Some(key), &id, store.branch(key, &id)?)))
        }
        ("GET", [branch]) => Ok(Answer::json(&render::branch(
            Some(key),
            branch,
            store.branch(key, branch)?,
        ))),
        ("DELETE", [branch]) => {
            store.delete_branch(key, branch)?;
            Ok(Answer::done())
        }
        ("GET", [branch, "versions"]) => {
            // Newest first (reference: apicurio.md §2.6).
            let ids: Vec<u64> = store.branch(key, branch)?.versions.iter().rev().copied().collect();
            let count = ids.len();
            let rows = search::rows(store, page(ids, request));
            Ok(Answer::json(&json!({"versions": rows, "count": count})))
        }
        (method @ ("PUT" | "POST"), [branch, "versions"]) => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            let versions: Vec<String> = match method {
                "PUT" => serde_json::from_value(body.get("versions").cloned().unwrap_or_default()).unwrap_or_default(),
                _ => text(&body, "version").into_iter().collect(),
            };
            store.put_branch(key, branch, &versions, method == "POST")?;
            Ok(Answer::done())
        }
        _ => Err(no_resource(request)),
    }
}

/// Everything below one version.
fn version(store: &mut Store, request: &Request, key: &Key, id: u64, rest: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), rest) {
        ("GET", []) => Ok(Answer::json(&render::version(store, id)?)),
        ("PUT", []) => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            store.edit_version(id, &edit(&body))?;
            Ok(Answer::done())
        }
        ("DELETE", []) => {
            store.delete_version(key, id)?;
            Ok(Answer::done())
        }
        ("GET", ["content"]) => {
            let version = store.version(id)?;
            if version.state == VersionState::Disabled {
                return Err(Refusal::no_version(
                    key.group.as_deref(),
                    &key.artifact,
                    &version.version,
                ));
            }
            Ok(render::content(store.content_of(version)?, &key.artifact))
        }
        ("GET", ["state"]) => Ok(Answer::json(&json!({"state": store.version(id)?.state.to_string()}))),
        ("PUT", ["state"]) => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            let state: Option<VersionState> =
                serde_json::from_value(body.get("state").cloned().unwrap_or_default()).ok();
            let state = state.ok_or_else(Refusal::not_readable)?;
            store.rehearsed(request.flag("dryRun"), |store| store.set_state(id, state))?;
            Ok(Answer::done())
        }
        ("GET", ["references"]) => Ok(Answer::json(&v2::references(store, id, request)?)),
        (_, ["comments", rest @ ..]) => comments(store, request, id, rest),
        _ => Err(no_resource(request)),
    }
}

fn comments(store: &mut Store, request: &Request, id: u64, rest: &[&str]) -> Result<Answer, Refusal> {
    let value = || {
        let body = request.json().ok_or_else(Refusal::not_readable)?;
        Ok(text(&body, "value").unwrap_or_default())
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all = store.comments_of(id);
            let rows: Vec<Value> = all
                .into_iter()
                .map(|(id, comment)| render::comment(id, comment))
                .collect();
            Ok(Answer::json(&rows))
        }
        ("POST", []) => {
            let comment = store.comment(id, &value()?)?;
            let row = store.comments.get(&comment).map(|row| render::comment(&comment, row));
            Ok(Answer::json(&row))
        }
        ("PUT", [comment]) => {
            let value = value()?;
            store.comment_mut(id, comment)?.value = value;
            Ok(Answer::done())
        }
        ("DELETE", [comment]) => {
            store.delete_comment(id, comment)?;
            Ok(Answer::done())
        }
        _ => Err(no_resource(request)),
    }
}
