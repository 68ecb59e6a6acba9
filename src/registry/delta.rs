use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;

use super::{
    ArtifactKey, ArtifactRuleKey, CommentKey, Conflict, Format, Group, GroupKey, Labels, Snapshot, Version,
    compare::{codes, group_differences},
    conflict::conflicts,
    judge::{Judge, Verdict, comments_of},
    parts::{ExtraPart, branched, extra_parts},
    rule_change::{RuleChange, RuleOf},
};

/// What the target lacks, and what has to be done about it.
///
/// In this order: refuse on `conflicts`; delete `recreate` and then `recreate_groups` on the target; send the chunks; then by
/// the API `group_repairs`, `rules` and `owners`. Extra things on the target are reported, never deleted here (but see `rules`).
///
/// To a 2.6 the source is what fits there: `wanted` of a [`Backport`](super::Backport).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Delta {
    /// Artifacts that only need more versions.
    pub add: BTreeSet<ArtifactKey>,
    /// Artifacts that differ in any other way: delete them on the target, all their versions are sent.
    pub recreate: BTreeSet<ArtifactKey>,
    /// Rows of groups that differ in what no request changes: on a 2.6 in anything, on a 3.x in owner, creation date or type.
    /// Delete them when their artifacts are gone; rows and artifacts are sent again. Their artifacts are among `recreate`.
    pub recreate_groups: BTreeSet<GroupKey>,
    /// globalIds to send.
    pub versions: BTreeSet<u64>,
    /// contentIds to send: those that versions to send need and the target does not hold safely.
    pub contents: BTreeSet<u64>,
    /// Comments to send.
    pub comments: BTreeSet<CommentKey>,
    /// Rows of groups to send.
    pub groups: BTreeSet<GroupKey>,
    /// Rules of artifacts to send.
    pub artifact_rules: BTreeSet<ArtifactRuleKey>,
    /// Types of global rules to send.
    pub global_rules: BTreeSet<Box<str>>,
    /// Groups to repair by the API after the chunks: an import brings no labels, and never changes a group that is there.
    pub group_repairs: BTreeMap<GroupKey, GroupRepair>,
    /// Rules that the target has with another configuration, or that the source does not have: change them by the API.
    pub rules: Vec<RuleChange>,
    /// Artifacts to give this owner by the API after the chunks: an import makes of them what their versions say.
    pub owners: BTreeMap<ArtifactKey, Box<str>>,
    /// Artifacts on the target that the source does not have.
    pub extra_artifacts: BTreeSet<ArtifactKey>,
    /// Group rows on the target that the source does not have, without those of groups that hold its artifacts.
    pub extra_groups: BTreeSet<GroupKey>,
    /// What else only the target has, on groups and artifacts that both have. [`mirror_delta`] also does away with it: `rules`
    /// and `recreate` say how.
    pub extra_parts: BTreeSet<ExtraPart>,
    /// What makes sending wrong: an id that means something else on the target.
    pub conflicts: Vec<Conflict>,
}

/// What `PUT /groups/{group}` must say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRepair {
    /// The description; empty removes it.
    pub description: String,
    /// All labels.
    pub labels: Labels,
}

impl Delta {
    /// Whether nothing has to be sent, deleted or repaired.
    pub fn is_empty(&self) -> bool {
        self.sends_nothing()
            && self.recreate.is_empty()
            && self.recreate_groups.is_empty()
            && self.group_repairs.is_empty()
            && self.rules.is_empty()
            && self.owners.is_empty()
    }

    /// Whether anything may have to be deleted on the target.
    pub fn deletes(&self) -> bool {
        let gone = self.recreate.is_empty() && self.recreate_groups.is_empty();
        let of_group = |rule: &RuleChange| rule.configuration.is_none() && matches!(rule.of, RuleOf::Group(_));
        !(gone && self.extra_artifacts.is_empty() && self.extra_groups.is_empty()) || self.rules.iter().any(of_group)
    }

    /// Whether no chunk has to be sent.
    pub fn sends_nothing(&self) -> bool {
        self.versions.is_empty()
            && self.groups.is_empty()
            && self.artifact_rules.is_empty()
            && self.global_rules.is_empty()
    }
}

