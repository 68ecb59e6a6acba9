//! Owners of artifacts: no export of 2.6 holds them, and every import makes of them what the versions say.

use std::{
    io::{Cursor, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use regplan::{
    kind::Inputs,
    registry::{Comparison, RestFacts, codes, compare},
    rehearse::twin::{Faults, NoFaults, Outcome, Seen, Turn},
    resource::{Ask, Depth, registry_side},
    system::Progress,
};
use serde_json::{Value, json};

use super::lab::{Lab, fixture, said};

/// A version as an export of 2.6 has it.
struct Made {
    id: u64,
    artifact: &'static str,
    version: u64,
    by: &'static str,
    latest: bool,
}

impl Made {
    const fn new(id: u64, artifact: &'static str, version: u64, by: &'static str, latest: bool) -> Self {
        Self {
            id,
            artifact,
            version,
            by,
            latest,
        }
    }
}

/// Above all ids of the fixtures.
const FROM: u64 = 900;

/// The first versions belong to others than the latest ones: 2.6 takes the owner of an artifact from the former, 3.x from the
/// latter.
const FIRST: [Made; 5] = [
    Made::new(FROM, "moves", 1, "ann", false),
    Made::new(FROM + 1, "moves", 2, "ben", true),
    Made::new(FROM + 2, "nobodys", 1, "", false),
    Made::new(FROM + 3, "nobodys", 2, "ben", true),
    Made::new(FROM + 4, "plain", 1, "ann", true),
];

/// A later version, whose import makes its maker the owner on 3.x.
const LATER: [Made; 1] = [Made::new(FROM + 50, "plain", 2, "dan", true)];

/// In the group `own`.
fn export(rows: &[Made]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: String, bytes: &[u8]| {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    };
    let manifest = json!({
        "systemVersion": "2.6.13.Final", "systemName": "x", "systemDescription": "x", "exportVersion": "1.0",
        "exportedOn": 1_767_323_045_000_u64, "exportedBy": "",
    });
    put("manifest.Manifest.json".to_owned(), manifest.to_string().as_bytes());
    for row in rows {
        let bytes = format!("{{\"title\":\"owned {}\"}}", row.id);
        let hash = regplan::system::hash_bytes(bytes.as_bytes());
        let content = json!({
            "contentId": row.id, "canonicalHash": hash, "contentHash": hash, "artifactType": null,
            "serializedReferences": null,
        });
        put(format!("content/{hash}.Content.json"), content.to_string().as_bytes());
        put(format!("content/{hash}.Content.data"), bytes.as_bytes());
        let version = json!({
            "globalId": row.id, "groupId": "own", "artifactId": row.artifact, "version": row.version.to_string(),
            "versionId": row.version, "artifactType": "JSON", "state": "ENABLED", "name": null, "description": null,
            "createdBy": row.by, "createdOn": 1_767_323_045_000_u64 + row.id, "labels": null, "properties": null,
            "isLatest": row.latest, "contentId": row.id,
        });
        let name = format!("groups/own/artifacts/{}/versions/{}", row.artifact, row.version);
        put(format!("{name}.ArtifactVersion.json"), version.to_string().as_bytes());
    }
    zip.finish().unwrap().into_inner()
}

/// What a look at both sides says of owners: what must not differ, and what must.
async fn compared(lab: &Lab) -> (Vec<String>, Vec<String>) {
    let side = |name: &str| {
        let name = name.into();
        async move { registry_side(&name, &lab.world, Ask::Counts, &said()).await.unwrap() }
    };
    let (v2, v3) = (side("v2").await, side("v3").await);
    let Comparison {
        differences, expected, ..
    } = compare(&v2.snapshot, &v3.snapshot, &RestFacts::default(), &[]);
    let owners = |rows: Vec<regplan::registry::Row>| {
        let owners = rows.into_iter().filter(|row| row.code.starts_with("artifact_owner"));
        owners.map(|row| row.to_string()).collect()
    };
    (owners(differences), owners(expected))
}

/// Who owns an artifact of the group `own`: to 2.6 by its list, which also names what has only disabled versions.
async fn on_v2(lab: &Lab, artifact: &str) -> Value {
    let all = lab.read_v2("search/artifacts?group=own&limit=100").await;
    let all = all["artifacts"].as_array().unwrap().clone();
    all.iter().find(|row| row["id"] == artifact).unwrap()["createdBy"].clone()
}

async fn on_v3(lab: &Lab, artifact: &str) -> Value {
    lab.read_v3(&format!("groups/own/artifacts/{artifact}")).await["owner"].clone()
}

async fn own_on_v2(lab: &Lab, artifact: &str, owner: &str) {
    let url = format!("groups/own/artifacts/{artifact}/owner");
    assert_eq!(lab.v2("PUT", &url, Some(json!({"owner": owner}))).await, 204);
}

/// `nobodys` belongs to nobody on 2.6 and to whoever made its latest version on 3.x.
fn stays() -> String {
    format!("{} own/nobodys: right ben", codes::ARTIFACT_OWNER_STAYS)
}

/// What only the 2.6 knows arrives, stays when more versions come, and goes back: the same of twins and of real registries.
pub async fn there_and_back(lab: &Lab) {
    assert_eq!(lab.import_v2(export(&FIRST)).await, 204);
    assert_eq!(lab.write("own", "hidden", "one").await, 200);
    own_on_v2(lab, "hidden", "hal").await;
    let disabled = Some(json!({"state": "DISABLED"}));
    assert_eq!(
        lab.v2("PUT", "groups/own/artifacts/hidden/versions/1/state", disabled)
            .await,
        204
    );
    assert_eq!(on_v2(lab, "moves").await, "ann");
    let mirror = json!({"deletes": "mirror"});
    lab.replicate(&mirror).await.unwrap();
    assert_eq!(on_v3(lab, "moves").await, "ann");
    assert_eq!(on_v3(lab, "hidden").await, "hal");
    assert_eq!(compared(lab).await, (vec![], vec![stays()]));
    assert_eq!(lab.replicate(&mirror).await.unwrap()["repaired"], Value::Null);

    // A change of its own: nothing is sent.
    own_on_v2(lab, "moves", "eve").await;
    let row = format!("{} own/moves: left eve, right ann", codes::ARTIFACT_OWNER);
    assert_eq!(compared(lab).await.0, [row]);
    let set = lab.replicate(&mirror).await.unwrap();
    assert_eq!(
        (&set["sent_versions"], &set["recreated"], &set["repaired"]),
        (&json!(0), &json!(0), &json!(["owner of own/moves"])),
        "{set}"
    );

    // The import of a later version makes it another one's on 3.x, and a deletion brings the artifact again whole.
    assert_eq!(lab.import_v2(export(&LATER)).await, 204);
    let edit = Some(json!({"name": "edited", "description": "", "labels": [], "properties": {}}));
    assert_eq!(
        lab.v2("PUT", "groups/own/artifacts/moves/versions/2/meta", edit).await,
        204
    );
    let set = lab.replicate(&mirror).await.unwrap();
    assert_eq!(
        (&set["sent_versions"], &set["recreated"], &set["repaired"]),
        (
            &json!(3),
            &json!(1),
            &json!(["owner of own/moves", "owner of own/plain"])
        ),
        "{set}"
    );
    let freeze = lab.replicate(&mirror).await.unwrap();
    assert_eq!((&freeze["repaired"], compared(lab).await.0), (&Value::Null, vec![]));
    back(lab, &freeze).await;
}

async fn back(lab: &Lab, freeze: &Value) {
    lab.allow_deletions().await;
    for (artifact, owner) in [("plain", "zoe"), ("hidden", "ida")] {
        let url = format!("groups/own/artifacts/{artifact}");
        assert_eq!(lab.v3("PUT", &url, Some(json!({"owner": owner}))).await, 204);
    }
    let edit = Some(json!({"name": "edited on 3.x"}));
    assert_eq!(lab.v3("PUT", "groups/own/artifacts/moves/versions/1", edit).await, 204);
    let output = lab.port_back(json!({}), freeze).await.unwrap();
    let owners: Vec<_> = ["hidden", "moves", "nobodys", "plain"]
        .map(|artifact| json!(format!("owner of own/{artifact}")))
        .into();
    assert_eq!(output["repaired"], json!(owners), "{output}");
    for (artifact, owner) in [
        ("plain", "zoe"),
        ("hidden", "ida"),
        ("moves", "eve"),
        ("nobodys", "ben"),
    ] {
        assert_eq!(on_v2(lab, artifact).await, owner);
    }
    assert_eq!(compared(lab).await, (vec![], vec![]));
    let step = lab.back(&json!({}));
    let now = lab.look(step.as_ref(), Depth::Deep).await;
    assert!(step.diff(&now, &Inputs::default()).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_go_there_and_back_and_twice_changes_nothing() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    there_and_back(&lab).await;
    lab.stop().await;
}

#[tokio::test]
async fn a_plan_says_whose_artifacts_will_be_and_a_repair_without_owners_leaves_them() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    assert_eq!(lab.import_v2(export(&FIRST)).await, 204);
    lab.replicate(&json!({"repair": ["roles", "properties"]}))
        .await
        .unwrap();
    assert_eq!(on_v3(&lab, "moves").await, "ben", "what the versions say");
    let (different, expected) = compared(&lab).await;
    assert_eq!(
        different,
        [format!("{} own/moves: left ann, right ben", codes::ARTIFACT_OWNER)]
    );
    assert_eq!(expected, [stays()]);

    let step = lab.step(&json!({}));
    let seen = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&seen, &Inputs::default()).unwrap();
    assert!(
        change.in_words().contains("owners to set: 0 → 1"),
        "{}",
        change.in_words()
    );
    let refused = lab.replicate(&json!({"max_changes": 0})).await.unwrap_err();
    assert!(refused.contains("1 changes are needed"), "{refused}");
    lab.replicate(&json!({})).await.unwrap();
    assert_eq!(on_v3(&lab, "moves").await, "ann");
    lab.stop().await;
}

/// A 3.x that refuses owners for a while, and counts those that it is asked to set.
#[derive(Default)]
struct Refusing {
    refuses: AtomicBool,
    asked: AtomicU64,
}

impl Faults for Refusing {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        // 2.6 has a path for owners; on 3.x it is the artifact's.
        let is_artifact = seen.path.rsplit('/').nth(1) == Some("artifacts") || seen.path.ends_with("/owner");
        let mut turn = Turn::default();
        if seen.method == "PUT" && is_artifact {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.refuses.load(Ordering::SeqCst) {
                turn.outcome = Outcome::Refuse(500);
            }
        }
        turn
    }
}

