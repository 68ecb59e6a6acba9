//! Two twins, a world, and the step between them.

use std::{collections::BTreeMap, io::Cursor, path::Path, sync::Arc, time::Duration};

use regplan::{
    kind::{self, Behaviour, DynEffect, Inputs},
    model::{Change, DocPath, Plan, PlanDuration, Retry, RunId, Step, SystemDecl, SystemName},
    registry::{Comparison, ReadLimits, RestFacts, Snapshot, compare, delta, read_export},
    rehearse::twin::{Faults, NoFaults, Twin, TwinOptions, TwinVersion},
    resource::{Depth, Probed},
    system::{Act, NobodyThere, Observe, Progress, World, WorldOptions, causes},
};
use serde_json::{Value, json};

/// A registry: a twin, or a real one that somebody else starts and stops.
pub enum Server {
    Twin(Twin),
    Real { url: String, management: String },
}

impl Server {
    pub fn url(&self) -> &str {
        match self {
            Self::Twin(twin) => twin.url(),
            Self::Real { url, .. } => url,
        }
    }

    pub fn management(&self) -> &str {
        match self {
            Self::Twin(twin) => twin.management(),
            Self::Real { management, .. } => management,
        }
    }

    pub async fn stop(self) {
        match self {
            Self::Twin(twin) => twin.stop().await,
            Self::Real { .. } => {}
        }
    }
}

/// A 2.6, a 3.3, and a directory with a plan in it.
pub struct Lab {
    pub v2: Server,
    pub v3: Server,
    pub world: Act,
    _dir: tempfile::TempDir,
}

impl Lab {
    /// A 2.6 with that export, and an empty 3.3.
    pub async fn new(data: &Path) -> Self {
        Self::with(data, Arc::new(NoFaults), Arc::new(NoFaults)).await
    }

