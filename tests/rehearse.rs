//! Whole migrations in one process, by the built program: plans against twins, with clients that go on.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail loudly")]

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// The plan that the README begins with.
const FIRST: &str = "plans/minimal-downtime.yaml";

fn rehearse(arguments: &[&str]) -> Output {
    rehearse_plan(FIRST, arguments)
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

/// The summary of a rehearsal that must end well, with every write kept.
fn is_green(output: &Output) -> Value {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let [summary] = summaries(output).try_into().unwrap();
    assert_eq!(summary["differences"], 0, "{summary}");
    assert_eq!(summary["reads_failed"], 0, "{summary}");
    assert_eq!(summary["lost_writes"], 0, "{summary}");
    assert!(
        summary["reads"].as_u64().unwrap() > 0 && summary["writes"].as_u64().unwrap() > 0,
        "{summary}"
    );
    assert!(summary["freeze_ms"].is_u64(), "{summary}");
    summary
}

/// The plans that have registries; `plans/commands.yaml` has none.
fn plans_with_registries() -> Vec<String> {
    let plans = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/plans")).unwrap();
    let mut plans: Vec<String> = plans
        .map(|plan| format!("plans/{}", plan.unwrap().file_name().into_string().unwrap()))
        .filter(|plan| plan.ends_with(".yaml") && plan != "plans/commands.yaml")
        .collect();
    plans.sort();
    assert!(plans.contains(&FIRST.to_owned()), "{plans:?}");
    plans
}

#[test]
fn every_plan_with_registries_rehearses_green_and_leaves_nothing_out() {
    for plan in plans_with_registries() {
        let plan = plan.as_str();
        let output = rehearse_plan(plan, &[]);
        // Without a balancer there is nobody who writes.
        let summary = match plan {
            "plans/closed-copy.yaml" | "plans/preflight.yaml" => summaries(&output).remove(0),
            _ => is_green(&output),
        };
        assert_eq!(summary["exit_code"], 0, "{plan}");
        assert_eq!(summary["not_rehearsed"], serde_json::json!([]), "{plan}");
        assert_eq!(summary["apply_refuses"], serde_json::json!([]), "{plan}");
    }
}

/// A plan with what has no twin, and what is no kind of this version.
const BEYOND: &str = "tests/data/beyond.yaml";

#[test]
fn what_has_no_twin_or_no_kind_is_stood_in_for_and_named() {
    let output = rehearse_plan(BEYOND, &[]);
    let summary = is_green(&output);
    let left: Vec<String> = (summary["not_rehearsed"].as_array().unwrap().iter())
        .map(|left| format!("{} ({})", left["what"].as_str().unwrap(), left["why"].as_str().unwrap()))
        .collect();
    let expected = [
        "system `events`, kafka (a stand-in with recorded answers)",
        "system `metrics`, prometheus (a stand-in with recorded answers)",
        "system `pg`, postgres (a stand-in with recorded answers)",
        "system `sso`, oidc (a stand-in with recorded answers)",
        "secret `pg_url` (its source is not read; a dummy is used)",
        "limit `read_gap` (it is measured, and a longer gap is no failure)",
        "step `database`, postgres.database (this version has no such kind)",
        "step `notice`, run.command (its condition reads what `database` would give)",
        "step `clients`, api.check (this version's kind does not have what it asks for)",
        "checkpoint of `database`: systems.pg.version == \"17\" (its step is not done)",
        "checkpoint of `prepare`: steps.database.created == true (it reads what `database` would give)",
        "gate window weekend of `freeze` (open in a rehearsal)",
        "gate approval of `freeze` (open in a rehearsal)",
        "gate not_before of `done` (open in a rehearsal)",
    ];
    assert_eq!(left, expected);
    assert!(summary["apply_refuses"].as_array().unwrap().len() >= 10, "{summary}");
    let said = String::from_utf8_lossy(&output.stderr);
    for left in expected {
        assert!(said.contains(&format!("not rehearsed: {left}")), "{left}: {said}");
    }
    assert!(!said.contains("is not supported yet"), "said once is enough: {said}");
}

#[test]
fn what_is_only_rehearsed_with_stand_ins_is_still_refused_by_apply() {
    let state = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_regplan"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["apply", BEYOND, "--auto-approve", "--state"])
        .arg(state.path().join("state.db"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    for part in [
        "postgres.database",
        "the gate `window`",
        "`hold` of `lb.route`",
        "type `haproxy`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_real_export_can_be_rehearsed_with_once_what_its_preflight_found_is_accepted() {
    let data = ["--data", "tests/data/v2-rich.zip"];
    let stopped = rehearse(&data);
    assert_eq!(stopped.status.code(), Some(1));
    let told = String::from_utf8_lossy(&stopped.stderr);
    assert!(told.contains("blocking latest_unaddressable"), "{told}");

    let here = tempfile::tempdir().unwrap();
    let accepting = here.path().join("plan.yaml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FIRST)).unwrap();
    std::fs::write(&accepting, text.replace("# accept:", "accept:")).unwrap();
    is_green(&rehearse_plan(accepting.to_str().unwrap(), &data));
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
    assert_eq!(summaries.len(), 17, "one for each step of the plan");
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
            ("lying-import", &[1, 7]),
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

/// What was copied and compared is looked at again, also when nothing was exported into a file.
#[test]
fn a_write_past_the_balancer_after_the_copy_stops_the_switch_of_a_plan_without_an_export() {
    let here = tempfile::tempdir().unwrap();
    let plan = here.path().join("plan.yaml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FIRST)).unwrap();
    let text = text.replace(" && steps.verify.versions == steps.snapshot.versions", "");
    let lines = text.lines().filter(|line| !line.contains("id: snapshot"));
    std::fs::write(&plan, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let mut late = 0;
    for seed in ["1", "2", "3"] {
        let output = rehearse_plan(plan.to_str().unwrap(), &["--fault", "bypass", "--seed", seed]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert_eq!(summaries(&output)[0]["lost_writes"], 0, "{said}");
        late += u32::from(said.contains("after step `delta`: v2 is not what was copied"));
    }
    assert!(late > 0, "the fault came too early to show anything");
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
    assert!(!reason(&first).is_empty(), "this seed lets nothing fail: take another");
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
