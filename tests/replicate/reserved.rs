//! Ids are reserved and proven whenever a step succeeds, also when others have brought the content.

use regplan::{kind::Inputs, resource::Depth};
use serde_json::json;

use super::lab::{Lab, fixture};

/// Forgets what this journal knows, as when the content came from another one.
fn another_journal(lab: &Lab) {
    let spool = lab.world.spool().directory().to_owned();
    let notes = std::fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path());
    let reserved = notes.filter(|path| path.extension().is_some_and(|suffix| suffix == "reserved"));
    reserved.for_each(|path| std::fs::remove_file(path).unwrap());
}

#[tokio::test]
async fn content_that_came_by_other_means_gets_its_ids_reserved_and_nothing_else_is_sent() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    // By hand, with the server's own import: the next ids of 3.x are right above those of 2.6.
    assert_eq!(lab.import_v3(std::fs::read(fixture("v2-rich")).unwrap()).await, 204);
    let done = lab.replicate(&json!({})).await.unwrap();
    assert_eq!(done["sent_versions"], 0, "{done}");
    assert_eq!(lab.differences().await, [""; 0]);
    assert_eq!(lab.write_v3("born", "native", "one").await, 200);
    let (v2, v3) = lab.both().await;
    assert!(
        v3.max_global_id() > v2.max_global_id() + 100_000,
        "{}",
        v3.max_global_id()
    );
    lab.stop().await;
}

#[tokio::test]
async fn a_plan_says_that_ids_are_to_be_reserved_where_its_journal_knows_of_none() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    lab.replicate(&json!({})).await.unwrap();
    let step = lab.step(&json!({}));
    let seen = lab.look(step.as_ref(), Depth::Deep).await;
    assert!(step.diff(&seen, &Inputs::default()).unwrap().is_none());
    another_journal(&lab);
    let seen = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&seen, &Inputs::default()).unwrap();
    assert!(
        change.in_words().contains("ids reserved and proven"),
        "{}",
        change.in_words()
    );
    lab.act(step.as_ref(), &seen, &change).await.unwrap();
    let seen = lab.look(step.as_ref(), Depth::Deep).await;
    assert!(step.diff(&seen, &Inputs::default()).unwrap().is_none());
    lab.stop().await;
}

#[tokio::test]
async fn the_way_back_reserves_also_when_all_that_3_x_made_was_deleted_there() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let freeze = lab.replicate(&json!({})).await.unwrap();
    lab.allow_deletions().await;
    assert_eq!(lab.write_v3("born", "gone", "gone").await, 200);
    assert_eq!(lab.v3("DELETE", "groups/born", None).await, 204);
    assert_eq!(lab.left_behind().await, [""; 0], "there is nothing to send");
    lab.port_back(json!({}), &freeze).await.unwrap();
    assert_eq!(lab.write("grown", "item", "native").await, 200);
    let native = lab.read_v2("groups/grown/artifacts/item/meta").await;
    assert!(native["globalId"].as_u64().unwrap() > 2_000_000, "{native}");
    lab.stop().await;
}
