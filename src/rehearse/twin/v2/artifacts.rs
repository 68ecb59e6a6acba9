use serde_json::{Value, json};

use super::{
    super::{
        http::{Answer, Request},
        model::{Artifact, Deleted, Edit, Key, Reference, Refusal, RuleOf, Store, Tags},
        render::{id, no_resource, page, sorted, text},
    },
    admin, create, render,
};
use crate::registry::VersionState;

/// Everything below `/groups`.
pub fn groups(store: &mut Store, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), path) {
        ("GET", ["groups"]) => Ok(list_groups(store, request)),
        ("POST", ["groups"]) => create_group(store, request),
        ("GET", ["groups", group]) => Ok(Answer::json(&render::group(store, group, store.group(group)?, true))),
        ("DELETE", ["groups", group]) => {
            store.may_delete(Deleted::Group)?;
            store.delete_group(group)?;
            Ok(Answer::done())
        }
        ("GET", ["groups", group, "artifacts"]) => search(store, request, Some(group)),
        ("POST", ["groups", group, "artifacts"]) => create::artifact(store, request, group),
        ("DELETE", ["groups", group, "artifacts"]) => {
            store.may_delete(Deleted::Artifact)?;
            store.delete_artifacts(Some(group))?;
            Ok(Answer::done())
        }
        (_, ["groups", group, "artifacts", artifact, rest @ ..]) => {
            one(store, request, &Key::new(Some(group), artifact), rest)
        }
        _ => Err(no_resource(request)),
    }
}

fn list_groups(store: &Store, request: &Request) -> Answer {
    let all = sorted(store.groups.iter().collect(), request, |(id, _)| (*id).clone());
    let rows: Vec<Value> = page(all, request)
        .into_iter()
        .map(|(id, group)| render::group(store, id, group, false))
        .collect();
    Answer::json(&json!({"groups": rows, "count": store.groups.len()}))
}

fn create_group(store: &mut Store, request: &Request) -> Result<Answer, Refusal> {
    let body = request.json().ok_or_else(Refusal::not_readable)?;
    let id = text(&body, "id").ok_or_else(Refusal::not_readable)?;
    let edit = Edit {
        description: text(&body, "description"),
        tags: Some(Tags {
            list: Vec::new(),
            map: map(&body, "properties"),
        }),
        ..Edit::default()
    };
    store.create_group(&id, &edit)?;
    Ok(Answer::json(&render::group(store, &id, store.group(&id)?, true)))
}

/// Everything below one artifact.
fn one(store: &mut Store, request: &Request, key: &Key, rest: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), rest) {
        ("GET", []) => render::content(store, latest(store, key, true)?),
        ("PUT", []) => {
            let id = create::version(store, request, key)?;
            let references = create::content(request)?.1;
            let references = store.is_v2().then_some(references);
            Ok(Answer::json(&render::artifact_meta(store, id, references.as_deref())?))
        }
        ("DELETE", []) => {
            store.may_delete(Deleted::Artifact)?;
            store.delete_artifact(key)?;
            Ok(Answer::done())
        }
        ("GET", ["meta"]) => Ok(Answer::json(&render::artifact_meta(
            store,
            latest(store, key, false)?,
            None,
        )?)),
        ("PUT", ["meta"]) => {
            let id = latest(store, key, false)?;
            let edit = edit(store, request)?;
            store.edit_version(id, &edit)?;
            if !store.is_v2() {
                store.edit_artifact(key, &edit)?;
            }
            Ok(Answer::done())
        }
        ("POST", ["meta"]) => look_up(store, request, key),
        ("PUT", ["state"]) => {
            let id = latest(store, key, false)?;
            set_state(store, request, id)
        }
        ("GET", ["owner"]) => owner(store, key),
        ("PUT", ["owner"]) => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            store.set_owner(key, &text(&body, "owner").unwrap_or_default())?;
            Ok(Answer::done())
        }
        ("PUT", ["test"]) => store.artifact(key).map(|_| Answer::done()),
        (_, ["rules", rest @ ..]) => admin::rules(store, request, RuleOf::Artifact(key), rest),
        (_, ["versions", rest @ ..]) => versions(store, request, key, rest),
        _ => Err(no_resource(request)),
    }
}

/// The version that stands for an artifact; 3.3's layer has other words for its metadata than for its content (seen).
fn latest(store: &Store, key: &Key, content: bool) -> Result<u64, Refusal> {
    if content && !store.is_v2() && !store.artifacts.contains_key(key) {
        // Here alone the default group has its name.
        return Err(Refusal::no_artifact(
            Some(key.group.as_deref().unwrap_or("default")),
            &key.artifact,
        ));
    }
    store.artifact(key)?;
    store.latest(key).ok_or_else(|| match store.is_v2() || content {
        true => Refusal::no_artifact(key.group.as_deref(), &key.artifact),
        false => Refusal::no_version(key.group.as_deref(), &key.artifact, "<tip of the branch 'latest'>"),
    })
}

