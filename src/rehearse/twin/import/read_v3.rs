//! How 3.3 reads a ZIP (reference: apicurio.md §2.3, §4.1, §4.2).

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{
    super::{
        archive::{Broken, Entries, Entry},
        model::Refusal,
        wire::{ContentRow2, ContentRow3, ManifestRow, VersionRow2, VersionRow3},
    },
    Entity, Turn, comment,
};

/// How much a ZIP may hold.
struct Limits {
    /// `apicurio.import.zip.max-entry-count`.
    entries: usize,
    /// `apicurio.import.zip.max-entry-size`; bytes.
    entry: usize,
    /// `apicurio.import.zip.max-total-size`; bytes.
    total: usize,
    /// The longest part of a name: the ZIP is unpacked to files (reference: apicurio.md §0 row 13); bytes.
    name: usize,
}

impl Limits {
    /// Those of 3.3.1 and later, as shipped (reference: apicurio.md §2.3).
    const SHIPPED: Self = Self {
        entries: 10_000,
        entry: 10_485_760,
        total: 104_857_600,
        name: 255,
    };
    /// For data that a twin begins with: what memory allows.
    const NONE: Self = Self {
        entries: usize::MAX,
        entry: 1 << 30,
        total: 4 << 30,
        name: usize::MAX,
    };
}

/// Which classes the rows are read into (reference: apicurio.md §4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    V2,
    V3,
}

/// Kinds in the order in which they are taken, whatever the order in the ZIP.
const ORDER: [&str; 9] = [
    "GlobalRule",
    "Content",
    "Group",
    "GroupRule",
    "Artifact",
    "ArtifactVersion",
    "ArtifactRule",
    "Branch",
    "Comment",
];

/// The turns of an import, or its refusal as a whole. A row that cannot be read stops the import where its kind's turn is:
/// nothing of that kind is taken then, and what came before stays (seen for groups and versions).
pub(in super::super) fn read(zip: &[u8]) -> Result<Vec<Turn>, Refusal> {
    turns(&unpack(zip, &Limits::SHIPPED)?)
}

/// The same, for a ZIP that no client sent.
pub(super) fn read_unlimited(zip: &[u8]) -> Result<Vec<Turn>, Refusal> {
    turns(&unpack(zip, &Limits::NONE)?)
}

fn turns(entries: &[Entry]) -> Result<Vec<Turn>, Refusal> {
    let mut by_kind: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    let mut data: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        match entry.name.rsplit_once('.') {
            Some((stem, "json")) => match stem.rsplit_once('.') {
                Some((_, kind)) => by_kind.entry(kind).or_default().push(entry),
                None => return Err(unknown_kind(stem)),
            },
            Some((stem, "data")) => {
                data.insert(stem, entry);
            }
            // Other files are passed over.
            Some(_) | None => {}
        }
    }
    let format = format(&by_kind.remove("Manifest").unwrap_or_default())?;
    if let Some(kind) = by_kind.keys().find(|kind| !ORDER.contains(kind)) {
        return Err(unknown_kind(kind));
    }
    let mut turns = Vec::new();
    for kind in ORDER {
        let mut rows = Vec::new();
        for entry in by_kind.remove(kind).unwrap_or_default() {
            match entity(kind, format, entry, &data) {
                Ok(entity) => rows.push(entity),
                Err(refusal) => {
                    turns.push(Turn::Stop(refusal));
                    return Ok(turns);
                }
            }
        }
        if kind == "ArtifactVersion" {
            rows.sort_by_key(global_id);
        }
        turns.extend(rows.into_iter().map(turn));
    }
    Ok(turns)
}

fn turn(entity: Entity) -> Turn {
    Turn::Take(Box::new(entity))
}

fn global_id(entity: &Entity) -> u64 {
    if let Entity::Version2(VersionRow2 { global_id, .. }) | Entity::Version3(VersionRow3 { global_id, .. }) = entity {
        *global_id
    } else {
        0
    }
}