#[tokio::test]
async fn what_was_sent_without_its_owners_gets_them_from_the_next_process() {
    let faults = Arc::new(Refusing::default());
    let lab = Lab::with(&fixture("v2-rich"), faults.clone(), Arc::new(NoFaults)).await;
    assert_eq!(lab.import_v2(export(&FIRST)).await, 204);
    faults.refuses.store(true, Ordering::SeqCst);
    let step = lab.step(&json!({}));
    let before = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&before, &Inputs::default()).unwrap();
    lab.act(step.as_ref(), &before, &change).await.unwrap_err();
    assert_eq!(faults.asked.load(Ordering::SeqCst), 1);

    // The export that the step is pinned to is read from the disk, and so are its owners: 2.6 says another one by now.
    own_on_v2(&lab, "moves", "eve").await;
    faults.refuses.store(false, Ordering::SeqCst);
    let lab = lab.restarted();
    let now = step.probe_after(&before, &lab.world, Depth::Deep).await.unwrap();
    let regplan::resource::Probed::Seen(now) = now else {
        panic!("not seen")
    };
    let left = step.diff(&now, &Inputs::default()).unwrap();
    assert!(left.in_words().contains("owners to set: 0 → 1"), "{}", left.in_words());
    lab.act(step.as_ref(), &before, &left).await.unwrap();
    assert_eq!(on_v3(&lab, "moves").await, "ann");
    lab.stop().await;
}

