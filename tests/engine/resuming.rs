use regplan::{
    engine::Outcome,
    journal::{Body, SettledBy},
    system::Answer,
};

use crate::bed::{Bed, lines, makes};

fn three_files() -> String {
    format!(
        "regplan: v1\nname: files\nphases:\n  - id: first\n    steps:\n{}{}    checkpoint:\n      - assert: steps.make_a.done\n  - id: second\n    steps:\n{}",
        makes("a"),
        makes("b"),
        makes("c")
    )
}

#[tokio::test]
async fn a_finished_run_has_nothing_to_do() {
    let bed = Bed::new(&three_files());
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    let records = bed.records().len();
    assert_eq!(bed.apply().await.outcome(), Outcome::NothingToDo);
    assert_eq!(bed.records().len(), records, "nothing to do writes nothing");
}

#[tokio::test]
async fn every_prefix_of_the_journal_resumes_to_the_same_world() {
    let whole = Bed::new(&three_files());
    assert_eq!(whole.apply().await.outcome(), Outcome::Done);
    let expected: Vec<_> = whole.world().into_iter().map(|(name, _)| name).collect();
    for cut in 0..whole.records().len() {
        let mut bed = Bed::new(&three_files());
        bed.cut_after(Some(cut));
        assert!(bed.apply().await.outcome.is_err(), "cut after {cut} records");
        bed.cut_after(None);
        assert_eq!(bed.apply().await.outcome(), Outcome::Done, "cut after {cut} records");
        let world: Vec<_> = bed.world().into_iter().map(|(name, _)| name).collect();
        assert_eq!(world, expected, "cut after {cut} records");
        for file in ["a", "b", "c"] {
            assert_eq!(
                lines(&bed.path(&format!("log.{file}"))),
                1,
                "{file} was made once, cut after {cut} records"
            );
        }
    }
}

#[tokio::test]
async fn what_was_done_and_not_recorded_is_settled_by_a_look() {
    let whole = Bed::new(&three_files());
    whole.apply().await.outcome().eq(&Outcome::Done).then_some(()).unwrap();
    let settled = whole
        .records()
        .iter()
        .position(|record| matches!(record.body, Body::StepSettled { .. }))
        .unwrap();
    let mut bed = Bed::new(&three_files());
    bed.cut_after(Some(settled));
    assert!(bed.apply().await.outcome.is_err());
    assert!(bed.has("a"), "the act itself was done");
    bed.cut_after(None);
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    let by = bed.records().iter().find_map(|record| {
        if let Body::StepSettled { by, .. } = &record.body {
            Some(*by)
        } else {
            None
        }
    });
    assert_eq!(by, Some(SettledBy::Probe));
}

#[tokio::test]
async fn a_world_that_is_already_so_is_recorded_without_an_intent() {
    let bed = Bed::new(&three_files());
    bed.put("a", "");
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert!(!bed.has("log.a"));
    let intents = bed
        .records()
        .iter()
        .filter(|record| matches!(record.body, Body::StepIntended { .. }))
        .count();
    assert_eq!(intents, 2);
}

const UNGUARDED: &str = "regplan: v1\nname: blind\nphases:\n  - id: only\n    steps:\n      - { id: blind, uses: run.command, with: { command: [sh, -c, \"echo x >> log\"] } }\n";

/// Up to and with the intent: run started, phase started, step intended.
const WITH_INTENT: usize = 3;

#[tokio::test]
async fn a_command_without_a_guard_asks_when_its_end_is_unknown() {
    let mut bed = Bed::new(UNGUARDED);
    bed.cut_after(Some(WITH_INTENT));
    assert!(bed.apply().await.outcome.is_err());
    bed.cut_after(None);
    let Outcome::Waiting { reason, .. } = bed.apply().await.outcome() else {
        panic!("it must ask");
    };
    assert!(reason.contains("only a person can tell"), "{reason}");
    assert_eq!(lines(&bed.path("log")), 1, "it is not run again by a guess");
}

#[tokio::test]
async fn a_person_who_says_that_it_is_done_settles_it() {
    let mut bed = Bed::new(UNGUARDED);
    bed.cut_after(Some(WITH_INTENT));
    assert!(bed.apply().await.outcome.is_err());
    bed.cut_after(None);
    bed.answer = Answer::Yes { by: "ada".to_owned() };
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert_eq!(lines(&bed.path("log")), 1);
}

#[tokio::test]
async fn a_person_who_says_that_it_is_not_done_has_it_run_again() {
    let mut bed = Bed::new(UNGUARDED);
    bed.cut_after(Some(WITH_INTENT));
    assert!(bed.apply().await.outcome.is_err());
    bed.cut_after(None);
    bed.answer = Answer::No;
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert_eq!(lines(&bed.path("log")), 2);
}

