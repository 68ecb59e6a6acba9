//! Data for a rehearsal: an export of a 2.6 with what a migration can stumble over, made from a number.

use std::io::{Cursor, Write as _};

use serde_json::{Value, json};
use thiserror::Error;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::system::hash_bytes;

/// The most versions that are made: the greatest registry that was measured (reference: apicurio.md §11.7).
pub const MOST: usize = 100_000;
/// Artifacts grow to at most this many versions, as schemas in use do.
const LONGEST_LIFE: u64 = 8;
/// Comments, at the least: with twelve, the greatest id as text is 9, and a counter set by it gives ids twice (reference:
/// apicurio.md §4.8).
const COMMENTS: u64 = 12;
/// When the first version was made; milliseconds since 1970. Any moment in the past does.
const EPOCH: i64 = 1_700_000_000_000;

/// Every type of 2.6 with a small content; `#` becomes a number, which makes each content one of its own.
const TYPES: [(&str, &str); 10] = [
    (
        "AVRO",
        r#"{"type":"record","name":"R#","namespace":"com.acme","fields":[{"name":"id","type":"string"}]}"#,
    ),
    (
        "JSON",
        r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"t#","type":"object"}"#,
    ),
    (
        "PROTOBUF",
        "syntax = \"proto3\"; package acme; message M# { string id = 1; }\n",
    ),
    (
        "OPENAPI",
        r##"{"openapi":"3.0.2","info":{"title":"Api #","version":"1.0"},"paths":{}}"##,
    ),
    (
        "ASYNCAPI",
        r##"{"asyncapi":"2.0.0","info":{"title":"Async #","version":"1"},"channels":{}}"##,
    ),
    ("GRAPHQL", "type Query { a#: String }\n"),
    ("KCONNECT", r##"{"name":"connector-#","type":"struct","fields":[]}"##),
    (
        "WSDL",
        "<?xml version=\"1.0\"?>\n<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\" name=\"W#\" targetNamespace=\"urn:w\"/>\n",
    ),
    (
        "XSD",
        "<?xml version=\"1.0\"?>\n<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"a#\" type=\"xs:string\"/></xs:schema>\n",
    ),
    ("XML", "<?xml version=\"1.0\"?>\n<a n=\"#\"/>\n"),
];

/// Ids that 2.6 takes and clients have trouble with.
const ODD_IDS: [&str; 8] = [
    "with space (x)",
    "a+b&c=d",
    "a:b",
    "q?m#h",
    "quote'\"",
    "semi;colon",
    "UPPER",
    "upper",
];

/// The groups that the many are spread over; none is the default one.
const GROUPS: [Option<&str>; 4] = [None, Some("orders"), Some("payments"), Some("com.acme.stock")];

/// Why there is no data.
#[derive(Debug, Error)]
pub enum DataError {
    /// The archive cannot be packed.
    #[error("the generated data cannot be packed")]
    Zip(#[from] zip::result::ZipError),
    /// As above, for the bytes of an entry.
    #[error("the generated data cannot be packed")]
    Io(#[from] std::io::Error),
}

/// An export of a 2.6.13 with about `size` versions (at most [`MOST`]), the same bytes for the same seed.
///
/// Some forty versions are always there, so that every trap is: each type, references (chained and dangling), states, rules,
/// comments, labels, properties, odd ids, version names of all sorts, one content with several versions, an empty group.
///
/// # Errors
/// When it cannot be packed.
pub fn generate(size: usize, seed: u64) -> Result<Vec<u8>, DataError> {
    let mut making = Making::new(seed);
    making.groups();
    making.types();
    making.references();
    making.odd_ones();
    making.fill(size.min(MOST));
    making.comments();
    making.rules();
    making.pack()
}

/// Pseudo-random numbers (splitmix64): a few lines, and the same on every machine and in every version.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One below a limit; 0 when the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw().checked_rem(limit).unwrap_or_default()
    }

    /// One of these.
    fn one_of<'a, T>(&mut self, all: &'a [T], otherwise: &'a T) -> &'a T {
        let limit = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(self.below(limit)).unwrap_or_default();
        all.get(index).unwrap_or(otherwise)
    }
}

/// An artifact and what its versions have in common.
#[derive(Clone, Copy)]
struct Of<'a> {
    group: Option<&'a str>,
    artifact: &'a str,
    kind: &'a str,
}

/// An export in the making.
struct Making {
    numbers: Numbers,
    contents: u64,
    versions: u64,
    content: Vec<(String, Vec<u8>)>,
    group: Vec<(String, Vec<u8>)>,
    version: Vec<(String, Vec<u8>)>,
    rest: Vec<(String, Vec<u8>)>,
}

