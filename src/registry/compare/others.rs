use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use super::{SideFacts, codes, rows::Rows, rows::text};
use crate::registry::{CommentKey, Format, Group, Snapshot};

/// Rows of groups.
pub(super) fn groups(left: &Snapshot, right: &Snapshot, rows: &mut Rows) {
    for (key, group) in left.groups.iter().filter(|(key, _)| !key.is_scratch()) {
        let what = format!("group {key}");
        match right.groups.get(key) {
            None => rows.differ(codes::GROUP_MISSING, what, text(&group.description), ""),
            Some(other) => one_group(&what, (group, left.format), (other, right.format), rows),
        }
    }
    for (key, group) in right.groups.iter().filter(|(key, _)| !key.is_scratch()) {
        if left.groups.contains_key(key) {
            continue;
        }
        let what = format!("group {key}");
        if left.artifacts.keys().any(|artifact| artifact.group == *key) {
            rows.expect(codes::GROUP_IMPLICIT, what, "only through its artifacts", "a row");
        } else {
            rows.differ(codes::GROUP_EXTRA, what, "", text(&group.description));
        }
    }
}

fn one_group(what: &str, left: (&Group, Format), right: (&Group, Format), rows: &mut Rows) {
    for (code, ours, theirs) in group_differences(left, right) {
        rows.differ(code, what, ours, theirs);
    }
    if labels_dropped(left, right) {
        rows.expect(codes::GROUP_PROPERTIES, what, &left.0.labels, &right.0.labels);
    }
}

/// All that must be equal of two rows of one group: code, left, right.
pub(in crate::registry) fn group_differences(
    left: (&Group, Format),
    right: (&Group, Format),
) -> Vec<(&'static str, String, String)> {
    let dropped = labels_dropped(left, right);
    let (left, right) = (left.0, right.0);
    let mut found = Vec::new();
    let mut texts = |code, left: &str, right: &str| {
        if left != right {
            found.push((code, left.to_owned(), right.to_owned()));
        }
    };
    texts(
        codes::GROUP_DESCRIPTION,
        text(&left.description),
        text(&right.description),
    );
    texts(codes::GROUP_OWNER, text(&left.owner), text(&right.owner));
    let (ours, theirs) = (left.created_on.to_string(), right.created_on.to_string());
    texts(codes::GROUP_CREATED, &ours, &theirs);
    texts(
        codes::GROUP_TYPE,
        text(&left.artifacts_type),
        text(&right.artifacts_type),
    );
    if !dropped && !left.labels.same(&right.labels) {
        let (ours, theirs) = (left.labels.to_string(), right.labels.to_string());
        found.push((codes::GROUP_LABELS, ours, theirs));
    }
    found
}

/// Neither way: what an import of 2.6 data left out on 3.x is not there to come back.
fn labels_dropped((left, from): (&Group, Format), (right, to): (&Group, Format)) -> bool {
    let dropped = match (from, to) {
        (Format::V2, Format::V3) => right.labels.is_empty(),
        (Format::V3, Format::V2) => left.labels.is_empty(),
        (Format::V2, Format::V2) | (Format::V3, Format::V3) => false,
    };
    dropped && !left.labels.same(&right.labels)
}

/// Rules of all three levels.
pub(super) fn rules(left: &Snapshot, right: &Snapshot, rows: &mut Rows) {
    let artifact_rules = |side: &Snapshot| -> BTreeMap<String, Box<str>> {
        side.own_artifact_rules()
            .map(|(key, configuration)| (format!("{} rule {}", key.artifact, key.rule), configuration.into()))
            .collect()
    };
    let global_rules = |side: &Snapshot| -> BTreeMap<String, Box<str>> {
        let all = side.global_rules.iter();
        all.map(|(rule, configuration)| (format!("global rule {rule}"), configuration.clone()))
            .collect()
    };
    let group_rules = |side: &Snapshot| -> BTreeMap<String, Box<str>> {
        let own = side.group_rules.iter().filter(|(key, _)| !key.group.is_scratch());
        own.map(|(key, configuration)| (format!("group {} rule {}", key.group, key.rule), configuration.clone()))
            .collect()
    };
    for of in [global_rules, artifact_rules, group_rules] as [fn(&Snapshot) -> BTreeMap<String, Box<str>>; 3] {
        let (ours, theirs) = (of(left), of(right));
        rows.result.rules += ours.len() as u64;
        let codes = [codes::RULE_MISSING, codes::RULE_EXTRA, codes::RULE_CONFIGURATION];
        both(&ours, &theirs, codes, rows);
    }
}

