use serde_json::{Value, json};

use super::{
    super::{
        http::{Answer, Request},
        model::{IfExists, Key, NewArtifact, NewVersion, Reference, Refusal, Store, kind_of},
        render::text,
    },
    labels, render,
};

/// `POST /groups/{g}/artifacts`.
pub fn artifact(store: &mut Store, request: &Request, group: &str) -> Result<Answer, Refusal> {
    let body = request.json().ok_or_else(Refusal::not_readable)?;
    let first = body
        .get("firstVersion")
        .filter(|value| !value.is_null())
        .map(new_version)
        .transpose()?;
    let id = text(&body, "artifactId").filter(|id| !id.is_empty());
    let id = id.unwrap_or_else(|| format!("00000000-0000-4000-8000-{:012x}", store.ids.global + 1));
    let guessed = || first.as_ref().map_or("JSON", |first| kind_of(&first.bytes)).to_owned();
    let new = NewArtifact {
        key: Key::new(Some(group), &id),
        artifact_type: text(&body, "artifactType").unwrap_or_else(guessed),
        name: text(&body, "name"),
        description: text(&body, "description"),
        tags: body.get("labels").map(labels).unwrap_or_default(),
        if_exists: match request.param("ifExists") {
            Some("CREATE_VERSION") => IfExists::NewVersion,
            Some("FIND_OR_CREATE_VERSION") => IfExists::FindOrNewVersion,
            _ => IfExists::Fail,
        },
        canonical: request.flag("canonical"),
        first,
    };
    store.rehearsed(request.flag("dryRun"), |store| {
        let id = store.create(&new)?;
        let artifact = render::artifact(&new.key, store.artifact(&new.key)?);
        match id {
            Some(id) => Ok(Answer::json(
                &json!({"artifact": artifact, "version": render::version(store, id)?}),
            )),
            None => Ok(Answer::json(&json!({"artifact": artifact}))),
        }
    })
}

/// `POST …/versions`.
pub fn version(store: &mut Store, request: &Request, key: &Key) -> Result<Answer, Refusal> {
    let new = new_version(&request.json().ok_or_else(Refusal::not_readable)?)?;
    store.rehearsed(request.flag("dryRun"), |store| {
        let id = store.create_version(key, &new)?;
        Ok(Answer::json(&render::version(store, id)?))
    })
}

fn new_version(body: &Value) -> Result<NewVersion, Refusal> {
    let content = body.get("content").ok_or_else(Refusal::not_readable)?;
    let bytes = text(content, "content").unwrap_or_default().into_bytes();
    if bytes.is_empty() {
        return Err(Refusal::bad_request("Empty content is not allowed."));
    }
    let references = content.get("references").filter(|value| !value.is_null()).cloned();
    let references: Vec<Reference> = match references {
        Some(references) => serde_json::from_value(references).map_err(|_| Refusal::not_readable())?,
        None => Vec::new(),
    };
    Ok(NewVersion {
        version: text(body, "version").filter(|version| !version.is_empty()),
        name: text(body, "name"),
        description: text(body, "description"),
        tags: body.get("labels").map(labels).unwrap_or_default(),
        bytes,
        references,
        content_type: text(content, "contentType"),
    })
}
