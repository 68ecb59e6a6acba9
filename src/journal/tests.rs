//! The fold: legal and illegal transitions, prefixes, and damaged journals.

use proptest::prelude::*;
use serde_json::json;

use super::{
    Body, Record, RunState, SettledBy, StepState, fold,
    testing::{Log, Says, migration, moves},
};
use crate::model::{BackendName, ResourceKey, StepId};

fn route() -> Option<ResourceKey> {
    Some("lb/route".into())
}

fn freezes() -> Says {
    Says {
        freezes: route(),
        ..moves("lb/route", "v2 allow")
    }
}

fn opens(to: &str) -> Says {
    Says {
        thaws: route(),
        opens: Some(to.into()),
        ..moves("lb/route", "v2 deny")
    }
}

#[track_caller]
fn refused(log: &Log, reason: &str) {
    let error = fold(&log.records).unwrap_err();
    assert_eq!(error.reason, reason);
    assert_eq!(
        error.sequence,
        log.records.len() as u64,
        "the last record is the illegal one"
    );
}

fn step<'a>(state: &'a RunState, phase: &str, step: &str) -> &'a StepState {
    &state.attempt(&phase.into()).unwrap().steps[step]
}

#[test]
fn nothing_makes_no_state() {
    assert_eq!(fold(&[]), Ok(None));
}

#[test]
fn the_state_of_a_whole_migration() {
    let log = migration();
    insta::assert_debug_snapshot!("migration", log.state());
}

#[test]
fn the_state_in_the_middle_of_a_rollback() {
    let mut log = migration();
    let hold = |record: &Record| matches!(&record.body, Body::StepIntended { step, .. } if step.as_str() == "hold");
    let at = log.records.iter().position(hold).unwrap();
    log.records.truncate(at + 1);
    insta::assert_debug_snapshot!("rollback", log.state());
}

#[test]
fn every_prefix_of_a_journal_makes_a_state() {
    let records = migration().records;
    let mut grown: Option<RunState> = None;
    for length in 1..=records.len() {
        let folded = fold(&records[..length]).unwrap().unwrap();
        match &mut grown {
            None => grown = Some(RunState::begin(&records[0]).unwrap()),
            Some(state) => state.apply(&records[length - 1]).unwrap(),
        }
        assert_eq!(Some(&folded), grown.as_ref(), "folded at once or record by record");
        assert_eq!(folded.records, length as u64);
    }
}

#[test]
fn retried_intents_keep_the_first_state_before() {
    let state = Log::new()
        .phase("one", &["a"])
        .intended("a", moves("lb/route", "first"))
        .intended("a", moves("lb/route", "second"))
        .failed("a", true)
        .done("a", moves("lb/route", "third"))
        .intended("a", moves("lb/route", "drifted"))
        .state();
    let intent = step(&state, "one", "a").intent().unwrap();
    assert_eq!(intent.before, Some(json!("first")));
    assert_eq!(state.attempt(&"one".into()).unwrap().intents, [StepId::from("a")]);
}

#[test]
fn what_was_found_so_has_no_intent_and_nothing_to_undo() {
    let state = Log::new()
        .phase("one", &["a"])
        .settled("a", SettledBy::AlreadySo, json!({}))
        .state();
    assert_eq!(step(&state, "one", "a").intent(), None);
    assert!(state.attempt(&"one".into()).unwrap().intents.is_empty());
}

#[test]
fn a_freeze_lasts_from_its_first_intent_to_the_settled_thaw() {
    let log = Log::new()
        .phase("one", &["freeze", "switch"])
        .standby("freeze")
        .intended("freeze", freezes());
    let since = log.state().frozen.unwrap().since;
    let log = log
        .intended("freeze", freezes())
        .settled("freeze", SettledBy::Done, json!({}));
    let frozen = log.state().frozen.unwrap();
    assert_eq!((frozen.since, frozen.switch_intended), (since, false));
    assert!(frozen.standby.is_some(), "written down before the intent");
    let log = log.intended("switch", opens("v3"));
    let frozen = log.state().frozen.unwrap();
    assert_eq!(
        (frozen.since, frozen.switch_intended, frozen.standby),
        (since, true, None)
    );
    assert_eq!(log.settled("switch", SettledBy::Probe, json!({})).state().frozen, None);
}