    /// As [`Lab::new`], with twins that do these things to requests.
    pub async fn with(data: &Path, faults: Arc<dyn Faults>, v2_faults: Arc<dyn Faults>) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let v2 = Twin::start(TwinOptions {
            data: Some(data.to_owned()),
            faults: v2_faults,
            ..TwinOptions::new(TwinVersion::V2_6_13)
        });
        let v3 = Twin::start(TwinOptions {
            faults,
            ..TwinOptions::new(TwinVersion::V3_3_3)
        });
        Self::between(Server::Twin(v2.await.unwrap()), Server::Twin(v3.await.unwrap()), dir)
    }

    /// As [`Lab::new`], and both keep role mappings.
    pub async fn with_roles(data: &Path) -> Self {
        let Self { v2, v3, _dir: dir, .. } = Self::new(data).await;
        v2.stop().await;
        v3.stop().await;
        let v2 = Twin::start(TwinOptions {
            data: Some(data.to_owned()),
            role_mappings: true,
            ..TwinOptions::new(TwinVersion::V2_6_13)
        });
        let v3 = Twin::start(TwinOptions {
            role_mappings: true,
            ..TwinOptions::new(TwinVersion::V3_3_3)
        });
        Self::between(Server::Twin(v2.await.unwrap()), Server::Twin(v3.await.unwrap()), dir)
    }

    /// Between those two.
    pub fn between(v2: Server, v3: Server, dir: tempfile::TempDir) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let world = world(&dir, v2.url(), v3.url(), v3.management());
        Self {
            v2,
            v3,
            world,
            _dir: dir,
        }
    }

    /// The next process: it knows what lies on the disk.
    pub fn restarted(self) -> Self {
        let Self { v2, v3, _dir: dir, .. } = self;
        Self::between(v2, v3, dir)
    }

    /// Real ones; `None` when the environment names none (`REGPLAN_V2_URL`, `REGPLAN_V3_URL`, `REGPLAN_V3_MANAGEMENT`).
    pub fn real() -> Option<Self> {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let of = |name| std::env::var(name).ok();
        let v2 = Server::Real {
            url: of("REGPLAN_V2_URL")?,
            management: String::new(),
        };
        let url = of("REGPLAN_V3_URL")?;
        let management = of("REGPLAN_V3_MANAGEMENT").unwrap_or_else(|| url.clone());
        let v3 = Server::Real { url, management };
        Some(Self::between(v2, v3, tempfile::tempdir().unwrap()))
    }

    /// Both with an export of their own.
    pub async fn loaded(v2: &Path, v3: &Path, v2_faults: Arc<dyn Faults>) -> Self {
        let lab = Self::with(v2, Arc::new(NoFaults), v2_faults).await;
        let loaded = Twin::start(TwinOptions {
            data: Some(v3.to_owned()),
            ..TwinOptions::new(TwinVersion::V3_3_3)
        });
        let Self { v2, v3, _dir: dir, .. } = lab;
        v3.stop().await;
        Self::between(v2, Server::Twin(loaded.await.unwrap()), dir)
    }

    /// The step with these options.
    pub fn step(&self, with: &Value) -> Box<dyn DynEffect> {
        let mut all = json!({"from": "v2", "to": "v3", "chunk_versions": 7});
        all.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        match (kind::find("registry.replicate").unwrap().decode)(&any_step(all)).unwrap() {
            Behaviour::Effect(effect) => effect,
            Behaviour::Check(_) | Behaviour::Capture(_) | Behaviour::Wait(_) => panic!("it is an effect"),
        }
    }

    /// The step of the way back with these options.
    pub fn back(&self, with: &Value) -> Box<dyn DynEffect> {
        let mut all = json!({"from": "v3", "to": "v2", "deletes": "mirror"});
        all.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        self.step(&all)
    }

    /// What it sees.
    pub async fn look(&self, step: &dyn DynEffect, depth: Depth) -> Value {
        seen(step.probe(&self.world, depth).await.unwrap())
    }

    /// As the engine looks after an act that began with that look.
    pub async fn look_after(&self, step: &dyn DynEffect, before: &Value) -> Value {
        seen(step.probe_after(before, &self.world, Depth::Deep).await.unwrap())
    }

    /// Look, act, look again, as the engine does; what it put out.
    pub async fn replicate(&self, with: &Value) -> Result<Value, String> {
        self.run(self.step(with).as_ref(), &Inputs::default(), &said()).await
    }

    /// As [`Lab::replicate`], with an ear for what it says.
    pub async fn replicate_saying(&self, with: &Value, log: &Progress) -> Result<Value, String> {
        self.run(self.step(with).as_ref(), &Inputs::default(), log).await
    }

    /// The way back, as [`Lab::replicate`]; `freeze` is what the step `freeze` recorded of the 2.6.
    pub async fn port_back(&self, with: Value, freeze: &Value) -> Result<Value, String> {
        self.port_back_saying(with, freeze, &said()).await
    }

    /// As [`Lab::port_back`], with an ear for what it says.
    pub async fn port_back_saying(&self, mut with: Value, freeze: &Value, log: &Progress) -> Result<Value, String> {
        with["unmoved_since"] = json!("freeze");
        let inputs = Inputs(BTreeMap::from([("freeze".into(), freeze.clone())]));
        self.run(self.back(&with).as_ref(), &inputs, log).await
    }

    async fn run(&self, step: &dyn DynEffect, inputs: &Inputs, log: &Progress) -> Result<Value, String> {
        let before = self.look(step, Depth::Deep).await;
        let change = step.diff(&before, inputs).map_err(|error| causes(&error))?;
        self.act_with(step, &before, &change, inputs, log).await
    }

    /// The act and the look after it.
    pub async fn act(&self, step: &dyn DynEffect, before: &Value, change: &Change) -> Result<Value, String> {
        self.act_with(step, before, change, &Inputs::default(), &said()).await
    }

    async fn act_with(
        &self,
        step: &dyn DynEffect,
        before: &Value,
        change: &Change,
        inputs: &Inputs,
        log: &Progress,
    ) -> Result<Value, String> {
        let receipt = if change.is_none() {
            None
        } else {
            let done = step.apply(change, inputs, &self.world, log).await;
            Some(done.map_err(|error| causes(&error))?)
        };
        let after = self.look_after(step, before).await;
        let left = step.diff(&after, inputs).map_err(|error| causes(&error))?;
        if !left.is_none() {
            return Err(format!("{} is left", left.in_words()));
        }
        Ok(step.output(&after, receipt.as_ref()).unwrap())
    }

    /// What each holds now.
    pub async fn both(&self) -> (Snapshot, Snapshot) {
        (export(&self.v2, "v2").await, export(&self.v3, "v3").await)
    }

    /// What the 2.6 holds now.
    pub async fn source(&self) -> Snapshot {
        export(&self.v2, "v2").await
    }

    /// What must not differ and does.
    pub async fn differences(&self) -> Vec<String> {
        let (v2, v3) = self.both().await;
        let Comparison { differences, .. } = compare(&v2, &v3, &RestFacts::default(), &[]);
        assert!(differences.is_empty() == delta(&v2, &v3).is_empty() || !differences.is_empty());
        differences.iter().map(ToString::to_string).collect()
    }

    /// What must not differ after the way back and does: what 3.x has, and 2.6 has not.
    pub async fn left_behind(&self) -> Vec<String> {
        let (v2, v3) = self.both().await;
        let differences = compare(&v3, &v2, &RestFacts::default(), &[]).differences;
        differences.iter().map(ToString::to_string).collect()
    }

    /// A client's request to the 2.6; its status.
    pub async fn v2(&self, method: &str, path: &str, body: Option<Value>) -> u16 {
        call(&format!("{}/apis/registry/v2/{path}", self.v2.url()), method, body, &[]).await
    }

    /// The same to the 3.3.
    pub async fn v3(&self, method: &str, path: &str, body: Option<Value>) -> u16 {
        call(&format!("{}/apis/registry/v3/{path}", self.v3.url()), method, body, &[]).await
    }

    /// A new version of an artifact on the 2.6, or its first one.
    pub async fn write(&self, group: &str, artifact: &str, content: &str) -> u16 {
        let url = format!("{}/apis/registry/v2/groups/{group}/artifacts", self.v2.url());
        let headers = [("x-registry-artifactid", artifact), ("x-registry-artifacttype", "JSON")];
        let url = format!("{url}?ifExists=UPDATE");
        call(&url, "POST", Some(json!({"title": content})), &headers).await
    }

    /// Fills the 2.6.
    pub async fn import_v2(&self, zip: Vec<u8>) -> u16 {
        let url = format!("{}/apis/registry/v2/admin/import", self.v2.url());
        let request = client().post(url).header("content-type", "application/zip").body(zip);
        request.send().await.unwrap().status().as_u16()
    }

    /// Fills the 3.3 by hand, as the official procedure does.
    pub async fn import_v3(&self, zip: Vec<u8>) -> u16 {
        let url = format!("{}/apis/registry/v3/admin/import", self.v3.url());
        let request = client().post(url).header("content-type", "application/zip").body(zip);
        request.send().await.unwrap().status().as_u16()
    }

    /// 3.x deletes only when it is told to.
    pub async fn allow_deletions(&self) {
        for name in ["artifact-version", "artifact", "group"] {
            let property = format!("admin/config/properties/apicurio.rest.deletion.{name}.enabled");
            assert_eq!(self.v3("PUT", &property, Some(json!({"value": "true"}))).await, 204);
        }
    }

    /// A new version of an artifact on the 3.3, or its first one.
    pub async fn write_v3(&self, group: &str, artifact: &str, content: &str) -> u16 {
        let content = json!({"content": json!({"title": content}).to_string(), "contentType": "application/json"});
        let first = json!({"artifactId": artifact, "artifactType": "JSON", "firstVersion": {"content": content}});
        let url = format!("groups/{group}/artifacts?ifExists=CREATE_VERSION");
        self.v3("POST", &url, Some(first)).await
    }

    /// What a client reads from the 2.6.
    pub async fn read_v2(&self, path: &str) -> Value {
        self.read(&format!("{}/apis/registry/v2/{path}", self.v2.url())).await
    }

    /// What a client reads from the 3.3.
    pub async fn read_v3(&self, path: &str) -> Value {
        self.read(&format!("{}/apis/registry/v3/{path}", self.v3.url())).await
    }

    async fn read(&self, url: &str) -> Value {
        let answer = client().get(url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer.json().await.unwrap()
    }

    pub async fn stop(self) {
        self.v2.stop().await;
        self.v3.stop().await;
    }
}