impl Making {
    fn new(seed: u64) -> Self {
        Self {
            numbers: Numbers::new(seed),
            contents: 0,
            versions: 0,
            content: Vec::new(),
            group: Vec::new(),
            version: Vec::new(),
            rest: Vec::new(),
        }
    }

    fn groups(&mut self) {
        let described = [
            ("orders", json!({"team": "sales", "empty": ""})),
            ("payments", json!({"team": "pay"})),
            ("com.acme.stock", Value::Null),
            ("com.acme.empty", Value::Null),
            ("refs", Value::Null),
            ("types", Value::Null),
        ];
        for (id, properties) in described {
            let row = json!({
                "groupId": id, "description": format!("Schemas of {id}"), "artifactsType": null, "createdBy": "",
                "createdOn": EPOCH, "modifiedBy": null, "modifiedOn": 0, "properties": properties,
            });
            self.group.push((format!("groups/{id}.Group"), row.to_string().into()));
        }
    }

    fn types(&mut self) {
        for (kind, _) in TYPES {
            let artifact = kind.to_lowercase();
            let of = Of {
                group: Some("types"),
                artifact: &artifact,
                kind,
            };
            let content = self.own_content(kind);
            self.versions_of(of, &[("1", content)]);
        }
    }

    /// A chain of three, one that points at both ends, and one that points at nothing.
    fn references(&mut self) {
        let reference = |group: Option<&str>, artifact: &str, name: &str| {
            // Written out, for the order of the keys goes into the hash (reference: apicurio.md §3.4).
            let group = group.map_or("null".to_owned(), |group| format!("\"{group}\""));
            format!(r#"{{"groupId":{group},"artifactId":"{artifact}","version":"1","name":"{name}"}}"#)
        };
        let address = reference(None, "address", "com.acme.Address");
        let customer = reference(Some("refs"), "customer", "com.acme.Customer");
        let gone = reference(Some("gone"), "nowhere", "com.acme.Nowhere");
        let all = [
            (None, "address", String::new()),
            (Some("refs"), "customer", address.clone()),
            (Some("refs"), "order", customer.clone()),
            (Some("refs"), "both", format!("{address},{customer}")),
            (Some("refs"), "dangling", gone),
        ];
        for (group, artifact, references) in all {
            let references = (!references.is_empty()).then(|| format!("[{references}]"));
            let content = self.content("AVRO", references.as_deref());
            self.versions_of(
                Of {
                    group,
                    artifact,
                    kind: "AVRO",
                },
                &[("1", content)],
            );
        }
    }

    /// Odd ids, version names of all sorts, and one content with several versions.
    fn odd_ones(&mut self) {
        for artifact in ODD_IDS {
            let content = self.own_content("JSON");
            self.versions_of(
                Of {
                    group: None,
                    artifact,
                    kind: "JSON",
                },
                &[("1", content)],
            );
        }
        let names = ["1.0.0", "1.1.0", "1.10.0", "2.0.0-rc.1", "2.0.0"];
        let semver: Vec<_> = names.map(|name| (name, self.own_content("AVRO"))).into();
        let of = Of {
            group: Some("orders"),
            artifact: "semver",
            kind: "AVRO",
        };
        self.versions_of(of, &semver);
        let shared = self.own_content("JSON");
        for artifact in ["twin-a", "twin-b"] {
            let of = Of {
                group: Some("payments"),
                artifact,
                kind: "JSON",
            };
            self.versions_of(of, &[("1", shared), ("2", shared)]);
        }
        let content = self.own_content("XML");
        let names = [("first", content), ("v2_final", content), ("2023-11-14", content)];
        self.versions_of(
            Of {
                group: Some("orders"),
                artifact: "names",
                kind: "XML",
            },
            &names,
        );
    }

    /// The many, until there are so many versions in all.
    fn fill(&mut self, size: usize) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        let mut number = 0;
        while self.versions < size {
            number += 1;
            let group = *self.numbers.one_of(&GROUPS, &None);
            let (kind, _) = *self.numbers.one_of(&TYPES, &TYPES[0]);
            let artifact = format!("{}-{number}", kind.to_lowercase());
            let life = (1 + self.numbers.below(LONGEST_LIFE)).min(size - self.versions);
            let names: Vec<String> = (1..=life).map(|name| name.to_string()).collect();
            let versions: Vec<(&str, u64)> = names
                .iter()
                .map(|name| (name.as_str(), self.own_content(kind)))
                .collect();
            self.versions_of(
                Of {
                    group,
                    artifact: &artifact,
                    kind,
                },
                &versions,
            );
        }
    }