#[test]
fn a_way_to_thaw_written_after_the_intent_of_the_freeze_counts_too() {
    let log = Log::new()
        .phase("one", &["freeze"])
        .intended("freeze", freezes())
        .standby("freeze");
    assert!(log.state().frozen.unwrap().standby.is_some());
}

#[test]
fn the_thaw_of_a_rollback_ends_the_freeze_and_is_no_switch() {
    let log = Log::new()
        .phase("one", &["freeze"])
        .done("freeze", freezes())
        .rollback(&["one"])
        .back("one", 1)
        .intended("freeze", opens("v2"));
    assert!(!log.state().frozen.unwrap().switch_intended);
    assert_eq!(log.settled("freeze", SettledBy::Done, json!({})).state().frozen, None);
}

#[test]
fn a_write_may_have_reached_a_backend_from_the_intent_of_its_opening_to_the_end_of_the_attempt() {
    let v3 = BackendName::from("v3");
    let log = Log::new().phase("one", &["switch"]);
    assert!(!log.state().written(&v3));
    let log = log.intended("switch", opens("v3"));
    assert!(log.state().written(&v3) && !log.state().written(&"v2".into()));
    let log = log
        .failed("switch", false)
        .rollback(&["one"])
        .back("one", 1)
        .done("switch", opens("v2"));
    assert!(log.state().written(&v3), "a failed switch may have let writes through");
    let state = log.rolled_back().state();
    assert!(!state.written(&v3));
    assert!(state.written_since(&v3, 0), "an attempt that ended is not forgotten");
    assert!(!state.written_since(&v3, state.records));
}

#[test]
fn a_route_that_names_no_backend_may_have_opened_any() {
    let says = Says {
        thaws: route(),
        ..Says::default()
    };
    let log = Log::new().phase("one", &["a"]).intended("a", says);
    assert!(log.state().written(&"v2".into()) && log.state().written(&"v3".into()));
}

#[test]
fn a_rolled_back_phase_starts_its_next_attempt_with_nothing() {
    let log = Log::new()
        .phase("one", &["a"])
        .done("a", moves("x/y", 1))
        .rollback(&["one"])
        .back("one", 1)
        .done("a", moves("x/y", 2))
        .rolled_back()
        .body(Body::RollbackFinished { left: vec![] });
    assert_eq!(log.state().phase(&"one".into()).unwrap().attempt(), 2);
    let log = log.phase_again("one", 2, &["a"]);
    assert!(log.state().attempt(&"one".into()).unwrap().steps.is_empty());
}

#[test]
fn a_failed_rollback_can_be_started_again_and_keeps_what_is_done() {
    let log = Log::new()
        .phase("one", &["a"])
        .done("a", Says::default())
        .closed()
        .phase("two", &["b"])
        .done("b", Says::default())
        .rollback(&["two", "one"])
        .back("two", 1)
        .rolled_back()
        .body(Body::RollbackFailed {
            error: "v2 is down".to_owned(),
        });
    assert_eq!(log.state().rollback.unwrap().failed.as_deref(), Some("v2 is down"));
    let log = log.rollback(&["two", "one"]);
    let rollback = log.state().rollback.unwrap();
    assert_eq!((rollback.failed, rollback.done), (None, ["two".into()].into()));
    let log = log
        .back("one", 1)
        .rolled_back()
        .body(Body::RollbackFinished { left: vec![] });
    assert_eq!(log.state().rollback, None);
}

#[test]
fn an_edited_plan_goes_on_in_the_same_attempt_and_keeps_what_is_done() {
    let log = || {
        Log::new()
            .phase("one", &["a", "b"])
            .done("a", Says::default())
            .intended("b", Says::default())
            .failed("b", false)
    };
    let state = log().phase("one", &["a", "c"]).state();
    let attempt = state.attempt(&"one".into()).unwrap();
    assert_eq!(attempt.steps.keys().map(StepId::as_str).collect::<Vec<_>>(), ["a"]);
    refused(
        &log().phase("one", &["b"]),
        "step `a` is done and not in the plan any more",
    );
}

