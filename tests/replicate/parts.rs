//! What only 3.x has on groups and artifacts that both have: rules of groups, branches.

use regplan::{kind::Inputs, resource::Depth};
use serde_json::json;

use super::lab::{Lab, fixture};

const ORDERS: &str = "groups/default/artifacts/orders-value";

/// Both sides equal, but for a rule of a group and a branch, as after a rollback.
async fn after_a_rollback() -> Lab {
    let lab = Lab::new(&fixture("v2-rich")).await;
    lab.replicate(&json!({})).await.unwrap();
    let rule = json!({"ruleType": "VALIDITY", "config": "FULL"});
    assert_eq!(lab.v3("POST", "groups/payments/rules", Some(rule)).await, 204);
    let branch = json!({"branchId": "stable", "versions": ["1", "2"]});
    assert_eq!(lab.v3("POST", &format!("{ORDERS}/branches"), Some(branch)).await, 200);
    lab
}

#[tokio::test]
async fn what_only_3_x_can_have_is_refused_by_name_with_what_to_write() {
    let lab = after_a_rollback().await;
    let before = lab.both().await.1;
    let error = lab.replicate(&json!({})).await.unwrap_err();
    for word in [
        "rule VALIDITY of group payments",
        "branch stable of default/orders-value",
        "`deletes: mirror`",
        "`deletes: keep`",
    ] {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
    let after = lab.both().await.1;
    assert_eq!(
        (after.group_rules, after.branches),
        (before.group_rules, before.branches)
    );
    lab.stop().await;
}

#[tokio::test]
async fn what_only_3_x_can_have_goes_when_the_copy_is_a_mirror() {
    let lab = after_a_rollback().await;
    let step = lab.step(&json!({"deletes": "mirror"}));
    let seen = lab.look(step.as_ref(), Depth::Deep).await;
    let change = step.diff(&seen, &Inputs::default()).unwrap();
    let risks = change.risks.join("; ");
    assert!(risks.contains("rule VALIDITY of group payments"), "{risks}");
    let output = lab.act(step.as_ref(), &seen, &change).await.unwrap();
    assert_eq!(output["residue"], 0, "{output}");
    assert_eq!(lab.differences().await, [""; 0]);
    lab.stop().await;
}

#[tokio::test]
async fn what_only_3_x_can_have_is_the_difference_that_is_left_when_it_is_kept() {
    let lab = after_a_rollback().await;
    assert_eq!(lab.write("grown", "item", "one").await, 200);
    let output = lab.replicate(&json!({"deletes": "keep"})).await.unwrap();
    assert_eq!(output["residue"], 2, "{output}");
    let left = lab.differences().await;
    let codes: Vec<&str> = left.iter().filter_map(|row| row.split(' ').next()).collect();
    assert_eq!(codes, ["branch_extra", "rule_extra"], "{left:?}");
    assert_eq!(output["left"], json!(left), "{output}");

    // The artifact has to be brought again whole, and the branch would go with it.
    let edit = json!({"name": "edited", "description": "", "labels": [], "properties": {}});
    assert_eq!(
        lab.v2("PUT", &format!("{ORDERS}/versions/1/meta"), Some(edit)).await,
        204
    );
    let error = lab.replicate(&json!({"deletes": "keep"})).await.unwrap_err();
    assert!(error.contains("branch stable of default/orders-value"), "{error}");
    assert_eq!(
        lab.replicate(&json!({"deletes": "mirror"})).await.unwrap()["residue"],
        0
    );
    assert_eq!(lab.differences().await, [""; 0]);
    lab.stop().await;
}

#[tokio::test]
async fn an_empty_target_is_made_for_a_reset() {
    let lab = after_a_rollback().await;
    lab.replicate(&json!({"reset": true})).await.unwrap();
    assert_eq!(lab.differences().await, [""; 0]);
    lab.stop().await;
}
