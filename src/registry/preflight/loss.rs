//! Comments and labels that are lost on the way, and exports with holes (reference: apicurio.md §0, §3.2, §4.4, §4.8).

use super::{
    Storage,
    code::{
        Code, Concern, Look,
        Severity::{Blocking, Info, Warning},
        Topic::Loss,
    },
    lost_versions::{long_comments, versions},
};
use crate::registry::CommentKey;

/// With as many comments the counter that 3.x sets after an import is behind their ids: it sorts them as texts.
const COUNTER_FAILS_AT: usize = 10;

pub(super) const CODES: &[Code] = &[
    Code::new("comment_too_long", Loss, Blocking, long_comments).says(
        "a comment is longer than 1024 characters",
        "3.x cannot store it: it is dropped and the import answers 204.",
        "Shorten the comment on 2.6.",
    ),
    Code::new("comment_not_exported", Loss, Blocking, not_exported).says(
        "2.6 leaves a comment out of its exports",
        "Two comments get one entry name in the ZIP (globalId + 45, then the comment's id), and only one is written.",
        "Delete the comment and write it again: it gets another id.",
    ),
    Code::new("comment_may_be_missing", Loss, Info, may_be_missing).says(
        "2.6 would have left a comment of these versions out of its export, if there is one",
        "Two comments get one entry name in the ZIP, and only one is written. An export file alone cannot tell.",
        "Give the address of 2.6 instead of a file: its comments are then asked for.",
    ),
    Code::new("comment_counter_falls_behind", Loss, Info, many_comments).says(
        "there are ten comments or more",
        "After an import new comments fail with 500, for ever on a 2.6 with PostgreSQL, until the counter is past their ids.",
        "Nothing with regplan, which reserves ids. By hand: import a dummy comment with the id 99999 and delete it.",
    ),
    Code::new("labels_without_value_vanish", Loss, Warning, null_labels)
        .on(&[Storage::Kafkasql])
        .says(
            "a version has labels",
            "KafkaSQL drops labels without a value, in imports and whenever a client of the v2 API writes some.",
            "`registry.replicate` sends them as properties with an empty value when it knows that the target is a KafkaSQL: a 3.0 \
             does not say so itself, so write `storage: kafkasql` under its system in the plan. Clients must write properties \
             from then on.",
        ),
    Code::new("export_has_holes", Loss, Blocking, holes).says(
        "the export does not hold everything",
        "A server writes on when one row fails and answers 200. What is not in the export cannot be moved.",
        "Look for errors in the log of 2.6 and export again.",
    ),
];

fn not_exported(look: &Look<'_>) -> Vec<Concern> {
    let known = look.facts.comments.iter().flatten();
    let keys = known.map(|(global_id, comment_id)| CommentKey {
        global_id: *global_id,
        comment_id: comment_id.as_str().into(),
    });
    keys.filter(|key| !look.snapshot.comments.contains_key(key))
        .map(|key| Concern::plain(look.snapshot.comment_name(&key)))
        .collect()
}

fn may_be_missing(look: &Look<'_>) -> Vec<Concern> {
    if look.facts.comments.is_some() {
        return Vec::new();
    }
    let suspects = look.snapshot.comment_namesakes();
    let versions = suspects.iter().filter_map(|id| look.snapshot.versions.get(id));
    versions.map(Concern::plain).collect()
}

fn many_comments(look: &Look<'_>) -> Vec<Concern> {
    let comments = look.snapshot.own_comments().count();
    match comments >= COUNTER_FAILS_AT {
        true => vec![Concern::new("the registry", format_args!("{comments} comments"))],
        false => Vec::new(),
    }
}

fn null_labels(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let names = version.labels.iter().filter(|(_, value)| value.is_none()).count();
        (names > 0).then(|| format!("{names} of them"))
    })
}

fn holes(look: &Look<'_>) -> Vec<Concern> {
    let held = look.snapshot.counts();
    let counted = [
        ("artifacts", held.artifacts, look.facts.artifacts),
        ("versions", held.versions, look.facts.versions),
    ];
    let by_count = counted.into_iter().filter_map(|(what, held, counted)| {
        let counted = counted.filter(|counted| *counted != held)?;
        Some(Concern::new(
            what,
            format_args!("{held} in the export, {counted} by the API"),
        ))
    });
    // Contents have a code of their own.
    let named = look
        .snapshot
        .holes()
        .into_iter()
        .filter(|hole| !hole.starts_with("content "));
    by_count.chain(named.map(Concern::plain)).collect()
}