#[test]
fn illegal_transitions_are_refused_with_their_reason() {
    let one = || Log::new().phase("one", &["a", "b"]);
    let done = || one().done("a", Says::default());
    let rolling = || done().rollback(&["one"]);
    let cases: Vec<(Log, &str)> = vec![
        (
            one().body(Log::new().records[0].body.clone()),
            "the run has started already",
        ),
        (
            one().phase("one", &["a", "b"]),
            "attempt 1 of phase `one` has started already",
        ),
        (
            one().phase("two", &["c"]),
            "phase `two` cannot start: `one` is still open",
        ),
        (
            one().phase_again("one", 2, &["a"]),
            "attempt 2 of phase `one` cannot start: 1 is next",
        ),
        (one().intended("z", Says::default()), "step `z` is not in phase `one`"),
        (
            one().settled("a", SettledBy::Done, json!({})),
            "step `a` cannot be settled: it was not intended",
        ),
        (
            one().settled("a", SettledBy::Probe, json!({})),
            "step `a` cannot be settled: it was not intended",
        ),
        (
            done().settled("a", SettledBy::Done, json!({})),
            "step `a` cannot be settled: it is done",
        ),
        (
            one().skipped("a").failed("a", false),
            "step `a` cannot fail: it was skipped",
        ),
        (done().skipped("a"), "step `a` cannot be skipped: it is done"),
        (
            one().skipped("a").intended("a", Says::default()),
            "step `a` was skipped in this attempt",
        ),
        (
            one().skipped("a").settled("a", SettledBy::Adopted, json!({})),
            "step `a` cannot be settled: it was skipped",
        ),
        (done().closed(), "phase `one` cannot close: step `b` is not done"),
        (
            done().skipped("b").judged(false).closed(),
            "phase `one` cannot close: its checkpoint has not passed",
        ),
        (done().skipped("b").closed().closed(), "phase `one` is closed"),
        (
            done().skipped("b").closed().intended("a", Says::default()),
            "phase `one` is closed",
        ),
        (rolling().rollback(&["one"]), "a rollback is under way already"),
        (rolling().intended("b", Says::default()), "a rollback is under way"),
        (
            rolling().back("two", 1).done("x", Says::default()),
            "phase `two` is not part of the rollback",
        ),
        (
            rolling().body(Body::RollbackFinished { left: vec![] }),
            "phase `one` is not rolled back yet",
        ),
        (
            rolling().back("one", 2).rolled_back(),
            "attempt 2 of phase `one` is not the current one (1)",
        ),
        (
            one().intended("a", Says::default()).failed("a", false).skipped("a"),
            "step `a` cannot be skipped: it has failed",
        ),
        (rolling().body(Body::RunFinished), "a rollback is under way"),
        (
            one().back("one", 1).intended("a", Says::default()),
            "no rollback is under way",
        ),
        (one().body(Body::RunFinished), "phase `one` is not closed"),
        (
            one().body(Body::StepNoted {
                phase: "one".into(),
                attempt: 1,
                step: "a".into(),
                note: json!(1),
            }),
            "step `a` is not running",
        ),
    ];
    for (mut log, reason) in cases {
        // The helper may have appended more after the illegal one.
        let error = fold(&log.records).unwrap_err();
        log.records.truncate(usize::try_from(error.sequence).unwrap());
        refused(&log, reason);
    }
}

#[test]
fn a_checkpoint_is_judged_anew_after_a_step_ran_again() {
    let log = Log::new()
        .phase("one", &["a"])
        .done("a", Says::default())
        .judged(false)
        .done("a", Says::default())
        .closed();
    assert!(log.state().phase(&"one".into()).unwrap().is_closed());
}

#[test]
fn a_replaced_writer_is_refused_by_its_fence() {
    let mut log = Log::new().phase("one", &["a"]).done("a", Says::default());
    log.records[1].fence = 5;
    assert_eq!(
        fold(&log.records).unwrap_err().to_string(),
        "record 3: its writer (fence 1) was replaced (5)"
    );
}

