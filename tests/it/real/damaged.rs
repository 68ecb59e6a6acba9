use super::{ROLLED_BACK, busy_clients, no_client_failed, v2_serves_and_takes_writes};
use crate::support::{Lab, PlanEdit};

/// Changes the name of one version on v3, behind regplan's back.
const DAMAGE: PlanEdit<'static> = PlanEdit {
    before_step: "verify",
    lines: r#"      - id: damage
        uses: run.command
        writes: [v3/content]
        with:
          command:
            - curl
            - --fail-with-body
            - -sS
            - -X
            - PUT
            - -H
            - "Content-Type: application/json"
            - -d
            - '{"name": "damaged"}'
            - "${vars.v3_url}/apis/registry/v3/groups/default/artifacts/orders-value/versions/7"
"#,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_damaged_between_import_and_verify_is_named_and_writes_are_thawed() {
    let Some(lab) = Lab::with_edited_guide(&[DAMAGE]).await else {
        return;
    };
    let clients = busy_clients(&lab).await;
    let ended = lab.apply(&[]).await.must_exit(ROLLED_BACK);
    let named = ended
        .all()
        .lines()
        .any(|line| line.contains("orders-value") && line.contains('7') && line.contains("name"));
    assert!(named, "the difference must be named: {ended}");

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
