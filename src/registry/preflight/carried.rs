//! What no export carries, or an import leaves out (reference: apicurio.md §0 row 11, §3.5, §4.3).

use std::collections::BTreeSet;

use super::code::{
    Code, Concern, Look,
    Severity::{Info, Warning},
    Topic::Carried,
};
use crate::registry::{ArtifactKey, Format};

pub(super) const CODES: &[Code] = &[
    Code::new("group_properties_dropped", Carried, Warning, group_properties).says(
        "a group has properties",
        "3.x's importer drops them.",
        "`registry.replicate` writes them by the API. After `registry.import`: `PUT /apis/registry/v3/groups/GROUP`.",
    ),
    Code::new("group_row_made", Carried, Info, implicit_groups)
        .since([3, 0, 4])
        .says(
            "artifacts lie in a group without a row of its own",
            "3.x makes a row for it, owned by the user who imports. Nothing is lost.",
            "Nothing.",
        ),
    Code::new("first_version_gone", Carried, Info, first_gone).says(
        "the first version of an artifact was deleted",
        "2.6 keeps the artifact's own date and exports it not: on 3.x it is that of the oldest version left.",
        "Nothing.",
    ),
    Code::new("artifact_owner_other", Carried, Warning, owned_by_others).says(
        "an artifact belongs to somebody else than its versions say",
        "2.6 exports no owner of an artifact: an import makes of it what the versions say.",
        "`registry.replicate` sets it by the API. After `registry.import`: `PUT /apis/registry/v3/groups/GROUP/artifacts/ARTIFACT`.",
    ),
    Code::new("artifact_owner_stays", Carried, Info, owned_by_nobody).says(
        "an artifact belongs to nobody, and its versions to somebody",
        "An import makes it theirs, and no request takes an owner away.",
        "Nothing, unless owner-only access is on: then somebody may write to it who may not now. Give it an owner on 2.6.",
    ),
    Code::new("content_unused", Carried, Info, orphans).says(
        "contents that no version uses",
        "3.x imports them and removes them some time later. They count for nothing.",
        "Nothing.",
    ),
    Code::new("settings_not_exported", Carried, Info, always).says(
        "role mappings, dynamic settings and log levels are in no export",
        "3.x starts with its own.",
        "`registry.replicate` carries role mappings and settings whose names are known. Compare the rest by hand.",
    ),
];

/// For what has nothing to do with the data.
pub(super) fn always(_look: &Look<'_>) -> Vec<Concern> {
    vec![Concern::plain("the registry")]
}

fn group_properties(look: &Look<'_>) -> Vec<Concern> {
    let groups = look.snapshot.groups.iter();
    groups
        .filter(|(key, group)| !key.is_scratch() && !group.labels.is_empty())
        .map(|(key, group)| Concern::new(format_args!("group {key}"), &group.labels))
        .collect()
}

fn implicit_groups(look: &Look<'_>) -> Vec<Concern> {
    let keys = look.snapshot.own_artifacts().map(|(key, _)| &key.group);
    let rowless: BTreeSet<_> = keys
        .filter(|group| group.as_option().is_some() && !look.snapshot.groups.contains_key(*group))
        .collect();
    rowless
        .iter()
        .map(|group| Concern::plain(format_args!("group {group}")))
        .collect()
}

fn first_gone(look: &Look<'_>) -> Vec<Concern> {
    let artifacts = look.snapshot.versions_by_artifact().into_iter();
    artifacts
        .filter_map(|(key, ids)| {
            let orders = ids.iter().filter_map(|id| Some(look.snapshot.versions.get(id)?.order));
            let first = orders.min().filter(|first| *first > 1 && !key.group.is_scratch())?;
            Some(Concern::new(key, format_args!("the oldest is number {first}")))
        })
        .collect()
}

/// Artifacts whose owner is not the one that an import makes: whose they are, and whose they would be. Nothing is known of an
/// export that nobody asked the API about.
fn owned_otherwise<'s>(look: &Look<'s>) -> impl Iterator<Item = (&'s ArtifactKey, &'s str, &'s str)> {
    let known = look.snapshot.owners_known && look.snapshot.format == Format::V2;
    let all = known
        .then(|| look.snapshot.versions_by_artifact())
        .into_iter()
        .flatten();
    all.filter_map(|(key, ids)| {
        let owner = look.snapshot.artifacts.get(key)?.owner.as_deref().unwrap_or_default();
        let made = look.snapshot.owner_made(&ids, Format::V3);
        (owner != made && !key.group.is_scratch()).then_some((&**key, owner, made))
    })
}

fn owned_by_others(look: &Look<'_>) -> Vec<Concern> {
    let others = owned_otherwise(look).filter(|(_, owner, _)| !owner.is_empty());
    others
        .map(|(key, owner, made)| match made {
            "" => Concern::new(key, format_args!("{owner}, an import makes it nobody's")),
            made => Concern::new(key, format_args!("{owner}, an import makes it {made}'s")),
        })
        .collect()
}

fn owned_by_nobody(look: &Look<'_>) -> Vec<Concern> {
    let nobodys = owned_otherwise(look).filter(|(_, owner, _)| owner.is_empty());
    nobodys
        .map(|(key, _, made)| Concern::new(key, format_args!("an import makes it {made}'s")))
        .collect()
}

fn orphans(look: &Look<'_>) -> Vec<Concern> {
    let used: BTreeSet<u64> = look
        .snapshot
        .versions
        .values()
        .map(|version| version.content_id)
        .collect();
    let all = look.snapshot.contents.keys();
    all.filter(|id| !used.contains(id))
        .map(|id| Concern::plain(format_args!("content {id}")))
        .collect()
}
