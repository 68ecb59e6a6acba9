//! The runner really dies and is resumed: by the built program on the guide's plan, and by runners that are broken on purpose.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{
    fs::File,
    io::{BufReader, Write as _},
    path::Path,
    process::{Command, Output},
};

use jiff::Timestamp;
use regplan::{
    journal::{Body, RECORD_FORMAT, Record, Store, StoreError},
    kind::Program,
    model::{Digest, RunId},
    registry::{ReadLimits, read_export},
    rehearse::{
        data::generate,
        kill::{Campaign, KillError, KillSummary, ORDER, Order, Runner, RunnerProgram, Setup},
    },
    source::{self, LoadOptions},
};
use serde_json::Value;

fn rehearse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_regplan"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["rehearse", "plans/guide.yaml", "--json", "--size", "12"])
        .args(arguments)
        .output()
        .unwrap()
}

/// The summary of a campaign in which no world ended otherwise than the undisturbed one.
fn all_equal(arguments: &[&str]) -> Value {
    let output = rehearse(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["failed"], Value::Array(Vec::new()), "{said}");
    assert!(summary["kills"].as_u64() > Some(0), "{summary}");
    assert_eq!(
        summary["kills"], summary["resumed"],
        "each killed runner is resumed: {summary}"
    );
    summary
}

#[test]
fn after_70_random_kills_every_world_ends_as_if_nothing_had_happened() {
    let summary = all_equal(&["--kill-random", "70", "--seed", "1"]);
    assert!(summary["kills"].as_u64() >= Some(70), "{summary}");
    assert!(
        summary["kills"].as_u64() > summary["worlds"].as_u64(),
        "some are killed again: {summary}"
    );
    assert_eq!(summary["undisturbed_exit_code"], 0);
}

#[test]
fn after_30_random_kills_of_runs_that_go_back_every_world_is_back() {
    let summary = all_equal(&["--kill-random", "30", "--seed", "1000", "--fail", "verify"]);
    assert!(summary["kills"].as_u64() >= Some(30), "{summary}");
    assert_eq!(summary["undisturbed_exit_code"], 7);
}

#[test]
fn a_kill_on_either_side_of_the_freezes_intent_is_one_kill_at_the_named_record() {
    for boundary in ["10:before", "10:after"] {
        let summary = all_equal(&["--kill-at", boundary]);
        assert_eq!(
            (&summary["worlds"], &summary["kills"]),
            (&1.into(), &1.into()),
            "{summary}"
        );
    }
}

