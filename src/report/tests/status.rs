use std::collections::BTreeMap;

use jiff::{SignedDuration, tz::TimeZone};
use serde_json::json;

use super::*;
use crate::{
    journal::{Frozen, Intent, PhaseState, RollbackState, SettledBy},
    model::{Class, Digest, ResourceKey},
    report::{Look, Paint},
};

fn start() -> Timestamp {
    "2026-11-25T14:02:11Z".parse().unwrap()
}

fn plan() -> PlanShape {
    let phase = |id: &str, steps: &[&str]| (PhaseId::new(id), steps.iter().map(|id| StepId::new(*id)).collect());
    PlanShape {
        name: "guide".to_owned(),
        environment: "prod".to_owned(),
        phases: vec![
            phase("prepare", &["route_v2"]),
            phase("freeze", &["read_only", "snapshot"]),
            phase("switch", &["to_v3"]),
        ],
        freeze_limit: Some(PlanDuration::new(Duration::from_secs(120))),
    }
}

fn live(seconds: i64) -> Live {
    Live {
        now: start() + SignedDuration::from_secs(seconds),
        runner: None,
        plan_command: "regplan plan guide.yaml".to_owned(),
        apply_command: "regplan apply guide.yaml".to_owned(),
    }
}

fn look() -> Look {
    Look {
        width: 100,
        paint: Paint::new(false),
        zone: TimeZone::UTC,
        verbose: false,
    }
}

fn intent() -> Intent {
    Intent {
        sequence: 7,
        time: start(),
        uses: "registry.export".to_owned(),
        class: Class::Capture,
        digest: Digest::new("d"),
        resource: None,
        before: None,
        change: None,
        inputs: BTreeMap::new(),
        opens: None,
        freezes: None,
        thaws: None,
    }
}

fn done(summary: &str) -> StepState {
    StepState::Done {
        intent: None,
        by: SettledBy::Done,
        digest: Digest::new("d"),
        after: None,
        outputs: json!({}),
        sequence: 9,
        summary: summary.to_owned(),
    }
}

fn attempt(closed: bool, steps: Vec<(&str, StepState)>) -> PhaseState {
    PhaseState {
        ended_attempts: 0,
        current: Some(Attempt {
            closed,
            steps: steps.into_iter().map(|(id, state)| (StepId::new(id), state)).collect(),
            ..Attempt::default()
        }),
    }
}

/// A run whose runner died while writes were denied.
fn died_frozen() -> RunState {
    let phases = BTreeMap::from([
        (
            PhaseId::new("prepare"),
            attempt(true, vec![("route_v2", done("v2, writes allow"))]),
        ),
        (
            PhaseId::new("freeze"),
            attempt(
                false,
                vec![
                    ("read_only", done("v2, writes deny")),
                    ("snapshot", StepState::Intended(intent())),
                ],
            ),
        ),
    ]);
    RunState {
        run: RunId::new("r20261125t1402abcd"),
        plan: "guide".to_owned(),
        environment: "prod".to_owned(),
        started: start(),
        identities: BTreeMap::new(),
        records: 12,
        last_hash: Digest::new("h"),
        fence: 1,
        phases,
        frozen: Some(Frozen {
            since: start(),
            phase: PhaseId::new("freeze"),
            step: StepId::new("read_only"),
            route: ResourceKey::new("lb/route"),
            standby: None,
            switch_intended: false,
        }),
        rollback: None,
        opened: std::collections::BTreeMap::new(),
        last_freeze_ms: None,
        finished: false,
    }
}

#[test]
fn a_plan_that_was_never_applied_says_so_and_what_to_type() {
    let status = Status::of(&plan(), None, &live(0));
    insta::assert_snapshot!(status.human(&look()));
}

#[test]
fn a_dead_runner_leaves_writes_denied_and_the_status_says_so() {
    let status = Status::of(&plan(), Some(&died_frozen()), &live(40));
    insta::assert_snapshot!(status.human(&look()));
    insta::assert_snapshot!(crate::report::json::status(&status).unwrap());
}

#[test]
fn a_freeze_past_its_limit_is_undone_by_the_next_apply() {
    let status = Status::of(&plan(), Some(&died_frozen()), &live(121));
    assert!(status.next.why.contains("past its limit"), "{}", status.next.why);
}

#[test]
fn a_runner_at_work_needs_nothing_typed() {
    let mut live = live(40);
    live.runner = Some("host 42".to_owned());
    let status = Status::of(&plan(), Some(&died_frozen()), &live);
    assert_eq!(status.next.command, None);
    let text = status.human(&look());
    assert!(text.contains("at work: host 42") && text.contains("running"), "{text}");
    assert!(!text.contains("no regplan"), "{text}");
}

#[test]
fn a_failed_way_back_is_the_first_thing_that_is_said() {
    let mut state = died_frozen();
    state.rollback = Some(RollbackState {
        phases: vec![PhaseId::new("freeze")],
        done: std::collections::BTreeSet::new(),
        reason: "verify failed".to_owned(),
        interrupted: false,
        failed: Some("v2 does not answer".to_owned()),
    });
    let status = Status::of(&plan(), Some(&state), &live(40));
    assert!(status.next.why.contains("needs a person"), "{}", status.next.why);
    assert!(
        status
            .human(&look())
            .contains("the rollback failed: v2 does not answer")
    );
}

#[test]
fn a_finished_run_has_nothing_to_type() {
    let mut state = died_frozen();
    state.frozen = None;
    state.finished = true;
    let status = Status::of(&plan(), Some(&state), &live(40));
    assert_eq!(status.next.command, None);
}

#[test]
fn a_wait_that_is_not_over_is_no_doubt() {
    let mut state = died_frozen();
    state.frozen = None;
    let wait = Intent {
        class: Class::Wait,
        ..intent()
    };
    let steps = vec![("snapshot", StepState::Intended(wait))];
    state.phases.insert(PhaseId::new("freeze"), attempt(false, steps));
    let status = Status::of(&plan(), Some(&state), &live(40));
    assert_eq!(status.phases[1].steps[1].standing, "waiting");
    assert!(status.next.why.contains("`snapshot` waits"), "{}", status.next.why);
}
