//! The way back: what clients did on 3.x since the switch arrives on the frozen 2.6.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use regplan::{
    kind::Inputs,
    rehearse::twin::{Faults, NoFaults, Outcome, Seen, Turn},
    resource::Depth,
};
use serde_json::{Value, json};

use super::lab::{Lab, export_of, fixture, said};

/// Both sides equal, and what the freeze recorded of the 2.6.
pub async fn switched(lab: &Lab) -> Value {
    assert_eq!(lab.write("grown", "item", "one").await, 200);
    assert_eq!(lab.write("grown", "item", "two").await, 200);
    let freeze = lab.replicate(&json!({})).await.unwrap();
    assert_eq!(lab.differences().await, [""; 0]);
    lab.allow_deletions().await;
    freeze
}

/// One of each that clients can do on 3.x, all of which 2.6 can hold.
pub async fn change_v3(lab: &Lab) {
    let semver = "groups/payments/artifacts/semver";
    assert_eq!(lab.write_v3("grown", "item", "new version").await, 200);
    assert_eq!(lab.write_v3("born", "on-v3", "one").await, 200);
    assert_eq!(lab.write_v3("born", "on-v3", "two").await, 200);
    let comment = Some(json!({"value": "on v3"}));
    assert_eq!(
        lab.v3(
            "POST",
            "groups/born/artifacts/on-v3/versions/2/comments",
            comment.clone()
        )
        .await,
        200
    );
    assert_eq!(
        lab.v3("POST", &format!("{semver}/versions/1.0.0/comments"), comment)
            .await,
        200
    );
    let edit = json!({"name": "edited on v3", "description": "", "labels": {"tag": "", "k": "v"}});
    assert_eq!(
        lab.v3("PUT", &format!("{semver}/versions/1.1.0"), Some(edit)).await,
        204
    );
    let state = Some(json!({"state": "DEPRECATED"}));
    assert_eq!(
        lab.v3("PUT", "groups/default/artifacts/orders-value/versions/2/state", state)
            .await,
        204
    );
    let owner = Some(json!({"owner": "alice"}));
    assert_eq!(lab.v3("PUT", "groups/refs/artifacts/customer", owner).await, 204);
    let group = Some(json!({"description": "changed on v3", "labels": {"team": "new"}}));
    assert_eq!(lab.v3("PUT", "groups/payments", group).await, 204);
    let rule = Some(json!({"ruleType": "VALIDITY", "config": "SYNTAX_ONLY"}));
    lab.v3("DELETE", &format!("{semver}/rules"), None).await;
    assert_eq!(lab.v3("POST", &format!("{semver}/rules"), rule.clone()).await, 204);
    lab.v3("DELETE", "admin/rules", None).await;
    assert_eq!(lab.v3("POST", "admin/rules", rule).await, 204);
    // Gone: a version, an artifact, a group; gone and made again.
    assert_eq!(
        lab.v3("DELETE", "groups/payments/artifacts/dis-latest/versions/1", None)
            .await,
        204
    );
    assert_eq!(
        lab.v3("DELETE", "groups/default/artifacts/odd-versions", None).await,
        204
    );
    assert_eq!(lab.v3("DELETE", "groups/types", None).await, 204);
    assert_eq!(lab.v3("DELETE", "groups/default/artifacts/recreated", None).await, 204);
    assert_eq!(lab.write_v3("default", "recreated", "again").await, 200);
}

