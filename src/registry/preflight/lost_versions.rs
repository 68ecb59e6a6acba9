//! Fields of versions that the tables of 3.x do not take: the version is gone, the answer is 204 (reference: apicurio.md §4.4).

use std::collections::{BTreeMap, BTreeSet};

use super::code::{
    Code, Concern, Look,
    Severity::{Blocking, Warning},
    Topic::Loss,
};
use crate::registry::{Version, compare::is_addressable};

/// Characters of a label's value in the label index of every 3.x database.
const LABEL_VALUE: usize = 512;
/// Characters of a label's name there.
const LABEL_KEY: usize = 256;
/// Characters of a group's or an artifact's id, and of a name.
const ID: usize = 512;
/// Characters of a version string.
const VERSION: usize = 256;
/// Characters of a description; of a comment as well.
const DESCRIPTION: usize = 1024;

const REPAIR_METADATA: &str = "Change the version's metadata on 2.6 \
    (`PUT /apis/registry/v2/groups/GROUP/artifacts/ARTIFACT/versions/VERSION/meta`), and those of later versions, which got a copy.";

pub(super) const CODES: &[Code] = &[
    Code::new("property_value_too_long", Loss, Blocking, property_values).says(
        "a property's value is longer than 512 characters",
        "2.6 takes any length. 3.x cannot store it: the version is dropped and the import answers 204.",
        REPAIR_METADATA,
    ),
    Code::new("label_keys_differ_by_case", Loss, Blocking, label_case)
        .since([3, 1, 3])
        .says(
            "labels or properties of one version differ only by case",
            "3.x stores their names in lower case, once: the version is dropped and the import answers 204.",
            REPAIR_METADATA,
        ),
    Code::new("label_key_too_long", Loss, Blocking, label_keys).says(
        "a label or a property's name is longer than 256 characters",
        "3.x cannot store it: the version is dropped and the import answers 204.",
        REPAIR_METADATA,
    ),
    Code::new("name_too_long", Loss, Blocking, names).says(
        "a version's name is longer than 512 characters",
        "3.x cannot store it: the version is dropped. 2.6 cuts names when they are written, so the export was made by hand.",
        "Cut the name in the export, or export 2.6 itself.",
    ),
    Code::new("description_too_long", Loss, Blocking, descriptions).says(
        "a version's description is longer than 1024 characters",
        "3.x cannot store it: the version is dropped. 2.6 cuts descriptions when they are written, so the export was made by hand.",
        "Cut the description in the export, or export 2.6 itself.",
    ),
    Code::new("id_empty", Loss, Blocking, empty_ids).says(
        "an artifact's id is empty",
        "3.x refuses it: all its versions are dropped and the import answers 204.",
        "Register its versions under another id on 2.6, and delete it there.",
    ),
    Code::new("id_too_long", Loss, Blocking, long_ids).says(
        "a group's or an artifact's id is longer than 512 characters, or a version string longer than 256",
        "3.x cannot store it: it is dropped with its versions, and the import answers 204.",
        "Register them under a shorter id on 2.6, and delete the long one there.",
    ),
    Code::new("ids_differ_by_case", Loss, Blocking, case_twins)
        .on(&[super::Storage::Mysql, super::Storage::Mssql])
        .says(
            "ids or version strings differ only by case",
            "MySQL and SQL Server compare without case, so the second one is taken for the first and is dropped.",
            "Use a case-sensitive collation for the new database, or rename one of the two.",
        ),
    Code::new("version_unaddressable", Loss, Warning, unaddressable).says(
        "a version string has other characters than letters, digits and `._-+`",
        "It arrives, but not on the branch `latest`, and 3.x's own API cannot name it: only its globalId and the v2 API find it.",
        "Nothing, if clients find it by id or by the v2 API. Else register its content again under another version string.",
    ),
    Code::new("latest_unaddressable", Loss, Blocking, latest_unaddressable).says(
        "the latest version has such a version string",
        "Clients that ask for the latest version get an older one after the move.",
        "Register the latest content again on 2.6 under a version string of letters, digits and `._-+`, or accept it.",
    ),
    Code::new("latest_is_not_the_newest", Loss, Blocking, latest_not_newest).says(
        "the latest version of an artifact is not its newest",
        "3.x takes the version that was imported last for the latest: clients get another one after the move.",
        "Set the state of the newer versions to DISABLED on 2.6, or set the branch `latest` on 3.x after the import.",
    ),
    Code::new("latest_branch_missing", Loss, Blocking, every_artifact)
        .before([3, 0, 6])
        .says(
            "this release makes no branch `latest` of what it imports",
            "Nobody finds the latest version of any artifact.",
            "Move to 3.0.7 or later.",
        ),
    Code::new("group_row_missing", Loss, Blocking, rowless_groups)
        .before([3, 0, 4])
        .says(
            "artifacts lie in a group without a row of its own",
            "This release drops all of them and answers 204.",
            "Move to 3.0.7 or later, or create the groups on 2.6 (`POST /apis/registry/v2/groups`).",
        ),
];

/// Characters as Java, H2 and SQL Server count them (UTF-16); PostgreSQL counts fewer where there are emoji.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Versions for which something is found.
pub(super) fn versions(look: &Look<'_>, found: impl Fn(&Version) -> Option<String>) -> Vec<Concern> {
    let versions = look.snapshot.own_versions();
    versions
        .filter_map(|(_, version)| Some(Concern::new(version, found(version)?)))
        .collect()
}

fn property_values(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let mut values = version
            .labels
            .iter()
            .filter_map(|(name, value)| Some((name, length(value?))));
        let (name, length) = values.find(|(_, length)| *length > LABEL_VALUE)?;
        Some(format!("property `{}` has {length} characters", shown(name)))
    })
}

