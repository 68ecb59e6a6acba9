use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ON_THE_WAY, WAITING, busy_clients, no_client_failed, nothing_was_lost};
use crate::support::{Clients, Lab, SlowUpload};

/// Longer than a freeze takes that does not wait for old workers: an export would be taken in this time.
const LATE: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_moves_a_busy_registry_and_loses_nothing() {
    let Some(lab) = Lab::with_guide().await else { return };
    lab.run("validate", &[]).await.must_exit(0);
    let planned = lab.run("plan", &["--json"]).await.must_exit(0).json();
    routes_go_from_allow_to_deny_to_allow(&planned);
    lab.run("plan", &["--detailed-exitcode"]).await.must_exit(2);

    let clients = busy_clients(&lab).await;
    lab.apply(&["--until", "prepare"]).await.must_exit(0);
    let mut upload = SlowUpload::begin(&lab.balancer, "uploads", "slow").await;
    let apply = lab.start("apply", &["--auto-approve"], &[]);
    let finished = finish_during_the_freeze(&clients, &mut upload).await;
    let applied = apply.ended().await.must_exit(WAITING);

    let after = Instant::now();
    let seen = clients
        .until("writes on v3", ON_THE_WAY, |seen| {
            seen.acknowledged_before(after) + 5 < seen.acknowledged.len()
        })
        .await;
    assert!(
        seen.refused.iter().any(|refused| *refused < after),
        "the freeze was never seen: {applied}"
    );
    assert!(
        seen.acknowledged_before(seen.refused[0]) > 0,
        "nothing was written before the freeze"
    );
    assert_eq!(lab.serving().await, "3.3.3");

    let v2 = lab.v2_export().await;
    let taken_before = seen.acknowledged_before(finished.max(seen.refused[0]));
    let of_clients = v2
        .versions()
        .values()
        .filter(|version| version.group.as_deref() == Some("writers"))
        .count();
    assert_eq!(
        of_clients, taken_before,
        "v2 holds what was acknowledged before the freeze, and nothing later"
    );
    let uploaded = v2
        .versions()
        .into_values()
        .find(|version| version.artifact == upload.artifact);
    assert_eq!(
        uploaded.map(|version| version.content),
        Some(upload.content.into_bytes())
    );
    nothing_was_lost(&lab, &clients.so_far()).await;

    // The rest, to the end of v2, while clients go on writing.
    lab.apply(&["--confirm", "watched", "--confirm", "docs"])
        .await
        .must_exit(0);
    let before = clients.so_far().acknowledged.len();
    let nothing = lab.run("plan", &["--detailed-exitcode"]).await.must_exit(0);
    lab.apply(&[]).await.must_exit(0);
    assert!(
        clients.so_far().acknowledged.len() > before,
        "clients wrote all the time: {nothing}"
    );
    let report = clients.stop().await;
    no_client_failed(&report);
    println!("{}", report.summary());
}

/// Sends the rest of the upload when the freeze is being applied: new connections are refused, old ones still serve.
async fn finish_during_the_freeze(clients: &Clients, upload: &mut SlowUpload) -> Instant {
    clients
        .until("a refused write", ON_THE_WAY, |seen| !seen.refused.is_empty())
        .await;
    tokio::time::sleep(LATE).await;
    let answer = upload.finish().await;
    assert_eq!(
        answer.status,
        200,
        "a write that began before the freeze must end well: {}",
        answer.text()
    );
    Instant::now()
}

/// What a reviewer sees of the routes before anything ran: each step against what the step before it will have left.
fn routes_go_from_allow_to_deny_to_allow(planned: &Value) {
    let phases = planned["phases"].as_array().unwrap();
    let steps = phases.iter().flat_map(|phase| phase["steps"].as_array().unwrap());
    let routes: Vec<_> = steps.filter(|step| step["uses"] == "lb.route").collect();
    let seen: Vec<_> = routes.iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(seen, ["route_v2", "read_only", "to_v3"]);
    let delta = |step: &Value, field: &str| -> Option<(Value, Value)> {
        let deltas = step["change"]["deltas"].as_array()?;
        let delta = deltas.iter().find(|delta| delta["field"] == field)?;
        Some((delta["before"].clone(), delta["after"].clone()))
    };
    let moves = |from: &str, to: &str| Some((Value::from(from), Value::from(to)));
    assert_eq!(routes[0]["standing"], "pending", "{}", routes[0]);
    assert_eq!(delta(routes[1], "writes"), moves("allow", "deny"), "{}", routes[1]);
    assert_eq!(delta(routes[1], "to"), None, "{}", routes[1]);
    assert_eq!(delta(routes[2], "writes"), moves("deny", "allow"), "{}", routes[2]);
    assert_eq!(delta(routes[2], "to"), moves("v2", "v3"), "{}", routes[2]);
}