/// The owner; 2.6 hides it when all versions are disabled (reference: apicurio.md §2.9).
fn owner(store: &Store, key: &Key) -> Result<Answer, Refusal> {
    if store.is_v2() {
        latest(store, key, false)?;
    }
    let owner = store.artifact(key)?.owner.clone().unwrap_or_default();
    Ok(Answer::json(&json!({"owner": owner})))
}

fn versions(store: &mut Store, request: &Request, key: &Key, rest: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let ids = store.artifact(key)?.versions.clone();
            let all: Vec<_> = ids
                .iter()
                .filter_map(|id| Some((*id, store.versions.get(id)?)))
                .collect();
            let rows: Vec<Value> = page(all, request)
                .into_iter()
                .map(|(id, version)| render::version_row(store, id, version))
                .collect();
            Ok(Answer::json(&json!({"versions": rows, "count": ids.len()})))
        }
        ("POST", []) => {
            let id = create::version(store, request, key)?;
            Ok(Answer::json(&render::version_meta(store, id)?))
        }
        (method, [version, rest @ ..]) => {
            if (method, rest) == ("DELETE", &[]) {
                store.may_delete(Deleted::Version)?;
            }
            let id = store.global_id(key, version)?;
            version_of(store, request, key, id, rest)
        }
        _ => Err(no_resource(request)),
    }
}

/// Everything below one version.
fn version_of(store: &mut Store, request: &Request, key: &Key, id: u64, rest: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let version = store.version(id)?;
            if version.state == VersionState::Disabled {
                return Err(Refusal::no_version(
                    key.group.as_deref(),
                    &key.artifact,
                    &version.version,
                ));
            }
            render::content(store, id)
        }
        ("DELETE", []) => {
            store.delete_version(key, id)?;
            Ok(Answer::done())
        }
        ("GET", ["meta"]) => Ok(Answer::json(&render::version_meta(store, id)?)),
        ("PUT", ["meta"]) => {
            let edit = edit(store, request)?;
            store.edit_version(id, &edit)?;
            Ok(Answer::done())
        }
        ("DELETE", ["meta"]) => {
            store.edit_version(
                id,
                &Edit {
                    tags: Some(Tags::default()),
                    ..Edit::default()
                },
            )?;
            Ok(Answer::done())
        }
        ("PUT", ["state"]) => set_state(store, request, id),
        ("GET", ["references"]) => Ok(Answer::json(&references(store, id, request)?)),
        ("GET", ["comments"]) => {
            let all = store.comments_of(id);
            let rows: Vec<Value> = all
                .into_iter()
                .map(|(id, comment)| render::comment(store, id, comment))
                .collect();
            Ok(Answer::json(&rows))
        }
        ("POST", ["comments"]) => {
            let comment = store.comment(id, &comment_text(request)?)?;
            let row = store
                .comments
                .get(&comment)
                .map(|row| render::comment(store, &comment, row));
            Ok(Answer::json(&row))
        }
        ("PUT", ["comments", comment]) => {
            let value = comment_text(request)?;
            store.comment_mut(id, comment)?.value = value;
            Ok(Answer::done())
        }
        ("DELETE", ["comments", comment]) => {
            store.delete_comment(id, comment)?;
            Ok(Answer::done())
        }
        _ => Err(no_resource(request)),
    }
}

/// What a version refers to, or which versions refer to it.
pub fn references(store: &Store, id: u64, request: &Request) -> Result<Value, Refusal> {
    let version = store.version(id)?;
    if request.param("refType") != Some("INBOUND") {
        return Ok(render::references(store.content_of(version)?.references.as_deref()));
    }
    let points_here = |reference: &Reference| {
        let key = Key::new(
            reference.group_id.as_deref(),
            reference.artifact_id.as_deref().unwrap_or_default(),
        );
        key == *version.key && reference.version.as_ref() == Some(&version.version)
    };
    let mut rows = Vec::new();
    for other in store.versions.values() {
        let all = Reference::parsed(store.content_of(other)?.references.as_deref());
        rows.extend(all.into_iter().filter(points_here).map(|reference| Reference {
            group_id: other.key.group.clone(),
            artifact_id: Some(other.key.artifact.clone()),
            version: Some(other.version.clone()),
            name: reference.name,
        }));
    }
    Ok(render::references(Reference::serialized(&rows).as_deref()))
}

fn comment_text(request: &Request) -> Result<String, Refusal> {
    let body = request.json().ok_or_else(Refusal::not_readable)?;
    Ok(text(&body, "value").unwrap_or_default())
}

