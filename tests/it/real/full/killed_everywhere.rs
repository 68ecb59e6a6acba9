use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use regplan::rehearse::data::Numbers;
use rustix::process::Signal;
use serde_json::json;

use crate::{
    real::can_be_paused,
    support::{CutProxy, New, Pair, Registry},
};

/// Chunks of each leg: the rich data has 68 versions, a day of clients some twenty.
const CHUNKS: u32 = 4;
/// Versions in a chunk of the first copy.
const COPY_CHUNK: u32 = 17;
/// Versions in a chunk of a delta, there and back.
const DAY_CHUNK: u32 = 5;
/// Artifacts that clients make in a day, of two versions each.
const DAY: u32 = 10;
/// Rounds with kills at random moments, besides those at each boundary.
const RANDOM_ROUNDS: u32 = 4;

/// A copy, a delta and the way back, each looked at from outside before the next one.
const PLAN: &str = r#"
regplan: v1
name: killed
systems:
  v2: { type: apicurio, urls: ["http://V2"] }
  v3: { type: apicurio, urls: ["http://V3"], management: ["http://MANAGEMENT"] }
phases:
  - id: copy
    on_failure: stop
    steps:
      - { id: pre_copy, uses: registry.replicate, with: { from: v2, to: v3, deletes: mirror, chunk_versions: COPY } }
      - { id: copied, uses: registry.verify, with: { left: v2, right: v3 } }
  - id: delta
    on_failure: stop
    steps:
      - { id: delta, uses: registry.replicate, with: { from: v2, to: v3, deletes: mirror, chunk_versions: DAY } }
      - { id: equal, uses: registry.verify, with: { left: v2, right: v3 } }
  - id: back
    on_failure: stop
    steps:
      - { id: back, uses: registry.replicate, with: { from: v3, to: v2, deletes: mirror, unmoved_since: delta, chunk_versions: DAY } }
      - { id: home, uses: registry.verify, with: { left: v3, right: v2 } }
"#;

const LEGS: [&str; 3] = ["copy", "delta", "back"];

/// Every point of a leg: around the reservation, around each chunk, at deletions, owners and settings, and at the proof of the next
/// ids.
fn points(leg: &str) -> Vec<String> {
    let around =
        |what: &str, hit: u32| ["before", "sent", "answered"].map(|when| format!("import.{what}.{when}:{hit}"));
    let mut points: Vec<String> = around("reserve", 1).to_vec();
    points.extend((1..=CHUNKS).flat_map(|hit| around("chunk", hit)));
    points.push("carry.proof:1".to_owned());
    points.extend(match leg {
        "copy" => vec!["carry.settings:1".to_owned()],
        _ => ["carry.delete:1", "carry.delete:2", "carry.owner:1"]
            .map(str::to_owned)
            .into(),
    });
    points
}

/// What disturbs a leg, once.
enum Harm {
    /// The process ends at that point.
    At(String),
    /// The process is killed from outside after that time, and what goes on with it after the other one.
    After([Duration; 2]),
    /// That import gets no answer, and the registry goes on with it.
    Cut(u32),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_boundary_and_in_between_a_copy_a_delta_and_the_way_back_lose_nothing() {
    if !can_be_paused() {
        return;
    }
    let rich = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v2-rich.zip");
    let Some(pair) = Pair::with(&rich).await else { return };
    let sweep = Sweep::of(pair).await;
    let began = Instant::now();
    let mut numbers = Numbers::new(26);
    let mut round = 0;
    let all = LEGS.map(points);
    for n in 0..all.iter().map(Vec::len).max().unwrap_or_default() {
        round += 1;
        let harms = all.each_ref().map(|points| points.get(n).cloned().map(Harm::At));
        sweep.round(round, harms).await;
    }
    for n in 1..=CHUNKS + 1 {
        round += 1;
        sweep.round(round, [n, n, n].map(|n| Some(Harm::Cut(n)))).await;
    }
    for _ in 0..RANDOM_ROUNDS {
        round += 1;
        let mut soon = || Duration::from_millis(200 + numbers.below(3_000));
        let harms = [0; 3].map(|_| Some(Harm::After([soon(), soon()])));
        sweep.round(round, harms).await;
    }
    println!("{round} rounds in {:?}", began.elapsed());
}

/// The pair, behind proxies that can cut an import.
struct Sweep {
    pair: Pair,
    to_v2: CutProxy,
    to_v3: CutProxy,
    plan: String,
}

impl Sweep {
    async fn of(pair: Pair) -> Self {
        let (to_v2, to_v3) = (CutProxy::before(&pair.v2).await, CutProxy::before(&pair.v3).await);
        let plan = PLAN
            .replace("V2", &to_v2.address)
            .replace("V3", &to_v3.address)
            .replace("MANAGEMENT", &pair.management())
            .replace("COPY", &COPY_CHUNK.to_string())
            .replace("DAY", &DAY_CHUNK.to_string());
        pair.plan("killed.yaml", &plan);
        // A setting that a 3.x is to get.
        let property = "/admin/config/properties/registry.ccompat.legacy-id-mode.enabled";
        Registry::at(&pair.v2)
            .call("PUT", property, Some(json!({"value": "true"})))
            .await;
        Self {
            pair,
            to_v2,
            to_v3,
            plan: "killed.yaml".to_owned(),
        }
    }

