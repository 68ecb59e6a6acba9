//! The registry kinds on a real 2.6 and a real 3.x: export, import that is cut in the middle, verify, damage, round trip.
//!
//! `REGPLAN_V2_URL` names a 2.6 with the rich data set, `REGPLAN_V3_URL` an empty 3.x (`REGPLAN_V3_MANAGEMENT`: its health
//! port). Without them that test says so and is skipped; twins are always there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use regplan::{
    kind::{self, Behaviour, DynCapture, DynCheck, DynEffect, Inputs, Verdict},
    model::{Change, DocPath, Plan, PlanDuration, Retry, RunId, Step, StepId, SystemDecl, SystemName},
    rehearse::twin::{Faults, Seen, Turn, Twin, TwinOptions, TwinVersion},
    resource::{Depth, Probed},
    system::{Act, NobodyThere, Observe, Progress, World, WorldOptions, causes},
};
use serde_json::{Value, json};

/// Small, so that there are many requests and one can be cut.
const CHUNK: u32 = 7;

/// Two registries and a directory with a plan in it.
struct Lab {
    world: Act,
    v3: String,
    dir: tempfile::TempDir,
}

impl Lab {
    fn new(v2: &str, v3: &str, management: Option<&str>) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let management: Vec<&str> = management.into_iter().collect();
        let plan = plan(BTreeMap::from([
            ("v2".into(), json!({"urls": [v2]})),
            ("v3".into(), json!({"urls": [v3], "management": management})),
        ]));
        let options = WorldOptions {
            base: dir.path().to_owned(),
            spool: dir.path().join("spool"),
            no_exec: false,
        };
        let observe = Observe::new(Arc::new(World::open(&plan, &options).unwrap()));
        Self {
            world: observe.allow_writes(RunId::from("test"), Arc::new(NobodyThere)),
            v3: v3.to_owned(),
            dir,
        }
    }

    fn export(&self) -> Box<dyn DynCapture> {
        match decode("registry.export", json!({"from": "v2", "to": "backups/v2.zip"})) {
            Behaviour::Capture(kind) => kind,
            Behaviour::Effect(_) | Behaviour::Check(_) | Behaviour::Wait(_) => panic!("an export is a capture"),
        }
    }

    fn import(&self) -> Box<dyn DynEffect> {
        let with = json!({"to": "v3", "export": "snapshot", "chunk_versions": CHUNK});
        effect("registry.import", with)
    }

    async fn check(&self, uses: &str, with: Value, inputs: &Inputs) -> Verdict<Value> {
        let kind: Box<dyn DynCheck> = match decode(uses, with) {
            Behaviour::Check(kind) => kind,
            Behaviour::Effect(_) | Behaviour::Capture(_) | Behaviour::Wait(_) => panic!("{uses} is no check"),
        };
        let verdict = kind.run(inputs, &self.world, &said()).await.unwrap();
        eprintln!("{uses}: {} {:?}", verdict.summary, verdict.findings);
        verdict
    }

    async fn verify(&self, inputs: &Inputs) -> Verdict<Value> {
        let with = json!({"left": "v2", "right": "v3", "report": "out/verify.json"});
        self.check("registry.verify", with, inputs).await
    }

    /// What an import would do now, by a look of that depth.
    async fn difference(&self, inputs: &Inputs, depth: Depth) -> Change {
        let import = self.import();
        match import.probe(&self.world, depth).await.unwrap() {
            Probed::Seen(state) => import.diff(&state, inputs).unwrap(),
            other @ (Probed::Unreachable(_) | Probed::NotLooked(_)) => panic!("{other:?}"),
        }
    }

    async fn apply(&self, inputs: &Inputs) -> Value {
        let import = self.import();
        let receipt = import.apply(&Change::none(), inputs, &self.world, &said()).await;
        receipt.unwrap_or_else(|error| panic!("{}", causes(&error))).0
    }

    /// Begins an import and drops it while a request is under way.
    async fn cut(&self, inputs: &Inputs) {
        let third = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&third);
        let log = Progress::new(move |update| {
            if update.text.starts_with("chunk 3 of") {
                seen.store(true, Ordering::SeqCst);
            }
        });
        let (import, change) = (self.import(), Change::none());
        let spool = self.dir.path().join("spool");
        tokio::select! {
            done = import.apply(&change, inputs, &self.world, &log) => panic!("it ended before it was cut: {done:?}"),
            () = under_way(&spool, &third) => {}
        }
    }

    async fn put(&self, path: &str, body: Value) {
        let url = format!("{}/apis/registry/v3/{path}", self.v3);
        let answer = client().put(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// A version written by a client of 3.x; its globalId.
    async fn write_natively(&self) -> u64 {
        let url = format!("{}/apis/registry/v3/groups/payments/artifacts/semver/versions", self.v3);
        let content = r#"{"type":"record","name":"S","namespace":"com.acme","fields":[]}"#;
        let body = json!({"version": "11.0.0", "content": {"content": content, "contentType": "application/json"}});
        let answer = client().post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{status} {body}");
        body["globalId"].as_u64().unwrap()
    }

    async fn property(&self, name: &str) -> String {
        let reader = self.world.registry(&SystemName::from("v3")).unwrap();
        let version = reader.version().await.unwrap();
        reader.property(&version, name).await.unwrap().unwrap()
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Until the note of a request that was sent and not answered lies in the spool.
async fn under_way(spool: &Path, third: &AtomicBool) {
    loop {
        let mut entries = std::fs::read_dir(spool).into_iter().flatten().flatten();
        let noted = entries.any(|entry| entry.path().extension().is_some_and(|extension| extension == "pending"));
        if noted && third.load(Ordering::SeqCst) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn said() -> Progress {
    Progress::new(|update| eprintln!("  {} {:?}", update.text, update.done))
}

fn plan(systems: BTreeMap<SystemName, Value>) -> Plan {
    let declared = |spec| SystemDecl {
        kind: "apicurio".to_owned(),
        spec,
        at: DocPath::root(),
    };
    Plan {
        name: "test".to_owned(),
        description: None,
        systems: systems.into_iter().map(|(name, spec)| (name, declared(spec))).collect(),
        vars: Default::default(),
        limits: Default::default(),
        phases: Vec::new(),
    }
}

fn effect(uses: &str, with: Value) -> Box<dyn DynEffect> {
    match decode(uses, with) {
        Behaviour::Effect(kind) => kind,
        Behaviour::Capture(_) | Behaviour::Check(_) | Behaviour::Wait(_) => panic!("{uses} is no effect"),
    }
}

fn decode(uses: &str, with: Value) -> Behaviour {
    let none = PlanDuration::new(Duration::ZERO);
    let step = Step {
        id: "step".into(),
        uses: uses.to_owned(),
        with,
        needs: Vec::new(),
        condition: None,
        retry: Retry {
            attempts: 1,
            backoff: none,
            max_backoff: none,
        },
        timeout: None,
        checkpoint: Vec::new(),
        provides: Default::default(),
        estimate: None,
        point_of_no_return: false,
        reads: Default::default(),
        writes: Default::default(),
        digest: "".into(),
        at: DocPath::root(),
    };
    (kind::find(uses).unwrap().decode)(&step).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_moves_through_a_cut_a_damage_and_a_round_trip() {
    let (Ok(v2), Ok(v3)) = (std::env::var("REGPLAN_V2_URL"), std::env::var("REGPLAN_V3_URL")) else {
        eprintln!("skipped: REGPLAN_V2_URL and REGPLAN_V3_URL do not name two registries");
        return;
    };
    let management = std::env::var("REGPLAN_V3_MANAGEMENT").ok();
    moves(&Lab::new(&v2, &v3, management.as_deref())).await;
}

/// The same with twins, which take their time for imports so that one can be cut.
#[tokio::test(flavor = "multi_thread")]
async fn a_twin_moves_through_the_same() {
    let v2 = twin(TwinVersion::V2_6_13, Some("tests/data/v2-rich.zip")).await;
    let v3 = twin(TwinVersion::V3_3_3, None).await;
    moves(&Lab::new(v2.url(), v3.url(), Some(v3.management()))).await;
    v2.stop().await;
    v3.stop().await;
}

/// Imports that take as long as on a real registry.
struct SlowImports;

impl Faults for SlowImports {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        let is_import = seen.path.ends_with("/import");
        Turn {
            delay: Duration::from_millis(if is_import { 50 } else { 0 }),
            ..Turn::default()
        }
    }
}

async fn twin(version: TwinVersion, data: Option<&str>) -> Twin {
    let options = TwinOptions {
        data: data.map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path)),
        faults: Arc::new(SlowImports),
        ..TwinOptions::new(version)
    };
    Twin::start(options).await.unwrap()
}

/// A step that pins a snapshot in the spool records its hash alone; a certificate keeps what came out.
async fn compares_with_a_pinned_snapshot(lab: &Lab, mut with: Value) {
    with["certificate"] = json!("out/certificate.json");
    let export = std::fs::read(lab.dir.path().join("backups/v2.zip")).unwrap();
    let pinned = lab.world.spool().put(&export).unwrap();
    let inputs = Inputs(BTreeMap::from([(
        StepId::from("snapshot"),
        json!({"source_sha256": pinned.sha256}),
    )]));
    let verdict = lab.check("registry.verify", with.clone(), &inputs).await;
    assert!(verdict.passed, "{:?}", verdict.findings);
    assert_eq!(verdict.output["left_digest"], verdict.output["right_digest"]);
    let certificate = std::fs::read_to_string(lab.dir.path().join("out/certificate.json")).unwrap();
    let certificate: Value = serde_json::from_str(&certificate).unwrap();
    assert_eq!(certificate["left"]["export_sha256"], json!(pinned.sha256));
    lab.world.spool().forget(&pinned.sha256).unwrap();
    let Behaviour::Check(kind) = decode("registry.verify", with) else {
        panic!("a verify is a check")
    };
    let gone = kind.run(&inputs, &lab.world, &said()).await.unwrap_err();
    assert!(gone.to_string().contains("not there any more"), "{gone}");
}

async fn moves(lab: &Lab) {
    let facts = lab.world.facts(&SystemName::from("v3")).await;
    for fact in ["ready", "empty", "writable"] {
        assert_eq!(facts[fact], json!(true), "{fact}: {facts}");
    }

    // Exported, whole, at its place.
    let export = lab.export();
    let taken = export.take(1, &lab.world, &said()).await.unwrap();
    assert!(export.intact(&taken, &lab.world).await.unwrap());
    let versions = taken["versions"].as_u64().unwrap();
    let inputs = Inputs(BTreeMap::from([(StepId::from("snapshot"), taken)]));
    assert!(!lab.difference(&inputs, Depth::Shallow).await.is_none());

    // Cut in the middle of a request, and resumed.
    lab.cut(&inputs).await;
    let resumed = lab.apply(&inputs).await;
    let sent = resumed["sent_versions"].as_u64().unwrap();
    assert!((1..versions).contains(&sent), "{sent} of {versions} sent after the cut");
    assert!(lab.difference(&inputs, Depth::Shallow).await.is_none());
    assert!(lab.difference(&inputs, Depth::Deep).await.is_none());
    let verdict = lab.verify(&inputs).await;
    assert!(verdict.passed && verdict.output["versions"] == versions, "{verdict:?}");

    // Twice is once.
    assert_eq!(lab.apply(&inputs).await, json!({"sent_versions": 0, "chunks": 0}));

    // The file alone, without the step that took it, says the same.
    let by_file = effect("registry.import", json!({"to": "v3", "file": "backups/v2.zip"}));
    for depth in [Depth::Shallow, Depth::Deep] {
        let Probed::Seen(state) = by_file.probe(&lab.world, depth).await.unwrap() else {
            panic!("v3 does not answer")
        };
        assert!(by_file.diff(&state, &Inputs::default()).unwrap().is_none());
    }

    // Damage is named, and repaired by the next apply.
    lab.put(
        "groups/payments/artifacts/semver/versions/1.1.0",
        json!({"name": "damaged"}),
    )
    .await;
    let damaged = lab.verify(&inputs).await;
    assert!(!damaged.passed);
    let names_it = |row: &String| row.contains("semver") && row.contains("damaged");
    assert!(damaged.findings.iter().any(names_it), "{:?}", damaged.findings);
    assert!(
        std::fs::read_to_string(lab.dir.path().join("out/verify.json"))
            .unwrap()
            .contains("damaged")
    );
    assert!(
        lab.difference(&inputs, Depth::Shallow).await.is_none(),
        "counts cannot show it"
    );
    assert!(!lab.difference(&inputs, Depth::Deep).await.is_none());
    lab.apply(&inputs).await;
    assert!(lab.verify(&inputs).await.passed);

    // Clients write, and nothing of it is left.
    for through in ["v2", "v3"] {
        let with = json!({"through": through, "suites": ["traffic", "write_round_trip"]});
        let checked = lab.check("api.check", with, &Inputs::default()).await;
        assert!(checked.passed, "{:?}", checked.findings);
    }
    assert_eq!(lab.property("apicurio.rest.deletion.artifact.enabled").await, "false");
    assert_eq!(lab.property("apicurio.rest.deletion.group.enabled").await, "false");
    let at = json!({"left": "v2", "right": "v3", "at": "snapshot"});
    assert!(lab.check("registry.verify", at.clone(), &inputs).await.passed);
    compares_with_a_pinned_snapshot(lab, at).await;
    assert!(lab.difference(&inputs, Depth::Deep).await.is_none());

    // What clients write on 3.x has ids above all of 2.6, and no import takes it back.
    let native = lab.write_natively().await;
    assert!(native > 1_000_000, "{native}");
    let refused = lab
        .import()
        .apply(&Change::none(), &inputs, &lab.world, &said())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("nothing was sent"), "{refused}");
}
