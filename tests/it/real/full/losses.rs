use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Write as _},
};

use serde_json::{Value, json};

use crate::support::{New, Pair, Registry};

/// Where all of it lies.
const GROUP: &str = "loss";

/// How a cause of loss gets into a 2.6.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    /// By clients of its API.
    ByRest,
    /// By importing an export that somebody edited.
    ByZip,
}

/// A cause of loss that a real 2.6.13 can hold: what finds it before, and what after the import that the documented procedure
/// makes into a real 3.3.3 on PostgreSQL.
struct Case {
    artifact: &'static str,
    made: Made,
    preflight: &'static str,
    verify: &'static str,
}

const fn case(artifact: &'static str, made: Made, preflight: &'static str, verify: &'static str) -> Case {
    Case {
        artifact,
        made,
        preflight,
        verify,
    }
}

use Made::{ByRest, ByZip};

const CASES: &[Case] = &[
    case("long-property", ByRest, "property_value_too_long", "version_missing"),
    case(
        "inherited-property",
        ByRest,
        "property_value_too_long",
        "version_missing",
    ),
    case("keys-by-case", ByRest, "label_keys_differ_by_case", "version_missing"),
    case("labels-by-case", ByRest, "label_keys_differ_by_case", "version_missing"),
    case("label-and-key", ByRest, "label_keys_differ_by_case", "version_missing"),
    case("long-label", ByRest, "label_key_too_long", "version_missing"),
    case("long-key", ByRest, "label_key_too_long", "version_missing"),
    case("names-repeat", ByRest, "reference_names_repeat", "version_missing"),
    case("odd-latest", ByRest, "latest_unaddressable", "latest_unaddressable"),
    case("latest-is-older", ByZip, "latest_is_not_the_newest", "latest"),
    case("", ByZip, "id_empty", "version_missing"),
    case("wrong-hash", ByZip, "content_hash_wrong", "content_hash_wrong"),
    case(
        "comments-collide",
        ByZip,
        "comment_not_exported",
        "comment_not_exported",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_silent_loss_from_a_real_2_6_13_to_a_real_3_3_3_is_named_before_and_after() {
    let by_hand = Hand::zip();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("by-hand.zip");
    std::fs::write(&file, by_hand).unwrap();
    let Some(pair) = Pair::with(&file).await else { return };
    by_rest(&mut Registry::at(&pair.v2)).await;
    what_a_2_6_cannot_hold(&pair).await;
    let held = pair.v2_export().await.versions();
    let there: BTreeSet<&str> = held.values().map(|version| version.artifact.as_str()).collect();
    let names = Names(
        held.values()
            .map(|version| (version.content_id, version.artifact.clone()))
            .collect(),
    );
    for case in CASES {
        assert!(there.contains(case.artifact), "2.6 has no {:?}", case.artifact);
    }

    let v2 = format!("http://{}", pair.v2);
    let v3 = format!("http://{}", pair.v3);
    let words = [
        "preflight",
        &v2,
        "--to-version",
        "3.3.3",
        "--storage",
        "postgresql",
        "--json",
    ];
    let before = pair.run(&words).await.must_exit(6).json();
    raw_import(&pair).await;
    let after = pair.run(&["verify", &v2, &v3, "--json"]).await.must_exit(6).json();

    println!("{:<20} {:<5} {:<28} after", "cause", "by", "before");
    for case in CASES {
        let made = if case.made == ByRest { "REST" } else { "ZIP" };
        println!("{:<20} {made:<5} {:<28} {}", case.artifact, case.preflight, case.verify);
    }
    for case in CASES {
        let foretold = names.foretold(&before, Some(case.preflight));
        assert!(
            foretold.contains(case.artifact),
            "{}: {foretold:?}\n{before:#}",
            case.preflight
        );
        let found = names.found(&after, Some(case.verify));
        assert!(found.contains(case.artifact), "{}: {found:?}\n{after:#}", case.verify);
    }
    // Nothing was lost that was not foretold, and nothing foretold that was not lost.
    let (foretold, found) = (names.foretold(&before, None), names.found(&after, None));
    assert_eq!(foretold, found);
    let known: BTreeSet<String> = CASES.iter().map(|case| case.artifact.to_owned()).collect();
    assert_eq!(foretold, known);
}

/// Which artifact each content of the 2.6 is of.
struct Names(BTreeMap<i64, String>);

impl Names {
    /// The artifacts that a finding blocks for.
    fn foretold(&self, preflight: &Value, code: Option<&str>) -> BTreeSet<String> {
        let findings = preflight["findings"].as_array().unwrap().iter();
        findings
            .filter(|finding| finding["severity"] == "blocking" && code.is_none_or(|code| finding["code"] == code))
            .flat_map(|finding| finding["concerned"].as_array().unwrap())
            .map(|concern| self.artifact_of(concern["what"].as_str().unwrap()))
            .collect()
    }

    /// The artifacts that the comparison names.
    fn found(&self, comparison: &Value, code: Option<&str>) -> BTreeSet<String> {
        let rows = ["differences", "expected"].map(|list| comparison[list].as_array().unwrap());
        rows.into_iter()
            .flatten()
            .filter(|row| code.is_none_or(|code| row["code"] == code))
            .map(|row| self.artifact_of(row["what"].as_str().unwrap()))
            .collect()
    }

    /// `loss/x version 1`, `comment 1 of loss/x version 1`, `content 7`: `x`.
    fn artifact_of(&self, what: &str) -> String {
        if let Some((_, rest)) = what.split_once(&format!("{GROUP}/")) {
            return rest.split(" version ").next().unwrap_or_default().trim().to_owned();
        }
        let content = what.strip_prefix("content ").and_then(|id| id.parse().ok());
        let artifact = content.and_then(|id: i64| self.0.get(&id));
        artifact.unwrap_or_else(|| panic!("whose is {what:?}?")).clone()
    }
}

/// The import that the documented procedure makes: the whole export at once, and the answer believed.
async fn raw_import(pair: &Pair) {
    let zip = Registry::at(&pair.v2).export("v2").await;
    let path = "/apis/registry/v3/admin/import?requireEmptyRegistry=false";
    let headers = [("Content-Type", b"application/zip".as_slice())];
    let answer = Registry::at(&pair.v3).request("POST", path, &headers, &zip).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
}

/// What clients of a 2.6 can do.
async fn by_rest(v2: &mut Registry) {
    let long = |n: usize| "x".repeat(n);
    let metadata = [
        ("long-property", json!({"properties": {"k": long(513)}})),
        ("inherited-property", json!({"properties": {"k": long(700)}})),
        ("keys-by-case", json!({"properties": {"Key": "1", "KEY": "2"}})),
        ("labels-by-case", json!({"labels": ["Red", "red"]})),
        (
            "label-and-key",
            json!({"labels": ["Team"], "properties": {"team": "v"}}),
        ),
        ("long-label", json!({"labels": [long(257)]})),
        ("long-key", json!({"properties": {long(257): "v"}})),
    ];
    for (artifact, metadata) in metadata {
        write(v2, artifact, &content(artifact), None, None, false).await;
        let path = format!("/groups/{GROUP}/artifacts/{artifact}/meta");
        v2.call("PUT", &path, Some(metadata)).await;
    }
    // A later version gets a copy of what the one before had.
    write(v2, "inherited-property", &content("a second one"), None, None, true).await;
    let one = json!({"groupId": GROUP, "artifactId": "long-key", "version": "1", "name": "same"});
    let other = json!({"groupId": GROUP, "artifactId": "long-label", "version": "1", "name": "same"});
    let references = json!([one, other]);
    write(v2, "names-repeat", &content("repeat"), None, Some(references), false).await;
    write(v2, "odd-latest", &content("odd"), Some("branch=latest"), None, false).await;
}

async fn write(
    v2: &mut Registry,
    artifact: &str,
    content: &str,
    version: Option<&str>,
    references: Option<Value>,
    add: bool,
) {
    let new = New {
        group: GROUP,
        artifact,
        kind: "JSON",
        content,
        version,
        references,
        ..New::default()
    };
    let answer = v2.put(&new, add).await;
    assert_eq!(answer.status, 200, "{artifact}: {}", answer.text());
}

fn content(title: &str) -> String {
    json!({"type": "object", "title": title}).to_string()
}

/// What 2.6 itself does not take, so that no export of it has it: its tables are as narrow there as those of 3.x, or narrower.
/// Such a file, made by hand, is judged before and after by the tests in `tests/preflight.rs`.
async fn what_a_2_6_cannot_hold(pair: &Pair) {
    let long = |n: usize| "x".repeat(n);
    let cases = [
        ("name", json!({"name": long(513)})),
        ("description", json!({"description": long(1_025)})),
        ("group", json!({"groupId": long(513)})),
        ("id", json!({"artifactId": long(513)})),
        ("version", json!({"version": long(257)})),
        ("content", json!({"contentId": 4_242})),
    ];
    for (n, (what, fields)) in (0_u64..).zip(cases) {
        let mut hand = Hand::new();
        let id = 50_000 + n;
        hand.version(id, "not-held", &content(what), &fields);
        let v2 = &mut Registry::at(&pair.v2);
        let headers = [("Content-Type", b"application/zip".as_slice())];
        v2.request("POST", "/apis/registry/v2/admin/import", &headers, &hand.done())
            .await;
        let held = pair.v2_export().await.documents["ArtifactVersion"]
            .iter()
            .any(|row| row["globalId"] == id);
        assert!(!held, "a 2.6 holds a version with too long a {what}");
    }
}

/// An export that somebody edited.
struct Hand {
    zip: zip::ZipWriter<Cursor<Vec<u8>>>,
    comments: Vec<Value>,
}

impl Hand {
    fn new() -> Self {
        let mut hand = Self {
            zip: zip::ZipWriter::new(Cursor::new(Vec::new())),
            comments: Vec::new(),
        };
        let manifest = json!({
            "systemVersion": "2.6.13.Final", "systemName": "apicurio-registry", "systemDescription": "",
            "exportVersion": "1.0", "exportedOn": 1_700_000_000_000_i64, "exportedBy": "",
        });
        hand.entry("m.Manifest.json", manifest.to_string().as_bytes());
        hand
    }

    /// All that only a hand can make.
    fn zip() -> Vec<u8> {
        let mut hand = Self::new();
        hand.version(1, "control", &content("control"), &json!({}));
        let older = json!({"isLatest": true});
        hand.version(2, "latest-is-older", &content("the latest"), &older);
        let newer = json!({"isLatest": false, "version": "2", "versionId": 2});
        hand.version(3, "latest-is-older", &content("the newest"), &newer);
        hand.version(4, "", &content("no id"), &json!({}));
        hand.hashed(5, "wrong-hash", &content("hash"), &json!({}), &"0".repeat(64));
        let second = json!({"version": "2", "versionId": 2});
        hand.version(
            COLLIDING[0].0,
            "comments-collide",
            &content("comments"),
            &json!({"isLatest": false}),
        );
        hand.version(COLLIDING[1].0, "comments-collide", &content("more comments"), &second);
        for (global_id, comment_id) in COLLIDING {
            hand.comments.push(json!({
                "globalId": global_id, "commentId": comment_id, "createdBy": "", "createdOn": 1_700_000_000_000_i64,
                "value": format!("comment {comment_id}"),
            }));
        }
        hand.done()
    }

    /// A version with a content of its own, and these fields instead of ordinary ones.
    fn version(&mut self, id: u64, artifact: &str, content: &str, fields: &Value) {
        let hash = regplan::system::hash_bytes(content.as_bytes());
        self.hashed(id, artifact, content, fields, hash.as_str());
    }

    fn hashed(&mut self, id: u64, artifact: &str, content: &str, fields: &Value, hash: &str) {
        let mut row = json!({
            "globalId": id, "groupId": GROUP, "artifactId": artifact, "version": "1", "versionId": 1,
            "artifactType": "JSON", "state": "ENABLED", "name": null, "description": null, "createdBy": "",
            "createdOn": 1_700_000_000_000_i64, "labels": null, "properties": null, "isLatest": true, "contentId": id,
        });
        row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let of_content = json!({
            "contentId": id, "canonicalHash": hash, "contentHash": hash, "artifactType": "JSON",
            "serializedReferences": null,
        });
        self.entry(&format!("c/{id}.Content.json"), of_content.to_string().as_bytes());
        self.entry(&format!("c/{id}.Content.data"), content.as_bytes());
        self.entry(&format!("v/{id}.ArtifactVersion.json"), row.to_string().as_bytes());
    }

    fn entry(&mut self, name: &str, bytes: &[u8]) {
        self.zip
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        self.zip.write_all(bytes).unwrap();
    }

    fn done(mut self) -> Vec<u8> {
        for (n, comment) in std::mem::take(&mut self.comments).into_iter().enumerate() {
            self.entry(&format!("x/{n}.Comment.json"), comment.to_string().as_bytes());
        }
        self.zip.finish().unwrap().into_inner()
    }
}

/// Comments that 2.6 writes under one name, `10012`: the globalId plus 45, and the comment's id behind it.
const COLLIDING: [(u64, &str); 2] = [(55, "12"), (956, "2")];
