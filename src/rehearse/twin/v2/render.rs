use serde_json::{Map, Value};

use super::super::{
    dates::{with_offset, with_z},
    http::Answer,
    model::{Artifact, Comment, Group, Key, Reference, Refusal, Store, Tags, Version},
    render::{filled, filled_map, object},
};
use crate::registry::VersionState;

/// A date as the server writes it in this API.
pub fn date(store: &Store, milliseconds: i64) -> Value {
    match store.is_v2() {
        true => with_offset(milliseconds).into(),
        false => with_z(milliseconds).into(),
    }
}

/// A text or nothing.
pub fn maybe(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| text.as_str().into())
}

/// Labels and properties as this API has them. 3.3 shows a label without a value, or with an empty one, as a label
/// (reference: apicurio.md §2.9).
pub fn tags(store: &Store, tags: &Tags) -> (Value, Value) {
    let (mut labels, mut properties) = (Vec::new(), Map::new());
    labels.extend(tags.list.iter().map(|label| Value::from(label.as_str())));
    for (key, value) in &tags.map {
        match value {
            Some(value) if store.is_v2() || !value.is_empty() => {
                properties.insert(key.clone(), value.as_str().into());
            }
            _ if store.is_v2() => {
                properties.insert(key.clone(), Value::Null);
            }
            Some(_) | None => labels.push(key.as_str().into()),
        }
    }
    (filled(labels), filled_map(properties))
}

/// `ArtifactMetaData`, which is that of one version.
pub fn artifact_meta(store: &Store, id: u64, references: Option<&[Reference]>) -> Result<Value, Refusal> {
    let version = store.version(id)?;
    let artifact = store.artifact(&version.key)?;
    // 2.6 tells when the artifact was made, 3.3 when the version was.
    let created = if store.is_v2() {
        artifact.created_on
    } else {
        version.created_on
    };
    let modified = if store.is_v2() {
        version.created_on
    } else {
        version.modified_on
    };
    let mut meta = version_meta(store, id)?;
    if let Value::Object(fields) = &mut meta {
        fields.insert("createdOn".to_owned(), date(store, created));
        fields.insert(
            "createdBy".to_owned(),
            maybe(artifact.owner.as_ref().or(version.owner.as_ref())),
        );
        fields.insert("modifiedOn".to_owned(), date(store, modified));
        fields.insert("modifiedBy".to_owned(), maybe(version.modified_by.as_ref()));
        let references = references.map(Reference::serialized).unwrap_or_default();
        fields.insert("references".to_owned(), self::references(references.as_deref()));
    }
    Ok(meta)
}

/// `VersionMetaData`.
pub fn version_meta(store: &Store, id: u64) -> Result<Value, Refusal> {
    let version = store.version(id)?;
    let artifact = store.artifact(&version.key)?;
    let (labels, properties) = tags(store, &version.tags);
    Ok(object([
        ("id", version.key.artifact.as_str().into()),
        ("groupId", maybe(version.key.group.as_ref())),
        ("version", version.version.as_str().into()),
        ("type", artifact.artifact_type.as_str().into()),
        ("globalId", id.into()),
        ("contentId", version.content_id.into()),
        ("state", state(version.state)),
        ("name", maybe(version.name.as_ref())),
        ("description", maybe(version.description.as_ref())),
        ("createdBy", maybe(version.owner.as_ref())),
        ("createdOn", date(store, version.created_on)),
        ("labels", labels),
        ("properties", properties),
    ]))
}

/// A row of a list of versions; 3.3 leaves labels and properties out of it (reference: apicurio.md §2.9).
pub fn version_row(store: &Store, id: u64, version: &Version) -> Value {
    let artifact = store.artifacts.get(&version.key);
    let (labels, properties) = match store.is_v2() {
        true => tags(store, &version.tags),
        false => (Vec::<Value>::new().into(), Value::Null),
    };
    object([
        ("version", version.version.as_str().into()),
        (
            "type",
            artifact.map_or(Value::Null, |artifact| artifact.artifact_type.as_str().into()),
        ),
        ("globalId", id.into()),
        ("contentId", version.content_id.into()),
        ("state", state(version.state)),
        ("name", maybe(version.name.as_ref())),
        ("description", maybe(version.description.as_ref())),
        ("createdBy", maybe(version.owner.as_ref())),
        ("createdOn", date(store, version.created_on)),
        ("labels", labels),
        ("properties", properties),
        ("references", Vec::<Value>::new().into()),
    ])
}