#[tokio::test]
async fn everything_that_clients_did_on_3_x_arrives_on_the_frozen_2_6() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let freeze = switched(&lab).await;
    change_v3(&lab).await;
    assert!(!lab.left_behind().await.is_empty());
    let output = lab.port_back(json!({}), &freeze).await.unwrap();
    assert_eq!(lab.left_behind().await, [""; 0]);
    assert_eq!(
        (&output["residue"], &output["left"]),
        (&json!(0), &json!([])),
        "{output}"
    );
    assert_eq!(
        lab.read_v2("groups/refs/artifacts/customer/owner").await["owner"],
        "alice"
    );
    let latest = lab.read_v2("groups/born/artifacts/on-v3/meta").await;
    assert_eq!(latest["version"], "2");

    // Nothing of regplan's own is left, and a second time there is nothing to do.
    let (v2, _) = lab.both().await;
    assert!(!v2.has_reserve_group() && !v2.has_scratch_group());
    let step = lab.back(&json!({}));
    let now = lab.look(step.as_ref(), Depth::Deep).await;
    assert!(step.diff(&now, &Default::default()).unwrap().is_none());

    // What 2.6 gives out next lies above all of 3.x, comments included.
    let (_, v3) = lab.both().await;
    assert_eq!(lab.write("grown", "item", "native again").await, 200);
    let native = lab.read_v2("groups/grown/artifacts/item/meta").await;
    assert!(native["globalId"].as_u64().unwrap() > v3.max_global_id(), "{native}");
    assert!(
        native["contentId"].as_u64().unwrap() > v3.greatest_content_id(),
        "{native}"
    );
    let version = native["version"].as_str().unwrap();
    let url = format!("groups/grown/artifacts/item/versions/{version}/comments");
    for _ in 0..3 {
        assert_eq!(
            lab.v2("POST", &url, Some(json!({"value": "after the way back"}))).await,
            200
        );
    }
    lab.stop().await;
}

#[tokio::test]
async fn ids_lie_above_those_that_3_x_gave_to_what_it_deleted() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let freeze = switched(&lab).await;
    assert_eq!(lab.write_v3("born", "gone", "gone").await, 200);
    assert_eq!(lab.v3("DELETE", "groups/born", None).await, 204);
    let (_, v3) = lab.both().await;
    assert!(
        v3.max_global_id() < 1_000_000,
        "the newest are gone: {}",
        v3.max_global_id()
    );
    assert_eq!(lab.write_v3("refs", "one", "one").await, 200);
    lab.port_back(json!({}), &freeze).await.unwrap();
    assert_eq!(lab.write("grown", "item", "native again").await, 200);
    let native = lab.read_v2("groups/grown/artifacts/item/meta").await;
    assert!(native["globalId"].as_u64().unwrap() > 2_000_000, "{native}");
    lab.stop().await;
}

#[tokio::test]
async fn what_2_6_cannot_hold_is_listed_before_anything_is_written() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let freeze = switched(&lab).await;
    let empty = json!({"artifactId": "empty", "artifactType": "JSON"});
    assert_eq!(lab.v3("POST", "groups/born/artifacts", Some(empty)).await, 200);
    let rule = json!({"ruleType": "VALIDITY", "config": "FULL"});
    assert_eq!(lab.v3("POST", "groups/payments/rules", Some(rule)).await, 204);
    assert_eq!(lab.write_v3("born", "on-v3", "one").await, 200);
    let (before, _) = lab.both().await;
    let error = lab.port_back(json!({}), &freeze).await.unwrap_err();
    for word in ["residue_empty_artifact born/empty", "residue_group_rule group payments"] {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
    assert_eq!(lab.both().await.0.digest(), before.digest(), "something was written");

    let accept = |codes: &[&str]| -> Value {
        codes
            .iter()
            .map(|code| json!({"code": code, "reason": "v2 clients know none of it"}))
            .collect()
    };
    let some = accept(&["residue_empty_artifact"]);
    let error = lab.port_back(json!({"accept": some}), &freeze).await.unwrap_err();
    assert!(
        error.contains("residue_group_rule") && !error.contains("residue_empty"),
        "{error}"
    );
    let all = accept(&["residue_empty_artifact", "residue_group_rule"]);
    let output = lab.port_back(json!({"accept": all}), &freeze).await.unwrap();
    assert_eq!(output["residue"], 2, "{output}");
    assert_eq!(output["left"].as_array().unwrap().len(), 2);
    let left = lab.left_behind().await;
    assert_eq!(left.len(), 2, "exactly the residue is left: {left:?}");
    assert!(left.iter().all(|row| row.starts_with("residue_")), "{left:?}");
    lab.stop().await;
}

#[tokio::test]
async fn a_2_6_that_moved_since_the_freeze_blocks_the_way_back() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let freeze = switched(&lab).await;
    assert_eq!(lab.write_v3("born", "on-v3", "one").await, 200);
    // Somebody passed by the balancer.
    assert_eq!(lab.write("grown", "item", "bypass").await, 200);
    let (before, _) = lab.both().await;
    let error = lab.port_back(json!({}), &freeze).await.unwrap_err();
    assert!(error.contains("v2 moved since step `freeze` captured it"), "{error}");
    assert_eq!(lab.both().await.0.digest(), before.digest());
    lab.stop().await;
}

