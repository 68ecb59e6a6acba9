use regplan::{engine::Outcome, journal::Body, model::Event};

use crate::bed::{Bed, lines, makes};

/// Three files, then a check that passes when `open` is there; rolls back.
fn rolls_back() -> String {
    format!(
        "regplan: v1\nname: back\nphases:\n  - id: only\n    on_failure: rollback\n    steps:\n{}{}{}      - {{ id: gate, uses: run.check, with: {{ command: [test, -e, open] }} }}\n",
        makes("a"),
        makes("b"),
        makes("c")
    )
}

#[tokio::test]
async fn a_failed_phase_goes_back_in_reverse_and_can_be_applied_again() {
    let bed = Bed::new(&rolls_back());
    let Outcome::RolledBack { reason, .. } = bed.apply().await.outcome() else {
        panic!("it must go back");
    };
    assert!(reason.contains("gate"), "{reason}");
    assert!(!bed.has("a") && !bed.has("b") && !bed.has("c"));
    bed.put("open", "");
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert!(bed.has("a") && bed.has("b") && bed.has("c"));
    assert_eq!(bed.state().unwrap().phases.values().next().unwrap().attempt(), 2);
}

#[tokio::test]
async fn every_prefix_of_a_rollback_resumes_to_the_state_before() {
    let whole = Bed::new(&rolls_back());
    assert!(matches!(whole.apply().await.outcome(), Outcome::RolledBack { .. }));
    let started = whole
        .records()
        .iter()
        .position(|record| matches!(record.body, Body::RollbackStarted { .. }))
        .unwrap();
    for cut in started + 1..whole.records().len() {
        let mut bed = Bed::new(&rolls_back());
        bed.cut_after(Some(cut));
        assert!(bed.apply().await.outcome.is_err(), "cut after {cut}");
        bed.cut_after(None);
        let outcome = bed.apply().await.outcome();
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "cut after {cut}: {outcome:?}"
        );
        assert!(!bed.has("a") && !bed.has("b") && !bed.has("c"), "cut after {cut}");
    }
}

#[tokio::test]
async fn each_step_failing_in_turn_leaves_the_state_before() {
    for failing in ["a", "b", "c"] {
        let plan = rolls_back()
            .replace(&format!("touch {failing}\\\""), "exit 3\\\"")
            .replace(&format!("touch {failing}\""), "exit 3\"");
        assert_ne!(plan, rolls_back(), "the plan must break at {failing}");
        let bed = Bed::new(&plan);
        let outcome = bed.apply().await.outcome();
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{failing}: {outcome:?}");
        assert!(!bed.has("a") && !bed.has("b") && !bed.has("c"), "{failing}");
    }
}

#[tokio::test]
async fn a_phase_that_stops_is_tried_again_where_it_failed() {
    let plan = rolls_back().replace("    on_failure: rollback\n", "");
    let bed = Bed::new(&plan);
    let Outcome::Failed { step, .. } = bed.apply().await.outcome() else {
        panic!("it must stop");
    };
    assert_eq!(step.unwrap().as_str(), "gate");
    bed.put("open", "");
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert_eq!(lines(&bed.path("log.a")), 1);
}

#[tokio::test]
async fn a_rollback_list_replaces_the_derived_way_back() {
    let plan = rolls_back()
        + "    rollback:\n      - { id: note, uses: run.command, with: { command: [sh, -c, \"echo back > note\"], creates: note } }\n      - { id: never, uses: run.command, if: \"false\", with: { command: [touch, never], creates: never } }\n";
    let bed = Bed::new(&plan);
    let outcome = bed.apply().await.outcome();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert!(
        bed.has("note") && bed.has("a"),
        "the list ran, and the derived undo did not"
    );
    assert!(!bed.has("never"));
}

#[tokio::test]
async fn a_rollback_that_fails_needs_a_person_and_is_tried_again() {
    let plan =
        rolls_back() + "    rollback:\n      - { id: back, uses: run.command, with: { command: [test, -e, fixed] } }\n";
    let bed = Bed::new(&plan);
    let Outcome::RollbackFailed { commands, .. } = bed.apply().await.outcome() else {
        panic!("it must ask for a person");
    };
    assert!(!commands.is_empty());
    bed.put("fixed", "");
    assert!(matches!(bed.apply().await.outcome(), Outcome::RolledBack { .. }));
}

#[tokio::test]
async fn a_try_that_fails_is_repeated_as_often_as_retry_says() {
    let plan = "regplan: v1\nname: retry\nphases:\n  - id: only\n    steps:\n      - { id: third, uses: run.command, retry: { attempts: 3, backoff: 1ms, max_backoff: 2ms }, with: { command: [sh, -c, \"echo x >> log; test $(wc -l < log) -ge 3\"] } }\n";
    let bed = Bed::new(plan);
    let went = bed.apply().await;
    let retried = went
        .events
        .iter()
        .filter(|event| matches!(event, Event::StepRetried { .. }))
        .count();
    assert_eq!(went.outcome(), Outcome::Done);
    assert_eq!((retried, lines(&bed.path("log"))), (2, 3));
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_ended_with_its_children() {
    let plan = "regplan: v1\nname: slow\nphases:\n  - id: only\n    steps:\n      - { id: slow, uses: run.command, timeout: 100ms, with: { command: [sh, -c, \"(sleep 60; touch late) & wait\"], creates: done } }\n";
    let bed = Bed::new(plan);
    let Outcome::Failed { error, .. } = bed.apply().await.outcome() else {
        panic!("it must fail");
    };
    assert!(error.contains("timeout of 100ms"), "{error}");
}

#[tokio::test]
async fn a_checkpoint_that_fails_says_which_part_is_false() {
    let plan = format!(
        "regplan: v1\nname: point\nphases:\n  - id: only\n    steps:\n{}    checkpoint:\n      - assert: steps.make_a.done && steps.make_a.code == 7\n        message: the code must be 7\n",
        makes("a")
    );
    let bed = Bed::new(&plan);
    let Outcome::CheckpointFailed { reason } = bed.apply().await.outcome() else {
        panic!("the checkpoint must fail");
    };
    assert!(
        reason.contains("the code must be 7") && reason.contains("steps.make_a.code"),
        "{reason}"
    );
    assert!(
        !reason.contains("steps.make_a.done is"),
        "only the false part is named: {reason}"
    );
}

#[tokio::test]
async fn a_step_whose_condition_is_false_is_skipped_and_stays_skipped() {
    let plan = format!(
        "regplan: v1\nname: cond\nvars: {{ go: {{ type: boolean, default: false }} }}\nphases:\n  - id: only\n    steps:\n{}",
        makes("a").replace("        uses:", "        if: vars.go\n        uses:")
    );
    let bed = Bed::new(&plan);
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert!(!bed.has("a"));
}

#[tokio::test]
async fn nothing_goes_back_past_a_point_of_no_return() {
    let plan = rolls_back().replace(
        "      - id: make_c\n",
        "      - id: make_c\n        point_of_no_return: true\n",
    );
    let bed = Bed::new(&plan);
    assert!(matches!(bed.apply().await.outcome(), Outcome::Failed { .. }));
    assert!(bed.has("a") && bed.has("c"));
}
