//! What clients see after the move that they did not see before (reference: apicurio.md §2.9 to §2.11, §10.2, §10.4).

use std::collections::BTreeMap;

use super::{
    carried::always,
    code::{
        Code, Concern, Look,
        Severity::{Info, Warning},
        Topic::Clients,
    },
    lost_versions::versions,
    reference::references,
};
use crate::registry::{Artifact, ArtifactKey, Format, Version, VersionState};

/// Versions of a subject that the Confluent API of 3.3 lists.
const LISTED_VERSIONS: usize = 500;

pub(super) const CODES: &[Code] = &[
    Code::new("confluent_version_numbers_change", Clients, Warning, renumbered)
        .since([3, 3, 0])
        .says(
            "a version string is not the version's number",
            "The Confluent API of 2.6 lists version strings as numbers, that of 3.3 the order 1, 2, 3: the same version has another number.",
            "Tell the owners of Confluent clients that name versions by number. Ids do not change.",
        ),
    Code::new("confluent_versions_not_numeric", Clients, Warning, not_numeric)
        .before([3, 3, 0])
        .says(
            "a version string is no number",
            "The Confluent API answers 500 for the list of such a subject, as 2.6 does.",
            "Move to 3.3.0 or later if Confluent clients use these subjects.",
        ),
    Code::new("confluent_list_is_cut", Clients, Warning, many_versions)
        .since([3, 3, 0])
        .says(
            "an artifact has more than 500 versions",
            "The Confluent API of 3.3 lists the first 500 of a subject.",
            "Tell the owners of Confluent clients that list versions; each one is still found by id and by number.",
        ),
    Code::new("confluent_avro_text_changes", Clients, Info, avro)
        .since([3, 3, 0])
        .says(
            "there are Avro schemas",
            "The Confluent API of 3.3 answers them parsed and written anew: the same schema in another text.",
            "Compare schemas as JSON, not as bytes. The other APIs answer the bytes.",
        ),
    Code::new("confluent_v6_is_gone", Clients, Warning, always).says(
        "`/apis/ccompat/v6`, `/apis/registry/v1`, `/apis/cncf` and `/apis/ibmcompat` are gone",
        "3.x answers 404 there.",
        "Count such calls in the access log. Rewrite `/apis/ccompat/v6/` to `/apis/ccompat/v7/` at the balancer.",
    ),
    Code::new("list_shows_first_metadata", Clients, Warning, several_versions)
        .before([3, 1, 3])
        .says(
            "an artifact has several versions",
            "The lists of 3.x's v2 API show name and description of the first version instead of the latest.",
            "Move to 3.1.3 or later if clients of the v2 API list artifacts.",
        ),
    Code::new("name_header_ignored", Clients, Warning, always)
        .since([3, 1, 1])
        .before([3, 1, 2])
        .says(
            "this release ignores the header `X-Registry-Name`",
            "Artifacts that clients of the v2 API create have no name.",
            "Move to 3.1.2 or later.",
        ),
    Code::new("disabled_version_is_served", Clients, Warning, disabled).says(
        "a version is DISABLED",
        "2.6 answers 404 for its globalId. The v2 API of 3.x answers 200 with the content; its lists say ENABLED.",
        "Tell the owners of clients that rely on it.",
    ),
    Code::new("state_is_not_listed", Clients, Info, deprecated).says(
        "a version is DEPRECATED",
        "The lists of 3.x's v2 API say ENABLED for every version; the version's own metadata is right.",
        "Nothing.",
    ),
    Code::new("artifact_without_served_version", Clients, Info, all_disabled).says(
        "all versions of an artifact are DISABLED",
        "Its owner is answered with 404 by 2.6 and with 200 by 3.x, and the Confluent API lists its versions differently.",
        "Nothing.",
    ),
    Code::new("label_hidden_by_property", Clients, Warning, hidden_labels).says(
        "a label of a version is also the name of one of its properties",
        "3.x has one map for both: the property stays, and the label is not in `labels` any more.",
        "Rename one of the two on 2.6 if clients look for the label.",
    ),
    Code::new("empty_property_is_a_label", Clients, Info, empty_properties).says(
        "a property has an empty value",
        "The v2 API of 3.x shows it as a label too.",
        "Nothing.",
    ),
    Code::new("media_type_changes", Clients, Info, media_types).says(
        "a content is GraphQL, WSDL, XSD or XML",
        "Asked for by globalId, 3.x's v2 API answers the same bytes as `application/json`.",
        "Tell the owners of clients that read `Content-Type`.",
    ),
    Code::new("canonical_lookup_misses", Clients, Warning, with_references).says(
        "a content has references",
        "A canonical look-up that passes references finds nothing on 3.x; one without may find more than on 2.6.",
        "Tell the owners of clients that look up with references (`application/get.extended+json`). SerDes do not.",
    ),
    Code::new("ids_mean_two_things", Clients, Warning, ambiguous_ids).says(
        "a number is the globalId of one schema and the contentId of another",
        "2.x SerDes write globalIds of 8 bytes, 3.x SerDes expect contentIds of 4: a consumer with the wrong setting reads another schema.",
        "3.x SerDes that read old records need `use-id=globalId` and `Legacy8ByteIdHandler`. Set both before clients are upgraded.",
    ),
    Code::new("dates_end_in_z", Clients, Info, always).says(
        "dates of the v2 API end in `Z` instead of `+0000`",
        "Java SDKs up to 2.3 cannot read them.",
        "Upgrade those clients first.",
    ),
    Code::new("deleting_is_refused", Clients, Info, always).says(
        "3.x refuses to delete artifacts and groups (405)",
        "2.6 always allowed it.",
        "Set `apicurio.rest.deletion.artifact.enabled` and `apicurio.rest.deletion.group.enabled` to keep it.",
    ),
    Code::new("rule_violation_is_400", Clients, Info, always)
        .since([3, 3, 0])
        .says(
            "a violated rule is answered with 400 instead of 409 by 3.x's own API",
            "Clients that tell statuses apart see another one.",
            "`apicurio.rest.legacy-error-codes.enabled=true` keeps 409.",
        ),
    Code::new("health_moves", Clients, Info, always)
        .since([3, 2, 0])
        .says(
            "health and metrics move to port 9000",
            "Probes and scrapes of the old address get 404.",
            "Change probes and service monitors, and `management` of the plan.",
        ),
];

