use super::{ROLLED_BACK, busy_clients, no_client_failed, v2_serves_and_takes_writes};
use crate::support::{Lab, PlanEdit};

/// Breaks a file that nginx includes, right before the switch; the way back mends it.
const BREAK: PlanEdit<'static> = PlanEdit {
    before_step: "to_v3",
    lines: r#"      - id: break_nginx
        uses: run.command
        with:
          command: [sh, -c, "echo 'no_such_directive on;' > servers/nginx/local/broken.conf"]
          undo: [rm, -f, servers/nginx/local/broken.conf]
"#,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_nginx_refuses_at_the_switch_leaves_everything_on_v2() {
    let Some(lab) = Lab::with_edited_guide(&[BREAK]).await else {
        return;
    };
    let clients = busy_clients(&lab).await;
    let ended = lab.apply(&[]).await.must_exit(ROLLED_BACK);
    assert!(
        ended.all().contains("no_such_directive"),
        "nginx's own words must be shown: {ended}"
    );
    assert!(
        !lab.nginx_file("local/broken.conf").exists(),
        "the undo of the command ran"
    );

    v2_serves_and_takes_writes(&lab, &clients).await;
    let report = clients.stop().await;
    no_client_failed(&report);
    assert!(
        !report.was_served_by("3."),
        "no reader may have met v3: {:?}",
        report.served
    );
    assert!(!report.refused.is_empty(), "the freeze was never seen");
}
