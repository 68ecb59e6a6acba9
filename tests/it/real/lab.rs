//! The lab itself: what it builds is what the scenarios rely on.

use super::SOON;
use crate::support::{Clients, Lab, Registry, SlowUpload};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rich_data_is_whole_and_the_clients_use_it_through_nginx() {
    let Some(lab) = Lab::with_guide().await else { return };
    let export = lab.v2_export().await;
    let counted = [
        "ArtifactVersion",
        "Content",
        "Group",
        "Comment",
        "ArtifactRule",
        "GlobalRule",
    ];
    assert_eq!(counted.map(|kind| export.count(kind)), [68, 57, 4, 16, 4, 2]);
    assert_eq!(export.artifacts().len(), 36);
    assert!(export.missing_from(&export).is_empty());

    let mut upload = SlowUpload::begin(&lab.balancer, "uploads", "slow").await;
    let clients = Clients::start(&lab.balancer);
    let seen = clients
        .until("reads and writes", SOON, |seen| {
            seen.reads > 100 && seen.acknowledged.len() > 10
        })
        .await;
    assert!(seen.was_served_by("2.6.13"), "{seen:?}");
    assert_eq!(upload.finish().await.status, 200);
    let report = clients.stop().await;
    assert!(
        report.failed_reads.is_empty() && report.failed_writes.is_empty(),
        "{report:?}"
    );
    assert!(report.refused.is_empty());

    let after = lab.v2_export().await;
    assert!(export.missing_from(&after).is_empty());
    assert_eq!(after.count("ArtifactVersion"), 68 + 1 + report.acknowledged.len());
    for written in &report.acknowledged {
        let version = &after.versions()[&written.global_id];
        assert_eq!(
            (&version.artifact, &version.version),
            (&written.artifact, &written.version)
        );
        assert_eq!(version.content, written.content.as_bytes());
    }
    assert!(
        !after.missing_from(&export).is_empty(),
        "the oracle must see what is missing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plans_place_for_v3_takes_a_real_one() {
    let Some(lab) = Lab::with_guide().await else { return };
    lab.start_v3().await;
    let info = Registry::at(&lab.v3).get("/apis/registry/v3/system/info").await;
    assert_eq!(info["version"], "3.3.3");
    assert_eq!(lab.v3_export().await.count("ArtifactVersion"), 0);
    assert_eq!(lab.serving().await, "2.6.13.Final");
}