    /// From an empty 3.3: the three legs, each disturbed in its way and applied again; at the end what clients made is gone.
    async fn round(&self, round: u32, harms: [Option<Harm>; 3]) {
        self.pair.empty_v3().await;
        let journal = format!("round-{round}.db");
        let mut ids = BTreeMap::new();
        for (leg, harm) in LEGS.into_iter().zip(harms) {
            match leg {
                "delta" => self.a_day_on_v2(round, &mut ids).await,
                "back" => self.a_day_on_v3(round, &mut ids).await,
                _ => {}
            }
            let context = self.leg(&journal, leg, harm).await;
            self.equal(&format!("round {round}, {context}"), &ids).await;
        }
        let mut v2 = Registry::at(&self.pair.v2);
        for group in ["day", "born"] {
            v2.call("DELETE", &format!("/groups/{group}-{round}/artifacts"), None)
                .await;
        }
    }

    /// One leg, disturbed and then applied again; what was done to it.
    async fn leg(&self, journal: &str, leg: &str, harm: Option<Harm>) -> String {
        let began = Instant::now();
        let until = ["--until", leg];
        let start = |environment: &[(&str, String)]| self.pair.apply(&self.plan, journal, &until, environment);
        let context = match harm {
            None => format!("{leg}, left alone"),
            Some(Harm::At(point)) => {
                let ended = start(&[("REGPLAN_CRASH_AT", point.clone())]).ended().await;
                assert_eq!(ended.code, None, "{leg} was to be killed at {point}: {ended}");
                format!("{leg} killed at {point}")
            }
            Some(Harm::After(moments)) => {
                let mut killed = 0;
                for moment in moments {
                    let running = start(&[]);
                    tokio::time::sleep(moment).await;
                    running.signal(Signal::KILL);
                    killed += u32::from(running.ended().await.code.is_none());
                }
                format!("{leg} killed {killed} times, at {moments:?}")
            }
            Some(Harm::Cut(n)) => {
                let proxy = if leg == "back" { &self.to_v2 } else { &self.to_v3 };
                proxy.cut(i64::from(n));
                let ended = start(&[]).ended().await;
                assert!(proxy.disarm(), "{leg}: import {n} never came: {ended}");
                assert_ne!(ended.code, Some(0), "{leg}: the answer to import {n} was cut: {ended}");
                format!("{leg} cut in import {n}")
            }
        };
        start(&[]).ended().await.must_exit(0);
        eprintln!("{context}: {:?}", began.elapsed());
        context
    }

    /// Both hold the same, as the lab reads exports, and every id that a client was given still means what it was given for.
    async fn equal(&self, context: &str, ids: &BTreeMap<i64, String>) {
        let (v2, v3) = (self.pair.v2_export().await, self.pair.v3_export().await);
        let (lost, more) = (v2.missing_from(&v3), v3.missing_from(&v2));
        assert!(lost.is_empty() && more.is_empty(), "{context}: {lost:#?} {more:#?}");
        let versions = v3.versions();
        for (id, artifact) in ids {
            let found = versions.get(id).map(|version| version.artifact.as_str());
            assert_eq!(found, Some(artifact.as_str()), "{context}: globalId {id}");
        }
    }

    /// New artifacts and versions, one edited, two made again, one gone.
    async fn a_day_on_v2(&self, round: u32, ids: &mut BTreeMap<i64, String>) {
        let mut v2 = Registry::at(&self.pair.v2);
        let group = format!("day-{round}");
        let write = async |v2: &mut Registry, artifact: &str, text: &str, add: bool| {
            let content = json!({"title": format!("{text} of {artifact} in round {round}")}).to_string();
            let new = New {
                group: &group,
                artifact,
                kind: "JSON",
                content: &content,
                ..New::default()
            };
            let answer = v2.put(&new, add).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()["globalId"].as_i64().unwrap()
        };
        for n in 0..DAY {
            let artifact = format!("a{n}");
            note(ids, write(&mut v2, &artifact, "one", false).await, &artifact);
            note(ids, write(&mut v2, &artifact, "two", true).await, &artifact);
        }
        // What was copied already is deleted and comes again: the two edited ones.
        for (artifact, version) in [("payments/artifacts/semver", "1.0.0"), ("types/artifacts/avro", "1")] {
            let edit = json!({"name": format!("edited in round {round}"), "description": "", "properties": {"k": round.to_string()}});
            let path = format!("/groups/{artifact}/versions/{version}/meta");
            v2.call("PUT", &path, Some(edit)).await;
        }
        let owner = Some(json!({"owner": "ann"}));
        v2.call("PUT", &format!("/groups/{group}/artifacts/a9/owner"), owner)
            .await;
    }

    /// The same on 3.3.
    async fn a_day_on_v3(&self, round: u32, ids: &mut BTreeMap<i64, String>) {
        let group = format!("born-{round}");
        for n in 0..DAY {
            let artifact = format!("b{n}");
            for text in ["one", "two"] {
                let text = format!("{text} of {artifact} on 3.3 in round {round}");
                note(ids, self.pair.write_v3(&group, &artifact, &text).await, &artifact);
            }
        }
        // Not the latest ones: 3.3 keeps a name of the artifact beside theirs, which a 2.6 cannot.
        for n in 0..2 {
            let edit = json!({"name": format!("edited on 3.3 in round {round}")});
            let path = format!("groups/day-{round}/artifacts/a{n}/versions/1");
            self.pair.v3("PUT", &path, Some(edit)).await;
        }
        let state = json!({"state": "DEPRECATED"});
        let path = format!("groups/day-{round}/artifacts/a3/versions/1/state");
        self.pair.v3("PUT", &path, Some(state)).await;
        // A new artifact that is not its maker's: the chunk comes with another owner than it shall have.
        let owner = Some(json!({"owner": "bob"}));
        self.pair
            .v3("PUT", &format!("groups/{group}/artifacts/b9"), owner)
            .await;
    }
}

/// An id that a client was given; none is given twice.
fn note(ids: &mut BTreeMap<i64, String>, id: i64, artifact: &str) {
    let before = ids.insert(id, artifact.to_owned());
    assert_eq!(before, None, "globalId {id} was given out twice, for {artifact} too");
}
