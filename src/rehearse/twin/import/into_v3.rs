//! What 3.3 does with each entity, of both formats (reference: apicurio.md §4.2 to §4.5).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{
        model::{
            Artifact, Branch, Comment, Content, Group, Key, Reference, RuleOf, Store, Tags, Version, content_hash,
            group_id, is_addressable,
        },
        wire::{ArtifactRow, BranchRow, CommentRow3, ContentRow3, GroupRow3, VersionRow2, VersionRow3},
    },
    Entity, Run,
};
use crate::registry::VersionState;

pub(super) fn take(run: &mut Run, store: &mut Store, entity: Entity) {
    match entity {
        Entity::GlobalRule(row) => {
            // There already: a warning in the log, no change.
            let _warned = store.add_rule(RuleOf::All, row.rule_type.as_str(), &row.configuration);
        }
        Entity::Content(row, bytes) => content(store, row, bytes),
        // Properties of groups are dropped (reference: apicurio.md §0 row 11).
        Entity::Group2(row) => group(
            store,
            GroupRow3 {
                group_id: row.group_id,
                description: row.description,
                artifacts_type: row.artifacts_type,
                owner: row.created_by,
                created_on: row.created_on,
                modified_by: row.modified_by,
                modified_on: row.modified_on,
                labels: None,
            },
        ),
        Entity::Group3(row) => group(store, row),
        Entity::GroupRule(row) => {
            let _warned = store.add_rule(RuleOf::Group(&row.group_id), row.rule.as_str(), &row.configuration);
        }
        Entity::Artifact(row) => artifact(store, row),
        Entity::Version2(row) => version2(run, store, row),
        Entity::Version3(row) => version3(run, store, row),
        Entity::ArtifactRule(row) => {
            let key = Key::new(row.group_id.as_deref(), &row.artifact_id);
            let added = store.add_rule(RuleOf::Artifact(&key), row.rule.as_str(), &row.configuration);
            // A duplicate key, which no status is mapped to: five may pass (reference: apicurio.md §1.9).
            if added.is_err_and(|refusal| refusal.name == "RuleAlreadyExistsException") {
                store.health.storage_failed(store.now);
            }
        }
        Entity::Branch(row) => branch(store, row),
        Entity::Comment(row) => comment_row(run, store, row),
    }
}

/// Lost: under a hash or without a canonical hash that the table does not take, or with two references of one name
/// (reference: apicurio.md §4.4, §4.5).
fn content(store: &mut Store, row: ContentRow3, bytes: Vec<u8>) {
    let references = row
        .serialized_references
        .filter(|text| !text.is_empty() && text != "[]");
    let hash = content_hash(&bytes, references.as_deref());
    let mut names: Vec<_> = Reference::parsed(references.as_deref())
        .into_iter()
        .map(|one| one.name)
        .collect();
    names.sort();
    let ambiguous = names
        .windows(2)
        .any(|pair| matches!(pair, [one, other] if one == other));
    let known = store.contents.contains_key(&row.content_id) || store.content_id(&hash).is_some();
    let Some(canonical_hash) = row.canonical_hash else {
        return;
    };
    if known || ambiguous {
        return;
    }
    let content_type = row.content_type.or_else(|| Some(media_type(&bytes).to_owned()));
    let content = Content {
        bytes: bytes.into(),
        hash,
        canonical_hash,
        references,
        content_type,
    };
    store.insert_content(row.content_id, content);
}

/// The media type that is guessed for an imported content: all but Protobuf was seen to become JSON (reference: apicurio.md
/// §2.9).
fn media_type(bytes: &[u8]) -> &'static str {
    match super::super::model::kind_of(bytes) {
        "PROTOBUF" => "application/x-protobuf",
        _ => "application/json",
    }
}

fn group(store: &mut Store, row: GroupRow3) {
    let Some(id) = group_id(row.group_id.as_deref()) else {
        return;
    };
    if id.chars().count() > 512 {
        return;
    }
    store.groups.entry(id).or_insert_with(|| Group {
        description: row.description,
        artifacts_type: row.artifacts_type,
        owner: row.owner,
        created_on: row.created_on,
        modified_by: row.modified_by,
        modified_on: row.modified_on,
        tags: map(row.labels),
        ..Group::default()
    });
}

fn map(labels: Option<BTreeMap<String, Option<String>>>) -> Tags {
    Tags {
        list: Vec::new(),
        map: labels.unwrap_or_default(),
    }
}

fn artifact(store: &mut Store, row: ArtifactRow) {
    let key = Arc::new(Key::new(row.group_id.as_deref(), &row.artifact_id));
    store.ensure_group(&key);
    store.artifacts.entry(key).or_insert_with(|| Artifact {
        artifact_type: row.artifact_type,
        name: row.name,
        description: row.description,
        tags: map(row.labels),
        owner: row.owner,
        created_on: row.created_on,
        modified_by: row.modified_by,
        modified_on: row.modified_on,
        ..Artifact::default()
    });
}

/// A version of 2.6, with the artifact that is made of it or changed by it (reference: apicurio.md §4.3).
fn version2(run: &mut Run, store: &mut Store, row: VersionRow2) {
    let tags = Tags {
        list: row.labels.unwrap_or_default(),
        map: row.properties.unwrap_or_default(),
    }
    .merged();
    let artifact_id = row.artifact_id.unwrap_or_default();
    let key = Arc::new(Key::new(row.group_id.as_deref(), &artifact_id));
    let version = Version {
        version: row.version.unwrap_or_else(|| row.version_id.to_string()),
        key,
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
        tags,
    };
    if artifact_id.is_empty() || !fits(&version) {
        store.health.storage_failed(store.now);
        return;
    }
    let artifact_type = row.artifact_type.unwrap_or_else(|| "AVRO".to_owned());
    artifact_of(store, &version, artifact_type, row.is_latest);
    insert(run, store, row.global_id, version);
}