fn set_state(store: &mut Store, request: &Request, id: u64) -> Result<Answer, Refusal> {
    let body = request.json().ok_or_else(Refusal::not_readable)?;
    let state: Option<VersionState> = serde_json::from_value(body.get("state").cloned().unwrap_or_default()).ok();
    let state = state.filter(|state| !matches!(state, VersionState::Draft | VersionState::Sunset));
    store.set_state(id, state.ok_or_else(Refusal::not_readable)?)?;
    Ok(Answer::done())
}

fn look_up(store: &Store, request: &Request, key: &Key) -> Result<Answer, Refusal> {
    let (bytes, references) = create::content(request)?;
    let references = Reference::serialized(&references);
    let id = store.look_up(key, &bytes, references.as_deref(), request.flag("canonical"))?;
    Ok(Answer::json(&render::version_meta(store, id)?))
}

/// Name, description, labels and properties of a body.
fn edit(store: &Store, request: &Request) -> Result<Edit, Refusal> {
    let body = request.json().ok_or_else(Refusal::not_readable)?;
    let list: Option<Vec<String>> = body
        .get("labels")
        .and_then(|list| serde_json::from_value(list.clone()).ok());
    let given = list.is_some() || body.get("properties").is_some_and(|value| !value.is_null());
    let tags = Tags {
        list: list.unwrap_or_default(),
        map: map(&body, "properties"),
    };
    let tags = if store.is_v2() { tags } else { tags.merged() };
    Ok(Edit {
        name: text(&body, "name"),
        description: text(&body, "description"),
        tags: given.then_some(tags),
        owner: None,
    })
}

fn map(body: &Value, key: &str) -> std::collections::BTreeMap<String, Option<String>> {
    body.get(key)
        .and_then(|map| serde_json::from_value(map.clone()).ok())
        .unwrap_or_default()
}

/// `GET /search/artifacts`, and the list of a group.
pub fn search(store: &Store, request: &Request, group: Option<&str>) -> Result<Answer, Refusal> {
    let wanted = group
        .or_else(|| request.param("group"))
        .map(|group| Key::new(Some(group), "").group);
    let mut rows = Vec::new();
    for (key, artifact) in &store.artifacts {
        if wanted.as_ref().is_none_or(|group| *group == key.group) && has_content(store, request, artifact)? {
            rows.push(render::artifact_row(store, key, artifact));
        }
    }
    for (param, field) in [("name", "name"), ("description", "description")] {
        if let Some(part) = request.param(param) {
            // A search for a name finds the id of what has none.
            let named = |row: &Value| text(row, field).or_else(|| text(row, "id").filter(|_| field == "name"));
            rows.retain(|row| named(row).is_some_and(|name| found_by(store, part, &name)));
        }
    }
    let by = if request.param("orderby") == Some("createdOn") {
        "createdOn"
    } else {
        "name"
    };
    let key = |row: &Value| text(row, by).or_else(|| text(row, "id"));
    let rows = sorted(rows, request, key);
    Ok(Answer::json(
        &json!({"count": rows.len(), "artifacts": page(rows, request)}),
    ))
}

/// Whether a search for a text finds another: 2.6 looks for a part, 3.3 for the whole unless there are stars (seen).
pub fn found_by(store: &Store, wanted: &str, text: &str) -> bool {
    match wanted.trim_matches('*') {
        part if store.is_v2() || part.len() < wanted.len() => text.contains(part),
        whole => text == whole,
    }
}

/// Whether an artifact has the globalId or contentId that a search asks for; 2.6 looks only at its latest version (seen).
pub fn has_content(store: &Store, request: &Request, artifact: &Artifact) -> Result<bool, Refusal> {
    let number = |name: &str| request.param(name).map(id).transpose();
    let (global, content) = (number("globalId")?, number("contentId")?);
    let seen = |id: &&u64| !store.is_v2() || artifact.latest == Some(**id);
    let fits = |id: &u64| {
        let version = store.versions.get(id);
        global.is_none_or(|global| global == *id)
            && content.is_none_or(|content| version.is_some_and(|version| version.content_id == content))
    };
    Ok((global.is_none() && content.is_none()) || artifact.versions.iter().filter(seen).any(fits))
}

/// `POST /search/artifacts`: the artifacts with that content. 2.6 looks only at latest versions (seen).
pub fn search_by_content(store: &Store, request: &Request) -> Result<Answer, Refusal> {
    let mut rows = Vec::new();
    for (key, artifact) in &store.artifacts {
        let Ok(found) = store.look_up(key, &request.body, None, request.flag("canonical")) else {
            continue;
        };
        if !store.is_v2() || artifact.latest == Some(found) {
            rows.push(render::artifact_row(store, key, artifact));
        }
    }
    Ok(Answer::json(
        &json!({"count": rows.len(), "artifacts": page(rows, request)}),
    ))
}
