use rustix::process::Signal;

use super::{WAITING, busy_clients, no_client_failed, nothing_was_lost, v2_serves_and_takes_writes};
use crate::support::Lab;

/// The exit code after SIGINT.
const INTERRUPTED: i32 = 130;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigint_in_the_frozen_region_thaws_and_apply_again_succeeds() {
    let Some(lab) = Lab::with_guide().await else { return };
    let clients = busy_clients(&lab).await;
    let mut apply = lab.start("apply", &["--auto-approve", "--json"], &[]);
    apply.until_said(&[r#""step_started""#, r#""content""#]).await;
    apply.signal(Signal::INT);
    apply.ended().await.must_exit(INTERRUPTED);
    v2_serves_and_takes_writes(&lab, &clients).await;
    assert!(!clients.so_far().was_served_by("3."), "no reader may have met v3");

    lab.apply(&[]).await.must_exit(WAITING);
    assert_eq!(lab.serving().await, "3.3.3");
    let report = clients.stop().await;
    no_client_failed(&report);
    nothing_was_lost(&lab, &report).await;
}