fn label_case(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let mut seen = BTreeMap::new();
        version.labels.iter().find_map(|(name, _)| {
            let twin = seen.insert(name.to_lowercase(), name)?;
            Some(format!("`{}` and `{}`", shown(twin), shown(name)))
        })
    })
}

fn label_keys(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let mut lengths = version.labels.iter().map(|(name, _)| (name, length(name)));
        let (name, length) = lengths.find(|(_, length)| *length > LABEL_KEY)?;
        Some(format!("`{}` has {length} characters", shown(name)))
    })
}

fn names(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| longer(version.name.as_deref(), ID))
}

fn descriptions(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| longer(version.description.as_deref(), DESCRIPTION))
}

fn longer(text: Option<&str>, limit: usize) -> Option<String> {
    let length = length(text?);
    (length > limit).then(|| format!("{length} characters"))
}

/// Comments have the same limit as descriptions.
pub(super) fn long_comments(look: &Look<'_>) -> Vec<Concern> {
    let long = look.snapshot.own_comments();
    long.filter_map(|(key, comment)| {
        let detail = longer(Some(&comment.value), DESCRIPTION)?;
        Some(Concern::new(look.snapshot.comment_name(key), detail))
    })
    .collect()
}

fn empty_ids(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| version.artifact.artifact.is_empty().then(String::new))
}

fn long_ids(look: &Look<'_>) -> Vec<Concern> {
    let with_artifacts: BTreeSet<_> = look.snapshot.own_artifacts().map(|(key, _)| &key.group).collect();
    let rows = look.snapshot.groups.keys();
    let empty = rows.filter(|group| !group.is_scratch() && !with_artifacts.contains(group));
    let groups = empty.filter_map(|group| {
        let long = longer(Some(group.as_str()), ID)?;
        Some(Concern::new(
            format_args!("group {group}"),
            format_args!("it has {long}"),
        ))
    });
    let of_versions = versions(look, |version| {
        let parts = [
            ("the group", version.artifact.group.as_str(), ID),
            ("the artifact", &*version.artifact.artifact, ID),
            ("the version", &*version.version, VERSION),
        ];
        let mut long = parts
            .into_iter()
            .filter_map(|(part, text, limit)| Some((part, longer(Some(text), limit)?)));
        long.next().map(|(part, detail)| format!("{part} has {detail}"))
    });
    of_versions.into_iter().chain(groups).collect()
}

fn case_twins(look: &Look<'_>) -> Vec<Concern> {
    let (mut artifacts, mut versions) = (BTreeMap::new(), BTreeMap::new());
    let mut twins = Vec::new();
    for (_, version) in look.snapshot.own_versions() {
        let key = &version.artifact;
        let artifact = (key.group.as_str().to_lowercase(), key.artifact.to_lowercase());
        let first = versions
            .entry((artifact.clone(), version.version.to_lowercase()))
            .or_insert(version);
        let same = first.artifact == *key && first.version == version.version;
        let of_version = (!same).then(|| first.to_string());
        // Two artifacts are twins also when their versions have other names: they have one row.
        let first = artifacts.entry(artifact).or_insert(key);
        let of_artifact = (*first != key).then(|| first.to_string());
        if let Some(twin) = of_version.or(of_artifact) {
            twins.push(Concern::new(version, format_args!("a twin of {twin}")));
        }
    }
    twins
}

fn unaddressable(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| (!is_addressable(&version.version)).then(String::new))
}

/// The versions of each artifact that are served, by globalId, and the one that 2.6 calls the latest.
fn latest<'s>(look: &Look<'s>) -> impl Iterator<Item = (Vec<&'s Version>, &'s Version)> {
    let snapshot = look.snapshot;
    let artifacts = snapshot.versions_by_artifact().into_iter();
    let own = artifacts.filter(|(key, _)| !key.group.is_scratch());
    own.filter_map(move |(_, ids)| {
        let served = snapshot.served(&ids);
        let newest = served.last()?;
        let latest = *served.iter().find(|version| version.is_latest).unwrap_or(newest);
        Some((served, latest))
    })
}

fn latest_unaddressable(look: &Look<'_>) -> Vec<Concern> {
    let bad = latest(look).filter(|(_, latest)| !is_addressable(&latest.version));
    bad.map(|(served, latest)| {
        let next = served.iter().rev().find(|version| is_addressable(&version.version));
        match next {
            Some(next) => Concern::new(latest, format_args!("clients get version {}", next.version)),
            None => Concern::new(latest, "clients get none"),
        }
    })
    .collect()
}

fn latest_not_newest(look: &Look<'_>) -> Vec<Concern> {
    let moved = latest(look).filter_map(|(served, latest)| {
        let newest = served.last().filter(|newest| newest.version != latest.version)?;
        Some(Concern::new(
            latest,
            format_args!("clients get version {}", newest.version),
        ))
    });
    moved.collect()
}

fn every_artifact(look: &Look<'_>) -> Vec<Concern> {
    look.snapshot
        .own_artifacts()
        .map(|(key, _)| Concern::plain(key))
        .collect()
}

fn rowless_groups(look: &Look<'_>) -> Vec<Concern> {
    let groups: BTreeSet<_> = look
        .snapshot
        .own_artifacts()
        .map(|(key, _)| &key.group)
        .filter(|group| group.as_option().is_some() && !look.snapshot.groups.contains_key(*group))
        .collect();
    versions(look, |version| {
        groups.contains(&version.artifact.group).then(String::new)
    })
}

/// A name from outside, cut to what fits a line.
fn shown(text: &str) -> String {
    /// As many characters as in the rows of a comparison.
    const LONGEST: usize = 40;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}
