//! Whole migrations in one process, by the built program: the guide's plan against twins, with clients that go on.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::process::{Command, Output};

use serde_json::Value;

fn rehearse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_regplan"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["rehearse", "plans/guide.yaml", "--json"])
        .args(arguments)
        .output()
        .unwrap()
}

fn summaries(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(!text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_guide_rehearses_green_and_loses_nothing() {
    let output = rehearse(&[]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let [summary] = summaries(&output).try_into().unwrap();
    assert_eq!(summary["differences"], 0, "{summary}");
    assert_eq!(summary["reads_failed"], 0, "{summary}");
    assert_eq!(summary["lost_writes"], 0, "{summary}");
    assert!(
        summary["reads"].as_u64().unwrap() > 0 && summary["writes"].as_u64().unwrap() > 0,
        "{summary}"
    );
    assert!(summary["freeze_ms"].is_u64(), "{summary}");
}

#[test]
fn a_real_export_can_be_rehearsed_with() {
    let output = rehearse(&["--data", "tests/data/v2-rich.zip"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(summaries(&output)[0]["differences"], 0);
}

#[test]
fn a_step_that_fails_in_the_freeze_goes_back_and_loses_nothing() {
    let output = rehearse(&["--fail", "verify"]);
    assert_eq!(
        output.status.code(),
        Some(7),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary = &summaries(&output)[0];
    assert_eq!(summary["lost_writes"], 0, "{summary}");
    assert_eq!(summary["reads_failed"], 0, "{summary}");
}

#[test]
fn each_step_failing_in_turn_loses_no_acknowledged_write() {
    let output = rehearse(&["--fail", "each"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summaries = summaries(&output);
    assert_eq!(summaries.len(), 12, "one for each step of the guide");
    for summary in summaries {
        assert_eq!(summary["lost_writes"], 0, "{summary}");
        assert_eq!(summary["reads_failed"], 0, "{summary}");
        assert_eq!(summary["proof"], "holds", "{summary}");
    }
}

/// Each fault, with the exit codes that it excuses. A bypass at either of its moments: seed 1 with the comparison, seed 2 with
/// the import.
#[test]
fn each_fault_ends_as_it_must_and_loses_no_acknowledged_write() {
    for seed in ["1", "2"] {
        let output = rehearse(&["--fault", "all", "--seed", seed]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let documented: [(&str, &[u64]); 6] = [
            ("slow", &[0]),
            ("cut", &[0, 7]),
            ("5xx", &[0, 7]),
            ("lying-import", &[7]),
            ("foreign-thaw", &[7]),
            ("bypass", &[7]),
        ];
        let summaries = summaries(&output);
        assert_eq!(summaries.len(), documented.len());
        for ((name, codes), summary) in documented.iter().zip(summaries) {
            assert_eq!(summary["faults"][0]["name"], *name, "{summary}");
            assert!(summary["faults"][0]["times"].as_u64() > Some(0), "{summary}");
            assert!(codes.contains(&summary["exit_code"].as_u64().unwrap()), "{summary}");
            assert_eq!(summary["proof"], "holds", "{summary}");
            assert_eq!(summary["lost_writes"], 0, "{summary}");
            let replay = format!("--fault {name} --size 200 --seed {seed}");
            assert!(summary["replay"].as_str().unwrap().ends_with(&replay), "{summary}");
        }
        assert!(said.contains("── all"), "{said}");
    }
}

/// The comparison is over for the old registry when the write comes: it finds no difference, and the switch must not be made.
#[test]
fn a_write_past_the_balancer_that_no_comparison_saw_stops_the_switch() {
    let output = rehearse(&["--fault", "bypass", "--seed", "1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    let summary = &summaries(&output)[0];
    assert_eq!(
        summary["differences"], 0,
        "the fault came too early to show anything: {summary}"
    );
    assert_eq!(summary["way_back"], "succeeded", "{summary}");
    assert!(said.contains("somebody wrote while writes were frozen"), "{said}");
}

/// The line with the reason: what a replay must show again.
fn reason(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find(|line| line.starts_with("Failed and rolled back"));
    line.unwrap_or_default().to_owned()
}

#[test]
fn the_same_seed_makes_the_same_thing_go_wrong() {
    let hold = || rehearse(&["--fault", "5xx", "--seed", "1"]);
    let (first, second) = (hold(), hold());
    assert_eq!(reason(&first), reason(&second));
    assert_eq!(first.status.code(), second.status.code());
}

#[test]
fn a_fault_that_is_not_there_is_said() {
    let output = rehearse(&["--fault", "nobody"]);
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("no fault is named `nobody`") && said.contains("foreign-thaw"),
        "{said}"
    );
}

#[test]
fn a_step_that_is_not_there_cannot_fail() {
    let output = rehearse(&["--fail", "nobody"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("names no step of the plan"));
}
