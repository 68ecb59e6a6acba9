//! The frozen region with a balancer in memory: what no plan of commands can show.

mod bed;

use std::time::Duration;

use self::bed::{Migration, lock};
use super::Outcome;
use crate::{journal::Body, model::Event};

#[tokio::test]
async fn a_region_that_goes_well_freezes_once_and_measures_it() {
    let migration = Migration::new();
    let went = migration.apply().await;
    assert_eq!(went.outcome.unwrap(), Outcome::Done);
    migration.serves("v3");
    assert_eq!(
        went.events
            .iter()
            .filter(|event| matches!(event, Event::Frozen))
            .count(),
        1
    );
    assert_eq!(
        went.events
            .iter()
            .filter(|event| matches!(event, Event::Thawed { .. }))
            .count(),
        1
    );
    assert!(migration.state().unwrap().last_freeze_ms.is_some());
}

#[tokio::test]
async fn the_way_to_thaw_is_written_before_the_freeze_is_sent() {
    let migration = Migration::new();
    *lock(&migration.shared.hangs) = Some("read_only");
    migration.signal_during("read_only");
    let outcome = migration.apply().await.outcome.unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    let records = lock(&migration.shared.records);
    let standby = records
        .iter()
        .position(|record| matches!(record.body, Body::Standby { .. }));
    let back = records
        .iter()
        .position(|record| matches!(record.body, Body::RollbackStarted { .. }));
    assert!(standby.unwrap() < back.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_freeze_never_lasts_longer_than_its_limit_while_the_runner_lives() {
    let mut migration = Migration::new();
    migration.limit = Duration::from_secs(60);
    *lock(&migration.shared.hangs) = Some("verify");
    let outcome = migration.apply().await.outcome.unwrap();
    let Outcome::RolledBack { reason, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("needed for the way back"), "{reason}");
    migration.serves("v2");
}

#[tokio::test]
async fn a_signal_before_the_switch_thaws_and_apply_again_succeeds() {
    for during in ["read_only", "verify"] {
        let migration = Migration::new();
        *lock(&migration.shared.hangs) = Some(during);
        migration.signal_during(during);
        let outcome = migration.apply().await.outcome.unwrap();
        assert!(
            matches!(
                outcome,
                Outcome::RolledBack {
                    interrupted: Some("SIGINT"),
                    ..
                }
            ),
            "{during}: {outcome:?}"
        );
        migration.serves("v2");
        *lock(&migration.shared.hangs) = None;
        assert_eq!(migration.apply().await.outcome.unwrap(), Outcome::Done, "{during}");
        migration.serves("v3");
    }
}

#[tokio::test]
async fn a_signal_after_the_switch_was_intended_waits_until_it_is_settled() {
    let migration = Migration::new();
    migration.signal_during("to_v3");
    let outcome = migration.apply().await.outcome.unwrap();
    assert_eq!(outcome, Outcome::Interrupted { signal: "SIGINT" });
    migration.serves("v3");
    assert_eq!(migration.apply().await.outcome.unwrap(), Outcome::Done);
}

#[tokio::test]
async fn each_step_of_the_region_failing_in_turn_thaws() {
    for failing in ["read_only", "verify", "to_v3"] {
        let migration = Migration::new();
        *lock(&migration.shared.fails) = Some(failing);
        let outcome = migration.apply().await.outcome.unwrap();
        let Outcome::RolledBack { left, .. } = outcome else {
            panic!("{failing}: {outcome:?}");
        };
        assert!(left.is_empty(), "{failing}: nobody was led to v3, yet {left:?}");
        migration.serves("v2");
        *lock(&migration.shared.fails) = None;
        assert_eq!(migration.apply().await.outcome.unwrap(), Outcome::Done, "{failing}");
        migration.serves("v3");
    }
}

#[tokio::test]
async fn every_prefix_of_the_region_resumes_and_ends_on_one_side() {
    let whole = Migration::new();
    assert_eq!(whole.apply().await.outcome.unwrap(), Outcome::Done);
    let records = lock(&whole.shared.records).len();
    for cut in 1..records {
        let migration = Migration::new();
        *lock(&migration.shared.fenced) = true;
        *lock(&migration.shared.room) = cut;
        assert!(migration.apply().await.outcome.is_err(), "cut after {cut}");
        *lock(&migration.shared.room) = 0;
        assert_eq!(
            migration.apply().await.outcome.unwrap(),
            Outcome::Done,
            "cut after {cut}"
        );
        migration.serves("v3");
        let history = lock(&migration.shared.history).clone();
        assert!(
            !history.contains(&("v3".to_owned(), "deny".to_owned())) && history.len() <= 3,
            "cut after {cut}: {history:?}"
        );
    }
}

#[tokio::test]
async fn thawing_does_not_wait_for_a_journal_that_cannot_be_written() {
    let whole = Migration::new();
    assert_eq!(whole.apply().await.outcome.unwrap(), Outcome::Done);
    let frozen = lock(&whole.shared.records)
        .iter()
        .position(|record| matches!(&record.body, Body::StepSettled { step, .. } if step.as_str() == "read_only"))
        .unwrap();
    let migration = Migration::new();
    *lock(&migration.shared.room) = frozen + 1;
    let outcome = migration.apply().await.outcome.unwrap();
    let Outcome::RollbackFailed { error, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.contains("no space left on device"), "{error}");
    migration.serves("v2");
    // With room again the journal still says frozen; nothing was taken since, so it freezes again and goes on.
    *lock(&migration.shared.room) = 0;
    assert_eq!(migration.apply().await.outcome.unwrap(), Outcome::Done);
    migration.serves("v3");
}

#[tokio::test]
async fn somebody_elses_thaw_stops_the_switch() {
    let migration = Migration::new();
    *lock(&migration.shared.hangs) = Some("verify");
    let mut run = Box::pin(migration.apply());
    loop {
        tokio::select! {
            _ = &mut run => panic!("it must hang"),
            () = tokio::task::yield_now() => {}
        }
        if lock(&migration.shared.records)
            .iter()
            .any(|record| matches!(&record.body, Body::StepIntended { step, .. } if step.as_str() == "verify"))
        {
            break;
        }
    }
    drop(run);
    // The runner is dead, and a person thaws by hand.
    migration.shared.set("v2", "allow");
    *lock(&migration.shared.hangs) = None;
    let outcome = migration.apply().await.outcome.unwrap();
    let Outcome::RolledBack { reason, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        reason.contains("somebody else moved it since step `read_only`"),
        "{reason}"
    );
    migration.serves("v2");
}

#[tokio::test]
async fn a_dead_runners_freeze_that_is_over_its_limit_goes_back_first() {
    let mut migration = Migration::new();
    *lock(&migration.shared.fenced) = true;
    let whole = Migration::new();
    assert_eq!(whole.apply().await.outcome.unwrap(), Outcome::Done);
    let intended = lock(&whole.shared.records)
        .iter()
        .position(|record| matches!(&record.body, Body::StepIntended { step, .. } if step.as_str() == "verify"))
        .unwrap();
    *lock(&migration.shared.room) = intended + 1;
    assert!(migration.apply().await.outcome.is_err());
    *lock(&migration.shared.room) = 0;
    migration.limit = Duration::ZERO;
    let outcome = migration.apply().await.outcome.unwrap();
    let Outcome::RolledBack { reason, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("writes were frozen for"), "{reason}");
    migration.serves("v2");
}