/// A row of a list of artifacts: of 2.6 that of the latest version, disabled or not; of 3.3 the artifact's own, which is always
/// said to be enabled (reference: apicurio.md §1.5, §2.9).
pub fn artifact_row(store: &Store, key: &Key, artifact: &Artifact) -> Value {
    let latest = artifact.latest.or_else(|| artifact.versions.last().copied());
    let latest = latest.filter(|_| store.is_v2()).and_then(|id| store.versions.get(&id));
    let (name, description, modified_by, modified) = match latest {
        Some(version) => (&version.name, &version.description, &version.owner, version.created_on),
        None => (
            &artifact.name,
            &artifact.description,
            &artifact.modified_by,
            artifact.modified_on,
        ),
    };
    let labels = match latest {
        Some(version) => tags(store, &version.tags).0,
        None => Vec::<Value>::new().into(),
    };
    object([
        ("id", key.artifact.as_str().into()),
        ("groupId", maybe(key.group.as_ref())),
        ("name", maybe(name.as_ref())),
        ("description", maybe(description.as_ref())),
        ("createdOn", date(store, artifact.created_on)),
        ("createdBy", maybe(artifact.owner.as_ref())),
        ("type", artifact.artifact_type.as_str().into()),
        ("labels", labels),
        (
            "state",
            state(latest.map_or(VersionState::Enabled, |version| version.state)),
        ),
        ("modifiedOn", date(store, modified)),
        ("modifiedBy", maybe(modified_by.as_ref())),
    ])
}

/// A group; its properties only where it is asked for alone.
pub fn group(store: &Store, id: &str, group: &Group, alone: bool) -> Value {
    let properties = group
        .tags
        .map
        .iter()
        .map(|(key, value)| (key.clone(), maybe(value.as_ref())))
        .collect();
    object([
        ("id", id.into()),
        ("description", maybe(group.description.as_ref())),
        ("createdBy", maybe(group.owner.as_ref())),
        ("createdOn", date(store, group.created_on)),
        ("modifiedBy", maybe(group.modified_by.as_ref())),
        ("modifiedOn", date(store, group.modified_on)),
        ("properties", if alone { filled_map(properties) } else { Value::Null }),
    ])
}

pub fn comment(store: &Store, id: &str, comment: &Comment) -> Value {
    object([
        ("commentId", id.into()),
        ("createdBy", maybe(comment.owner.as_ref())),
        ("createdOn", date(store, comment.created_on)),
        ("value", comment.value.as_str().into()),
    ])
}

/// References as both APIs list them: without null fields.
pub fn references(text: Option<&str>) -> Value {
    let row = |reference: Reference| {
        object([
            ("groupId", maybe(reference.group_id.as_ref())),
            ("artifactId", maybe(reference.artifact_id.as_ref())),
            ("version", maybe(reference.version.as_ref())),
            ("name", maybe(reference.name.as_ref())),
        ])
    };
    Reference::parsed(text).into_iter().map(row).collect()
}

pub fn state(state: VersionState) -> Value {
    state.to_string().into()
}

/// A version's bytes, with the media type of its artifact's type on 2.6 and that of the content on 3.3 (reference: apicurio.md
/// §1.5, §2.9).
pub fn content(store: &Store, id: u64) -> Result<Answer, Refusal> {
    let version = store.version(id)?;
    let content = store.content_of(version)?;
    let kind = &store.artifact(&version.key)?.artifact_type;
    let media_type = match &content.content_type {
        Some(media_type) if !store.is_v2() => media_type.as_str(),
        _ => match kind.as_str() {
            "PROTOBUF" => "application/x-protobuf",
            "GRAPHQL" => "application/graphql",
            "WSDL" | "XSD" | "XML" => "application/xml;charset=UTF-8",
            _ => "application/json",
        },
    };
    let answer = Answer::bytes(200, media_type, content.bytes.to_vec());
    if version.state != VersionState::Deprecated {
        return Ok(answer);
    }
    let group = version.key.group.as_deref().unwrap_or("default");
    Ok(answer
        .with("x-registry-deprecated", "true")
        .with("x-registry-groupid", group)
        .with("x-registry-artifactid", version.key.artifact.as_str())
        .with("x-registry-version", version.version.as_str()))
}
