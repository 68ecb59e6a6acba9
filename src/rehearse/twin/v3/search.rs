use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{
        http::{Answer, Request},
        model::{Key, Refusal, Store, Tags, Version, group_id},
        render::{no_resource, page, sorted, text},
        v2,
    },
    render,
};

/// `GET` and `POST /search/…`.
pub fn answer(store: &Store, request: &Request, what: &str) -> Result<Answer, Refusal> {
    match (request.method.as_str(), what) {
        ("GET", "groups") => Ok(groups(store, request)),
        ("GET", "artifacts") => artifacts(store, request, None),
        ("GET", "versions") => {
            let ids = store
                .versions
                .iter()
                .filter(|(id, version)| fits(store, request, **id, version));
            Ok(version_page(store, request, ids.map(|(id, _)| *id).collect()))
        }
        ("POST", "versions") => Ok(version_page(store, request, with_content(store, request))),
        ("POST", "artifacts") => {
            let keys: BTreeSet<&Key> = with_content(store, request)
                .iter()
                .filter_map(|id| Some(store.versions.get(id)?.key.as_ref()))
                .collect();
            let rows = keys
                .into_iter()
                .filter_map(|key| Some(render::artifact_row(key, store.artifacts.get(key)?)));
            let rows: Vec<Value> = rows.collect();
            Ok(Answer::json(
                &json!({"count": rows.len(), "artifacts": page(rows, request)}),
            ))
        }
        _ => Err(no_resource(request)),
    }
}

fn groups(store: &Store, request: &Request) -> Answer {
    let wanted = |id: &str| request.param("groupId").is_none_or(|part| id.contains(part));
    let all: Vec<_> = store.groups.iter().filter(|(id, _)| wanted(id)).collect();
    let all = sorted(all, request, |(id, _)| (*id).clone());
    let count = all.len();
    let rows: Vec<Value> = page(all, request)
        .into_iter()
        .map(|(id, group)| render::group_row(id, group))
        .collect();
    Answer::json(&json!({"groups": rows, "count": count}))
}

/// All artifacts, or those of a group, that fit the parameters.
pub fn artifacts(store: &Store, request: &Request, group: Option<&str>) -> Result<Answer, Refusal> {
    let wanted = group
        .or_else(|| request.param("groupId"))
        .map(|group| group_id(Some(group)));
    let mut rows = Vec::new();
    for (key, artifact) in &store.artifacts {
        let fits = wanted.as_ref().is_none_or(|group| *group == key.group)
            && request.param("artifactId").is_none_or(|id| key.artifact == id)
            && request
                .param("artifactType")
                .is_none_or(|kind| artifact.artifact_type == kind)
            && within(store, request.param("name"), artifact.name.as_ref())
            && within(store, request.param("description"), artifact.description.as_ref())
            && labelled(request, &artifact.tags);
        if fits && v2::has_content(store, request, artifact)? {
            rows.push(render::artifact_row(key, artifact));
        }
    }
    let by = request.param("orderby").unwrap_or("name").to_owned();
    let rows = sorted(rows, request, |row: &Value| {
        text(row, &by).or_else(|| text(row, "artifactId"))
    });
    Ok(Answer::json(
        &json!({"artifacts": page(rows.clone(), request), "count": rows.len()}),
    ))
}

fn fits(store: &Store, request: &Request, id: u64, version: &Version) -> bool {
    let kind = store
        .artifacts
        .get(&version.key)
        .map(|artifact| artifact.artifact_type.as_str());
    let number = |name: &str, is: u64| request.param(name).is_none_or(|text| text.parse() == Ok(is));
    number("globalId", id)
        && number("contentId", version.content_id)
        && request
            .param("groupId")
            .is_none_or(|group| group_id(Some(group)) == version.key.group)
        && request
            .param("artifactId")
            .is_none_or(|artifact| version.key.artifact == artifact)
        && request.param("version").is_none_or(|text| version.version == text)
        && request
            .param("state")
            .is_none_or(|state| version.state.to_string() == state)
        && request.param("artifactType").is_none_or(|wanted| kind == Some(wanted))
        && within(store, request.param("name"), version.name.as_ref())
        && within(store, request.param("description"), version.description.as_ref())
        && labelled(request, &version.tags)
}

fn within(store: &Store, wanted: Option<&str>, text: Option<&String>) -> bool {
    wanted.is_none_or(|wanted| text.is_some_and(|text| v2::found_by(store, wanted, text)))
}

/// `labels=k` or `labels=k:v`, each of which must be there.
fn labelled(request: &Request, tags: &Tags) -> bool {
    request.params("labels").all(|wanted| match wanted.split_once(':') {
        Some((key, value)) => tags.map.get(key).is_some_and(|found| found.as_deref() == Some(value)),
        None => tags.map.contains_key(wanted),
    })
}

/// The versions with the content of the body, in a group and an artifact when those are named.
fn with_content(store: &Store, request: &Request) -> Vec<u64> {
    let wanted = |key: &Key| {
        request
            .param("groupId")
            .is_none_or(|group| group_id(Some(group)) == key.group)
            && request
                .param("artifactId")
                .is_none_or(|artifact| key.artifact == artifact)
    };
    let same = |version: &Version| {
        let content = store.contents.get(&version.content_id);
        content.is_some_and(|content| {
            *content.bytes == *request.body
                || (request.flag("canonical") && v2::canonically_equal(&content.bytes, &request.body))
        })
    };
    let found = store
        .versions
        .iter()
        .filter(|(_, version)| wanted(&version.key) && same(version));
    found.map(|(id, _)| *id).collect()
}

/// A page of versions in the order that is asked for; by globalId unless another key is named.
pub fn version_page(store: &Store, request: &Request, ids: Vec<u64>) -> Answer {
    let by = request.param("orderby").unwrap_or("globalId").to_owned();
    let key = |id: &u64| {
        let version = store.versions.get(id);
        let text = version.map(|version| match by.as_str() {
            "artifactId" => version.key.artifact.clone(),
            "groupId" => version.key.group.clone().unwrap_or_default(),
            "version" => version.version.clone(),
            "name" => version.name.clone().unwrap_or_default(),
            _ => String::new(),
        });
        (text, *id)
    };
    let ids = sorted(ids, request, key);
    let count = ids.len();
    Answer::json(&json!({"count": count, "versions": rows(store, page(ids, request))}))
}

/// Versions as lists show them.
pub fn rows(store: &Store, ids: Vec<u64>) -> Vec<Value> {
    let row = |id: u64| Some(render::version_row(store, id, store.versions.get(&id)?));
    ids.into_iter().filter_map(row).collect()
}
