//! The way back between a real 2.6 and a real 3.x, which `scripts/test` starts. Without them that says so and is skipped.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use regplan::{
    kind::Inputs,
    registry::{Capability, Residue},
    rehearse::data::Numbers,
    resource::Depth,
    system::Progress,
};
use serde_json::{Value, json};

use super::{
    back_property::change,
    lab::{Lab, fixture},
    owners,
};

/// What clients do on 3.x between the switch and the way back.
const CHANGES: u64 = 200;

fn lab() -> Option<Lab> {
    let lab = Lab::real();
    let required = ["CI", "REGPLAN_REQUIRE_REAL"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    assert!(
        lab.is_some() || !required,
        "REGPLAN_V2_URL and REGPLAN_V3_URL name no registries"
    );
    if lab.is_none() {
        eprintln!("skipped: REGPLAN_V2_URL and REGPLAN_V3_URL name no registries");
    }
    lab
}

/// All that only 3.x has.
async fn what_2_6_cannot_hold(lab: &Lab) {
    let content = json!({"content": "{\"title\":\"draft\"}", "contentType": "application/json"});
    let draft = json!({
        "artifactId": "sketch", "artifactType": "JSON", "firstVersion": {"content": content, "isDraft": true},
    });
    assert_eq!(lab.v3("POST", "groups/born/artifacts", Some(draft)).await, 200);
    let empty = json!({"artifactId": "empty", "artifactType": "JSON"});
    assert_eq!(lab.v3("POST", "groups/born/artifacts", Some(empty)).await, 200);
    assert_eq!(lab.write_v3("born", "kept", "one").await, 200);
    assert_eq!(lab.write_v3("born", "kept", "two").await, 200);
    let branch = json!({"branchId": "stable", "versions": ["1"]});
    assert_eq!(
        lab.v3("POST", "groups/born/artifacts/kept/branches", Some(branch))
            .await,
        200
    );
    let sunset = json!({"state": "SUNSET"});
    assert_eq!(
        lab.v3("PUT", "groups/born/artifacts/kept/versions/1/state", Some(sunset))
            .await,
        204
    );
    let rule = json!({"ruleType": "VALIDITY", "config": "NONE"});
    assert_eq!(lab.v3("POST", "groups/born/rules", Some(rule)).await, 204);
    let meta = json!({"name": "said nowhere else"});
    assert_eq!(lab.v3("PUT", "groups/born/artifacts/kept", Some(meta)).await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_changes_on_a_real_3_x_go_back_to_a_real_2_6() {
    let Some(lab) = lab() else { return };
    if lab.source().await.versions.is_empty() {
        let zip = std::fs::read(fixture("v2-rich")).unwrap();
        assert_eq!(lab.import_v2(zip).await, 204);
    }
    owners::there_and_back(&lab).await;
    let freeze = lab.replicate(&json!({"deletes": "mirror"})).await.unwrap();
    assert_eq!(lab.differences().await, [""; 0]);
    what_only_3_x_can_have_goes_with_a_mirror(&lab).await;
    lab.allow_deletions().await;
    let before = lab.source().await.digest();
    change(&lab, &mut Numbers::new(7), CHANGES).await;
    what_2_6_cannot_hold(&lab).await;
    let v3 = lab.both().await.1;
    let foretold = Residue::of(&v3, &Capability::v2_6()).0;
    eprintln!("{} versions on 3.x, residue {foretold:#?}", v3.versions.len());

    // Listed before anything is written.
    let error = lab.port_back(json!({}), &freeze).await.unwrap_err();
    assert!(
        error.contains(&format!("cannot hold {} things", foretold.len())),
        "{error}"
    );
    assert_eq!(lab.source().await.digest(), before);

    let codes: std::collections::BTreeSet<&str> = foretold.iter().map(|remnant| remnant.code).collect();
    for code in [
        "draft",
        "sunset",
        "empty_artifact",
        "branch",
        "group_rule",
        "artifact_metadata",
    ] {
        assert!(
            codes.contains(format!("residue_{code}").as_str()),
            "{code} is not in {codes:?}"
        );
    }
    let accept: Value = codes
        .iter()
        .map(|code| json!({"code": code, "reason": "a test"}))
        .collect();
    let with = json!({"accept": accept, "chunk_versions": 3});
    cut(&lab, &with, &freeze).await;
    // Somebody passes by the balancer, and takes it back.
    assert_eq!(lab.v2("POST", "groups", Some(json!({"id": "theirs"}))).await, 200);
    let error = lab.port_back(with.clone(), &freeze).await.unwrap_err();
    assert!(error.contains("group_extra group theirs"), "{error}");
    assert_eq!(lab.v2("DELETE", "groups/theirs", None).await, 204);
    let began = std::time::Instant::now();
    let output = lab.port_back(with.clone(), &freeze).await.unwrap();
    eprintln!("the way back took {:?}: {output}", began.elapsed());

    let left = lab.left_behind().await;
    let rows: Vec<String> = foretold.iter().map(|remnant| remnant.row().to_string()).collect();
    assert_eq!(left, rows, "exactly the residue is left");
    let step = lab.back(&with);
    let now = lab.look(step.as_ref(), Depth::Deep).await;
    assert!(
        step.diff(&now, &Inputs::default()).unwrap().is_none(),
        "a second time there is nothing to do"
    );

    // Ids of both sides.
    let (v2, v3) = lab.both().await;
    assert!(!v2.has_reserve_group() && !v2.has_scratch_group());
    for n in 0..3 {
        assert_eq!(lab.write("after", "native", &format!("native {n}")).await, 200);
    }
    let native = lab.read_v2("groups/after/artifacts/native/meta").await;
    eprintln!("the next version on 2.6: {native}");
    assert!(
        native["globalId"].as_u64().unwrap() > v3.max_global_id().max(2_000_000),
        "{native}"
    );
    assert!(
        native["contentId"].as_u64().unwrap() > v3.greatest_content_id(),
        "{native}"
    );
    for _ in 0..3 {
        let comment = Some(json!({"value": "after the way back"}));
        assert_eq!(
            lab.v2("POST", "groups/after/artifacts/native/versions/1/comments", comment)
                .await,
            200
        );
    }

    // Now it moved: another way back on the same freeze is refused.
    assert_eq!(lab.write_v3("born", "kept", "three").await, 200);
    let error = lab.port_back(json!({"accept": accept}), &freeze).await.unwrap_err();
    assert!(error.contains("nothing was sent"), "{error}");

    super::interrupted::a_doubted_look_counts_again_until_somebody_writes(&lab).await;
}

/// A rule of a group and a branch on 3.x: refused by name, and gone after a mirror.
async fn what_only_3_x_can_have_goes_with_a_mirror(lab: &Lab) {
    let (_, v3) = lab.both().await;
    let group = v3.groups.keys().find(|group| !group.is_scratch()).unwrap();
    let rule = json!({"ruleType": "VALIDITY", "config": "NONE"});
    assert_eq!(lab.v3("POST", &format!("groups/{group}/rules"), Some(rule)).await, 204);
    let orders = "groups/default/artifacts/orders-value/branches";
    let branch = json!({"branchId": "stable", "versions": ["1", "2"]});
    assert_eq!(lab.v3("POST", orders, Some(branch)).await, 200);
    let error = lab.replicate(&json!({})).await.unwrap_err();
    assert!(
        error.contains(&format!("rule VALIDITY of group {group}")) && error.contains("branch stable"),
        "{error}"
    );
    lab.replicate(&json!({"deletes": "mirror"})).await.unwrap();
    assert_eq!(lab.differences().await, [""; 0]);
}

/// Begins the way back and drops it while its third request is under way.
async fn cut(lab: &Lab, with: &Value, freeze: &Value) {
    let third = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&third);
    let log = Progress::new(move |update| {
        if update.text.starts_with("chunk 2 of") {
            seen.store(true, Ordering::SeqCst);
        }
    });
    tokio::select! {
        done = lab.port_back_saying(with.clone(), freeze, &log) => panic!("it ended before it was cut: {done:?}"),
        () = async {
            while !third.load(Ordering::SeqCst) {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        } => {}
    }
}