#[tokio::test]
async fn a_reset_deletes_nothing_when_not_all_can_be_brought_again() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let freeze = switched(&lab).await;
    let empty = json!({"artifactId": "empty", "artifactType": "JSON"});
    assert_eq!(lab.v3("POST", "groups/born/artifacts", Some(empty)).await, 200);
    assert_eq!(lab.v3("DELETE", "groups/payments/artifacts/semver", None).await, 204);
    let (before, _) = lab.both().await;
    let error = lab.port_back(json!({"reset": true}), &freeze).await.unwrap_err();
    assert!(error.contains("residue_empty_artifact born/empty"), "{error}");
    assert_eq!(lab.both().await.0.digest(), before.digest(), "something was deleted");

    // The plan was made before somebody wrote to the 2.6.
    let accept = json!([{"code": "residue_empty_artifact", "reason": "nothing is in it"}]);
    let with = json!({"reset": true, "accept": accept, "unmoved_since": "freeze"});
    let (step, inputs) = (lab.back(&with), Inputs([("freeze".into(), freeze)].into()));
    let seen = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&seen, &inputs).unwrap();
    assert_eq!(lab.write("grown", "item", "bypass").await, 200);
    let (before, _) = lab.both().await;
    let error = step.apply(&change, &inputs, &lab.world, &said()).await.unwrap_err();
    assert!(error.to_string().contains("moved since it was frozen"), "{error}");
    assert_eq!(lab.both().await.0.digest(), before.digest(), "something was deleted");
    lab.stop().await;
}

#[tokio::test]
async fn a_source_that_lost_everything_takes_nothing_with_it() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    // The 3.x has come up without its storage.
    let (v2, _) = lab.both().await;
    let freeze = json!({"source_digest": v2.digest()});
    let error = lab.port_back(json!({}), &freeze).await.unwrap_err();
    assert!(
        error.contains("v3 holds nothing, so everything on v2 would be deleted"),
        "{error}"
    );
    let error = lab.port_back(json!({"max_changes": 5}), &freeze).await.unwrap_err();
    assert!(error.contains("`max_changes` is 5"), "{error}");
    assert_eq!(lab.both().await.0.digest(), v2.digest(), "something was deleted");
    lab.stop().await;
}

/// Loses one import to the 2.6.
pub struct Lose {
    pub imports: AtomicU64,
    pub lose: AtomicU64,
    pub outcome: fn() -> Outcome,
}

