//! What 2.6 cannot hold: the residue of a way back (reference: apicurio.md §4.7), and for the way there what it will be.

use std::collections::BTreeSet;

use super::{
    carried::always,
    code::{
        Code, Concern, Look,
        Severity::{Blocking, Info, Warning},
        Topic::WayBack,
    },
    limits::TYPES,
    lost_versions::versions,
};
use crate::registry::{BranchKey, VersionState};

pub(super) const CODES: &[Code] = &[
    Code::new("only_on_3", WayBack, Info, always).says(
        "drafts, new types, branches, rules of groups and empty artifacts exist on 3.x only",
        "What clients make of them after the switch stays behind when the registry goes back to 2.6.",
        "Ask `regplan preflight V3_URL --to-version 2.6` before a way back: it lists them.",
    ),
    Code::new("residue_draft", WayBack, Warning, drafts)
        .on_the_way_back()
        .says(
            "a version is a DRAFT",
            "2.6 has no drafts: one of them ends a hand-made import in silence. It stays behind.",
            "Publish or delete it on 3.x first, or accept that it stays behind.",
        ),
    Code::new("residue_sunset", WayBack, Warning, sunsets)
        .on_the_way_back()
        .says(
            "a version is SUNSET",
            "2.6 has no such state. It arrives as DEPRECATED, which is served with a warning.",
            "Accept it, or set the state to DEPRECATED on 3.x first.",
        ),
    Code::new("residue_type", WayBack, Warning, types)
        .on_the_way_back()
        .says(
            "an artifact has a type that 2.6 does not know",
            "2.6 cannot hold it; regplan leaves it out.",
            "Keep its schema elsewhere before going back.",
        ),
    Code::new("residue_empty_artifact", WayBack, Warning, empty)
        .on_the_way_back()
        .says(
            "an artifact has no version",
            "2.6 has artifacts only through their versions; it stays behind.",
            "Nothing, or register a version.",
        ),
    Code::new("residue_branch", WayBack, Warning, branches)
        .on_the_way_back()
        .says(
            "an artifact has a branch of its own",
            "2.6 has no branches; it stays behind.",
            "Nothing, if no client reads it.",
        ),
    Code::new("residue_group_rule", WayBack, Warning, group_rules)
        .on_the_way_back()
        .says(
            "a group has rules",
            "2.6 has rules for all and for artifacts only; they stay behind.",
            "Set the rule on the artifacts of the group before going back.",
        ),
    Code::new("back_group_labels", WayBack, Info, group_labels)
        .on_the_way_back()
        .says(
            "a group has labels",
            "2.6 has them as properties: a label without a value comes back with an empty one.",
            "Nothing.",
        ),
    Code::new("back_content_missing", WayBack, Blocking, missing)
        .on_the_way_back()
        .says(
            "the export names a content and does not hold it",
            "2.6 drops versions whose content is not in the same ZIP, and answers 204.",
            "Look for errors in the log of 3.x and export again.",
        ),
];

fn drafts(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| (version.state == VersionState::Draft).then(String::new))
}

fn sunsets(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        (version.state == VersionState::Sunset).then(String::new)
    })
}

fn types(look: &Look<'_>) -> Vec<Concern> {
    let artifacts = look.snapshot.own_artifacts();
    artifacts
        .filter(|(_, artifact)| !TYPES.contains(&&*artifact.artifact_type))
        .map(|(key, artifact)| Concern::new(key, &artifact.artifact_type))
        .collect()
}

fn empty(look: &Look<'_>) -> Vec<Concern> {
    let with: BTreeSet<_> = look
        .snapshot
        .own_versions()
        .map(|(_, version)| &version.artifact)
        .collect();
    let artifacts = look.snapshot.own_artifacts().map(|(key, _)| key);
    artifacts
        .filter(|key| !with.contains(key))
        .map(Concern::plain)
        .collect()
}

fn branches(look: &Look<'_>) -> Vec<Concern> {
    let branches = look.snapshot.branches.keys();
    branches
        .filter(|key| !key.artifact.group.is_scratch() && *key.branch != *BranchKey::LATEST)
        .map(|key| Concern::plain(format_args!("{} branch {}", key.artifact, key.branch)))
        .collect()
}

fn group_rules(look: &Look<'_>) -> Vec<Concern> {
    let rules = look.snapshot.group_rules.iter();
    rules
        .filter(|(key, _)| !key.group.is_scratch())
        .map(|(key, configuration)| Concern::new(format_args!("group {} rule {}", key.group, key.rule), configuration))
        .collect()
}

fn group_labels(look: &Look<'_>) -> Vec<Concern> {
    let groups = look.snapshot.groups.iter();
    groups
        .filter(|(key, group)| !key.is_scratch() && group.labels.iter().any(|(_, value)| value.is_none()))
        .map(|(key, group)| Concern::new(format_args!("group {key}"), &group.labels))
        .collect()
}

fn missing(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let missing = !look.snapshot.contents.contains_key(&version.content_id);
        missing.then(|| format!("content {}", version.content_id))
    })
}