    /// A content that nothing else has.
    fn own_content(&mut self, kind: &str) -> u64 {
        self.content(kind, None)
    }

    fn content(&mut self, kind: &str, references: Option<&str>) -> u64 {
        self.contents += 1;
        let id = self.contents;
        let template = TYPES
            .iter()
            .find(|(name, _)| *name == kind)
            .map_or("#", |(_, text)| *text);
        // In a JSON Schema not every `#`: one ends the name of the draft, and with a number behind it that is no draft.
        let bytes = match kind {
            "JSON" => template.replace("t#", &format!("t{id}")),
            _ => template.replace('#', &id.to_string()),
        };
        let hashed = format!("{bytes}{}", references.unwrap_or_default());
        let hash = hash_bytes(hashed.as_bytes()).to_string();
        let row = json!({
            "contentId": id, "canonicalHash": hash, "contentHash": hash, "artifactType": null,
            "serializedReferences": references,
        });
        let name = format!("content/{hash}.Content");
        self.content.push((format!("{name}.json"), row.to_string().into()));
        self.content.push((format!("{name}.data"), bytes.into()));
        id
    }

    /// All versions of an artifact; the last one is the latest, and is served.
    fn versions_of(&mut self, of: Of<'_>, versions: &[(&str, u64)]) {
        for (index, (name, content)) in versions.iter().enumerate() {
            let is_latest = index + 1 == versions.len();
            self.versions += 1;
            let id = self.versions;
            let state = match self.numbers.below(20) {
                0 if !is_latest => "DISABLED",
                1 | 2 => "DEPRECATED",
                _ => "ENABLED",
            };
            // The first ones have whatever can be had, so that all of it is there at any size.
            let labelled = id <= 3 || self.numbers.below(10) == 0;
            let described = id <= 3 || self.numbers.below(4) == 0;
            let row = json!({
                "globalId": id, "groupId": of.group, "artifactId": of.artifact, "version": name, "versionId": index + 1,
                "artifactType": of.kind, "state": if is_latest && id == 2 { "DEPRECATED" } else { state },
                "name": described.then(|| format!("Name of {}", of.artifact)),
                "description": described.then(|| format!("Number {id}, with ümlaut")),
                "createdBy": if id.is_multiple_of(3) { "alice" } else { "" },
                "createdOn": EPOCH + i64::try_from(id).unwrap_or_default() * 1_000,
                "labels": labelled.then(|| json!(["reviewed", format!("batch-{}", id % 7)])),
                "properties": labelled.then(|| json!({"owner": "team-a", "cost-centre": id.to_string()})),
                "isLatest": is_latest, "contentId": content,
            });
            let group = of.group.unwrap_or("default");
            let entry = format!(
                "groups/{group}/artifacts/{}/versions/{name}.ArtifactVersion",
                of.artifact
            );
            self.version.push((entry, row.to_string().into()));
        }
    }

    fn comments(&mut self) {
        let some = COMMENTS.max(self.versions / 50);
        // 99, or 999, is the greatest both ways, and would be no trap.
        let wanted = some + u64::from(some.to_string().bytes().all(|digit| digit == b'9'));
        for id in 1..=wanted {
            let of = 1 + self.numbers.below(self.versions);
            let row = json!({
                "globalId": of, "commentId": id.to_string(), "createdBy": "bob",
                "createdOn": EPOCH + i64::try_from(id).unwrap_or_default() * 2_000, "value": format!("comment {id}"),
            });
            // As 2.6 names them: the globalId plus the code of `-` (reference: apicurio.md §3.2).
            self.rest
                .push((format!("comments/{}{id}.Comment", of + 45), row.to_string().into()));
        }
    }

    fn rules(&mut self) {
        let of_artifacts = [
            (Some("refs"), "customer", "INTEGRITY", "REFS_EXIST"),
            (Some("types"), "avro", "VALIDITY", "FULL"),
            (Some("types"), "avro", "COMPATIBILITY", "BACKWARD"),
        ];
        for (group, artifact, kind, configuration) in of_artifacts {
            let row = json!({"groupId": group, "artifactId": artifact, "type": kind, "configuration": configuration});
            let group = group.unwrap_or("default");
            let entry = format!("groups/{group}/artifacts/{artifact}/rules/{kind}.ArtifactRule");
            self.rest.push((entry, row.to_string().into()));
        }
        let row = json!({"ruleType": "VALIDITY", "configuration": "SYNTAX_ONLY"});
        self.rest
            .push(("rules/VALIDITY.GlobalRule".to_owned(), row.to_string().into()));
    }