/// Types that the Confluent API serves.
const CONFLUENT: [&str; 3] = ["AVRO", "JSON", "PROTOBUF"];

fn is_subject(version: &Version) -> bool {
    CONFLUENT.contains(&&*version.artifact_type)
}

fn renumbered(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let changes = is_subject(version) && *version.version != *version.order.to_string();
        changes.then(|| format!("number {}", version.order))
    })
}

fn not_numeric(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let bad = is_subject(version) && version.version.parse::<u32>().is_err();
        bad.then(String::new)
    })
}

/// Artifacts with their versions for which something is found.
fn artifacts(look: &Look<'_>, found: impl Fn(&ArtifactKey, &Artifact, &[&Version]) -> Option<String>) -> Vec<Concern> {
    let mut versions: BTreeMap<&ArtifactKey, Vec<&Version>> = BTreeMap::new();
    for (_, version) in look.snapshot.own_versions() {
        versions.entry(&version.artifact).or_default().push(version);
    }
    let all = look.snapshot.own_artifacts();
    all.filter_map(|(key, artifact)| {
        let its = versions.get(&**key).map_or(&[][..], Vec::as_slice);
        Some(Concern::new(key, found(key, artifact, its)?))
    })
    .collect()
}

fn many_versions(look: &Look<'_>) -> Vec<Concern> {
    artifacts(look, |_, _, versions| {
        let listed = versions.len() > LISTED_VERSIONS && versions.iter().any(|version| is_subject(version));
        listed.then(|| format!("{} versions", versions.len()))
    })
}

fn avro(look: &Look<'_>) -> Vec<Concern> {
    let all = look.snapshot.own_artifacts();
    let avro = all.filter(|(_, artifact)| &*artifact.artifact_type == "AVRO").count();
    match avro {
        0 => Vec::new(),
        some => vec![Concern::new("the registry", format_args!("{some} artifacts"))],
    }
}

fn several_versions(look: &Look<'_>) -> Vec<Concern> {
    artifacts(look, |_, _, versions| {
        (versions.len() > 1).then(|| format!("{} versions", versions.len()))
    })
}

fn disabled(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        (version.state == VersionState::Disabled).then(String::new)
    })
}

fn deprecated(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        (version.state == VersionState::Deprecated).then(String::new)
    })
}

fn all_disabled(look: &Look<'_>) -> Vec<Concern> {
    artifacts(look, |_, _, versions| {
        let none = !versions.is_empty() && versions.iter().all(|version| version.state == VersionState::Disabled);
        none.then(String::new)
    })
}

fn hidden_labels(look: &Look<'_>) -> Vec<Concern> {
    let hidden = look.snapshot.hidden_labels.iter();
    hidden
        .filter_map(|id| look.snapshot.versions.get(id))
        .filter(|version| !version.artifact.group.is_scratch())
        .map(Concern::plain)
        .collect()
}

fn empty_properties(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let mut empty = version.labels.iter().filter(|(_, value)| *value == Some(""));
        empty.next().map(|(name, _)| format!("`{name}`"))
    })
}

fn media_types(look: &Look<'_>) -> Vec<Concern> {
    artifacts(look, |_, artifact, _| {
        let changes = ["GRAPHQL", "WSDL", "XML", "XSD"].contains(&&*artifact.artifact_type);
        changes.then(|| artifact.artifact_type.to_string())
    })
}

fn with_references(look: &Look<'_>) -> Vec<Concern> {
    versions(look, |version| {
        let content = look.snapshot.contents.get(&version.content_id)?;
        let count = references(content.references.as_deref())?.len();
        (count > 0).then(|| format!("{count} of them"))
    })
}

/// One line for all: in most registries it is nearly every id.
fn ambiguous_ids(look: &Look<'_>) -> Vec<Concern> {
    let snapshot = look.snapshot;
    if snapshot.format == Format::V3 {
        return Vec::new();
    }
    let differs = |(id, version): &(u64, &Version)| {
        let other = snapshot.contents.get(id);
        other.is_some_and(|other| {
            let own = snapshot.contents.get(&version.content_id);
            own.is_some_and(|own| own.sha256 != other.sha256)
        })
    };
    let mut ids = snapshot.own_versions().filter(differs).map(|(id, _)| id);
    let Some(first) = ids.next() else { return Vec::new() };
    let detail = match ids.count() {
        0 => format!("id {first}"),
        more => format!("id {first} and {more} more"),
    };
    vec![Concern::new("the registry", detail)]
}