#[tokio::test]
async fn an_open_phase_repairs_what_no_longer_holds() {
    let plan = format!(
        "regplan: v1\nname: drift\nphases:\n  - id: only\n    steps:\n{}      - {{ id: gate, uses: run.check, with: {{ command: [test, -e, open] }} }}\n",
        makes("a")
    );
    let bed = Bed::new(&plan);
    assert!(matches!(bed.apply().await.outcome(), Outcome::Failed { .. }));
    std::fs::remove_file(bed.path("a")).unwrap();
    bed.put("open", "");
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert!(bed.has("a"));
    assert_eq!(lines(&bed.path("log.a")), 2);
}

#[tokio::test]
async fn a_closed_phase_is_never_repaired() {
    let plan = format!(
        "regplan: v1\nname: closed\nphases:\n  - id: first\n    steps:\n{}  - id: second\n    steps:\n      - {{ id: gate, uses: run.check, with: {{ command: [test, -e, open] }} }}\n",
        makes("a")
    );
    let bed = Bed::new(&plan);
    assert!(matches!(bed.apply().await.outcome(), Outcome::Failed { .. }));
    std::fs::remove_file(bed.path("a")).unwrap();
    bed.put("open", "");
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert!(!bed.has("a"));
}

#[tokio::test]
async fn an_edited_step_of_a_closed_phase_is_refused() {
    let plan = format!(
        "regplan: v1\nname: closed\nphases:\n  - id: first\n    steps:\n{}  - id: second\n    steps:\n      - {{ id: gate, uses: run.check, with: {{ command: [test, -e, open] }} }}\n",
        makes("a")
    );
    let mut bed = Bed::new(&plan);
    assert!(matches!(bed.apply().await.outcome(), Outcome::Failed { .. }));
    bed.plan = bed.plan.replace("touch a", "touch a aa");
    let Outcome::Refused { reasons } = bed.apply().await.outcome() else {
        panic!("an edit of the past must be refused");
    };
    assert!(reasons[0].contains("make_a"), "{reasons:?}");
}

const POINT: &str = "regplan: v1\nname: point\nvars: { go: { type: boolean, default: false } }\nphases:\n  - id: only\n    steps:\n      - { id: one, uses: run.check, with: { command: [\"true\"] }, checkpoint: [{ assert: vars.go }] }\n";

#[tokio::test]
async fn the_failed_checkpoint_of_a_step_is_judged_again() {
    let mut bed = Bed::new(POINT);
    assert!(matches!(bed.apply().await.outcome(), Outcome::CheckpointFailed { .. }));
    assert!(matches!(bed.apply().await.outcome(), Outcome::CheckpointFailed { .. }));
    // Stands for a fact that moved meanwhile.
    bed.plan = bed.plan.replace("default: false", "default: true");
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
}

#[tokio::test]
async fn a_checkpoint_of_a_step_that_nobody_judged_is_judged_after_a_kill() {
    let whole = Bed::new(POINT);
    assert!(matches!(
        whole.apply().await.outcome(),
        Outcome::CheckpointFailed { .. }
    ));
    let settled = whole
        .records()
        .iter()
        .position(|record| matches!(record.body, Body::StepSettled { .. }))
        .unwrap();
    let mut bed = Bed::new(POINT);
    bed.cut_after(Some(settled + 1));
    assert!(bed.apply().await.outcome.is_err());
    bed.cut_after(None);
    let outcome = bed.apply().await.outcome();
    assert!(matches!(outcome, Outcome::CheckpointFailed { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_condition_that_was_added_to_what_is_so_already_leaves_a_way_on() {
    let plan = format!(
        "regplan: v1\nname: cond\nphases:\n  - id: only\n    steps:\n{}      - {{ id: gate, uses: run.check, with: {{ command: [test, -e, open] }} }}\n",
        makes("a")
    );
    let mut bed = Bed::new(&plan);
    bed.put("a", "");
    assert!(matches!(bed.apply().await.outcome(), Outcome::Failed { .. }));
    bed.put("open", "");
    bed.plan = plan.replacen("        uses:", "        if: \"false\"\n        uses:", 1);
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
}

#[tokio::test]
async fn a_phase_put_before_one_that_was_begun_is_refused() {
    let mut bed = Bed::new(POINT);
    assert!(matches!(bed.apply().await.outcome(), Outcome::CheckpointFailed { .. }));
    let new = format!("phases:\n  - id: new\n    steps:\n{}", makes("a"));
    bed.plan = bed.plan.replacen("phases:\n", &new, 1);
    let Outcome::Refused { reasons } = bed.apply().await.outcome() else {
        panic!("what comes before the past cannot be done any more");
    };
    assert!(reasons[0].contains("`new`"), "{reasons:?}");
    assert!(!bed.has("a"));
}