    /// The archive, in the order of a real one.
    fn pack(self) -> Result<Vec<u8>, DataError> {
        let manifest = json!({
            "systemVersion": "2.6.13.Final", "systemName": "apicurio-registry",
            "systemDescription": "High performance, runtime registry for schemas and API designs.",
            "exportVersion": "1.0", "exportedOn": EPOCH, "exportedBy": "",
        });
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut entry = |name: &str, bytes: &[u8]| -> Result<(), DataError> {
            zip.start_file(name, SimpleFileOptions::default())?;
            Ok(zip.write_all(bytes)?)
        };
        entry(
            "manifest-2023-11-14T22:13:20Z.Manifest.json",
            manifest.to_string().as_bytes(),
        )?;
        for (name, bytes) in &self.content {
            entry(name, bytes)?;
        }
        for (name, bytes) in self.group.iter().chain(&self.version).chain(&self.rest) {
            entry(&format!("{name}.json"), bytes)?;
        }
        Ok(zip.finish()?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::registry::{ReadLimits, Snapshot, VersionState, read_export};

    fn read(size: usize, seed: u64) -> Snapshot {
        let zip = generate(size, seed).unwrap();
        read_export(Cursor::new(zip), &ReadLimits::default()).unwrap()
    }

    #[test]
    fn the_same_seed_makes_the_same_bytes_and_another_one_does_not() {
        assert_eq!(generate(200, 7).unwrap(), generate(200, 7).unwrap());
        assert_ne!(generate(200, 7).unwrap(), generate(200, 8).unwrap());
    }

    #[test]
    fn a_small_export_holds_every_trap() {
        for seed in [0, 1, u64::MAX] {
            let made = read(0, seed);
            let types: BTreeSet<&str> = made.versions.values().map(|version| &*version.artifact_type).collect();
            assert_eq!(types.len(), TYPES.len());
            assert!(made.contents.values().all(crate::registry::Content::hash_is_right));
            assert!(
                made.contents
                    .values()
                    .filter(|content| content.references.is_some())
                    .count()
                    == 4
            );
            assert!(
                made.versions
                    .values()
                    .any(|version| version.state == VersionState::Deprecated)
            );
            assert!(made.comments.len() >= 12);
            let greatest = (1..=made.comments.len()).map(|id| id.to_string()).max().unwrap();
            assert_eq!(greatest, "9", "the greatest as text is not the greatest");
            assert!(!made.artifact_rules.is_empty() && !made.global_rules.is_empty());
            assert!(made.versions.values().any(|version| &*version.version == "2.0.0-rc.1"));
            assert!(
                made.contents.len() < made.versions.len(),
                "one content has several versions"
            );
        }
    }

    #[test]
    fn there_are_as_many_versions_as_asked_for() {
        let made = read(1_000, 3);
        assert_eq!(made.versions.len(), 1_000);
        assert!(
            made.versions
                .values()
                .any(|version| version.state == VersionState::Disabled)
        );
        assert_eq!(made.max_global_id(), 1_000);
    }

    #[tokio::test]
    async fn both_registries_take_all_of_it_and_serve_the_same() {
        use crate::{
            rehearse::{
                load::paths_of,
                twin::{Twin, TwinOptions, TwinVersion},
            },
            system::Visitor,
        };
        let zip = generate(300, 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.zip");
        crate::system::write_atomically(&path, |file| std::io::Write::write_all(file, &zip)).unwrap();
        let mut options = TwinOptions::new(TwinVersion::V2_6_13);
        options.data = Some(path);
        let old = Twin::start(options).await.unwrap();
        let new = Twin::start(TwinOptions::new(TwinVersion::V3_3_3)).await.unwrap();
        let visitor = |twin: &Twin| {
            let limit = std::time::Duration::from_secs(60);
            Visitor::new(&"twin".into(), twin.url(), None, limit).unwrap()
        };
        let (of_old, of_new) = (visitor(&old), visitor(&new));
        let headers = [("content-type", "application/zip")];
        let import = of_new.post("/apis/registry/v3/admin/import", &headers, zip).await;
        assert_eq!(import.unwrap().status, 204);
        let paths = paths_of(&read(300, 1), usize::MAX);
        assert!(paths.len() > 250);
        for path in paths {
            let (before, after) = (of_old.get(&path).await.unwrap(), of_new.get(&path).await.unwrap());
            assert_eq!((before.status, after.status), (200, 200), "{path}");
            assert_eq!(before.body, after.body, "{path}");
        }
        let of_one = "/apis/registry/v2/groups/orders/artifacts/semver/versions";
        assert!(
            of_new
                .get(of_one)
                .await
                .unwrap()
                .body
                .windows(7)
                .any(|text| text == b"1.10.0\"")
        );
        old.stop().await;
        new.stop().await;
    }
}