pub fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{name}.zip"))
}

fn world(dir: &tempfile::TempDir, v2: &str, v3: &str, management: &str) -> Act {
    let declared = |spec| SystemDecl {
        kind: "apicurio".to_owned(),
        spec,
        at: DocPath::root(),
    };
    let systems: BTreeMap<SystemName, SystemDecl> = BTreeMap::from([
        ("v2".into(), declared(json!({"urls": [v2]}))),
        ("v3".into(), declared(json!({"urls": [v3], "management": [management]}))),
    ]);
    let plan = Plan {
        name: "test".to_owned(),
        description: None,
        systems,
        vars: Default::default(),
        limits: Default::default(),
        phases: Vec::new(),
    };
    let options = WorldOptions {
        base: dir.path().to_owned(),
        spool: dir.path().join("spool"),
        no_exec: false,
    };
    let observe = Observe::new(Arc::new(World::open(&plan, &options).unwrap()));
    observe.allow_writes(RunId::from("test"), Arc::new(NobodyThere))
}

fn any_step(with: Value) -> Step {
    let none = PlanDuration::new(Duration::ZERO);
    Step {
        id: "step".into(),
        uses: "registry.replicate".to_owned(),
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
    }
}

fn seen(probed: Probed<Value>) -> Value {
    match probed {
        Probed::Seen(state) => state,
        other @ (Probed::Unreachable(_) | Probed::NotLooked(_)) => panic!("{other:?}"),
    }
}

pub fn said() -> Progress {
    Progress::new(|_| {})
}

/// Without kept connections: each test has a runtime of its own.
fn client() -> reqwest::Client {
    static CLIENT: std::sync::OnceLock<reqwest::Client> = std::sync::OnceLock::new();
    let make = || {
        reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    };
    CLIENT.get_or_init(make).clone()
}

async fn call(url: &str, method: &str, body: Option<Value>, headers: &[(&str, &str)]) -> u16 {
    let mut request = client().request(method.parse().unwrap(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    request.send().await.unwrap().status().as_u16()
}

async fn export(twin: &Server, api: &str) -> Snapshot {
    read_export(Cursor::new(export_of(twin, api).await), &ReadLimits::default()).unwrap()
}

/// A registry's export.
pub async fn export_of(twin: &Server, api: &str) -> Vec<u8> {
    let url = format!("{}/apis/registry/{api}/admin/export", twin.url());
    let answer = client()
        .get(url)
        .header("accept", "application/zip")
        .send()
        .await
        .unwrap();
    answer.bytes().await.unwrap().to_vec()
}
