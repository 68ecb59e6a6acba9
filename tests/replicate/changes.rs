//! Every class of change between a pre-copy and a delta arrives, and what a step pinned stays its target.

use regplan::{kind::Inputs, resource::Depth};
use serde_json::json;

use super::lab::{Lab, fixture};

#[tokio::test]
async fn everything_that_clients_change_after_the_pre_copy_arrives_with_the_delta() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    assert_eq!(lab.write("grown", "item", "one").await, 200);
    let first = lab.replicate(&json!({})).await.unwrap();
    assert_eq!(lab.differences().await, [""; 0]);
    assert_eq!((&first["versions"], &first["sent_versions"]), (&json!(69), &json!(69)));
    assert_eq!(first["content_digest"], first["source_digest"]);

    let semver = "groups/payments/artifacts/semver";
    // New versions, a new artifact in a new group.
    assert_eq!(lab.write("grown", "item", "two").await, 200);
    assert_eq!(lab.write("fresh", "newcomer", "hello").await, 200);
    // Edited, disabled, commented, owned.
    let edit = json!({"name": "edited", "description": "", "labels": ["a"], "properties": {"k": "v"}});
    assert_eq!(
        lab.v2("PUT", &format!("{semver}/versions/1.0.0/meta"), Some(edit))
            .await,
        204
    );
    let state = Some(json!({"state": "DISABLED"}));
    assert_eq!(
        lab.v2("PUT", "groups/payments/artifacts/dis-latest/versions/1/state", state)
            .await,
        204
    );
    let comment = Some(json!({"value": "seen"}));
    let of_old = "groups/default/artifacts/orders-value/versions/5/comments";
    // After an import 2.6 takes some tries to find a number (`apicurio.md` §0 row 14).
    let mut tries = 0;
    while lab.v2("POST", of_old, comment.clone()).await != 200 {
        tries += 1;
        assert!(tries < 30, "no comment is taken");
    }
    // Rules that come, change and go.
    let rule = Some(json!({"type": "VALIDITY", "config": "NONE"}));
    lab.v2("DELETE", &format!("{semver}/rules"), None).await;
    assert_eq!(lab.v2("POST", &format!("{semver}/rules"), rule).await, 204);
    lab.v2("DELETE", "admin/rules", None).await;
    // Gone, and gone and made again.
    assert_eq!(
        lab.v2("DELETE", "groups/payments/artifacts/all-disabled", None).await,
        204
    );
    assert_eq!(
        lab.v2("DELETE", "groups/default/artifacts/odd-versions", None).await,
        204
    );
    assert_eq!(lab.write("default", "odd-versions", "again").await, 200);

    assert!(!lab.differences().await.is_empty());
    let delta = lab.replicate(&json!({"deletes": "mirror"})).await.unwrap();
    assert_eq!(lab.differences().await, [""; 0]);
    assert_eq!(delta["deleted"], 1, "{delta}");
    assert!(delta["sent_versions"].as_u64().unwrap() < 60, "{delta}");
    assert!(delta["recreated"].as_u64().unwrap() >= 4, "{delta}");
    lab.stop().await;
}

#[tokio::test]
async fn a_second_time_there_is_nothing_to_do() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    lab.replicate(&json!({})).await.unwrap();
    let step = lab.step(&json!({}));
    let now = lab.look(step.as_ref(), Depth::Deep).await;
    assert!(step.diff(&now, &Inputs::default()).unwrap().is_none());
    lab.stop().await;
}

#[tokio::test]
async fn what_the_source_does_after_the_look_is_not_the_target_of_the_act() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let step = lab.step(&json!({}));
    let before = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&before, &Inputs::default()).unwrap();
    // Between the intent and the act.
    assert_eq!(lab.write("fresh", "late", "late").await, 200);
    let output = lab.act(step.as_ref(), &before, &change).await.unwrap();
    assert_eq!(output["versions"], 68);

    // It is done, one version behind, and that is no drift.
    let now = lab.look(step.as_ref(), Depth::Deep).await;
    let behind = step.since(&now, &before).unwrap().unwrap();
    assert!(behind.contains("behind v2 by 1 version"), "{behind}");
    lab.stop().await;
}

#[tokio::test]
async fn a_done_step_holds_as_long_as_the_target_is_as_it_left_it() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    lab.replicate(&json!({})).await.unwrap();
    let step = lab.step(&json!({}));
    let settled = lab.look(step.as_ref(), Depth::Deep).await;
    assert_eq!(lab.write("fresh", "late", "late").await, 200);
    for depth in [Depth::Shallow, Depth::Deep] {
        let now = lab.look(step.as_ref(), depth).await;
        let pinned = step.pinned(&now, &settled).unwrap();
        assert!(step.diff(&pinned, &Inputs::default()).unwrap().is_none(), "{depth:?}");
    }
    let name = json!({"name": "damaged"});
    assert_eq!(
        lab.v3("PUT", "groups/payments/artifacts/semver/versions/1.1.0", Some(name))
            .await,
        204
    );
    let now = lab.look(step.as_ref(), Depth::Deep).await;
    let pinned = step.pinned(&now, &settled).unwrap();
    assert!(!step.diff(&pinned, &Inputs::default()).unwrap().is_none());
    lab.stop().await;
}

#[tokio::test]
async fn what_somebody_changed_on_the_target_since_the_last_copy_is_named_before_it_is_taken_back() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    lab.replicate(&json!({})).await.unwrap();
    let edit = |name: &str| Some(json!({"name": name, "description": "", "labels": [], "properties": {}}));
    let semver = "groups/payments/artifacts/semver/versions/1.0.0/meta";
    assert_eq!(lab.v2("PUT", semver, edit("on v2")).await, 204);
    let risks = |lab: Lab| async move {
        let step = lab.step(&json!({}));
        let seen = lab.look(step.as_ref(), Depth::Deep).await;
        let change = step.diff(&seen, &Inputs::default()).unwrap();
        (lab, change.risks.join("\n"))
    };
    let (lab, said) = risks(lab).await;
    assert!(!said.contains("since the last copy"), "{said}");
    // The 3.x is not served, and somebody works on it all the same.
    let theirs = Some(json!({"name": "theirs", "description": "", "labels": {}}));
    let customer = "groups/refs/artifacts/customer/versions/1";
    assert_eq!(lab.v3("PUT", customer, theirs).await, 204);
    let (lab, said) = risks(lab).await;
    let named = said
        .lines()
        .find(|line| line.contains("somebody changed v3 since the last copy"));
    assert!(
        named.is_some_and(|line| line.contains("refs/customer version 1")),
        "{said}"
    );
    assert!(named.is_some_and(|line| !line.contains("semver")), "{said}");
    lab.replicate(&json!({})).await.unwrap();
    assert_eq!(lab.differences().await, [""; 0]);
    lab.stop().await;
}