#[test]
fn a_boundary_that_cannot_be_read_is_a_usage_error_that_says_how_to_write_it() {
    let output = rehearse(&["--kill-at", "17"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("such as 17:after"));
}

#[test]
fn kills_do_not_go_together_with_faults_nor_with_each_step_failing() {
    for other in [["--fail", "each"], ["--fault", "slow"]] {
        let output = rehearse(&["--kill-random", "1", other[0], other[1]]);
        assert_eq!(output.status.code(), Some(64));
        assert!(String::from_utf8_lossy(&output.stderr).contains("do not go together"));
    }
}

/// Kills the runner that this test binary plays at one boundary of the guide.
async fn killed(runner: &str, boundary: &str) -> Result<KillSummary, KillError> {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data.zip");
    File::create(&data)
        .unwrap()
        .write_all(&generate(12, 1).unwrap())
        .unwrap();
    let setup = Setup {
        plan: guide().plan,
        source: Value::Null,
        program: RunnerProgram {
            path: std::env::current_exe().unwrap(),
            arguments: ["--exact", "--ignored", runner].map(Into::into).to_vec(),
        },
        held: read_export(BufReader::new(File::open(&data).unwrap()), &ReadLimits::default()).unwrap(),
        data: data.clone(),
        fail: None,
    };
    let campaign = Campaign::begin(setup, &mut |_| {}).await?;
    campaign.at(boundary.parse().unwrap(), &mut |_| {}).await
}

fn guide() -> Program {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/guide.yaml");
    let options = LoadOptions {
        vars: Vec::new(),
        var_files: Vec::new(),
        environment: "default".to_owned(),
        run: None,
    };
    source::load(&path, &options).unwrap().program.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_before_a_record_is_durable_is_found() {
    let summary = killed("runner_whose_store_answers_too_early", "12:after")
        .await
        .unwrap();
    let [failed] = summary.failed.as_slice() else {
        panic!("{summary:?}");
    };
    assert_eq!(failed.replay.to_string(), "--kill-at 12:after");
    assert!(failed.record.is_some(), "{failed:?}");
    assert!(
        failed
            .differences
            .iter()
            .any(|difference| difference.contains("the journal holds 11 records")),
        "{failed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_says_it_is_done_and_did_not_go_on_is_found() {
    let summary = killed("runner_that_does_not_go_on", "16:after").await.unwrap();
    let [failed] = summary.failed.as_slice() else {
        panic!("{summary:?}");
    };
    let found = failed.differences.join("\n");
    // The journal, the route, and what a client sees: each tells it.
    for told in [
        "the journal: phase switch: nothing, undisturbed closed",
        "the route of lb: v2, writes deny, undisturbed v3, writes allow",
        "neither registry takes writes through the balancer",
    ] {
        assert!(found.contains(told), "{found}");
    }
}

/// Answers each append at once, and keeps the record when the next one comes.
struct TooEarly {
    inner: Box<dyn Store>,
    waiting: Option<(RunId, u64, Body)>,
    sequence: u64,
}

impl TooEarly {
    fn keep(&mut self) -> Result<(), StoreError> {
        match self.waiting.take() {
            Some((run, fence, body)) => self.inner.append(&run, fence, body).map(|_| ()),
            None => Ok(()),
        }
    }
}

impl Store for TooEarly {
    fn find_run(&self, plan: &str, environment: &str) -> Result<Option<RunId>, StoreError> {
        self.inner.find_run(plan, environment)
    }

    fn read(&self, run: &RunId) -> Result<Vec<Record>, StoreError> {
        self.inner.read(run)
    }

    fn append(&mut self, run: &RunId, fence: u64, body: Body) -> Result<Record, StoreError> {
        self.keep()?;
        self.waiting = Some((run.clone(), fence, body.clone()));
        self.sequence += 1;
        Ok(Record {
            format_version: RECORD_FORMAT,
            sequence: self.sequence,
            time: Timestamp::now(),
            run: run.clone(),
            fence,
            previous: Digest::from(""),
            hash: Digest::from(""),
            body,
        })
    }

    fn next_fence(&mut self) -> Result<u64, StoreError> {
        self.inner.next_fence()
    }
}

impl Drop for TooEarly {
    fn drop(&mut self) {
        self.keep().unwrap();
    }
}

/// The order of this process, when it is a runner; otherwise somebody has asked for all ignored tests.
fn ordered() -> Option<Order> {
    let order = std::env::var_os(ORDER)?;
    Some(Order::read(Path::new(&order)).unwrap())
}

/// Runs it, and ends the process with 0 when the plan was done.
async fn run(runner: Runner) {
    let (_signals, heard) = tokio::sync::mpsc::unbounded_channel();
    let outcome = runner.apply(heard).await.unwrap();
    assert!(matches!(outcome, regplan::engine::Outcome::Done), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a runner that another test starts"]
async fn runner_whose_store_answers_too_early() {
    let Some(order) = ordered() else { return };
    let known = |store: &dyn Store| store.read(&RunId::from("rehearsal")).unwrap().len();
    let runner = Runner::prepare(guide(), &order, |inner| {
        let sequence = u64::try_from(known(inner.as_ref())).unwrap();
        Box::new(TooEarly {
            inner,
            waiting: None,
            sequence,
        })
    });
    run(runner.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a runner that another test starts"]
async fn runner_that_does_not_go_on() {
    let Some(order) = ordered() else { return };
    let runner = Runner::prepare(guide(), &order, |store| store).unwrap();
    if runner.state.is_none() {
        run(runner).await;
    }
}