#[test]
fn a_record_is_asked_for_before_it_is_written_and_a_refusal_changes_nothing() {
    let mut state = Log::new().phase("one", &["a"]).state();
    let before = state.clone();
    let closes = Body::PhaseClosed {
        phase: "one".into(),
        attempt: 1,
    };
    let asked = state.admits(&closes).unwrap_err();
    let mut forced = Log::new().phase("one", &["a"]).closed().records;
    assert_eq!(state.apply(&forced.pop().unwrap()), Err(asked));
    assert_eq!(state, before);
}

#[test]
fn the_undo_of_a_freeze_that_never_took_effect_ends_it_although_there_is_nothing_to_do() {
    let log = Log::new()
        .phase("one", &["freeze"])
        .intended("freeze", freezes())
        .rollback(&["one"])
        .back("one", 1)
        .settled("freeze", SettledBy::AlreadySo, json!({}));
    assert_eq!(log.state().frozen, None);
}

#[test]
fn an_interrupted_way_back_settles_what_it_finds_so() {
    let log = Log::new()
        .phase("one", &["a"])
        .done("a", moves("x/y", 1))
        .rollback(&["one"])
        .back("one", 1)
        .intended("a", moves("x/y", 2))
        .settled("a", SettledBy::AlreadySo, json!({}))
        .rolled_back()
        .body(Body::RollbackFinished { left: vec![] });
    assert_eq!(log.state().rollback, None);
}

#[test]
fn a_wait_that_a_signal_ended_may_be_settled_without_a_second_intent() {
    let log = Log::new()
        .phase("one", &["w"])
        .intended("w", Says::default())
        .failed("w", true);
    assert!(
        log.settled("w", SettledBy::Done, json!({}))
            .closed()
            .state()
            .phase(&"one".into())
            .unwrap()
            .is_closed()
    );
}

#[test]
fn a_rolled_back_phase_that_left_the_plan_does_not_keep_a_run_open() {
    let log = Log::new()
        .phase("gone", &["a"])
        .done("a", Says::default())
        .rollback(&["gone"])
        .back("gone", 1)
        .rolled_back()
        .body(Body::RollbackFinished { left: vec![] })
        .phase("one", &["b"])
        .done("b", Says::default())
        .closed()
        .body(Body::RunFinished);
    assert!(log.state().finished);
}

/// One damage to a journal, by places that are taken modulo its length.
#[derive(Debug, Clone)]
enum Damage {
    Drop(usize),
    Swap(usize, usize),
    Double(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<usize>().prop_map(Damage::Drop),
        any::<(usize, usize)>().prop_map(|(a, b)| Damage::Swap(a, b)),
        any::<usize>().prop_map(Damage::Double),
    ]
}

fn damaged(damages: &[Damage]) -> Vec<Record> {
    let mut records = migration().records;
    for damage in damages {
        let length = records.len();
        match *damage {
            Damage::Drop(at) => drop(records.remove(at % length)),
            Damage::Swap(a, b) => records.swap(a % length, b % length),
            Damage::Double(at) => records.insert(at % length, records[at % length].clone()),
        }
    }
    records
}

proptest! {
    #[test]
    fn a_damaged_journal_is_a_state_or_an_error_and_never_a_panic(damages in prop::collection::vec(damage(), 1..6)) {
        let records = damaged(&damages);
        let untouched = records == migration().records;
        if let Ok(state) = fold(&records) {
            // Only a cut at the end leaves a journal that follows.
            let prefix = migration().records.starts_with(&records);
            prop_assert!(untouched || prefix, "{state:?}");
        }
    }

    /// Numbered anew, as a forger would: transitions alone must keep the fold from panicking.
    #[test]
    fn a_renumbered_journal_never_panics(damages in prop::collection::vec(damage(), 1..6)) {
        let mut records = damaged(&damages);
        for (at, record) in records.iter_mut().enumerate() {
            record.sequence = at as u64 + 1;
        }
        if let Ok(Some(state)) = fold(&records) {
            prop_assert_eq!(state.records, records.len() as u64);
        }
    }
}