impl Faults for Lose {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        let mut turn = Turn::default();
        if seen.path.ends_with("/admin/import") {
            let n = self.imports.fetch_add(1, Ordering::SeqCst) + 1;
            if n == self.lose.load(Ordering::SeqCst) {
                turn.outcome = (self.outcome)();
            }
        }
        turn
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_request_of_the_way_back_is_lost_the_next_try_brings_the_rest() {
    // The reservation, and the chunks of seven versions.
    let tries = (1..=4).flat_map(|lose| [(lose, false), (lose, true)]);
    let all = tries.map(|(lose, before)| async move {
        let faults = Arc::new(Lose {
            imports: AtomicU64::new(0),
            lose: AtomicU64::new(lose),
            outcome: if before {
                || Outcome::CutBefore
            } else {
                || Outcome::CutAfter
            },
        });
        let lab = Lab::with(&fixture("v2-rich"), Arc::new(NoFaults), faults.clone()).await;
        let freeze = switched(&lab).await;
        change_v3(&lab).await;
        let error = lab.port_back(json!({}), &freeze).await.unwrap_err();
        let context = format!("{lose} {before}: {error}");
        assert_eq!(faults.imports.load(Ordering::SeqCst), lose, "{context}");
        let again = lab.port_back(json!({}), &freeze).await;
        again.unwrap_or_else(|error| panic!("{context}; then {error}"));
        assert_eq!(lab.left_behind().await, [""; 0], "{context}");
        lab.stop().await;
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn there_and_back_and_there_again() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    for round in 0..3 {
        lab.replicate(&json!({"deletes": "mirror"}))
            .await
            .unwrap_or_else(|error| panic!("{round}: {error}"));
        assert_eq!(lab.differences().await, [""; 0], "round {round}");
        if round > 0 {
            // Born on 2.6 above all ids of 3.x, brought there just now, and not wanted any more.
            let gone = format!("groups/born/artifacts/on-v2-{}", round - 1);
            assert_eq!(lab.v2("DELETE", &gone, None).await, 204);
            let caught_up = lab.replicate(&json!({"deletes": "mirror"})).await;
            caught_up.unwrap_or_else(|error| panic!("{round}: {error}"));
            assert_eq!(lab.differences().await, [""; 0], "round {round}");
        }
        let freeze = lab.replicate(&json!({"deletes": "mirror"})).await.unwrap();
        assert_eq!(lab.write_v3("born", "on-v3", &format!("v3 {round}")).await, 200);
        assert_eq!(lab.write_v3("born", &format!("only-{round}"), "x").await, 200);
        lab.port_back(json!({}), &freeze)
            .await
            .unwrap_or_else(|error| panic!("{round}: {error}"));
        assert_eq!(lab.left_behind().await, [""; 0], "round {round}");
        assert_eq!(lab.write("born", "on-v3", &format!("v2 {round}")).await, 200);
        assert_eq!(lab.write("born", &format!("on-v2-{round}"), "x").await, 200);
        // Born on 3.x, brought back, and not wanted on 2.6 any more.
        let gone = format!("groups/born/artifacts/only-{round}");
        assert_eq!(lab.v2("DELETE", &gone, None).await, 204);
    }
    assert_eq!(lab.write_v3("born", "since-then", "x").await, 200);
    let refused = lab.replicate(&json!({"deletes": "mirror"})).await.unwrap_err();
    assert!(refused.contains("clients have written to the target"), "{refused}");
    lab.stop().await;
}

/// Tells when the 2.6 gets its n-th request that writes.
struct Nth {
    n: u64,
    seen: AtomicU64,
    come: Arc<tokio::sync::Notify>,
}

impl Faults for Nth {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        if seen.method != "GET" && self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.n {
            self.come.notify_one();
        }
        Turn::default()
    }
}

/// At a time, so that a machine with two cores is busy and not flooded.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_write_the_next_run_ends_the_same() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let freeze = switched(&lab).await;
    change_v3(&lab).await;
    let dir = tempfile::tempdir().unwrap();
    let (v2, v3) = (dir.path().join("v2.zip"), dir.path().join("v3.zip"));
    for (path, twin, api) in [(&v2, &lab.v2, "v2"), (&v3, &lab.v3, "v3")] {
        let zip = export_of(twin, api).await;
        let mut file = std::fs::File::create(path).unwrap();
        std::io::Write::write_all(&mut file, &zip).unwrap();
    }
    lab.stop().await;
    let (v2, v3, freeze) = (&v2, &v3, &freeze);
    let killed_at = |n: u64| async move {
        let come = Arc::new(tokio::sync::Notify::new());
        let faults = Nth {
            n,
            seen: AtomicU64::new(0),
            come: Arc::clone(&come),
        };
        let lab = Lab::loaded(v2, v3, Arc::new(faults)).await;
        let killed = tokio::select! {
            done = lab.port_back(json!({}), freeze) => {
                done.unwrap();
                false
            }
            () = come.notified() => true,
        };
        if killed {
            let again = lab.port_back(json!({}), freeze).await;
            again.unwrap_or_else(|error| panic!("killed at write {n}: {error}"));
        }
        assert_eq!(lab.left_behind().await, [""; 0], "killed at write {n}");
        let (v2, _) = lab.both().await;
        assert!(!v2.has_reserve_group(), "killed at write {n}");
        lab.stop().await;
        killed
    };
    use futures_util::StreamExt as _;
    // More than there are: the last ones are not killed.
    let all: Vec<bool> = futures_util::stream::iter((1..=60).map(killed_at))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let kills = all.iter().filter(|killed| **killed).count();
    assert!(kills > 20 && kills < all.len(), "{kills} kills");
}
