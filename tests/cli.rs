//! The program as a shell sees it: streams, exit codes, no terminal.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on should say so and stop"
)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

/// Every verb of this version.
const VERBS: &[&str] = &[
    "init",
    "validate",
    "plan",
    "apply",
    "status",
    "journal",
    "graph",
    "schema",
    "explain",
    "completions",
    "man",
];

/// The program without a terminal and without anything that the machine's environment could change.
fn regplan(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regplan"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for name in [
        "CI",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "REGPLAN_ENV",
        "REGPLAN_STATE",
        "REGPLAN_LOG",
    ] {
        command.env_remove(name);
    }
    command.env("COLUMNS", "100").env("TZ", "UTC");
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_is_data_and_names_every_verb_and_exit_code() {
    let here = tempfile::tempdir().unwrap();
    let help = regplan(here.path(), &["--help"]);
    assert_eq!(code(&help), 0);
    for verb in VERBS {
        assert!(stdout(&help).contains(&format!("\n  {verb}")), "{verb}");
        let of_verb = regplan(here.path(), &[verb, "--help"]);
        assert_eq!(code(&of_verb), 0, "{verb}");
        assert!(stdout(&of_verb).contains("Usage:"), "{verb}");
        assert_eq!(stderr(&of_verb), "", "{verb}");
    }
    assert!(stdout(&help).contains("130  interrupted"), "{}", stdout(&help));
}