/// What `target` lacks to be equal to `source` (reference: apicurio.md §4.5, §4.6).
///
/// After its chunks were sent and its repairs made, the delta of the same source and the target's new export is empty.
pub fn delta(source: &Snapshot, target: &Snapshot) -> Delta {
    build(source, target, false)
}

/// As [`delta`], for one who deletes `extra_artifacts` and `extra_groups` on the target before anything is sent, so that they
/// stand in nobody's way then, and who wants nothing else there either.
pub fn mirror_delta(source: &Snapshot, target: &Snapshot) -> Delta {
    build(source, target, true)
}

fn build(source: &Snapshot, target: &Snapshot, extras_go: bool) -> Delta {
    let mut delta = Delta::default();
    groups(source, target, extras_go, &mut delta);
    let branched = if extras_go {
        branched(source, target)
    } else {
        BTreeSet::new()
    };
    let judge = Judge::new(source, target, &delta.recreate_groups, branched);
    for (key, artifact) in source.own_artifacts() {
        let ids = judge.ours.get(key).map_or(&[][..], Vec::as_slice);
        let verdict = judge.verdict(key, artifact, ids);
        if let Some(owner) = judge.owner_to_set(key, artifact, ids, &verdict) {
            delta.owners.insert((**key).clone(), owner.into());
        }
        match verdict {
            Verdict::Same => {}
            Verdict::Add(ids) => {
                delta.add.insert((**key).clone());
                delta.versions.extend(ids);
            }
            Verdict::Recreate => {
                delta.recreate.insert((**key).clone());
                delta.versions.extend(ids);
            }
        }
    }
    let versions = delta.versions.iter();
    delta.comments = versions
        .flat_map(|id| comments_of(source, *id))
        .map(|(key, _)| key.clone())
        .collect();
    contents(source, target, &mut delta);
    rules(source, target, &mut delta);
    extras(source, target, &mut delta);
    parts(source, target, extras_go, &mut delta);
    conflicts(source, target, extras_go, &mut delta);
    delta
}

/// Contents to send. One that only versions to be deleted or unknown ones hold does not count as there: 3.x removes it
/// sooner or later. 2.6 wants the content of every version in the ZIP (reference: apicurio.md §4.7, §4.8).
fn contents(source: &Snapshot, target: &Snapshot, delta: &mut Delta) {
    let stays = |version: &Version| {
        target.format == Format::V3
            && source.artifacts.contains_key(&version.artifact)
            && !delta.recreate.contains(&*version.artifact)
    };
    let held: BTreeSet<u64> = target
        .versions
        .values()
        .filter(|v| stays(v))
        .map(|v| v.content_id)
        .collect();
    let needed = delta
        .versions
        .iter()
        .filter_map(|id| source.versions.get(id))
        .map(|version| version.content_id);
    delta.contents = needed
        .filter(|id| !held.contains(id) || !target.contents.contains_key(id))
        .collect();
}

fn groups(source: &Snapshot, target: &Snapshot, extras_go: bool, delta: &mut Delta) {
    if target.format == Format::V2 {
        return groups_of_v2(source, target, delta);
    }
    for (key, group) in source.groups.iter().filter(|(key, _)| !key.is_scratch()) {
        let mut there = target.groups.get(key);
        if there.is_some_and(|there| !is_born_alike((group, source.format), (there, target.format)))
            && may_go(key, source, target, extras_go)
        {
            delta.recreate_groups.insert(key.clone());
            there = None;
        }
        if there.is_none() {
            delta.groups.insert(key.clone());
        }
        let same = match there {
            None => group.labels.is_empty(),
            Some(there) => {
                let text = |group: &Group| group.description.clone().unwrap_or_default();
                text(group) == text(there) && group.labels.same(&there.labels)
            }
        };
        if !same {
            let repair = GroupRepair {
                description: group.description.as_deref().unwrap_or("").to_owned(),
                labels: group.labels.clone(),
            };
            delta.group_repairs.insert(key.clone(), repair);
        }
    }
}

