//! Whole migrations in one process, by the built program: the guide's plan against twins, with clients that go on.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::process::{Command, Output};

use serde_json::Value;

fn rehearse(arguments: &[&str]) -> Output {
    rehearse_plan("plans/guide.yaml", arguments)
}

fn rehearse_plan(plan: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_regplan"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["rehearse", plan, "--json"])
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
    }
}

#[test]
fn a_copy_before_the_freeze_loses_nothing_whichever_step_fails() {
    let output = rehearse_plan("plans/short-freeze.yaml", &["--data", "tests/data/v2-rich.zip"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(summaries(&output)[0]["differences"], 0);
    assert_eq!(summaries(&output)[0]["lost_writes"], 0);
    let output = rehearse_plan("plans/short-freeze.yaml", &["--fail", "each"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for summary in summaries(&output) {
        assert_eq!(summary["lost_writes"], 0, "{summary}");
        assert_eq!(summary["reads_failed"], 0, "{summary}");
    }
}

#[test]
fn a_step_that_is_not_there_cannot_fail() {
    let output = rehearse(&["--fail", "nobody"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("names no step of the plan"));
}