/// A way back of artifacts that are not their makers', which ended between them and their owners; and its freeze.
async fn stopped_before_the_owners() -> (Lab, Arc<Refusing>, Value) {
    let faults = Arc::new(Refusing::default());
    let lab = Lab::with(&fixture("v2-rich"), Arc::new(NoFaults), faults.clone()).await;
    let freeze = lab.replicate(&json!({})).await.unwrap();
    for artifact in ["new", "other"] {
        assert_eq!(lab.write_v3("own", artifact, artifact).await, 200);
        let (url, owner) = (format!("groups/own/artifacts/{artifact}"), json!({"owner": "bob"}));
        assert_eq!(lab.v3("PUT", &url, Some(owner)).await, 204);
    }
    faults.refuses.store(true, Ordering::SeqCst);
    lab.port_back(json!({}), &freeze).await.unwrap_err();
    assert_eq!(on_v2(&lab, "new").await, "", "it came, and its owner did not");
    (lab, faults, freeze)
}

#[tokio::test]
async fn a_way_back_that_ended_before_the_owners_goes_on_and_takes_them_for_nobodys_write() {
    let (lab, faults, freeze) = stopped_before_the_owners().await;
    faults.refuses.store(false, Ordering::SeqCst);
    let lab = lab.restarted();
    lab.port_back(json!({}), &freeze).await.unwrap();
    assert_eq!(on_v2(&lab, "new").await, "bob");
    lab.stop().await;
}

#[tokio::test]
async fn a_way_back_that_leaves_owners_alone_takes_what_the_import_made_of_them_for_nobodys_write() {
    let (lab, _faults, freeze) = stopped_before_the_owners().await;
    lab.port_back(json!({"repair": []}), &freeze).await.unwrap();
    assert_eq!(on_v2(&lab, "new").await, "");
    lab.stop().await;
}

#[tokio::test]
async fn an_owner_that_was_taken_and_is_not_shown_is_no_success() {
    /// Takes owners and forgets them.
    struct Forgetful;
    impl Faults for Forgetful {
        fn request(&self, seen: &Seen<'_>) -> Turn {
            // 2.6 has a path for owners; on 3.x it is the artifact's.
            let is_artifact = seen.path.rsplit('/').nth(1) == Some("artifacts") || seen.path.ends_with("/owner");
            let forgets = seen.method == "PUT" && is_artifact;
            Turn {
                outcome: if forgets { Outcome::Refuse(204) } else { Outcome::Serve },
                ..Turn::default()
            }
        }
    }
    let lab = Lab::with(&fixture("v2-rich"), Arc::new(Forgetful), Arc::new(NoFaults)).await;
    assert_eq!(lab.import_v2(export(&FIRST)).await, 204);
    let refused = lab.replicate_saying(&json!({}), &Progress::silent()).await.unwrap_err();
    assert!(
        refused.contains("artifact_owner own/moves: left ann, right ben"),
        "{refused}"
    );
    lab.stop().await;
}
