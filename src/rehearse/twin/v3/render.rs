use serde_json::{Map, Value};

use super::super::{
    dates::with_z,
    http::Answer,
    model::{Artifact, Branch, Comment, Content, Group, Key, Refusal, Store, Tags, Version},
    render::{filled_map, object},
};

/// Bytes of labels that a search result shows (`apicurio.rest.search-results.labels.max-size.bytes`; reference: apicurio.md
/// §2.4).
const SHOWN: usize = 512;

pub fn maybe(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| text.as_str().into())
}

fn date(milliseconds: i64) -> Value {
    with_z(milliseconds).into()
}

fn labels(tags: &Tags) -> Value {
    let map = tags.map.iter().map(|(key, value)| (key.clone(), maybe(value.as_ref())));
    filled_map(map.collect())
}

/// As many labels as fit, the last one cut.
fn cut_labels(tags: &Tags) -> Value {
    let mut left = SHOWN;
    let mut map = Map::new();
    for (key, value) in &tags.map {
        if left <= key.len() {
            break;
        }
        left -= key.len();
        let shown: Option<String> = value.as_ref().map(|value| value.chars().take(left).collect());
        left = left.saturating_sub(shown.as_ref().map_or(0, String::len));
        map.insert(key.clone(), maybe(shown.as_ref()));
    }
    filled_map(map)
}

pub fn group(id: &str, group: &Group) -> Value {
    with_labels(group_row(id, group), labels(&group.tags))
}

pub fn group_row(id: &str, group: &Group) -> Value {
    object([
        ("groupId", id.into()),
        ("description", maybe(group.description.as_ref())),
        ("owner", maybe(group.owner.as_ref())),
        ("createdOn", date(group.created_on)),
        ("modifiedBy", maybe(group.modified_by.as_ref())),
        ("modifiedOn", date(group.modified_on)),
    ])
}

fn with_labels(mut row: Value, labels: Value) -> Value {
    if let (Value::Object(fields), false) = (&mut row, labels.is_null()) {
        fields.insert("labels".to_owned(), labels);
    }
    row
}

pub fn artifact(key: &Key, artifact: &Artifact) -> Value {
    with_labels(bare_artifact(key, artifact), labels(&artifact.tags))
}

/// A row of a list.
pub fn artifact_row(key: &Key, artifact: &Artifact) -> Value {
    with_labels(bare_artifact(key, artifact), cut_labels(&artifact.tags))
}

fn bare_artifact(key: &Key, artifact: &Artifact) -> Value {
    object([
        ("groupId", maybe(key.group.as_ref())),
        ("artifactId", key.artifact.as_str().into()),
        ("artifactType", artifact.artifact_type.as_str().into()),
        ("name", maybe(artifact.name.as_ref())),
        ("description", maybe(artifact.description.as_ref())),
        ("owner", maybe(artifact.owner.as_ref())),
        ("createdOn", date(artifact.created_on)),
        ("modifiedBy", maybe(artifact.modified_by.as_ref())),
        ("modifiedOn", date(artifact.modified_on)),
    ])
}

pub fn version(store: &Store, id: u64) -> Result<Value, Refusal> {
    let version = store.version(id)?;
    Ok(with_labels(bare_version(store, id, version), labels(&version.tags)))
}

/// A row of a list.
pub fn version_row(store: &Store, id: u64, version: &Version) -> Value {
    with_labels(bare_version(store, id, version), cut_labels(&version.tags))
}

fn bare_version(store: &Store, id: u64, version: &Version) -> Value {
    let kind = store
        .artifacts
        .get(&version.key)
        .map(|artifact| &artifact.artifact_type);
    object([
        ("groupId", maybe(version.key.group.as_ref())),
        ("artifactId", version.key.artifact.as_str().into()),
        ("version", version.version.as_str().into()),
        ("globalId", id.into()),
        ("contentId", version.content_id.into()),
        ("artifactType", maybe(kind)),
        ("state", version.state.to_string().into()),
        ("name", maybe(version.name.as_ref())),
        ("description", maybe(version.description.as_ref())),
        ("owner", maybe(version.owner.as_ref())),
        ("createdOn", date(version.created_on)),
        ("modifiedBy", maybe(version.modified_by.as_ref())),
        ("modifiedOn", date(version.modified_on)),
    ])
}

/// A branch; in a list it has no group and no artifact (seen).
pub fn branch(key: Option<&Key>, id: &str, branch: &Branch) -> Value {
    object([
        ("groupId", maybe(key.and_then(|key| key.group.as_ref()))),
        ("artifactId", maybe(key.map(|key| &key.artifact))),
        ("branchId", id.into()),
        ("description", maybe(branch.description.as_ref())),
        ("systemDefined", branch.system_defined.into()),
        ("owner", maybe(branch.owner.as_ref())),
        ("createdOn", date(branch.created_on)),
        ("modifiedBy", maybe(branch.modified_by.as_ref())),
        ("modifiedOn", date(branch.modified_on)),
    ])
}

pub fn comment(id: &str, comment: &Comment) -> Value {
    object([
        ("commentId", id.into()),
        ("owner", maybe(comment.owner.as_ref())),
        ("createdOn", date(comment.created_on)),
        ("value", comment.value.as_str().into()),
    ])
}

/// A content as a download with its own media type.
pub fn content(content: &Content, name: &str) -> Answer {
    let media_type = content.content_type.as_deref().unwrap_or("application/json");
    let ending = match media_type {
        "application/x-protobuf" => "proto",
        "application/graphql" => "graphql",
        "application/xml" => "xml",
        _ => "json",
    };
    Answer::bytes(200, media_type, content.bytes.to_vec()).with(
        "content-disposition",
        format!("attachment; filename=\"{}.{ending}\"", ascii(name)),
    )
}

/// What can stand in a header.
fn ascii(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_graphic() && c != '"' { c } else { '_' })
        .collect()
}
