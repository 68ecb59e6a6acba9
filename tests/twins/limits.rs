//! The traps that no recorded export shows.

use std::io::Cursor;

use regplan::{
    registry::Reservation,
    rehearse::twin::{
        Twin,
        TwinVersion::{V2_6_13, V3_3_3},
    },
};
use serde_json::{Value, json};

use super::support::{bytes, client, empty, export, import, of, read, snapshot};

async fn post(twin: &Twin, path: &str, body: Value) -> (u16, Value) {
    let answer = client()
        .post(format!("{}/apis/registry/{path}", twin.url()))
        .json(&body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn new_version(twin: &Twin, n: u32) -> Value {
    let body = json!({"content": {"content": format!("{{\"n\":{n}}}"), "contentType": "application/json"}});
    let (status, body) = post(twin, "v3/groups/types/artifacts/json/versions", body).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn live(twin: &Twin) -> u16 {
    client()
        .get(format!("{}/health/live", twin.management()))
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn a_body_above_50_mib_is_refused_by_both() {
    for version in [V2_6_13, V3_3_3] {
        let twin = empty(version).await;
        assert_eq!(import(&twin, vec![0; (50 << 20) + 1]).await, 413);
        twin.stop().await;
    }
}

#[tokio::test]
async fn comments_fail_after_an_import_until_the_counter_has_passed_them() {
    for (version, name, api) in [(V2_6_13, "v2-rich", "v2"), (V3_3_3, "v3-rich", "v3")] {
        let twin = of(version, name).await;
        let path = format!("{api}/groups/default/artifacts/orders-value/versions/1/comments");
        // The counter stands at the textual maximum of 1 to 16, which is 9.
        for _ in 0..7 {
            assert_eq!(post(&twin, &path, json!({"value": "x"})).await.0, 500, "{name}");
        }
        let (status, comment) = post(&twin, &path, json!({"value": "x"})).await;
        assert_eq!((status, &comment["commentId"]), (200, &json!("17")), "{name}");
        assert_eq!(live(&twin).await, 503, "{name}");
        twin.stop().await;
    }
}

#[tokio::test]
async fn a_second_whole_import_brings_liveness_down_only_by_its_rules() {
    let twin = of(V3_3_3, "v3-rich").await;
    // Four artifact rules are there already: four of the five failures that may pass.
    assert_eq!(import(&twin, bytes("v2-rich")).await, 204);
    assert_eq!(live(&twin).await, 200);
    assert_eq!(import(&twin, bytes("v2-rich")).await, 204);
    assert_eq!(live(&twin).await, 503);
    twin.stop().await;
}

#[tokio::test]
async fn reserved_ids_are_never_given_again() {
    let twin = of(V3_3_3, "v3-rich").await;
    let reservation = Reservation::above(&snapshot("v2-rich"), &snapshot("v3-rich"), None).unwrap();
    let zip = reservation.write(Cursor::new(Vec::new())).unwrap().into_inner();
    assert_eq!(import(&twin, zip).await, 204);
    let put = |name: &str| {
        let url = format!("{}/apis/registry/v3/admin/config/properties/{name}", twin.url());
        client().put(url).json(&json!({"value": "true"})).send()
    };
    let delete = || {
        client()
            .delete(format!("{}/apis/registry/v3/groups/regplan-reserve", twin.url()))
            .send()
    };
    assert_eq!(delete().await.unwrap().status(), 405);
    assert_eq!(put("apicurio.rest.deletion.group.enabled").await.unwrap().status(), 204);
    assert_eq!(delete().await.unwrap().status(), 204);
    assert_eq!(import(&twin, bytes("v2-rich-delta")).await, 204);
    let made = new_version(&twin, 1).await;
    assert_eq!(made["globalId"], reservation.global_id + 1);
    assert_eq!(made["contentId"], reservation.content_id + 1);
    twin.stop().await;
}

#[tokio::test]
async fn latest_follows_arrival_and_not_the_ids() {
    let (source, twin) = (snapshot("v2-rich"), empty(V3_3_3).await);
    let whole = super::support::missing("v2-rich", &read(export(&twin).await));
    let mut late = whole.clone();
    late.versions.retain(|id| *id == 2);
    late.contents.retain(|id| *id == source.versions[&2].content_id);
    late.comments.clear();
    let mut early = whole;
    early.versions.remove(&2);
    super::support::send(&twin, "v2-rich", &early, 500).await;
    super::support::send(&twin, "v2-rich", &late, 500).await;
    let url = format!(
        "{}/apis/registry/v3/groups/default/artifacts/orders-value/versions/branch=latest",
        twin.url()
    );
    let tip: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(tip["version"], "2");
    twin.stop().await;
}

#[tokio::test]
async fn a_2_6_takes_what_comes_before_a_cut_and_a_3_3_nothing() {
    let zip = bytes("v2-rich");
    let cut = zip[..zip.len() * 6 / 10].to_vec();
    let (v2, v3) = (empty(V2_6_13).await, empty(V3_3_3).await);
    assert_eq!(import(&v2, cut.clone()).await, 204);
    let found = read(export(&v2).await).versions.len();
    assert!((1..68).contains(&found), "{found}");
    assert_eq!(import(&v3, cut).await, 400);
    assert_eq!(read(export(&v3).await).contents.len(), 0);
    assert_eq!(import(&v2, b"no zip".to_vec()).await, 204);
    assert_eq!(import(&v3, b"no zip".to_vec()).await, 500);
    // A 2.6 reads a 3.x export up to its first content, which has a field too many.
    let other = empty(V2_6_13).await;
    assert_eq!(import(&other, bytes("v3-rich")).await, 204);
    assert_eq!(read(export(&other).await).contents.len(), 0);
    for twin in [v2, v3, other] {
        twin.stop().await;
    }
}
