//! Contents that 3.x does not take: every version that uses one is gone with it (reference: apicurio.md §4.4).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Storage,
    code::{
        Code, Concern, Look,
        Severity::{Blocking, Warning},
        Topic::Loss,
    },
    reference::{Reference, references},
};
use crate::registry::{ArtifactKey, Content, Hash};

pub(super) const CODES: &[Code] = &[
    Code::new("reference_names_repeat", Loss, Blocking, repeated_names).says(
        "two references of one content have the same name",
        "3.x refuses such a content: its versions are dropped and the import answers 204. An empty artifact may stay.",
        "Register the content again on 2.6 with each reference once, and delete the old versions there.",
    ),
    Code::new("references_unreadable", Loss, Blocking, unreadable).says(
        "the references of a content are no list that 3.x can read",
        "3.x refuses such a content: its versions are dropped and the import answers 204.",
        "Register the content again on 2.6 with its references, and delete the old versions there.",
    ),
    Code::new("references_dangle", Loss, Warning, dangling).says(
        "a content refers to a version that is not there",
        "It is carried as it is. 2.6 did not resolve it either; 3.x may answer where 2.6 failed, or fail elsewhere.",
        "Nothing, if nobody resolves it. Else register what is missing on 2.6 first.",
    ),
    Code::new("content_twice", Loss, Blocking, same_content_twice).says(
        "one content lies under two contentIds",
        "3.x stores a content once: the second one is dropped, with all versions that use it.",
        "Register those versions again on 2.6, where the content then gets the one id, and delete the old ones.",
    ),
    Code::new("content_missing", Loss, Blocking, missing).says(
        "the export names a content and does not hold it",
        "Its versions are dropped and the import answers 204. The server left something out when it exported.",
        "Look for errors in the log of 2.6 and export again.",
    ),
    Code::new("content_hash_wrong", Loss, Blocking, wrong_hash).says(
        "the stored hash of a content is not that of its bytes and references",
        "The export was damaged or made by hand. 3.x computes the hash anew, so clients that ask by hash find nothing.",
        "Export again; if it stays, register the content again on 2.6.",
    ),
    Code::new("canonical_hash_missing", Loss, Warning, no_canonical_hash).says(
        "a content has no canonical hash",
        "Imported as it is, 3.x drops it with all its versions. regplan fills it in.",
        "Nothing with regplan. By hand: write any hash there, 3.x computes it anew.",
    ),
    Code::new("content_not_utf8", Loss, Blocking, not_utf8)
        .on(&[Storage::Kafkasql])
        .says(
            "a content is not UTF-8",
            "KafkaSQL carries contents as text: bytes that are not UTF-8 are replaced for ever, and the stored hash hides it.",
            "Move to an SQL storage, or register the content in UTF-8 on 2.6 and delete the old versions.",
        ),
];

/// Versions that use contents for which something is found.
fn users(look: &Look<'_>, found: impl Fn(u64, &Content) -> Option<String>) -> Vec<Concern> {
    let used = look.snapshot.used_contents();
    let bad: BTreeMap<u64, String> = used
        .into_iter()
        .filter_map(|(id, content)| Some((id, found(id, content)?)))
        .collect();
    users_of(look, |id| bad.get(&id).cloned())
}

fn users_of(look: &Look<'_>, detail: impl Fn(u64) -> Option<String>) -> Vec<Concern> {
    let versions = look.snapshot.own_versions();
    versions
        .filter_map(|(_, version)| {
            let detail = detail(version.content_id)?;
            Some(Concern::new(
                version,
                format!("content {} {detail}", version.content_id).trim_end(),
            ))
        })
        .collect()
}

fn repeated_names(look: &Look<'_>) -> Vec<Concern> {
    users(look, |_, content| {
        let mut seen = BTreeSet::new();
        let all = references(content.references.as_deref())?;
        let twice = all.into_iter().find(|one| !seen.insert(one.name.clone()))?;
        Some(format!("has `{}` twice", twice.name.unwrap_or_default()))
    })
}

fn unreadable(look: &Look<'_>) -> Vec<Concern> {
    users(look, |_, content| {
        let unreadable = references(content.references.as_deref()).is_none();
        unreadable.then(String::new)
    })
}

fn dangling(look: &Look<'_>) -> Vec<Concern> {
    let there: BTreeSet<(&ArtifactKey, &str)> = look
        .snapshot
        .versions
        .values()
        .map(|version| (&*version.artifact, &*version.version))
        .collect();
    let is_there = |one: &Reference| {
        let (Some(artifact), Some(version)) = (&one.artifact_id, &one.version) else {
            return false;
        };
        let key = ArtifactKey::new(one.group_id.as_deref(), artifact);
        there.contains(&(&key, version.as_str()))
    };
    users(look, |_, content| {
        let gone = references(content.references.as_deref())?
            .into_iter()
            .find(|one| !is_there(one))?;
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
        Some(format!(
            "refers to {}/{} version {}",
            gone.group_id.as_deref().unwrap_or("default"),
            or_none(gone.artifact_id),
            or_none(gone.version)
        ))
    })
}

fn same_content_twice(look: &Look<'_>) -> Vec<Concern> {
    let mut by_hash: BTreeMap<Hash, Vec<u64>> = BTreeMap::new();
    for (id, content) in &look.snapshot.contents {
        by_hash.entry(content.computed).or_default().push(*id);
    }
    by_hash.retain(|_, ids| ids.len() > 1);
    // Which of them is stored depends on the order in which the server unpacks them.
    users(look, |id, content| {
        let twins = by_hash.get(&content.computed)?;
        let others: Vec<String> = twins.iter().filter(|other| **other != id).map(u64::to_string).collect();
        Some(format!("is also {}", others.join(", ")))
    })
}

fn missing(look: &Look<'_>) -> Vec<Concern> {
    users_of(look, |id| {
        let missing = !look.snapshot.contents.contains_key(&id);
        missing.then(|| "is not in the export".to_owned())
    })
}

fn wrong_hash(look: &Look<'_>) -> Vec<Concern> {
    users(look, |_, content| {
        let wrong = !content.hash_is_right();
        wrong.then(|| format!("says {}, is {}", content.hash, content.computed))
    })
}

fn no_canonical_hash(look: &Look<'_>) -> Vec<Concern> {
    users(look, |_, content| content.canonical_hash.is_none().then(String::new))
}

fn not_utf8(look: &Look<'_>) -> Vec<Concern> {
    users(look, |_, content| (!content.is_utf8).then(String::new))
}
