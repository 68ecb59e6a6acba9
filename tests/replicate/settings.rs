//! What no export holds: role mappings, dynamic properties, and the ids that come next.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use regplan::{
    kind::Inputs,
    rehearse::twin::{Faults, NoFaults, Outcome, Seen, Turn},
    resource::Depth,
    system::Progress,
};
use serde_json::{Value, json};

use super::lab::{Lab, fixture};

const LEGACY: &str = "admin/config/properties/registry.ccompat.legacy-id-mode.enabled";

async fn map_role(lab: &Lab, principal: &str, role: &str) {
    let body = json!({"principalId": principal, "principalName": principal, "role": role});
    assert_eq!(lab.v2("POST", "admin/roleMappings", Some(body)).await, 204);
}

/// `principal role`, sorted.
async fn roles(lab: &Lab) -> Vec<String> {
    let all = lab.read_v3("admin/roleMappings?limit=100").await;
    let all = all["roleMappings"].as_array().unwrap().clone();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    all.iter()
        .map(|one| format!("{} {}", text(one, "principalId"), text(one, "role")))
        .collect()
}

async fn property(lab: &Lab, name: &str) -> Value {
    lab.read_v3(&format!("admin/config/properties/{name}")).await["value"].clone()
}

fn texts(list: &Value) -> String {
    list.as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join("; ")
}

#[tokio::test]
async fn role_mappings_and_properties_are_carried_and_twice_changes_nothing() {
    let lab = Lab::with_roles(&fixture("v2-rich")).await;
    map_role(&lab, "alice", "ADMIN").await;
    map_role(&lab, "bob", "DEVELOPER").await;
    let own = json!({"principalId": "root", "principalName": "root", "role": "ADMIN"});
    assert_eq!(lab.v3("POST", "admin/roleMappings", Some(own)).await, 204);
    assert_eq!(lab.v2("PUT", LEGACY, Some(json!({"value": "true"}))).await, 204);
    let toggle = "admin/config/properties/registry.rest.artifact.deletion.enabled";
    assert_eq!(lab.v2("PUT", toggle, Some(json!({"value": "true"}))).await, 204);

    let output = lab.replicate(&json!({})).await.unwrap();
    let repaired = texts(&output["repaired"]);
    assert!(
        repaired.contains("role ADMIN for alice") && repaired.contains("legacy-id-mode.enabled = true"),
        "{repaired}"
    );
    assert!(
        texts(&output["not_carried"]).contains("artifact-version.enabled is yours to set"),
        "{output}"
    );
    assert_eq!(roles(&lab).await, ["alice ADMIN", "bob DEVELOPER", "root ADMIN"]);
    assert_eq!(property(&lab, "apicurio.ccompat.legacy-id-mode.enabled").await, "true");
    assert_eq!(
        property(&lab, "apicurio.rest.deletion.artifact-version.enabled").await,
        "false"
    );

    let again = lab.replicate(&json!({})).await.unwrap();
    assert_eq!(again["repaired"], Value::Null, "nothing was to be done");

    // Only a role is another one: that is a change of its own.
    let role = json!({"role": "READ_ONLY"});
    assert_eq!(lab.v2("PUT", "admin/roleMappings/bob", Some(role)).await, 204);
    let step = lab.step(&json!({}));
    let seen = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&seen, &regplan::kind::Inputs::default()).unwrap();
    assert!(
        change.in_words().contains("role READ_ONLY for bob"),
        "{}",
        change.in_words()
    );
    let third = lab.replicate(&json!({})).await.unwrap();
    assert_eq!(
        (&third["sent_versions"], texts(&third["repaired"])),
        (&json!(0), "role READ_ONLY for bob".to_owned())
    );
    assert_eq!(roles(&lab).await[1], "bob READ_ONLY");
    lab.stop().await;
}

/// Refuses the property until it is told to take it.
#[derive(Default)]
struct Stubborn(AtomicBool);

impl Faults for Stubborn {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        let mut turn = Turn::default();
        if seen.method == "PUT" && seen.path.ends_with("legacy-id-mode.enabled") && !self.0.load(Ordering::SeqCst) {
            turn.outcome = Outcome::Refuse(500);
        }
        turn
    }
}

