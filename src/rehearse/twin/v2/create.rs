use serde_json::Value;

use super::{
    super::{
        http::{Answer, Request},
        model::{IfExists, Key, NewArtifact, NewVersion, Reference, Refusal, Store, Tags, group_id, inspect, kind_of},
        render::text,
    },
    render,
};

/// Types that both versions know.
const TYPES: [&str; 10] = [
    "AVRO", "PROTOBUF", "JSON", "OPENAPI", "ASYNCAPI", "GRAPHQL", "KCONNECT", "WSDL", "XSD", "XML",
];

/// `POST /groups/{g}/artifacts`.
pub fn artifact(store: &mut Store, request: &Request, group: &str) -> Result<Answer, Refusal> {
    if !is_plain(group) {
        return Err(Refusal::new(
            400,
            "InvalidGroupIdException",
            "Character % and non ASCII characters are not allowed in group IDs.",
        ));
    }
    let key = Key {
        group: group_id(Some(group)),
        artifact: artifact_id(store, request)?,
    };
    let (bytes, references) = content(request)?;
    let artifact_type = artifact_type(store, request, &bytes)?;
    let first = new_version(request, &artifact_type, bytes, references);
    let new = NewArtifact {
        name: first.name.clone(),
        description: first.description.clone(),
        tags: Tags::default(),
        artifact_type,
        if_exists: match request.param("ifExists") {
            Some("UPDATE") => IfExists::NewVersion,
            Some("RETURN") => IfExists::Return,
            Some("RETURN_OR_UPDATE") => IfExists::FindOrNewVersion,
            _ => IfExists::Fail,
        },
        canonical: request.flag("canonical"),
        key,
        first: Some(first),
    };
    let made = store.create(&new)?;
    let id = made.ok_or_else(|| Refusal::no_artifact(new.key.group.as_deref(), &new.key.artifact))?;
    // 3.3 answers no references here (seen).
    let references = new.first.filter(|_| store.is_v2()).map(|first| first.references);
    Ok(Answer::json(&render::artifact_meta(store, id, references.as_deref())?))
}

/// `POST …/versions` and `PUT …/{a}`; the globalId of the new version.
pub fn version(store: &mut Store, request: &Request, key: &Key) -> Result<u64, Refusal> {
    let (bytes, references) = content(request)?;
    let artifact_type = store.artifact(key)?.artifact_type.clone();
    let new = new_version(request, &artifact_type, bytes, references);
    store.create_version(key, &new)
}

/// The bytes and references of a body, plain or extended.
pub fn content(request: &Request) -> Result<(Vec<u8>, Vec<Reference>), Refusal> {
    let extended = request.media_type().ends_with("extended+json");
    let (bytes, references) = if extended {
        let body = request.json().ok_or_else(Refusal::not_readable)?;
        let references = body.get("references").cloned().filter(|value| !value.is_null());
        let references = references.unwrap_or_else(|| Value::Array(Vec::new()));
        let references = serde_json::from_value(references).map_err(|_| Refusal::not_readable())?;
        (text(&body, "content").unwrap_or_default().into_bytes(), references)
    } else {
        (request.body.clone(), Vec::new())
    };
    if bytes.is_empty() {
        return Err(Refusal::bad_request("Empty content is not allowed."));
    }
    Ok((bytes, references))
}

fn new_version(request: &Request, kind: &str, bytes: Vec<u8>, references: Vec<Reference>) -> NewVersion {
    let header = |name: &str| {
        request
            .header(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let (mut name, mut description) = (header("x-registry-name"), header("x-registry-description"));
    if name.is_none() && description.is_none() {
        (name, description) = inspect(kind, &bytes);
    }
    let extended = request.media_type().ends_with("extended+json");
    NewVersion {
        version: header("x-registry-version"),
        name,
        description,
        tags: Tags::default(),
        content_type: Some(if extended {
            "application/json".to_owned()
        } else {
            request.media_type()
        }),
        bytes,
        references,
    }
}

/// Whether both versions take an id from a client of 2.6's API; an import brings any (reference: apicurio.md §1.6).
fn is_plain(id: &str) -> bool {
    id.is_ascii() && !id.contains('%')
}

/// The id that is asked for, or one that nobody has (reference: apicurio.md §1.6).
fn artifact_id(store: &Store, request: &Request) -> Result<String, Refusal> {
    match request.header("x-registry-artifactid").filter(|id| !id.is_empty()) {
        Some(id) if !is_plain(id) => Err(Refusal::new(
            400,
            "InvalidArtifactIdException",
            "Character % and non ASCII characters are not allowed in artifact IDs.",
        )),
        Some(id) => Ok(id.to_owned()),
        None => Ok(format!("00000000-0000-4000-8000-{:012x}", store.ids.global + 1)),
    }
}

/// The type that is named, or the one that the content looks like. 2.6 fails on a name that it does not know; 3.3 looks at the
/// content then (seen).
fn artifact_type(store: &Store, request: &Request, bytes: &[u8]) -> Result<String, Refusal> {
    match request.header("x-registry-artifacttype") {
        Some(kind) if TYPES.contains(&kind) => Ok(kind.to_owned()),
        Some(kind) if store.is_v2() => Err(Refusal::new(
            500,
            "IllegalStateException",
            format!("No such artifact type provider: {kind}"),
        )),
        Some(_) | None => Ok(kind_of(bytes).to_owned()),
    }
}
