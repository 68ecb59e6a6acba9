use super::{WAITING, busy_clients, can_be_paused, no_client_failed, nothing_was_lost};
use crate::support::{Lab, Registry};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_inside_a_chunk_of_the_import_and_applied_again_loses_nothing() {
    if !can_be_paused() {
        return;
    }
    let Some(lab) = Lab::with_guide().await else { return };
    let clients = busy_clients(&lab).await;
    // The second one: what came before it is there, what comes after it is not.
    let sent = lab.directory().join("chunk.sent");
    let pause = format!("import.chunk.sent:2:{}", sent.display());
    let mut apply = lab.start("apply", &["--auto-approve"], &[("REGPLAN_PAUSE_AT", pause)]);
    apply.until_file(&sent).await;
    apply.signal(rustix::process::Signal::KILL);
    let ended = apply.ended().await;
    assert_eq!(ended.code, None, "it was to be killed: {ended}");

    // Nobody is there to thaw: writes stay denied, which is safe; reads go on.
    assert_eq!(a_write(&lab).await, 405);
    assert_eq!(lab.serving().await, "2.6.13.Final");
    let status = lab.run("status", &[]).await.must_exit(0);
    assert!(status.all().contains("content"), "the step in doubt is named: {status}");

    lab.apply(&[]).await.must_exit(WAITING);
    assert_eq!(lab.serving().await, "3.3.3");
    assert_eq!(a_write(&lab).await, 200);
    let report = clients.stop().await;
    no_client_failed(&report);
    nothing_was_lost(&lab, &report).await;
}

/// The status that a new artifact gets through the balancer.
async fn a_write(lab: &Lab) -> u16 {
    let path = "/apis/registry/v2/groups/single/artifacts";
    let headers = [
        ("Content-Type", b"application/json".as_slice()),
        ("X-Registry-ArtifactType", b"JSON"),
    ];
    Registry::at(&lab.balancer)
        .request("POST", path, &headers, br#"{"type":"object"}"#)
        .await
        .status
}
