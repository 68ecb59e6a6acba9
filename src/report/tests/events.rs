use jiff::SignedDuration;

use super::*;

fn at(seconds: i64) -> Timestamp {
    "2026-11-25T14:02:11Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn step(id: &str) -> StepId {
    StepId::new(id)
}

fn play(lines: &mut Lines, events: &[(i64, Event)]) -> String {
    let mut text = String::new();
    for (seconds, event) in events {
        for line in lines.event(at(*seconds), event) {
            text.push_str(&line);
            text.push('\n');
        }
        if let Some(line) = lines.heartbeat(at(*seconds + 4)) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

fn started(id: &str, what: &str) -> Event {
    Event::StepStarted {
        step: step(id),
        uses: "lb.route".to_owned(),
        what: what.to_owned(),
    }
}

fn settled(id: &str, what: &str, ms: u64) -> Event {
    Event::StepSettled {
        step: step(id),
        what: what.to_owned(),
        took: Duration::from_millis(ms),
    }
}

fn waiting(because: &str) -> Event {
    Event::CheckpointWaiting {
        of: "switch".to_owned(),
        expression: "systems.v3.ready".to_owned(),
        because: because.to_owned(),
    }
}

#[test]
fn a_run_reads_as_a_log_with_heartbeats_for_what_takes_long() {
    let phase = |name: &str, attempt| Event::PhaseStarted {
        phase: PhaseId::new(name),
        attempt,
    };
    let import = |text: &str, done| Event::StepProgress {
        step: step("import"),
        text: text.to_owned(),
        done,
    };
    let events = [
        (
            0,
            Event::RunStarted {
                run: "r20261125t1402abcd".to_owned(),
                resumed: false,
            },
        ),
        (0, phase("freeze", 1)),
        (0, started("read_only", "writes: allow → deny")),
        (1, settled("read_only", "v2, writes deny, nothing draining", 812)),
        (1, Event::Frozen),
        (1, phase("move_data", 2)),
        (1, started("import", "3,918 versions")),
        (2, import("chunk", Some((1, 5)))),
        (
            8,
            Event::StepRetried {
                step: step("import"),
                error: "v3: POST answered 503".to_owned(),
                wait: Duration::from_secs(2),
            },
        ),
        (10, settled("import", "3,918 versions are there", 9_000)),
        (
            10,
            Event::StepSkipped {
                step: step("back_port"),
                reason: "run.written.v3 is false".to_owned(),
            },
        ),
        (11, waiting("systems.v3.ready is false")),
        (12, waiting("systems.v3.ready is false")),
        (
            13,
            Event::PhaseClosed {
                phase: PhaseId::new("switch"),
            },
        ),
        (
            13,
            Event::Thawed {
                after: Duration::from_millis(12_340),
            },
        ),
        (13, Event::Finished),
    ];
    insta::assert_snapshot!(play(&mut Lines::new(Paint::new(false), TimeZone::UTC, false), &events));
}

#[test]
fn a_failure_says_what_failed_and_how_it_went_back() {
    let events = [
        (0, started("verify", "")),
        (
            3,
            Event::StepFailed {
                step: step("verify"),
                error: "1 difference:\n  g/a 3: other bytes".to_owned(),
            },
        ),
        (
            3,
            Event::CheckpointFailed {
                of: "switch".to_owned(),
                expression: "a == 1".to_owned(),
                because: "a is 2".to_owned(),
            },
        ),
        (
            3,
            Event::RollbackStarted {
                phases: vec![PhaseId::new("switch"), PhaseId::new("freeze")],
                reason: "verify failed".to_owned(),
            },
        ),
        (
            4,
            Event::RolledBack {
                left: vec!["import: content is never dropped".to_owned()],
            },
        ),
        (
            4,
            Event::RollbackFailed {
                error: "v2 does not answer".to_owned(),
                commands: vec!["regplan apply p.yaml".to_owned()],
            },
        ),
        (
            4,
            Event::Interrupted {
                what: "SIGINT: thaws, then ends".to_owned(),
            },
        ),
        (
            4,
            Event::Waiting {
                reason: "`docs` waits for a person".to_owned(),
                command: Some("regplan apply p.yaml --confirm docs".to_owned()),
            },
        ),
    ];
    insta::assert_snapshot!(play(&mut Lines::new(Paint::new(false), TimeZone::UTC, false), &events));
}

#[test]
fn nothing_is_pending_before_the_first_step_and_after_the_last() {
    let mut lines = Lines::new(Paint::new(false), TimeZone::UTC, false);
    assert_eq!(lines.pending(at(0)), None);
    lines.event(at(0), &started("a", "x"));
    assert_eq!(lines.pending(at(3)).as_deref(), Some("a since 3.0 s"));
    lines.event(at(4), &settled("a", "x", 4_000));
    assert_eq!(lines.pending(at(5)), None);
}

#[test]
fn a_clock_that_goes_backwards_is_no_panic() {
    let mut lines = Lines::new(Paint::new(false), TimeZone::UTC, false);
    lines.event(at(10), &started("a", "x"));
    assert_eq!(lines.pending(at(0)).as_deref(), Some("a since 0.0 s"));
}

#[test]
fn verbose_lines_show_each_progress() {
    let progress = Event::StepProgress {
        step: step("a"),
        text: "chunk".to_owned(),
        done: Some((2, 5)),
    };
    let mut lines = Lines::new(Paint::new(false), TimeZone::UTC, true);
    lines.event(at(0), &started("a", "x"));
    let text = lines.event(at(1), &progress).join("\n");
    assert!(text.contains("chunk (2 of 5)"), "{text}");
}
