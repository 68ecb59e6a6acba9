//! Limits of requests, of ids, and of releases (reference: apicurio.md §0 rows 6 and 13, §2.3, §4.2, §4.9, §9).

use super::{
    Storage,
    carried::always,
    code::{
        Code, Concern, Look,
        Severity::{Blocking, Info, Warning},
        Topic::Limit,
    },
    lost_versions::versions,
};
use crate::registry::{ChunkLimits, Format, Reservation};

/// Bytes of a part of a path on the disks that servers unpack imports to.
const PATH_PART: usize = 255;

pub(super) const CODES: &[Code] = &[
    Code::new("target_too_old", Limit, Blocking, always)
        .before([3, 0, 7])
        .says(
            "this release of 3.x loses what is imported in parts",
            "A version whose content came with an earlier ZIP is dropped, so no delta and no large registry can be moved.",
            "Move to 3.0.7 or later.",
        ),
    Code::new("sequences_not_raised", Limit, Blocking, always)
        .before([3, 2, 1])
        .on(&[Storage::Mysql, Storage::Mssql])
        .says(
            "an import ends with 500 on this release and storage",
            "The data is in, but the counters are not raised: the next version gets an id that is taken.",
            "Move to 3.2.1 or later, or to another database.",
        ),
    Code::new("source_not_covered", Limit, Warning, old_source).says(
        "the export is of a release before 2.4",
        "Its format was not looked at.",
        "Upgrade it to 2.6 first.",
    ),
    Code::new("ids_near_2_31", Limit, Blocking, large_ids).says(
        "ids are near 2^31 or above",
        "Clients with 4-byte ids cannot say them, the importer sorts them wrongly, and regplan cannot reserve ids above them.",
        "Move to a new 3.x without keeping ids, or ask how the ids came to be: something counts in large steps.",
    ),
    Code::new("content_too_large", Limit, Blocking, large_contents).says(
        "a content is larger than one request may be (10 MiB)",
        "3.x refuses the import with 400 (3.3.1 and later), and regplan does not send it.",
        "Take the version out, or move it by hand with `apicurio.import.zip.max-entry-size` raised.",
    ),
    Code::new("zip_over_limits", Limit, Info, large_zip)
        .since([3, 3, 1])
        .says(
            "the export is larger than one import may be",
            "3.x refuses it as a whole with 400: more than 10,000 entries, or more than 100 MiB unpacked.",
            "Nothing with regplan, which sends it in parts. By hand: raise `apicurio.import.zip.max-entry-count` and `max-total-size`.",
        ),
    Code::new("zip_entry_name_too_long", Limit, Info, long_entry_names).says(
        "the name of an entry of the export is longer than 255 bytes",
        "3.x refuses the whole import with 400 \"File name too long\".",
        "Nothing with regplan, which gives entries short names.",
    ),
    Code::new("artifact_type_unknown", Limit, Warning, unknown_types).says(
        "an artifact's type is none that 3.x comes with",
        "It is imported as it is. Rules and new versions of it need a 3.x that knows the type.",
        "Compare with `GET /apis/registry/v3/admin/config/artifactTypes` of the target.",
    ),
    Code::new("version_number_zero", Limit, Warning, order_zero).says(
        "a version's number is below 1",
        "Confluent clients see version 0, which none of them asks for. Such data comes from another product's export.",
        "Register the versions again in their order on 2.6.",
    ),
];

/// Types that both 2.6 and 3.x come with.
pub(super) const TYPES: [&str; 10] = [
    "ASYNCAPI", "AVRO", "GRAPHQL", "JSON", "KCONNECT", "OPENAPI", "PROTOBUF", "WSDL", "XML", "XSD",
];

fn old_source(look: &Look<'_>) -> Vec<Concern> {
    let version = &look.snapshot.manifest.system_version;
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let is_old = matches!((numbers.next(), numbers.next()), (Some(2), Some(..4)) | (Some(..2), _));
    match is_old && look.snapshot.format == Format::V2 {
        true => vec![Concern::new("the registry", version)],
        false => Vec::new(),
    }
}

fn large_ids(look: &Look<'_>) -> Vec<Concern> {
    let snapshot = look.snapshot;
    match Reservation::above(snapshot, snapshot, None) {
        Ok(_) => Vec::new(),
        Err(error) => vec![Concern::new("the registry", error)],
    }
}

fn large_contents(look: &Look<'_>) -> Vec<Concern> {
    let limit = ChunkLimits::default().max_entry_bytes;
    versions(look, |version| {
        let size = look.snapshot.contents.get(&version.content_id)?.size;
        (size > limit).then(|| format!("content {} has {size} bytes", version.content_id))
    })
}

fn large_zip(look: &Look<'_>) -> Vec<Concern> {
    let (limits, held) = (ChunkLimits::default(), look.snapshot.counts());
    // One entry each, two for a content, and the manifest.
    let rows = held.groups + held.versions + held.comments + held.artifact_rules + held.global_rules;
    let entries = rows + 2 * held.contents + 1;
    let bytes: u64 = look.snapshot.contents.values().map(|content| content.size).sum();
    let mut found = Vec::new();
    if entries > u64::try_from(limits.max_entries).unwrap_or(u64::MAX) {
        let detail = format!("{entries} entries, {} are allowed", limits.max_entries);
        found.push(Concern::new("the export", detail));
    }
    if bytes > limits.max_total_bytes {
        let detail = format!("{bytes} bytes of contents, {} are allowed", limits.max_total_bytes);
        found.push(Concern::new("the export", detail));
    }
    found
}

fn long_entry_names(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let file = version.version.len() + ".ArtifactVersion.json".len();
        let group = version.artifact.group.as_option().map_or(0, str::len);
        let longest = file.max(group).max(version.artifact.artifact.len());
        (longest > PATH_PART).then(|| format!("{longest} bytes"))
    })
}

fn unknown_types(look: &Look<'_>) -> Vec<Concern> {
    let artifacts = look.snapshot.own_artifacts();
    artifacts
        .filter(|(_, artifact)| !TYPES.contains(&&*artifact.artifact_type))
        .map(|(key, artifact)| Concern::new(key, &artifact.artifact_type))
        .collect()
}

fn order_zero(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        (version.order < 1).then(|| format!("number {}", version.order))
    })
}
