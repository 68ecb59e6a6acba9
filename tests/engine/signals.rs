use regplan::{engine::Outcome, journal::Body};
use tokio::sync::mpsc;

use crate::bed::{Bed, makes};

fn two() -> String {
    format!(
        "regplan: v1\nname: sig\nphases:\n  - id: only\n    steps:\n{}{}",
        makes("a"),
        makes("b")
    )
}

#[tokio::test]
async fn a_signal_ends_the_run_between_steps_and_apply_goes_on_later() {
    let bed = Bed::new(&two());
    let (send, signals) = mpsc::unbounded_channel();
    send.send("SIGTERM").unwrap();
    assert_eq!(
        bed.apply_with(signals).await.outcome(),
        Outcome::Interrupted { signal: "SIGTERM" }
    );
    assert!(!bed.has("a"));
    assert!(
        bed.records()
            .iter()
            .any(|record| matches!(&record.body, Body::Interrupted { signal } if signal == "SIGTERM"))
    );
    assert_eq!(bed.apply().await.outcome(), Outcome::Done);
    assert!(bed.has("a") && bed.has("b"));
}

#[tokio::test]
async fn a_second_signal_leaves_at_once() {
    let plan = "regplan: v1\nname: sig\nphases:\n  - id: only\n    steps:\n      - { id: slow, uses: run.command, with: { command: [sleep, \"60\"], creates: never } }\n";
    let bed = Bed::new(plan);
    let (send, signals) = mpsc::unbounded_channel();
    let run = bed.apply_with(signals);
    tokio::pin!(run);
    // Let it begin the step: its intent is in the journal.
    loop {
        tokio::select! {
            _ = &mut run => panic!("it must be running"),
            () = tokio::task::yield_now() => {}
        }
        if bed
            .records()
            .iter()
            .any(|record| matches!(record.body, Body::StepIntended { .. }))
        {
            break;
        }
    }
    send.send("SIGINT").unwrap();
    send.send("SIGINT").unwrap();
    assert_eq!(run.await.outcome(), Outcome::Interrupted { signal: "SIGINT" });
}