#[test]
fn what_cannot_be_typed_ends_with_64_and_nothing_on_stdout() {
    let here = tempfile::tempdir().unwrap();
    let cases: &[&[&str]] = &[
        &[],
        &["nonsense"],
        &["plan"],
        &["plan", "--nonsense"],
        &["plan", "missing.yaml"],
        &["plan", "p.yaml", "--var", "novalue"],
        &["apply", "p.yaml", "--auto-approve", "--lock-timeout", "90"],
        &["validate", "p.yaml", "--json", "--format", "human"],
        &["explain", "no.such.kind"],
        &["man", "nonsense"],
        &["completions", "nonsense"],
        &["status", "p.yaml", "--chdir", "no/such/directory"],
    ];
    for arguments in cases {
        let output = regplan(here.path(), arguments);
        assert_eq!(code(&output), 64, "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn without_a_terminal_apply_fails_before_any_work_and_names_the_flag() {
    let here = tempfile::tempdir().unwrap();
    let output = regplan(here.path(), &["apply", "plans/guide.yaml", "--env", "prod"]);
    assert_eq!(code(&output), 64);
    let text = stderr(&output);
    assert!(
        text.contains("regplan apply plans/guide.yaml --env prod --auto-approve"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let here = tempfile::tempdir().unwrap();
    let mut child = command(here.path(), &["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn nothing_is_coloured_in_a_pipe_unless_somebody_forces_it() {
    let here = tempfile::tempdir().unwrap();
    let plain = regplan(here.path(), &["explain", "lb.route"]);
    assert!(!stdout(&plain).contains('\u{1b}'));
    let forced = |flags: &[&str]| {
        let mut command = command(here.path(), &["explain", "lb.route"]);
        command.args(flags).env("CLICOLOR_FORCE", "1");
        stdout(&command.output().unwrap())
    };
    assert!(forced(&[]).contains('\u{1b}'));
    assert!(!forced(&["--no-color"]).contains('\u{1b}'));
}

#[test]
fn explain_knows_every_kind_and_guesses_what_was_meant() {
    let here = tempfile::tempdir().unwrap();
    let list = regplan(here.path(), &["explain"]);
    for kind in regplan::kind::KINDS {
        assert!(stdout(&list).contains(kind.name), "{}", kind.name);
        let one = regplan(here.path(), &["explain", kind.name]);
        assert_eq!(code(&one), 0, "{}", kind.name);
        assert!(stdout(&one).contains("outputs:"), "{}", kind.name);
    }
    let wrong = regplan(here.path(), &["explain", "lb.rout"]);
    assert!(
        stderr(&wrong).contains("Did you mean `lb.route`?"),
        "{}",
        stderr(&wrong)
    );
    let json = regplan(here.path(), &["explain", "lb.route", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json["format_version"], 1);
}

#[test]
fn the_manual_and_the_completions_are_for_this_program() {
    let here = tempfile::tempdir().unwrap();
    assert!(stdout(&regplan(here.path(), &["man"])).contains(".TH regplan 1"));
    assert!(stdout(&regplan(here.path(), &["man", "apply"])).contains("until"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            stdout(&regplan(here.path(), &["completions", shell])).contains("regplan"),
            "{shell}"
        );
    }
}

const TINY: &str = "\
regplan: v1
name: tiny
systems: {}
phases:
  - id: one
    steps:
      - { id: touch, uses: run.command, with: { command: [touch, out], creates: out } }
  - id: two
    steps:
      - { id: docs, uses: manual.confirm, with: { text: the docs name v3 } }
";

fn tiny() -> tempfile::TempDir {
    use std::io::Write as _;

    let here = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(here.path().join("p.yaml")).unwrap();
    file.write_all(TINY.as_bytes()).unwrap();
    here
}

#[test]
fn a_plan_is_shown_applied_waited_for_and_finished() {
    let here = tiny();
    let run = |arguments: &[&str]| regplan(here.path(), arguments);
    assert_eq!(code(&run(&["validate", "p.yaml"])), 0);
    assert_eq!(code(&run(&["plan", "p.yaml"])), 0);
    assert_eq!(code(&run(&["plan", "p.yaml", "--detailed-exitcode"])), 2);
    assert!(!here.path().join(".regplan").exists(), "plan must write nothing");
    assert!(stdout(&run(&["status", "p.yaml"])).contains("never applied"));

    let waits = run(&["apply", "p.yaml", "--auto-approve"]);
    assert_eq!(code(&waits), 3, "{}", stderr(&waits));
    assert!(here.path().join("out").exists());
    assert!(
        stderr(&waits).contains("regplan apply p.yaml --confirm docs"),
        "{}",
        stderr(&waits)
    );
    assert!(stdout(&run(&["status", "p.yaml"])).contains("waiting"));

    let done = run(&["apply", "p.yaml", "--auto-approve", "--confirm", "docs"]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert!(
        stdout(&done).ends_with("Done: all phases are closed.\n"),
        "{}",
        stdout(&done)
    );
    assert_eq!(code(&run(&["plan", "p.yaml", "--detailed-exitcode"])), 0);
    assert_eq!(code(&run(&["apply", "p.yaml", "--auto-approve"])), 0);
    assert!(stdout(&run(&["journal", "p.yaml"])).contains("run finished"));
}

#[test]
fn drift_of_a_finished_run_is_reported_counted_and_not_repaired() {
    let here = tiny();
    let run = |arguments: &[&str]| regplan(here.path(), arguments);
    let done = run(&["apply", "p.yaml", "--auto-approve", "--confirm", "docs"]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let drift = ["plan", "p.yaml", "--drift", "--detailed-exitcode"];
    let holds = run(&drift);
    assert_eq!(code(&holds), 0, "{}", stdout(&holds));
    assert!(!stdout(&holds).contains("drifted"), "{}", stdout(&holds));

    std::fs::remove_file(here.path().join("out")).unwrap();
    let changed = run(&drift);
    assert_eq!(code(&changed), 2, "{}", stdout(&changed));
    assert!(stdout(&changed).contains("drifted since"), "{}", stdout(&changed));
    assert!(
        stdout(&changed).contains("1 step of closed phases drifted"),
        "{}",
        stdout(&changed)
    );
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&run(&["plan", "p.yaml", "--drift", "--json"]))).unwrap();
    assert_eq!(json["counts"]["drifted"], 1);
    assert_eq!(json["phases"][0]["steps"][0]["drift"]["found"], "changed");

    let without = run(&["plan", "p.yaml", "--detailed-exitcode"]);
    assert_eq!(code(&without), 0, "who does not ask is not told");
    assert_eq!(code(&run(&["apply", "p.yaml", "--auto-approve"])), 0);
    assert!(!here.path().join("out").exists(), "apply repaired a closed phase");
}

#[test]
fn a_plan_is_drawn_for_github_and_for_graphviz() {
    let here = tiny();
    let mermaid = regplan(here.path(), &["graph", "p.yaml"]);
    assert_eq!(code(&mermaid), 0, "{}", stderr(&mermaid));
    assert!(stdout(&mermaid).contains("s_touch --> s_docs"), "{}", stdout(&mermaid));
    let dot = regplan(here.path(), &["graph", "p.yaml", "--format", "dot"]);
    assert!(stdout(&dot).contains("s_touch -> s_docs;"), "{}", stdout(&dot));
    assert!(!here.path().join(".regplan").exists(), "graph needs no journal");
}

#[test]
fn apply_as_json_is_one_object_per_line_from_planned_to_ended() {
    let here = tiny();
    let output = regplan(
        here.path(),
        &["apply", "p.yaml", "--auto-approve", "--json", "--confirm", "docs"],
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let lines: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines
            .iter()
            .all(|line| line["format_version"] == 1 && line["time"].is_string())
    );
    assert_eq!(lines.first().unwrap()["event"], "planned");
    assert_eq!(lines.last().unwrap()["event"], "ended");
    assert_eq!(lines.last().unwrap()["exit_code"], 0);
    assert!(
        lines
            .iter()
            .any(|line| line["event"] == "step_settled" && line["took_ms"].is_u64())
    );
    let journal = regplan(here.path(), &["journal", "p.yaml", "--json"]);
    for line in stdout(&journal).lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["format_version"], 1);
    }
}

#[test]
fn a_run_whose_reader_goes_away_goes_on_to_its_end() {
    let here = tiny();
    let mut child = command(
        here.path(),
        &["apply", "p.yaml", "--auto-approve", "--json", "--confirm", "docs"],
    )
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&regplan(here.path(), &["status", "p.yaml"])).contains("nothing to do"));
}

#[test]
fn a_held_lock_ends_with_5_and_names_its_holder() {
    use std::io::Write as _;

    let here = tiny();
    std::fs::create_dir(here.path().join(".regplan")).unwrap();
    let mut lock = std::fs::File::create(here.path().join(".regplan/state.db.lock")).unwrap();
    lock.write_all(b"host elsewhere, pid 42").unwrap();
    lock.lock().unwrap();
    let output = regplan(
        here.path(),
        &["apply", "p.yaml", "--auto-approve", "--lock-timeout", "0s"],
    );
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(stderr(&output).contains("pid 42"), "{}", stderr(&output));
    assert!(stdout(&regplan(here.path(), &["status", "p.yaml"])).contains("at work: host elsewhere, pid 42"));
}

#[test]
fn until_and_confirm_must_name_what_the_plan_has() {
    let here = tiny();
    for (flag, name, guess) in [("--until", "onw", "`one`"), ("--confirm", "doc", "`docs`")] {
        let output = regplan(here.path(), &["apply", "p.yaml", "--auto-approve", flag, name]);
        assert_eq!(code(&output), 64);
        assert!(stderr(&output).contains(guess), "{}", stderr(&output));
    }
    assert!(!here.path().join(".regplan").exists());
}