#[tokio::test]
async fn an_act_that_ended_between_content_and_settings_is_not_done() {
    let stubborn = Arc::new(Stubborn::default());
    let lab = Lab::with(&fixture("v2-rich"), stubborn.clone(), Arc::new(NoFaults)).await;
    assert_eq!(lab.v2("PUT", LEGACY, Some(json!({"value": "true"}))).await, 204);
    let step = lab.step(&json!({}));
    let before = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&before, &Inputs::default()).unwrap();
    lab.act(step.as_ref(), &before, &change).await.unwrap_err();
    assert_eq!(lab.differences().await, [""; 0], "all the content is there");
    // The next process looks with the export that the first one wanted to bring.
    let now = lab.look_after(step.as_ref(), &before).await;
    let left = step.diff(&now, &Inputs::default()).unwrap();
    assert!(
        left.in_words().contains("legacy-id-mode.enabled"),
        "{}",
        left.in_words()
    );
    stubborn.0.store(true, Ordering::SeqCst);
    lab.act(step.as_ref(), &before, &left).await.unwrap();
    assert_eq!(property(&lab, "apicurio.ccompat.legacy-id-mode.enabled").await, "true");
    lab.stop().await;
}

#[tokio::test]
async fn with_an_empty_repair_settings_are_left_alone() {
    let lab = Lab::with_roles(&fixture("v2-rich")).await;
    map_role(&lab, "alice", "ADMIN").await;
    assert_eq!(lab.v2("PUT", LEGACY, Some(json!({"value": "true"}))).await, 204);
    lab.replicate(&json!({"repair": ["properties"]})).await.unwrap();
    assert_eq!(roles(&lab).await, [""; 0]);
    assert_eq!(property(&lab, "apicurio.ccompat.legacy-id-mode.enabled").await, "true");
    assert_eq!(lab.v2("PUT", LEGACY, Some(json!({"value": "false"}))).await, 204);
    lab.replicate(&json!({"repair": []})).await.unwrap();
    assert_eq!(property(&lab, "apicurio.ccompat.legacy-id-mode.enabled").await, "true");
    lab.stop().await;
}

#[tokio::test]
async fn a_group_that_was_made_again_on_the_source_gets_its_new_date() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let group = || Some(json!({"id": "late", "description": "d", "properties": {"k": "v"}}));
    assert_eq!(lab.v2("POST", "groups", group()).await, 200);
    assert_eq!(lab.write("late", "item", "one").await, 200);
    lab.replicate(&json!({})).await.unwrap();
    assert_eq!(lab.v2("DELETE", "groups/late", None).await, 204);
    assert_eq!(lab.v2("POST", "groups", group()).await, 200);
    assert_eq!(lab.write("late", "item", "two").await, 200);
    assert!(lab.differences().await.iter().any(|row| row.contains("group_created")));
    lab.replicate(&json!({"deletes": "mirror"})).await.unwrap();
    assert_eq!(lab.differences().await, [""; 0]);
    assert_eq!(lab.read_v3("groups/late").await["labels"], json!({"k": "v"}));
    lab.stop().await;
}

#[tokio::test]
async fn the_next_ids_are_proven_once_for_each_reservation_and_leave_nothing() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let said = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let heard = std::sync::Arc::clone(&said);
    let log = Progress::new(move |update| {
        if update.text.contains("proving the next ids") {
            heard.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    lab.replicate_saying(&json!({}), &log).await.unwrap();
    assert_eq!(said.load(std::sync::atomic::Ordering::SeqCst), 1);
    let (source, target) = lab.both().await;
    assert!(!target.has_scratch_group() && !target.has_reserve_group());
    assert_eq!(property(&lab, "apicurio.rest.deletion.group.enabled").await, "false");
    assert_eq!(source.max_global_id(), target.max_global_id());

    // Inside the freeze no new reservation is needed, so nothing has to be proven again.
    assert_eq!(lab.write("fresh", "one", "more").await, 200);
    lab.world.snapshots().frozen(true);
    lab.replicate_saying(&json!({}), &log).await.unwrap();
    assert_eq!(said.load(std::sync::atomic::Ordering::SeqCst), 1);
    lab.stop().await;
}