/// Compares two maps of texts by key.
fn both<K: Ord + Display>(
    left: &BTreeMap<K, Box<str>>,
    right: &BTreeMap<K, Box<str>>,
    [missing, extra, other]: [&'static str; 3],
    rows: &mut Rows,
) {
    for (key, ours) in left {
        match right.get(key) {
            None => rows.differ(missing, key, ours, ""),
            Some(theirs) => rows.same(other, key, ours, theirs),
        }
    }
    for (key, theirs) in right.iter().filter(|(key, _)| !left.contains_key(key)) {
        rows.differ(extra, key, "", theirs);
    }
}

/// Comments, and those that 2.6's export had to leave out.
pub(super) fn comments(left: &Snapshot, right: &Snapshot, facts: &SideFacts, rows: &mut Rows) {
    let hidden = match right.format {
        Format::V2 => left.colliding_comments(),
        Format::V3 => BTreeSet::new(),
    };
    for (key, comment) in left.own_comments() {
        rows.result.comments += 1;
        let what = left.comment_name(key);
        match right.comments.get(key) {
            None if hidden.contains(key) => {
                rows.expect(codes::COMMENT_NOT_EXPORTED, what, &comment.value, "not in its export");
            }
            None => rows.differ(codes::COMMENT_MISSING, what, &comment.value, ""),
            Some(other) => {
                rows.same(codes::COMMENT_VALUE, &what, &comment.value, &other.value);
                rows.same(codes::COMMENT_OWNER, &what, text(&comment.owner), text(&other.owner));
                rows.same(codes::COMMENT_CREATED, &what, comment.created_on, other.created_on);
            }
        }
    }
    for (key, comment) in right.own_comments() {
        if left.comments.contains_key(key) {
            continue;
        }
        let hidden = (key.global_id, key.comment_id.to_string());
        if facts.comments.as_ref().is_some_and(|there| there.contains(&hidden)) {
            let what = right.comment_name(key);
            rows.expect(
                codes::COMMENT_NOT_EXPORTED,
                what,
                "there, but not in its export",
                &comment.value,
            );
        } else {
            rows.differ(codes::COMMENT_EXTRA, right.comment_name(key), "", &comment.value);
        }
    }
    for (global_id, comment_id) in facts.comments.iter().flatten() {
        let key = CommentKey {
            global_id: *global_id,
            comment_id: comment_id.as_str().into(),
        };
        if !left.comments.contains_key(&key) && !right.comments.contains_key(&key) {
            let what = left.comment_name(&key);
            rows.expect(codes::COMMENT_NOT_EXPORTED, what, "there, but not in its export", "");
        }
    }
}

/// Whether each export holds as many as its server's API counts.
pub(super) fn counts(sides: [(&'static str, &Snapshot, &SideFacts); 2], rows: &mut Rows) {
    for (name, side, facts) in sides {
        let held = side.counts();
        for (code, held, counted) in [
            (codes::COUNT_ARTIFACTS, held.artifacts, facts.artifacts),
            (codes::COUNT_VERSIONS, held.versions, facts.versions),
        ] {
            if let Some(counted) = counted.filter(|counted| *counted != held) {
                let what = format_args!("the {name} side");
                rows.differ(
                    code,
                    what,
                    format_args!("{held} in the export"),
                    format_args!("{counted} by the API"),
                );
            }
        }
    }
}
