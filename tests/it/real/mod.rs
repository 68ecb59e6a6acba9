//! Scenarios on real servers: the guide's plan, whole and disturbed.

mod bad_switch;
mod damaged;
mod full;
mod guide;
mod init;
mod interrupted;
mod killed;
mod lab;
mod minimal_downtime;

use std::time::Duration;

use crate::support::{Clients, Lab, Registry, Report};

/// Longest wait for clients to have seen something.
const SOON: Duration = Duration::from_secs(30);
/// Longest wait for something that the program does on its way: a freeze, a start of v3, an import.
const ON_THE_WAY: Duration = Duration::from_secs(180);

/// Clients that have read and written before anything happens.
async fn busy_clients(lab: &Lab) -> Clients {
    let clients = Clients::start(&lab.balancer);
    clients
        .until("reads and writes", SOON, |seen| {
            seen.reads > 40 && seen.acknowledged.len() > 4
        })
        .await;
    clients
}

/// Nothing that a client saw may be called a failure.
#[track_caller]
fn no_client_failed(report: &Report) {
    assert!(
        report.failed_reads.is_empty() && report.failed_writes.is_empty(),
        "{}\n{:#?}\n{:#?}",
        report.summary(),
        report.failed_reads,
        report.failed_writes
    );
}

/// Everything that v2 holds is on v3 in the same way, and so is every acknowledged write, wherever it went.
async fn nothing_was_lost(lab: &Lab, report: &Report) {
    let v3 = lab.v3_export().await;
    let missing = lab.v2_export().await.missing_from(&v3);
    assert!(missing.is_empty(), "{missing:#?}");
    let versions = v3.versions();
    for written in &report.acknowledged {
        let found = versions.get(&written.global_id);
        let found = found.unwrap_or_else(|| panic!("acknowledged and not on v3: {written:?}"));
        assert_eq!(
            (
                found.group.as_deref(),
                &found.artifact,
                &found.version,
                found.content.as_slice()
            ),
            (
                Some(written.group.as_str()),
                &written.artifact,
                &written.version,
                written.content.as_bytes()
            )
        );
    }
}

/// Writes go to v2 again, and reads come from it.
async fn v2_serves_and_takes_writes(lab: &Lab, clients: &Clients) {
    let before = clients.so_far().acknowledged.len();
    clients
        .until("writes that are taken again", SOON, |seen| {
            seen.acknowledged.len() > before + 2
        })
        .await;
    assert_eq!(lab.serving().await, "2.6.13.Final");
    let mut v2 = Registry::at(&lab.v2);
    for written in &clients.so_far().acknowledged[before..] {
        let content = v2
            .request(
                "GET",
                &format!("/apis/registry/v2/ids/globalIds/{}", written.global_id),
                &[],
                b"",
            )
            .await;
        assert_eq!((content.status, content.text()), (200, written.content.clone()));
    }
}

/// Whether the program was built with its points to be killed at, as `scripts/test` builds it.
fn can_be_paused() -> bool {
    let required = ["CI", "REGPLAN_REQUIRE_REAL"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let can = cfg!(feature = "crash-points");
    assert!(
        can || !required,
        "run the tests with --features crash-points, as scripts/test does"
    );
    if !can {
        eprintln!("skipped: needs --features crash-points, as scripts/test sets it");
    }
    can
}

/// The exit code of a run that waits for a person: here, at the soak.
const WAITING: i32 = 3;
/// The exit code of a run that failed and went back.
const ROLLED_BACK: i32 = 7;
