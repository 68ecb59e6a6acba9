use std::path::Path;

use serde_json::{Value, json};

use crate::{
    real::{ROLLED_BACK, WAITING, busy_clients, minimal_downtime::changes, no_client_failed, nothing_was_lost},
    support::{Clients, Lab, PlanEdit, Registry},
};

/// After the switch: waits until the test's clients have used v3, and then fails once, as if what they saw was wrong.
const USED: PlanEdit<'static> = PlanEdit {
    before_step: "served",
    lines: r#"      - id: used
        uses: run.command
        timeout: 5m
        with:
          command: [sh, -c, "test ! -e used.done || exit 0; touch used.now; until test -e used.done; do sleep 0.1; done; exit 1"]
"#,
};

/// Of each class of change on 3.3, so that there are two hundred.
const ROUNDS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_changes_there_and_two_hundred_back_by_one_plan_with_3_3_on_postgresql() {
    let plan = "plans/minimal-downtime.yaml";
    let Some(lab) = Lab::with_edited_plan_on_postgresql(plan, &[USED]).await else {
        return;
    };
    let clients = busy_clients(&lab).await;
    lab.apply(&["--until", "warm_copy"]).await.must_exit(0);
    changes(&mut Registry::at(&lab.v2)).await;
    lab.apply(&[]).await.must_exit(WAITING);

    // There, used, and back.
    let mut apply = lab.start("apply", &["--auto-approve", "--confirm", "go"], &[]);
    apply.until_file(&lab.directory().join("used.now")).await;
    assert_eq!(lab.serving().await, "3.3.3");
    assert_ne!(
        lab.sql("SELECT count(*) FROM versions").await,
        "0",
        "3.3 is to be on PostgreSQL"
    );
    same_by_rest(&lab.v2, &lab.v3, true).await;
    let before = clients.so_far().acknowledged.len();
    changes_on_3_3(&lab).await;
    wrote_more_than(&clients, before).await;
    std::fs::write(lab.directory().join("used.done"), "").unwrap();
    let ended = apply.ended().await.must_exit(ROLLED_BACK);
    assert_eq!(lab.serving().await, "2.6.13.Final", "{ended}");
    wrote_more_than(&clients, clients.so_far().acknowledged.len()).await;
    same_by_rest(&lab.v3, &lab.v2, true).await;
    let missing = lab.v3_export().await.missing_from(&lab.v2_export().await);
    assert!(missing.is_empty(), "{missing:#?}");

    // And there for good, with what clients did on 2.6 meanwhile.
    changes_again(&mut Registry::at(&lab.v2)).await;
    lab.apply(&[]).await.must_exit(WAITING);
    lab.apply(&["--confirm", "go"]).await.must_exit(WAITING);
    assert_eq!(lab.serving().await, "3.3.3");
    let report = clients.stop().await;
    no_client_failed(&report);
    nothing_was_lost(&lab, &report).await;
    same_by_rest(&lab.v2, &lab.v3, true).await;
    let mut ids: Vec<i64> = report.acknowledged.iter().map(|written| written.global_id).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id was given out twice");
    println!("{}", report.summary());
}

/// Clients that write on.
async fn wrote_more_than(clients: &Clients, before: usize) {
    let more = |seen: &crate::support::Report| seen.acknowledged.len() > before + 5;
    clients.until("writes", super::super::SOON, more).await;
}

/// What a script that knows nothing of regplan says of two registries: everything of the first is on the second.
async fn same_by_rest(left: &str, right: &str, more: bool) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/compare_by_rest.py");
    let mut command = tokio::process::Command::new("python3");
    command
        .arg(script)
        .args([format!("http://{left}"), format!("http://{right}")]);
    if more {
        command.arg("--right-may-have-more");
    }
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    eprintln!("{}", said.trim());
}

/// New artifacts and versions, edits, states, rules, comments, deletions, through the balancer by 3.3's own API.
async fn changes_on_3_3(lab: &Lab) {
    for name in ["artifact-version", "artifact", "group"] {
        let property = format!("admin/config/properties/apicurio.rest.deletion.{name}.enabled");
        ask(&lab.v3, "PUT", &property, Some(json!({"value": "true"}))).await;
    }
    for n in 0..ROUNDS {
        let content =
            |text: &str| json!({"content": json!({"title": text}).to_string(), "contentType": "application/json"});
        let first = json!({"artifactId": format!("born-{n}"), "artifactType": "JSON",
            "firstVersion": {"content": content(&format!("born {n}"))}});
        let to = lab.balancer.as_str();
        ask(to, "POST", "groups/born/artifacts", Some(first)).await;
        let artifact = format!("groups/born/artifacts/born-{n}");
        let more = json!({"content": content(&format!("more {n}"))});
        ask(to, "POST", &format!("{artifact}/versions"), Some(more)).await;
        // What was there before the switch.
        let old = format!("groups/changes/artifacts/changed-{n}");
        match n % 5 {
            // Not the latest ones: 3.3 keeps a name of the artifact beside theirs, which a 2.6 cannot.
            0 => {
                let edit = json!({"name": format!("edited on 3.3 {n}"), "labels": {"k": "w"}});
                ask(to, "PUT", &format!("{artifact}/versions/1"), Some(edit)).await;
            }
            1 => {
                let state = json!({"state": "DEPRECATED"});
                ask(to, "PUT", &format!("{artifact}/versions/1/state"), Some(state)).await;
            }
            2 => {
                let rule = json!({"ruleType": "COMPATIBILITY", "config": "NONE"});
                ask(to, "POST", &format!("{artifact}/rules"), Some(rule)).await;
            }
            3 => {
                let comment = json!({"value": format!("seen on 3.3 {n}")});
                ask(to, "POST", &format!("{artifact}/versions/1/comments"), Some(comment)).await;
            }
            _ => {
                ask(to, "DELETE", &old, None).await;
            }
        }
        let again = json!({"content": content(&format!("again {n}"))});
        let path = if n % 5 == 4 { &artifact } else { &old };
        ask(to, "POST", &format!("{path}/versions"), Some(again)).await;
        let state = json!({"state": "DISABLED"});
        ask(to, "PUT", &format!("{artifact}/versions/2/state"), Some(state)).await;
    }
}

/// A few more on 2.6 after the way back.
async fn changes_again(v2: &mut Registry) {
    let edit = json!({"name": "edited after the way back", "description": ""});
    v2.call("PUT", "/groups/born/artifacts/born-1/versions/1/meta", Some(edit))
        .await;
    v2.call("DELETE", "/groups/types/artifacts/whitespace", None).await;
    // Born on 3.3, brought back, and not wanted any more.
    v2.call("DELETE", "/groups/born/artifacts/born-2", None).await;
}

async fn ask(host: &str, method: &str, path: &str, body: Option<Value>) {
    Registry::at(host).call_v3(method, path, body).await;
}