fn version3(run: &mut Run, store: &mut Store, row: VersionRow3) {
    let key = Key::new(row.group_id.as_deref(), &row.artifact_id);
    let Some((key, _)) = store.artifacts.get_key_value(&key) else {
        return;
    };
    let version = Version {
        key: Arc::clone(key),
        version: row.version.unwrap_or_else(|| row.version_order.to_string()),
        order: row.version_order,
        content_id: row.content_id,
        state: row.state.unwrap_or(VersionState::Enabled),
        name: row.name,
        description: row.description,
        owner: row.owner,
        created_on: row.created_on,
        modified_by: row.modified_by,
        modified_on: row.modified_on,
        tags: map(row.labels),
    };
    if fits(&version) && is_new(store, row.global_id, &version) {
        store_version(run, store, row.global_id, version);
    }
}

/// Whether the columns and the index of labels take it (reference: apicurio.md §4.4).
fn fits(version: &Version) -> bool {
    let within = |text: &Option<String>, limit| text.as_ref().is_none_or(|text| text.chars().count() <= limit);
    let group = version
        .key
        .group
        .as_ref()
        .is_none_or(|group| group.chars().count() <= 512);
    group && within(&version.name, 512) && within(&version.description, 1024) && version.tags.fit_the_index()
}

/// Makes the artifact of its first version, or lays the latest one's metadata over it, which happens even when the version is
/// then skipped.
fn artifact_of(store: &mut Store, version: &Version, artifact_type: String, is_latest: bool) {
    let now = store.now;
    store.ensure_group(&version.key);
    if let Some(artifact) = store.artifacts.get_mut(&version.key) {
        if is_latest {
            overlay(artifact, version, now);
        }
        return;
    }
    let latest = Branch {
        owner: version.owner.clone(),
        created_on: version.created_on,
        modified_by: Some(String::new()),
        modified_on: now,
        ..Branch::default()
    };
    let artifact = Artifact {
        artifact_type,
        name: version.name.clone(),
        description: version.description.clone(),
        tags: version.tags.clone(),
        owner: version.owner.clone(),
        created_on: version.created_on,
        modified_by: version.owner.clone(),
        modified_on: now,
        branches: BTreeMap::from([("latest".to_owned(), latest)]),
        ..Artifact::default()
    };
    store.artifacts.insert(Arc::clone(&version.key), artifact);
}

/// An empty text counts as set, an empty owner does not, and no labels leave what is there (reference: apicurio.md §4.3).
fn overlay(artifact: &mut Artifact, version: &Version, now: i64) {
    if version.name.is_some() {
        artifact.name.clone_from(&version.name);
    }
    if version.description.is_some() {
        artifact.description.clone_from(&version.description);
    }
    if version.owner.as_deref().is_some_and(|owner| !owner.is_empty()) {
        artifact.owner.clone_from(&version.owner);
    }
    if !version.tags.map.is_empty() {
        artifact.tags = version.tags.clone();
    }
    artifact.modified_by = Some(String::new());
    artifact.modified_on = now;
}

fn is_new(store: &Store, global_id: u64, version: &Version) -> bool {
    !store.versions.contains_key(&global_id) && store.global_id(&version.key, &version.version).is_err()
}

fn insert(run: &mut Run, store: &mut Store, global_id: u64, version: Version) {
    if !is_new(store, global_id, &version) {
        return;
    }
    if !store.contents.contains_key(&version.content_id) {
        store.health.storage_failed(store.now);
        return;
    }
    let (key, named) = (Arc::clone(&version.key), is_addressable(&version.version));
    store_version(run, store, global_id, version);
    // A native `latest` takes no imported version, and none takes what it cannot name (reference: apicurio.md §4.4, §4.5).
    let native = store.branch(&key, "latest").is_ok_and(|branch| branch.system_defined);
    if named && !native {
        store.on_top(&key, global_id);
    }
}

fn store_version(run: &mut Run, store: &mut Store, global_id: u64, version: Version) {
    if !store.contents.contains_key(&version.content_id) {
        return;
    }
    if let Some(artifact) = store.artifacts.get_mut(&version.key) {
        artifact.versions.insert(global_id);
    }
    store.versions.insert(global_id, version);
    run.versions.insert(global_id);
}

fn branch(store: &mut Store, row: BranchRow) {
    let key = Key::new(row.group_id.as_deref(), &row.artifact_id);
    let versions = row
        .versions
        .iter()
        .filter_map(|version| store.global_id(&key, version).ok())
        .collect();
    if let Some(artifact) = store.artifacts.get_mut(&key) {
        artifact.branches.entry(row.branch_id).or_insert(Branch {
            description: row.description,
            system_defined: row.system_defined,
            owner: row.owner,
            created_on: row.created_on,
            modified_by: row.modified_by,
            modified_on: row.modified_on,
            versions,
        });
    }
}

/// Taken only with its version in the same run (reference: apicurio.md §4.3).
fn comment_row(run: &Run, store: &mut Store, row: CommentRow3) {
    if !run.versions.contains(&row.global_id) {
        return;
    }
    if store.comments.contains_key(&row.comment_id) {
        store.health.storage_failed(store.now);
        return;
    }
    let comment = Comment {
        global_id: row.global_id,
        owner: row.owner,
        created_on: row.created_on,
        value: row.value,
    };
    store.comments.insert(row.comment_id, comment);
}
