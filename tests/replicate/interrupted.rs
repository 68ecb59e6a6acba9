//! Requests that are lost on the way, one after the other, and looks that are counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use regplan::rehearse::twin::{Faults, Outcome, Seen, Turn};
use regplan::{
    resource::held,
    system::{Age, Held},
};
use serde_json::json;

use super::lab::{Lab, fixture};

/// Counts exports, and loses one import.
#[derive(Default)]
struct Watch {
    exports: AtomicU64,
    imports: AtomicU64,
    /// The import to lose, from 1; 0: none.
    lose: u64,
    before: bool,
}

impl Faults for Watch {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        if seen.path.ends_with("/admin/export") {
            self.exports.fetch_add(1, Ordering::SeqCst);
        }
        let mut turn = Turn::default();
        if seen.path.ends_with("/admin/import") && self.imports.fetch_add(1, Ordering::SeqCst) + 1 == self.lose {
            turn.outcome = if self.before {
                Outcome::CutBefore
            } else {
                Outcome::CutAfter
            };
        }
        turn
    }
}

/// The reservation and ten chunks of seven versions.
const IMPORTS: u64 = 11;

#[tokio::test(flavor = "multi_thread")]
async fn whichever_request_is_lost_on_the_way_the_next_try_brings_the_rest() {
    let lost = (1..=IMPORTS).flat_map(|lose| [(lose, false), (lose, true)]);
    let all = lost.map(|(lose, before)| async move {
        let watch = Arc::new(Watch {
            lose,
            before,
            ..Watch::default()
        });
        let lab = Lab::with(&fixture("v2-rich"), watch.clone(), Arc::new(Watch::default())).await;
        let error = lab.replicate(&json!({})).await.unwrap_err();
        assert!(watch.imports.load(Ordering::SeqCst) == lose, "{lose} {before}: {error}");
        lab.replicate(&json!({}))
            .await
            .unwrap_or_else(|error| panic!("{lose} {before}: {error}"));
        assert_eq!(lab.differences().await, [""; 0], "{lose} {before}");
        lab.stop().await;
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn while_writes_are_frozen_each_side_is_exported_once() {
    let (v3, v2) = (Arc::new(Watch::default()), Arc::new(Watch::default()));
    let lab = Lab::with(&fixture("v2-rich"), v3.clone(), v2.clone()).await;
    lab.replicate(&json!({})).await.unwrap();
    assert_eq!(lab.write("fresh", "more", "more").await, 200);
    let exports = || (v2.exports.load(Ordering::SeqCst), v3.exports.load(Ordering::SeqCst));
    let before = exports();
    lab.world.snapshots().frozen(true);
    let output = lab.replicate(&json!({})).await.unwrap();
    assert_eq!(output["sent_versions"], 1);
    assert_eq!(exports(), (before.0 + 1, before.1 + 1));

    // Asked again, both looks are from after the last write.
    lab.replicate(&json!({})).await.unwrap();
    assert_eq!(exports(), (before.0 + 1, before.1 + 1));
    lab.world.snapshots().frozen(false);
    assert_eq!(lab.differences().await, [""; 0]);
    lab.stop().await;
}

#[tokio::test]
async fn an_old_look_never_says_that_there_is_nothing_to_do() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    lab.replicate(&json!({})).await.unwrap();
    // Somebody writes to the target behind our back, and the source stays as it was.
    let name = json!({"name": "damaged"});
    let url = "groups/payments/artifacts/semver/versions/1.1.0";
    assert_eq!(lab.v3("PUT", url, Some(name)).await, 204);
    lab.world.snapshots().frozen(true);
    let output = lab.replicate(&json!({})).await.unwrap();
    assert_eq!(output["recreated"], 1);
    assert_eq!(lab.differences().await, [""; 0]);
    lab.stop().await;
}

/// In a freeze, and each kind of write that a list of artifacts does not show among them.
pub(super) async fn a_doubted_look_counts_again_until_somebody_writes(lab: &Lab) {
    assert_eq!(lab.write("marked", "one", "one").await, 200);
    lab.world.snapshots().frozen(true);
    let name = "v2".into();
    let look = async || -> Held { held(&name, &lab.world, Age::Frozen).await.unwrap() };
    let mut last = look().await;
    let rule = json!({"type": "VALIDITY", "config": "NONE"});
    let meta = json!({"name": "edited"});
    let writes = [
        ("POST", "groups/marked/artifacts/one/rules", Some(rule)),
        ("PUT", "groups/marked/artifacts/one/versions/1/meta", Some(meta)),
        ("DELETE", "groups/marked/artifacts/one/rules", None),
    ];
    for (method, path, body) in writes {
        lab.world.snapshots().doubt();
        let again = look().await;
        assert!(
            Arc::ptr_eq(&last.snapshot, &again.snapshot),
            "nobody wrote before {method} {path}"
        );
        let status = lab.v2(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
        let within = look().await;
        assert!(Arc::ptr_eq(&again.snapshot, &within.snapshot), "nobody doubts it");
        lab.world.snapshots().doubt();
        last = look().await;
        assert!(
            !Arc::ptr_eq(&again.snapshot, &last.snapshot),
            "{method} {path} was not seen"
        );
    }
    lab.world.snapshots().frozen(false);
}

#[tokio::test]
async fn what_a_2_6_held_is_known_without_an_export_as_long_as_it_took_no_write() {
    let watch = Arc::new(Watch::default());
    let lab = Lab::with(&fixture("v2-rich"), Arc::new(Watch::default()), watch.clone()).await;
    a_doubted_look_counts_again_until_somebody_writes(&lab).await;
    assert_eq!(watch.exports.load(Ordering::SeqCst), 4);
    lab.stop().await;
}