/// Whether two rows agree in what a row is made with and keeps: a date cannot be changed, an owner only from 3.1 and never
/// emptied (reference: apicurio.md §2.5).
fn is_born_alike(ours: (&Group, Format), theirs: (&Group, Format)) -> bool {
    let differences = group_differences(ours, theirs);
    let born = [codes::GROUP_OWNER, codes::GROUP_CREATED, codes::GROUP_TYPE];
    !differences.iter().any(|(code, _, _)| born.contains(code))
}

/// Whether a group can be deleted: the default one never, and no artifact goes with it that is to stay.
fn may_go(group: &GroupKey, source: &Snapshot, target: &Snapshot, extras_go: bool) -> bool {
    let stays = |artifact: &Arc<ArtifactKey>| artifact.group == *group && !source.artifacts.contains_key(artifact);
    group.as_option().is_some() && (extras_go || !target.artifacts.keys().any(stays))
}

/// 2.6 takes a group's properties from the ZIP, skips a group that it has, and has no request that changes one
/// (reference: apicurio.md §1.5, §4.7).
fn groups_of_v2(source: &Snapshot, target: &Snapshot, delta: &mut Delta) {
    for (key, group) in source.groups.iter().filter(|(key, _)| !key.is_scratch()) {
        let there = target.groups.get(key);
        let same = there.is_some_and(|there| group_differences((group, source.format), (there, Format::V2)).is_empty());
        if !same {
            delta.groups.insert(key.clone());
        }
        if !same && there.is_some() {
            delta.recreate_groups.insert(key.clone());
        }
    }
}

fn rules(source: &Snapshot, target: &Snapshot, delta: &mut Delta) {
    for (rule, wanted) in &source.global_rules {
        match target.global_rules.get(rule) {
            None => drop(delta.global_rules.insert(rule.clone())),
            Some(there) if there == wanted => {}
            Some(_) => delta.rules.push(RuleChange::new(RuleOf::All, rule, Some(wanted))),
        }
    }
    for rule in target
        .global_rules
        .keys()
        .filter(|rule| !source.global_rules.contains_key(*rule))
    {
        delta.rules.push(RuleChange::new(RuleOf::All, rule, None));
    }
    for (key, wanted) in source.own_artifact_rules() {
        let gone = delta.recreate.contains(&key.artifact);
        match target.artifact_rules.get(key).filter(|_| !gone) {
            None => drop(delta.artifact_rules.insert(key.clone())),
            Some(there) if **there == *wanted => {}
            Some(_) => delta.rules.push(RuleChange::new(
                RuleOf::Artifact(key.artifact.clone()),
                &key.rule,
                Some(wanted),
            )),
        }
    }
    for (key, _) in target.own_artifact_rules() {
        let stays = source.artifacts.contains_key(&key.artifact) && !delta.recreate.contains(&key.artifact);
        if stays && !source.artifact_rules.contains_key(key) {
            delta
                .rules
                .push(RuleChange::new(RuleOf::Artifact(key.artifact.clone()), &key.rule, None));
        }
    }
}

fn extras(source: &Snapshot, target: &Snapshot, delta: &mut Delta) {
    let unknown = target
        .own_artifacts()
        .filter(|(key, _)| !source.artifacts.contains_key(*key));
    delta.extra_artifacts = unknown.map(|(key, _)| (**key).clone()).collect();
    let in_use: BTreeSet<&GroupKey> = source.artifacts.keys().map(|key| &key.group).collect();
    for key in target.groups.keys() {
        if !key.is_scratch() && !source.groups.contains_key(key) && !in_use.contains(key) {
            delta.extra_groups.insert(key.clone());
        }
    }
}

/// What else only the target has. Branches go with their artifacts, which are brought again whole.
fn parts(source: &Snapshot, target: &Snapshot, extras_go: bool, delta: &mut Delta) {
    delta.extra_parts = extra_parts(source, target, delta);
    if !extras_go {
        return;
    }
    let rules = delta.extra_parts.iter().filter_map(|part| match part {
        ExtraPart::GroupRule(key) if !part.is_lost(delta) => Some(key),
        ExtraPart::GroupRule(_) | ExtraPart::Branch(_) => None,
    });
    let gone: Vec<RuleChange> = rules
        .map(|key| RuleChange::new(RuleOf::Group(key.group.clone()), &key.rule, None))
        .collect();
    delta.rules.extend(gone);
}