/// All entries, within the limits.
fn unpack(zip: &[u8], limits: &Limits) -> Result<Vec<Entry>, Refusal> {
    let Limits {
        entries,
        entry: longest,
        total: most,
        name,
    } = limits;
    let (mut all, mut total) = (Vec::new(), 0_usize);
    for entry in Entries::new(zip, *longest) {
        if all.len() >= *entries {
            return Err(refused(&format!(
                "ZIP entry count exceeds the configured limit of {entries}"
            )));
        }
        let entry = entry.map_err(|broken| match broken {
            Broken::Cut => refused("Unexpected end of ZLIB input stream"),
            Broken::TooLong => refused(&format!(
                "ZIP entry decompressed size exceeds the configured limit of {longest} bytes"
            )),
        })?;
        if entry.name.split('/').any(|part| part == "..") {
            return Err(refused(&format!("Invalid ZIP entry: {}", entry.name)));
        }
        if entry.name.split('/').any(|part| part.len() > *name) {
            return Err(refused(&format!("{} (File name too long)", entry.name)));
        }
        total += entry.bytes.len();
        if total > *most {
            return Err(refused(&format!(
                "ZIP total decompressed size exceeds the configured limit of {most} bytes"
            )));
        }
        all.push(entry);
    }
    Ok(all)
}

fn refused(why: &str) -> Refusal {
    Refusal {
        detail: Some(format!("IOException: {why}")),
        ..Refusal::bad_request(format!("Error importing data: {why}"))
    }
}

fn unknown_kind(kind: &str) -> Refusal {
    let message = format!("No enum constant io.apicurio.registry.utils.impexp.EntityType.{kind}");
    Refusal::new(500, "IllegalArgumentException", message)
}

/// What the manifest says. Its two versions must fit together (reference: apicurio.md §4.1).
fn format(manifests: &[&Entry]) -> Result<Format, Refusal> {
    let Some(entry) = manifests.first() else {
        return Err(Refusal::new(500, "RuntimeException", "No manifest found"));
    };
    let row: ManifestRow = parse(entry)?;
    let (Some(system), Some(export)) = (row.system_version, row.export_version) else {
        let message = "Cannot invoke \"String.startsWith(String)\" because \"manifestEntity.exportVersion\" is null";
        return Err(Refusal::new(500, "NullPointerException", message));
    };
    match (system.starts_with(['1', '2']), export.starts_with(['1', '2'])) {
        (true, true) => Ok(Format::V2),
        (false, false) => Ok(Format::V3),
        _ => Err(Refusal::new(
            500,
            "ClassCastException",
            "the versions in the manifest do not fit together",
        )),
    }
}

fn parse<T: DeserializeOwned>(entry: &Entry) -> Result<T, Refusal> {
    serde_json::from_slice(&entry.bytes).map_err(|error| Refusal {
        detail: Some(format!("JsonMappingException: {error}")),
        ..Refusal::new(500, "RegistryException", "Could not read next entity to import")
    })
}

fn entity(kind: &str, format: Format, entry: &Entry, data: &BTreeMap<&str, &Entry>) -> Result<Entity, Refusal> {
    Ok(match (kind, format) {
        ("GlobalRule", _) => Entity::GlobalRule(parse(entry)?),
        ("Content", format) => {
            let stem = entry.name.trim_end_matches(".json");
            let bytes = data.get(stem).map(|entry| entry.bytes.clone()).unwrap_or_default();
            Entity::Content(content_row(format, entry)?, bytes)
        }
        ("Group", Format::V2) => Entity::Group2(parse(entry)?),
        ("Group", Format::V3) => Entity::Group3(parse(entry)?),
        ("ArtifactVersion", Format::V2) => Entity::Version2(parse(entry)?),
        ("ArtifactVersion", Format::V3) => Entity::Version3(parse(entry)?),
        ("ArtifactRule", _) => Entity::ArtifactRule(parse(entry)?),
        ("Comment", Format::V2) => comment(parse(entry)?),
        ("Comment", Format::V3) => Entity::Comment(parse(entry)?),
        ("GroupRule", Format::V3) => Entity::GroupRule(parse(entry)?),
        ("Artifact", Format::V3) => Entity::Artifact(parse(entry)?),
        ("Branch", Format::V3) => Entity::Branch(parse(entry)?),
        (other, _) => return Err(unknown_kind(other)),
    })
}

fn content_row(format: Format, entry: &Entry) -> Result<ContentRow3, Refusal> {
    if format == Format::V3 {
        return parse(entry);
    }
    let row: ContentRow2 = parse(entry)?;
    Ok(ContentRow3 {
        content_id: row.content_id,
        canonical_hash: row.canonical_hash,
        content_hash: row.content_hash,
        artifact_type: row.artifact_type,
        content_type: None,
        serialized_references: row.serialized_references,
    })
}
