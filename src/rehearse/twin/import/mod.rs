//! Imports of both versions. Reading is apart from storing, and storing goes entity by entity, so that clients are served
//! between two of them.

mod into_v2;
mod into_v3;
mod read_v3;

use std::collections::BTreeSet;

pub(super) use into_v2::read as read_for_v2;
pub(super) use read_v3::read as read_for_v3;

use super::{
    model::{Refusal, Store},
    wire::{
        ArtifactRow, ArtifactRuleRow, BranchRow, CommentRow2, CommentRow3, ContentRow3, GlobalRuleRow, GroupRow2,
        GroupRow3, GroupRuleRow, VersionRow2, VersionRow3,
    },
};

/// What an export can hold.
#[derive(Debug, Clone)]
pub(super) enum Entity {
    GlobalRule(GlobalRuleRow),
    Content(ContentRow3, Vec<u8>),
    Group2(GroupRow2),
    Group3(GroupRow3),
    GroupRule(GroupRuleRow),
    Artifact(ArtifactRow),
    Version2(VersionRow2),
    Version3(VersionRow3),
    ArtifactRule(ArtifactRuleRow),
    Branch(BranchRow),
    Comment(CommentRow3),
}

/// One turn of an import.
#[derive(Debug, Clone)]
pub(super) enum Turn {
    Take(Box<Entity>),
    /// The import ends here with this answer, and keeps what it has stored.
    Stop(Refusal),
}

/// What one import remembers while it runs.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Versions whose comments are taken.
    versions: BTreeSet<u64>,
    /// Of 2.6: contents that came in this ZIP.
    contents: BTreeSet<u64>,
    /// Of 2.6: what waits for its content or version.
    waiting: Vec<Entity>,
}

impl Entity {
    /// The kind as entry names say it, and the id.
    pub fn name(&self) -> (&'static str, String) {
        match self {
            Self::GlobalRule(row) => ("GlobalRule", row.rule_type.as_str().to_owned()),
            Self::Content(row, _) => ("Content", row.content_id.to_string()),
            Self::Group2(GroupRow2 { group_id, .. }) | Self::Group3(GroupRow3 { group_id, .. }) => {
                ("Group", group_id.clone().unwrap_or_default())
            }
            Self::GroupRule(row) => ("GroupRule", row.group_id.clone()),
            Self::Artifact(row) => ("Artifact", row.artifact_id.clone()),
            Self::Version2(VersionRow2 { global_id, .. }) | Self::Version3(VersionRow3 { global_id, .. }) => {
                ("ArtifactVersion", global_id.to_string())
            }
            Self::ArtifactRule(row) => ("ArtifactRule", row.artifact_id.clone()),
            Self::Branch(row) => ("Branch", row.artifact_id.clone()),
            Self::Comment(row) => ("Comment", row.comment_id.clone()),
        }
    }
}

impl Run {
    /// Stores one entity as that registry would: what does not fit is dropped without a word.
    pub fn take(&mut self, store: &mut Store, entity: Entity) {
        if store.is_v2() {
            into_v2::take(self, store, entity);
        } else {
            into_v3::take(self, store, entity);
        }
    }

    /// Sets the counters: never lower, and that of the comments by the *textual* maximum of their ids (reference: apicurio.md
    /// §4.8).
    pub fn finish(store: &mut Store) {
        let greatest = |all: Option<&u64>| all.copied().unwrap_or_default();
        store.ids.global = store.ids.global.max(greatest(store.versions.keys().next_back()));
        store.ids.content = store.ids.content.max(greatest(store.contents.keys().next_back()));
        let comment = store.comments.keys().next_back().and_then(|id| id.parse().ok());
        store.ids.comment = store.ids.comment.max(comment.unwrap_or_default());
    }
}

/// Fills an empty registry with an export of its own version, exactly: what cannot be taken is an error here.
pub(super) fn load(store: &mut Store, zip: &[u8]) -> Result<(), String> {
    let mut run = Run::default();
    let turns = match store.is_v2() {
        true => read_for_v2(zip)
            .into_iter()
            .map(|entity| Turn::Take(Box::new(entity)))
            .collect(),
        false => read_v3::read_unlimited(zip).map_err(|refusal| refusal.message)?,
    };
    let mut wanted = 0;
    for turn in turns {
        match turn {
            Turn::Take(entity) => {
                wanted += usize::from(matches!(*entity, Entity::Version2(_) | Entity::Version3(_)));
                run.take(store, *entity);
            }
            Turn::Stop(refusal) => return Err(refusal.message),
        }
    }
    Run::finish(store);
    // Exports list the versions of a branch in no order (reference: apicurio.md §3.3); that of the ids is the likeliest.
    for branch in store
        .artifacts
        .values_mut()
        .filter_map(|artifact| artifact.branches.get_mut("latest"))
    {
        branch.versions.sort_unstable();
    }
    match store.versions.len() {
        0 => Err("it holds no version".to_owned()),
        found if found < wanted => Err(format!("only {found} of its {wanted} versions can be taken")),
        _ => Ok(()),
    }
}

fn comment(row: CommentRow2) -> Entity {
    Entity::Comment(CommentRow3 {
        global_id: row.global_id,
        comment_id: row.comment_id,
        owner: row.created_by,
        created_on: row.created_on,
        value: row.value,
    })
}
