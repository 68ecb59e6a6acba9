use serde_json::json;

use super::{WAITING, busy_clients, can_be_paused, no_client_failed, nothing_was_lost};
use crate::support::{Lab, New, Registry};

/// Of each class of change, so that there are some two hundred between the copy and the freeze.
const ROUNDS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_before_the_freeze_and_two_hundred_changes_later_nothing_is_lost() {
    if !can_be_paused() {
        return;
    }
    let Some(lab) = Lab::with_plan("plans/minimal-downtime.yaml").await else {
        return;
    };
    let clients = busy_clients(&lab).await;

    // Killed inside a chunk of the first copy; the next try brings the rest.
    let sent = lab.directory().join("chunk.sent");
    let pause = format!("import.chunk.sent:2:{}", sent.display());
    let arguments = ["--auto-approve", "--until", "warm_copy"];
    let mut apply = lab.start("apply", &arguments, &[("REGPLAN_PAUSE_AT", pause)]);
    apply.until_file(&sent).await;
    apply.signal(rustix::process::Signal::KILL);
    assert_eq!(apply.ended().await.code, None, "it was to be killed");
    lab.apply(&["--until", "warm_copy"]).await.must_exit(0);

    changes(&mut Registry::at(&lab.v2)).await;
    let planned = lab.run("plan", &["--deep"]).await.must_exit(0);
    assert!(planned.all().contains("again whole"), "{planned}");

    lab.apply(&[]).await.must_exit(WAITING);
    assert_eq!(
        lab.serving().await,
        "2.6.13.Final",
        "nothing is frozen before somebody says so"
    );
    lab.apply(&["--confirm", "go"]).await.must_exit(WAITING);
    assert_eq!(lab.serving().await, "3.3.3");
    let report = clients.stop().await;
    no_client_failed(&report);
    nothing_was_lost(&lab, &report).await;
    println!("{}", report.summary());
}

/// New artifacts and versions, edits, states, rules, deletions, and artifacts that are made again under their old name.
pub(super) async fn changes(v2: &mut Registry) {
    for n in 0..ROUNDS {
        let (artifact, content) = (format!("changed-{n}"), format!(r#"{{"title":"changed {n}"}}"#));
        let new = New {
            group: "changes",
            artifact: &artifact,
            kind: "JSON",
            content: &content,
            ..New::default()
        };
        let more = format!(r#"{{"title":"more {n}"}}"#);
        assert_eq!(v2.put(&new, false).await.status, 200);
        assert_eq!(
            v2.put(
                &New {
                    content: &more,
                    ..new.clone()
                },
                true
            )
            .await
            .status,
            200
        );
        let path = format!("/groups/changes/artifacts/{artifact}");
        match n % 4 {
            0 => {
                let edit = json!({"name": format!("n {n}"), "labels": ["a"], "properties": {"k": "v"}});
                v2.call("PUT", &format!("{path}/versions/1/meta"), Some(edit)).await;
            }
            1 => {
                let state = json!({"state": "DISABLED"});
                v2.call("PUT", &format!("{path}/versions/1/state"), Some(state)).await;
            }
            2 => {
                let rule = json!({"type": "VALIDITY", "config": "FULL"});
                v2.call("POST", &format!("{path}/rules"), Some(rule)).await;
            }
            _ => {
                v2.call("DELETE", &path, None).await;
                assert_eq!(v2.put(&new, false).await.status, 200);
            }
        }
    }
    // What was copied already.
    let semver = "/groups/payments/artifacts/semver";
    let edit = json!({"name": "edited since", "description": ""});
    v2.call("PUT", &format!("{semver}/versions/1.0.0/meta"), Some(edit))
        .await;
    v2.call("DELETE", &format!("{semver}/rules"), None).await;
    v2.call("DELETE", "/groups/payments/artifacts/all-disabled", None).await;
}
