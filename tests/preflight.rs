//! What a preflight foretells is what an import then loses, and what a comparison then finds: by the built program, against
//! twins of 2.6.13 and 3.3.3 and against files.
//!
//! `REGPLAN_V3_EMPTY_URL` names an empty 3.3.3: then what it loses is foretold as well. Without it that test says so and is
//! skipped; twins are always there.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(
    clippy::disallowed_methods,
    reason = "files of a temporary directory need not outlive a crash"
)]

use std::{
    collections::BTreeSet,
    io::{Cursor, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use regplan::rehearse::twin::{Twin, TwinOptions, TwinVersion};
use serde_json::{Value, json};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(format!("{name}.zip"))
}

async fn twin(version: TwinVersion, name: Option<&str>) -> Twin {
    let options = TwinOptions {
        data: name.map(data),
        ..TwinOptions::new(version)
    };
    Twin::start(options).await.unwrap()
}

async fn regplan(arguments: &[&str], exit: i32) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = move || {
        Command::new(env!("CARGO_BIN_EXE_regplan"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(arguments)
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{said}{}", text(&output));
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn parsed(arguments: &[&str], exit: i32) -> Value {
    serde_json::from_slice(&regplan(arguments, exit).await.stdout).unwrap()
}

/// The import that the documented procedure makes: the whole export at once, and the answer believed.
async fn import(v3: &str, export: &Path) {
    let url = format!("{v3}/apis/registry/v3/admin/import?requireEmptyRegistry=false");
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).header("Content-Type", "application/zip");
    let answer = request.body(std::fs::read(export).unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 204);
}

/// What the findings of a severity are about.
fn concerned(preflight: &Value, severity: &str) -> BTreeSet<String> {
    let findings = preflight["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["severity"] == severity)
        .flat_map(|finding| finding["concerned"].as_array().unwrap())
        .map(|concern| concern["what"].as_str().unwrap().to_owned())
        .collect()
}

fn rows(comparison: &Value, code: &str) -> BTreeSet<String> {
    let rows = comparison["differences"].as_array().unwrap().iter();
    rows.filter(|row| row["code"] == code)
        .map(|row| row["what"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_without_a_word_is_foretold_before_and_found_after() {
    let v2 = twin(TwinVersion::V2_6_13, Some("v2-lossy")).await;
    let v3 = twin(TwinVersion::V3_3_3, None).await;
    let before = parsed(
        &[
            "preflight",
            v2.url(),
            "--to-version",
            "3.3.3",
            "--storage",
            "postgresql",
            "--json",
        ],
        6,
    )
    .await;
    import(v3.url(), &data("v2-lossy")).await;
    let after = parsed(&["verify", v2.url(), v3.url(), "--json"], 6).await;

    let mut foretold = concerned(&before, "blocking");
    let lost = rows(&after, "version_missing");
    assert_eq!(lost.len(), 11, "{lost:?}");
    // It arrives, and is the latest no more.
    assert!(foretold.remove("loss/vbranch version branch=latest"));
    assert_eq!(foretold, lost);
    assert!(rows(&after, "artifact_missing").len() > 5);
    assert_eq!(
        after["groups"]["loss"]["left_versions"].as_u64().unwrap() - 11,
        after["groups"]["loss"]["right_versions"]
    );

    // The export of what arrived says the same without any server.
    let by_file = parsed(
        &[
            "verify",
            data("v2-lossy").to_str().unwrap(),
            data("v3-lossy").to_str().unwrap(),
            "--json",
        ],
        6,
    )
    .await;
    assert_eq!(rows(&by_file, "version_missing"), lost);
    v2.stop().await;
    v3.stop().await;
}

/// The lossy export with every other cause of loss in it that REST cannot make: one artifact each, in the group `hand`.
fn with_every_cause(directory: &Path) -> PathBuf {
    let mut archive = ZipArchive::new(std::fs::File::open(data("v2-lossy")).unwrap()).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut control = Value::Null;
    let mut content = (Value::Null, Vec::new());
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let row: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if name.ends_with(".ArtifactVersion.json") && row["artifactId"] == "control" {
            control = row;
        } else if name.ends_with(".Content.json") && row["contentId"] == 1 {
            content = (row, name.replace(".json", ".data").into_bytes());
        }
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    let mut bytes = Vec::new();
    let of_content = String::from_utf8(content.1).unwrap();
    archive.by_name(&of_content).unwrap().read_to_end(&mut bytes).unwrap();
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    };
    let long = |n| "x".repeat(n);
    let one = |id: u64, fields: Value| {
        let mut row = control.clone();
        row["globalId"] = json!(id);
        row["groupId"] = json!("hand");
        row["artifactId"] = json!(format!("case-{id}"));
        for (name, value) in fields.as_object().unwrap() {
            row[name] = value.clone();
        }
        row.to_string()
    };
    for (id, fields) in [
        (101, json!({})),
        (102, json!({"name": long(513)})),
        (103, json!({"description": long(1025)})),
        (104, json!({"artifactId": ""})),
        (105, json!({"groupId": long(513)})),
        (106, json!({"contentId": 4_242})),
        (107, json!({"contentId": 4_107})),
        (108, json!({"contentId": 4_108})),
        (109, json!({"properties": {"k": "x".repeat(600)}, "version": "2"})),
    ] {
        add(&format!("v/{id}.ArtifactVersion.json"), one(id, fields).as_bytes());
    }
    // The bytes of the control again, and a content without a canonical hash.
    let mut twice = content.0.clone();
    twice["contentId"] = json!(4_107);
    add("c/4107.Content.json", twice.to_string().as_bytes());
    add("c/4107.Content.data", &bytes);
    let other = br#"{"type":"object","title":"no canonical hash"}"#;
    let hash = regplan::system::hash_bytes(other);
    let mut bare = content.0;
    bare["contentId"] = json!(4_108);
    bare["contentHash"] = json!(hash.as_str());
    bare["canonicalHash"] = Value::Null;
    add("c/4108.Content.json", bare.to_string().as_bytes());
    add("c/4108.Content.data", other);
    let path = directory.join("every-cause.zip");
    std::fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
    path
}

/// Imports every cause of loss at once into an empty 3.3.3: what is gone was foretold, and nothing else was.
async fn loses_what_was_foretold(v3: &str) {
    let here = tempfile::tempdir().unwrap();
    let export = with_every_cause(here.path());
    let file = export.to_str().unwrap();
    let arguments = ["preflight", file, "--to-version", "3.3.3", "--storage", "h2", "--json"];
    let before = parsed(&arguments, 6).await;
    import(v3, &export).await;
    let after = parsed(&["verify", file, v3, "--json"], 6).await;

    let lost = rows(&after, "version_missing");
    assert!(lost.len() > 17, "{lost:#?}");
    let mut foretold = concerned(&before, "blocking");
    // It arrives, and is the latest no more.
    assert!(foretold.remove("loss/vbranch version branch=latest"));
    // regplan fills the hash in, so it is only a warning; the documented import loses the version.
    assert!(foretold.insert("hand/case-108 version 1".to_owned()));
    assert!(concerned(&before, "warning").contains("hand/case-108 version 1"));
    // Of two contents with the same bytes the server keeps the one that it meets first.
    let twins: BTreeSet<String> = foretold
        .iter()
        .filter(|what| before_says(&before, "content_twice", what))
        .cloned()
        .collect();
    assert!(twins.iter().any(|twin| lost.contains(twin)), "{twins:?}");
    let without_twins = |all: &BTreeSet<String>| all.difference(&twins).cloned().collect::<BTreeSet<_>>();
    assert_eq!(without_twins(&foretold), without_twins(&lost));
}

fn before_says(preflight: &Value, code: &str, what: &str) -> bool {
    let mut findings = preflight["findings"].as_array().unwrap().iter();
    let finding = findings.find(|finding| finding["code"] == code).unwrap();
    let concerned = finding["concerned"].as_array().unwrap();
    concerned.iter().any(|concern| concern["what"] == what)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cause_of_loss_is_foretold_and_found_on_a_twin() {
    let v3 = twin(TwinVersion::V3_3_3, None).await;
    loses_what_was_foretold(v3.url()).await;
    v3.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cause_of_loss_is_foretold_and_found_on_a_real_3_3_3() {
    match std::env::var("REGPLAN_V3_EMPTY_URL") {
        Ok(url) => loses_what_was_foretold(&url).await,
        Err(_) => eprintln!("skipped: REGPLAN_V3_EMPTY_URL does not name an empty 3.3.3"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_directions_and_equal_pairs_are_compared_by_rest_too() {
    let v2 = twin(TwinVersion::V2_6_13, Some("v2-rich")).await;
    let v3 = twin(TwinVersion::V3_3_3, Some("v3-rich")).await;
    for (left, right) in [
        (v2.url(), v3.url()),
        (v3.url(), v2.url()),
        (v2.url(), v2.url()),
        (v3.url(), v3.url()),
    ] {
        let compared = parsed(&["verify", left, right, "--json"], 0).await;
        assert_eq!(compared["equal"], true);
        assert_eq!(compared["left_digest"], compared["right_digest"], "{left} {right}");
        assert_eq!(compared["versions"], 68);
    }
    v2.stop().await;
    v3.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_again_against_saved_exports_of_both_formats() {
    let here = tempfile::tempdir().unwrap();
    let certificate = here.path().join("certificate.json");
    let certificate = certificate.to_str().unwrap();
    let (v2, v3) = (data("v2-rich"), data("v3-rich"));
    let (v2, v3) = (v2.to_str().unwrap(), v3.to_str().unwrap());
    regplan(&["verify", v2, v3, "--write-certificate", certificate], 0).await;
    let sealed: Value = serde_json::from_slice(&std::fs::read(certificate).unwrap()).unwrap();
    assert_eq!(sealed["equal"], true);
    assert_eq!(sealed["left"]["version"], "2.6.13.Final");
    assert_eq!(sealed["left"]["groups"], sealed["right"]["groups"]);
    for (export, side) in [(v2, "left"), (v3, "right")] {
        let check = parsed(&["verify", "--certificate", certificate, export, "--json"], 0).await;
        assert_eq!(check["check"]["side"], side);
        assert_eq!(check["check"]["same_file"], true);
    }
    let later = data("v2-rich-after");
    let check = parsed(
        &[
            "verify",
            "--certificate",
            certificate,
            later.to_str().unwrap(),
            "--json",
        ],
        6,
    )
    .await;
    let groups = check["check"]["groups"].as_array().unwrap();
    assert!(!groups.is_empty() && groups.len() < 5, "{groups:?}");
    let said = text(&regplan(&["verify", "--certificate", certificate, later.to_str().unwrap()], 6).await);
    assert!(said.contains("holds something else"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_plan_fails_until_what_blocks_is_gone_and_leaves_its_report() {
    let here = tempfile::tempdir().unwrap();
    let plan = here.path().join("preflight.yaml");
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/preflight.yaml"),
        &plan,
    )
    .unwrap();
    for (name, exit) in [("v2-lossy", 1), ("v2-rich", 0)] {
        let v2 = twin(TwinVersion::V2_6_13, Some(name)).await;
        let url = format!("v2_url={}", v2.url());
        let arguments = [
            "apply",
            plan.to_str().unwrap(),
            "--var",
            &url,
            "--auto-approve",
            "--env",
            name,
        ];
        let output = regplan(&arguments, exit).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &text(&output);
        assert_eq!(said.contains("property_value_too_long"), name == "v2-lossy", "{said}");
        let report = std::fs::read_to_string(here.path().join("reports/preflight.md")).unwrap();
        assert_eq!(report.contains("## blocking"), name == "v2-lossy", "{report}");
        v2.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_read_is_short_and_says_what_to_do() {
    let lossy = "tests/data/v2-lossy.zip";
    let found = regplan(
        &["preflight", lossy, "--to-version", "3.3.3", "--storage", "postgresql"],
        6,
    )
    .await;
    insta::assert_snapshot!("preflight", text(&found));
    let compared = regplan(&["verify", lossy, "tests/data/v3-lossy.zip"], 6).await;
    insta::assert_snapshot!("verify", text(&compared));
    let equal = regplan(&["verify", "tests/data/v2-rich.zip", "tests/data/v3-rich.zip"], 0).await;
    insta::assert_snapshot!("verify_equal", text(&equal));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_refused_with_what_to_type_instead() {
    for (arguments, exit, says) in [
        (
            &["preflight", "x.zip", "--to-version", "9"][..],
            64,
            "3.3.3, 3.3 or 2.6.13",
        ),
        (&["preflight", "x.zip"], 64, "--to-version"),
        (
            &["preflight", "x.zip", "--to-version", "3.3", "--accept", "code"],
            64,
            "CODE=REASON",
        ),
        (&["preflight", "no-such.zip", "--to-version", "3.3"], 1, "no-such.zip"),
        (
            &["preflight", "Cargo.toml", "--to-version", "3.3"],
            1,
            "not a whole ZIP",
        ),
        (&["verify", "a.zip"], 64, "two places"),
        (
            &["verify", "--certificate", "Cargo.toml", "tests/data/v2-rich.zip"],
            1,
            "no certificate",
        ),
        (
            &["verify", "http://u:p@127.0.0.1:1", "x.zip"],
            1,
            "must not hold a login",
        ),
        (&["verify", "http://127.0.0.1:1", "x.zip"], 1, "does not answer"),
    ] {
        let output = regplan(arguments, exit).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

/// An export of that name in which schemas say something else.
fn tampered(directory: &Path, name: &str, from: &str, to: &str) -> PathBuf {
    let mut archive = ZipArchive::new(Cursor::new(std::fs::read(data(name)).unwrap())).unwrap();
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let name = entry.name().unwrap().into_owned();
        if name.ends_with(".Content.data")
            && let Ok(text) = String::from_utf8(bytes.clone())
        {
            bytes = text.replace(from, to).into_bytes();
        }
        out.start_file(name, SimpleFileOptions::default()).unwrap();
        out.write_all(&bytes).unwrap();
    }
    let path = directory.join("tampered.zip");
    std::fs::write(&path, out.finish().unwrap().into_inner()).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_differ_are_shown_on_request_as_unified_diffs() {
    let here = tempfile::tempdir().unwrap();
    let other = tampered(here.path(), "v3-rich", "\"record\"", "\"rec\u{202e}ord\"");
    let (left, right) = ("tests/data/v2-rich.zip", other.to_str().unwrap());
    let said = text(&regplan(&["verify", left, right, "--diff"], 6).await);
    assert!(
        said.contains("\\u{202e}") && !said.contains('\u{202e}') && said.contains("\n+++ "),
        "{said}"
    );
    let compared = parsed(&["verify", left, right, "--diff", "--json"], 6).await;
    let texts = &compared["texts"];
    // The same two texts come once, however many contents have them.
    let all = compared["differences"].as_array().unwrap().iter();
    let pairs: BTreeSet<(String, String)> = all
        .filter(|row| row["code"] == "content_bytes")
        .map(|row| (row["left"].to_string(), row["right"].to_string()))
        .collect();
    assert!(!pairs.is_empty());
    assert_eq!(texts["total"], pairs.len());
    assert!(texts["shown"][0]["removed"].as_u64().unwrap() > 0);
    let unasked = parsed(&["verify", left, right, "--json"], 6).await;
    assert_eq!(unasked.get("texts"), None);
    let report = here.path().join("report.md");
    let arguments = ["verify", left, right, "--diff", "--report", report.to_str().unwrap()];
    regplan(&arguments, 6).await;
    let report = std::fs::read_to_string(report).unwrap();
    assert!(
        report.contains("## Texts that differ") && report.contains("```diff\n@@"),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_plan_shows_the_texts_of_new_versions_beside_those_before_them() {
    let here = tempfile::tempdir().unwrap();
    let v2 = twin(TwinVersion::V2_6_13, Some("v2-rich-after")).await;
    let v3 = twin(TwinVersion::V3_3_3, Some("v3-rich")).await;
    let plan = here.path().join("plan.yaml");
    let of = |name: &str, url: &str| format!("  {name}: {{ type: apicurio, urls: [\"{url}\"] }}\n");
    let written = format!(
        "regplan: v1\nname: example\nsystems:\n{}{}phases:\n  - id: copy\n    steps:\n      - id: send\n        uses: \
         registry.replicate\n        with: {{ from: v2, to: v3 }}\n    checkpoint:\n      - assert: steps.send.versions > 0\n",
        of("v2", v2.url()),
        of("v3", v3.url())
    );
    std::fs::write(&plan, written).unwrap();
    let plan = plan.to_str().unwrap();
    let said = text(&regplan(&["plan", plan, "--deep", "--diff"], 0).await);
    assert!(said.contains("--- ") && said.contains("+++ "), "{said}");
    let set = parsed(&["plan", plan, "--deep", "--diff", "--json"], 0).await;
    let texts = &set["phases"][0]["steps"][0]["texts"];
    assert!(texts["total"].as_u64().unwrap() > 0, "{set}");
    let unasked = text(&regplan(&["plan", plan, "--deep"], 0).await);
    assert!(!unasked.contains("+++ "), "{unasked}");
    regplan(&["plan", plan, "--diff"], 64).await;
    v2.stop().await;
    v3.stop().await;
}

/// A plan that compares `v2` with a `v3` of those replicas.
fn compares(directory: &Path, v2: &Twin, v3: &[&Twin], storage: &str) -> PathBuf {
    let urls: Vec<String> = v3.iter().map(|twin| format!("\"{}\"", twin.url())).collect();
    let written = format!(
        "regplan: v1\nname: replicas\nsystems:\n  v2: {{ type: apicurio, urls: [\"{}\"] }}\n  v3: {{ type: apicurio, urls: \
         [{}]{storage} }}\nphases:\n  - id: compare\n    on_failure: stop\n    steps:\n      - {{ id: equal, uses: \
         registry.verify, with: {{ left: v2, right: v3, report: report.json }} }}\n    checkpoint:\n      - assert: \
         steps.equal.replicas == {}\n",
        v2.url(),
        urls.join(", "),
        v3.len() - 1
    );
    let plan = directory.join("plan.yaml");
    std::fs::write(&plan, written).unwrap();
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_on_another_database_or_with_a_store_of_its_own_that_differs_is_named() {
    let here = tempfile::tempdir().unwrap();
    let v2 = twin(TwinVersion::V2_6_13, Some("v2-rich")).await;
    let v3 = twin(TwinVersion::V3_3_3, Some("v3-rich")).await;
    let same = twin(TwinVersion::V3_3_3, Some("v3-rich")).await;
    let empty = twin(TwinVersion::V3_3_3, None).await;
    let other = Twin::start(TwinOptions {
        data: Some(tampered(here.path(), "v3-rich", "\"record\"", "\"rec-ord\"")),
        ..TwinOptions::new(TwinVersion::V3_3_3)
    });
    let other = other.await.unwrap();
    let kafka = ", storage: kafkasql";
    let cases = [
        (&same, "", 0, None),
        (&same, kafka, 0, None),
        (&empty, "", 1, Some("0 artifacts, 0 versions")),
        // As many of everything: only whole exports tell.
        (&other, "", 0, None),
        (&other, kafka, 1, Some("content_bytes")),
    ];
    for (number, (replica, storage, exit, says)) in cases.into_iter().enumerate() {
        let plan = compares(here.path(), &v2, &[&v3, replica], storage);
        let env = format!("case{number}");
        let arguments = ["apply", plan.to_str().unwrap(), "--auto-approve", "--env", &env];
        regplan(&arguments, exit).await;
        let report: Value = serde_json::from_slice(&std::fs::read(here.path().join("report.json")).unwrap()).unwrap();
        let rows = report["differences"].as_array().unwrap();
        match says {
            None => assert!(rows.is_empty(), "{rows:?}"),
            Some(says) => {
                assert_eq!(rows.len(), 1, "{rows:?}");
                assert_eq!(rows[0]["code"], "replica");
                assert!(rows[0]["what"].as_str().unwrap().contains(replica.url()), "{rows:?}");
                assert!(rows[0]["right"].as_str().unwrap().contains(says), "{rows:?}");
            }
        }
    }
    for twin in [v2, v3, same, empty, other] {
        twin.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_copy_can_be_compared_with_however_often_the_pair_was_copied_since() {
    let here = tempfile::tempdir().unwrap();
    let before = twin(TwinVersion::V2_6_13, Some("v2-rich")).await;
    let after = twin(TwinVersion::V2_6_13, Some("v2-rich-after")).await;
    let v3 = twin(TwinVersion::V3_3_3, None).await;
    // The same registry to the plan, before and after its clients wrote to it: each copy is of another one.
    let written = format!(
        "regplan: v1\nname: copies\nsystems:\n  v2: {{ type: apicurio, urls: [\"{}\"] }}\n  later: {{ type: apicurio, urls: \
         [\"{}\"] }}\n  v3: {{ type: apicurio, urls: [\"{}\"] }}\nphases:\n  - id: copies\n    on_failure: stop\n    steps:\n      \
         - {{ id: first, uses: registry.replicate, with: {{ from: v2, to: v3 }} }}\n      - {{ id: second, uses: \
         registry.replicate, with: {{ from: later, to: v3, deletes: mirror }} }}\n      - {{ id: again, uses: registry.replicate, \
         with: {{ from: v2, to: v3, deletes: mirror }} }}\n      - {{ id: as_first, uses: registry.verify, with: {{ left: v2, at: \
         first, right: v2 }} }}\n      - {{ id: as_second, uses: registry.verify, with: {{ left: later, at: second, right: later }} \
         }}\n",
        before.url(),
        after.url(),
        v3.url()
    );
    let plan = here.path().join("plan.yaml");
    std::fs::write(&plan, written).unwrap();
    regplan(&["apply", plan.to_str().unwrap(), "--auto-approve"], 0).await;
    for twin in [before, after, v3] {
        twin.stop().await;
    }
}
