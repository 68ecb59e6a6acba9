//! 2.6's importer (reference: apicurio.md §4.7).

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{
    super::{
        archive::{Entries, Entry},
        model::{Artifact, Comment, Content, Group, Key, RuleOf, Store, Tags, Version, content_hash, group_id},
        wire::{CommentRow3, ContentRow2, ContentRow3, GroupRow2, VersionRow2},
    },
    Entity, Run, comment,
};
use crate::registry::VersionState;

/// Longest entry that a twin unpacks for 2.6, which has no such limit; bytes.
const ENTRY: usize = 256 << 20;

/// The entities of a ZIP up to the first problem of any kind, which ends the import without a word: an unknown kind or field,
/// a name without its two last parts, a content without its bytes right behind it, a cut, no ZIP at all.
pub(in super::super) fn read(zip: &[u8]) -> Vec<Entity> {
    let mut entries = Entries::new(zip, ENTRY);
    let mut all = Vec::new();
    while let Some(Ok(entry)) = entries.next() {
        match one(&entry, &mut entries) {
            Some(Some(entity)) => all.push(entity),
            Some(None) => {}
            None => break,
        }
    }
    all
}

/// One entity; `Some(None)` for a manifest.
fn one(entry: &Entry, entries: &mut Entries<'_>) -> Option<Option<Entity>> {
    let mut parts = entry.name.rsplit('.');
    let (role, kind, _stem) = (parts.next()?, parts.next()?, parts.next()?);
    if role != "json" {
        return None;
    }
    let json = &entry.bytes;
    Some(Some(match kind {
        "Manifest" => return Some(None),
        "Content" => {
            let row: ContentRow2 = parse(json)?;
            let data = entries.next()?.ok()?;
            let row = ContentRow3 {
                content_id: row.content_id,
                canonical_hash: row.canonical_hash,
                content_hash: row.content_hash,
                artifact_type: row.artifact_type,
                content_type: None,
                serialized_references: row.serialized_references,
            };
            data.name
                .ends_with(".Content.data")
                .then_some(Entity::Content(row, data.bytes))?
        }
        "Group" => Entity::Group2(parse(json)?),
        "ArtifactVersion" => Entity::Version2(parse(json)?),
        "Comment" => comment(parse(json)?),
        "ArtifactRule" => Entity::ArtifactRule(parse(json)?),
        "GlobalRule" => Entity::GlobalRule(parse(json)?),
        _ => return None,
    }))
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

pub(super) fn take(run: &mut Run, store: &mut Store, entity: Entity) {
    match entity {
        Entity::Content(row, bytes) => {
            let id = row.content_id;
            content(store, row, bytes);
            run.contents.insert(id);
            waited_for(run, store);
        }
        Entity::Version2(row) if !run.contents.contains(&row.content_id) => run.waiting.push(Entity::Version2(row)),
        Entity::Version2(row) => {
            let id = row.global_id;
            version(store, row);
            run.versions.insert(id);
            waited_for(run, store);
        }
        Entity::Comment(row) if !run.versions.contains(&row.global_id) => run.waiting.push(Entity::Comment(row)),
        Entity::Comment(row) => comment_row(store, row),
        Entity::Group2(row) => group(store, row),
        Entity::ArtifactRule(row) => {
            let key = Key::new(row.group_id.as_deref(), &row.artifact_id);
            // There already, or without its artifact: a warning in the log, no change.
            let _warned = store.add_rule(RuleOf::Artifact(&key), row.rule.as_str(), &row.configuration);
        }
        Entity::GlobalRule(row) => {
            let _warned = store.add_rule(RuleOf::All, row.rule_type.as_str(), &row.configuration);
        }
        // Never read by 2.6.
        Entity::Group3(_) | Entity::GroupRule(_) | Entity::Artifact(_) | Entity::Version3(_) | Entity::Branch(_) => {}
    }
}

/// Takes once more what had to wait; what still has to, waits on.
fn waited_for(run: &mut Run, store: &mut Store) {
    for entity in std::mem::take(&mut run.waiting) {
        // Nothing else ever waits.
        let ready = if let Entity::Version2(row) = &entity {
            run.contents.contains(&row.content_id)
        } else if let Entity::Comment(row) = &entity {
            run.versions.contains(&row.global_id)
        } else {
            true
        };
        if ready {
            take(run, store, entity);
        } else {
            run.waiting.push(entity);
        }
    }
}

fn content(store: &mut Store, row: ContentRow3, bytes: Vec<u8>) {
    let references = row
        .serialized_references
        .filter(|text| !text.is_empty() && text != "[]");
    let hash = row
        .content_hash
        .unwrap_or_else(|| content_hash(&bytes, references.as_deref()));
    let canonical = row.canonical_hash.or_else(|| row.artifact_type.map(|_| hash.clone()));
    let Some(canonical_hash) = canonical else { return };
    if store.contents.contains_key(&row.content_id) || store.content_id(&hash).is_some() {
        return;
    }
    let content = Content {
        bytes: bytes.into(),
        hash,
        canonical_hash,
        references,
        content_type: None,
    };
    store.insert_content(row.content_id, content);
}

fn version(store: &mut Store, row: VersionRow2) {
    let key = Key::new(row.group_id.as_deref(), row.artifact_id.as_deref().unwrap_or_default());
    let name = row.version.clone().unwrap_or_else(|| row.version_id.to_string());
    let known = store.versions.contains_key(&row.global_id) || store.global_id(&key, &name).is_ok();
    if known || !store.contents.contains_key(&row.content_id) {
        return;
    }
    let key = match store.artifacts.get_key_value(&key) {
        Some((key, _)) => Arc::clone(key),
        None => Arc::new(key),
    };
    let artifact = store.artifacts.entry(Arc::clone(&key)).or_insert_with(|| Artifact {
        artifact_type: row.artifact_type.clone().unwrap_or_default(),
        owner: row.created_by.clone(),
        created_on: row.created_on,
        ..Artifact::default()
    });
    artifact.versions.insert(row.global_id);
    if row.is_latest {
        artifact.latest = Some(row.global_id);
    }
    let version = Version {
        key,
        version: name,
        order: row.version_id,
        content_id: row.content_id,
        state: row
            .state
            .map_or(VersionState::Enabled, super::super::wire::State2::state),
        name: row.name,
        description: row.description,
        modified_by: row.created_by.clone(),
        owner: row.created_by,
        created_on: row.created_on,
        modified_on: row.created_on,
        tags: Tags {
            list: row.labels.unwrap_or_default(),
            map: row.properties.unwrap_or_default(),
        },
    };
    store.versions.insert(row.global_id, version);
}

fn group(store: &mut Store, row: GroupRow2) {
    let Some(id) = group_id(row.group_id.as_deref()) else {
        return;
    };
    store.groups.entry(id).or_insert_with(|| Group {
        description: row.description,
        artifacts_type: row.artifacts_type,
        owner: row.created_by,
        created_on: row.created_on,
        modified_by: row.modified_by,
        modified_on: row.modified_on,
        tags: Tags {
            list: Vec::new(),
            map: row.properties.unwrap_or_default(),
        },
        ..Group::default()
    });
}

fn comment_row(store: &mut Store, row: CommentRow3) {
    if !store.versions.contains_key(&row.global_id) {
        return;
    }
    store.comments.entry(row.comment_id).or_insert(Comment {
        global_id: row.global_id,
        owner: row.owner,
        created_on: row.created_on,
        value: row.value,
    });
}
