//! Whatever a copy is refused for, the target has got no request that writes, also when it became so after the plan.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use regplan::{
    kind::Inputs,
    rehearse::twin::{Faults, NoFaults, Seen, Turn},
    resource::Depth,
    system::causes,
};
use serde_json::{Value, json};

use super::lab::{Lab, fixture, said};

/// Counts requests that write.
#[derive(Default)]
struct Writes(AtomicU64);

impl Faults for Writes {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        if seen.method != "GET" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        Turn::default()
    }
}

/// Why a copy is refused: its options, what makes it so after the plan was made, and words of the refusal.
struct Cause {
    with: Value,
    make: fn(&Lab) -> BoxFuture<'_, ()>,
    words: &'static str,
}

fn causes_of_refusal() -> Vec<Cause> {
    let of = |with: Value, make, words| Cause { with, make, words };
    vec![
        of(
            json!({}),
            |lab| async { assert_eq!(lab.write_v3("theirs", "native", "x").await, 200) }.boxed(),
            "theirs/native",
        ),
        of(
            json!({}),
            |lab| async { assert_eq!(lab.write_v3("shared", "base", "x").await, 200) }.boxed(),
            "shared/base",
        ),
        of(
            json!({}),
            |lab| {
                async {
                    let group = json!({"groupId": "theirs"});
                    assert_eq!(lab.v3("POST", "groups", Some(group)).await, 200);
                }
                .boxed()
            },
            "group theirs is not in the source",
        ),
        of(
            json!({}),
            |lab| {
                async {
                    let rule = json!({"ruleType": "VALIDITY", "config": "FULL"});
                    assert_eq!(lab.v3("POST", "groups/payments/rules", Some(rule)).await, 204);
                }
                .boxed()
            },
            "rule VALIDITY of group payments",
        ),
        of(
            json!({"deletes": "mirror"}),
            |lab| async { assert_eq!(lab.write_v3("theirs", "native", "x").await, 200) }.boxed(),
            "clients have written to the target",
        ),
        of(
            json!({"max_changes": 1}),
            |lab| {
                async {
                    lab.allow_deletions().await;
                    assert_eq!(lab.v3("DELETE", "groups/types", None).await, 204);
                }
                .boxed()
            },
            "`max_changes` is 1",
        ),
        of(
            json!({"max_changes": 1, "reset": true}),
            |lab| async { assert_eq!(lab.write_v3("theirs", "native", "x").await, 200) }.boxed(),
            "`max_changes` is 1",
        ),
        of(
            json!({}),
            |lab| {
                async {
                    // The export that was pinned is lost.
                    let spool = std::fs::read_dir(lab.world.spool().directory()).unwrap();
                    for file in spool.map(|file| file.unwrap().path()) {
                        if file.file_name().unwrap().len() == 64 {
                            std::fs::remove_file(file).unwrap();
                        }
                    }
                }
                .boxed()
            },
            "",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_copy_is_refused_for_nothing_was_written() {
    let all = causes_of_refusal().into_iter().map(|cause| async move {
        let writes = Arc::new(Writes::default());
        let lab = Lab::with(
            &fixture("v2-rich"),
            Arc::clone(&writes) as Arc<dyn Faults>,
            Arc::new(NoFaults),
        )
        .await;
        assert_eq!(lab.write("shared", "base", "one").await, 200);
        lab.replicate(&json!({})).await.unwrap();
        assert_eq!(lab.write("grown", "item", "one").await, 200);
        let step = lab.step(&cause.with);
        let seen = lab.look(step.as_ref(), Depth::Deep).await;
        // Within the bounds when it was planned.
        let change = lab.step(&json!({})).diff(&seen, &Inputs::default()).unwrap();
        (cause.make)(&lab).await;
        let (before, held) = (writes.0.load(Ordering::SeqCst), lab.both().await.1);
        let refused = step.apply(&change, &Inputs::default(), &lab.world, &said()).await;
        let refused = refused.map(drop).map_err(|error| causes(&error));
        let error = refused.expect_err(&format!("`{}` is not refused", cause.words));
        assert!(error.contains(cause.words), "`{}` is not in: {error}", cause.words);
        assert_eq!(writes.0.load(Ordering::SeqCst), before, "written although {error}");
        assert_eq!(lab.both().await.1.digest(), held.digest(), "{error}");
        lab.stop().await;
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn a_content_that_no_request_can_carry_is_refused_before_anything_is_deleted() {
    let writes = Arc::new(Writes::default());
    let lab = Lab::with(
        &fixture("v2-rich"),
        Arc::clone(&writes) as Arc<dyn Faults>,
        Arc::new(NoFaults),
    )
    .await;
    assert_eq!(lab.write("grown", "item", "one").await, 200);
    lab.replicate(&json!({})).await.unwrap();
    // An edit, for which it has to be deleted, and a version of more than the 10 MiB that 3.x takes.
    let edit = json!({"name": "edited", "description": "", "labels": [], "properties": {}});
    let url = "groups/grown/artifacts/item/versions/1/meta";
    assert_eq!(lab.v2("PUT", url, Some(edit)).await, 204);
    assert_eq!(lab.write("grown", "item", &"x".repeat(11 << 20)).await, 200);
    let before = writes.0.load(Ordering::SeqCst);
    let error = lab.replicate(&json!({"deletes": "mirror"})).await.unwrap_err();
    assert_eq!(writes.0.load(Ordering::SeqCst), before, "written although {error}");
    lab.stop().await;
}

#[tokio::test]
async fn settings_count_as_changes() {
    let lab = Lab::with_roles(&fixture("v2-rich")).await;
    lab.replicate(&json!({"repair": []})).await.unwrap();
    for (n, name) in ["ann", "bob"].iter().enumerate() {
        let mapping = json!({"principalId": name, "role": "ADMIN", "principalName": name});
        assert_eq!(lab.v2("POST", "admin/roleMappings", Some(mapping)).await, 204, "{n}");
    }
    let error = lab.replicate(&json!({"max_changes": 1})).await.unwrap_err();
    assert!(error.contains("2 changes are needed and `max_changes` is 1"), "{error}");

    // Known only when it acts: one more since the plan.
    let step = lab.step(&json!({"max_changes": 2}));
    let seen = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&seen, &Inputs::default()).unwrap();
    let mapping = json!({"principalId": "eve", "role": "ADMIN", "principalName": "eve"});
    assert_eq!(lab.v2("POST", "admin/roleMappings", Some(mapping)).await, 204);
    let acted = step.apply(&change, &Inputs::default(), &lab.world, &said()).await;
    let error = acted.map(drop).map_err(|error| causes(&error)).unwrap_err();
    assert!(error.contains("3 changes are needed and `max_changes` is 2"), "{error}");
    let roles = lab.read_v3("admin/roleMappings").await;
    assert!(!roles.to_string().contains("ann"), "{roles}");
    lab.stop().await;
}
