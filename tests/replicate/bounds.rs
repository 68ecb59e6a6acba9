//! What must not be done is refused before anything is written.

use serde_json::{Value, json};

use super::lab::{Lab, fixture};

async fn refused(lab: &Lab, with: &Value, words: &[&str]) {
    let (_, before) = lab.both().await;
    let error = lab.replicate(with).await.unwrap_err();
    for word in words {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
    let (_, after) = lab.both().await;
    assert_eq!(before.digest(), after.digest(), "something was written");
}

#[tokio::test]
async fn what_only_the_target_has_is_refused_deleted_or_kept_as_the_plan_says() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    lab.replicate(&json!({})).await.unwrap();
    assert_eq!(lab.v2("DELETE", "groups/payments/artifacts/semver", None).await, 204);
    refused(&lab, &json!({}), &["1 artifacts (payments/semver)", "deletes: mirror"]).await;
    let kept = lab.replicate(&json!({"deletes": "keep"})).await.unwrap();
    assert_eq!(kept["residue"], 1);
    assert!(!lab.differences().await.is_empty());
    assert_eq!(lab.write("fresh", "a", "b").await, 200);
    let kept = lab.replicate(&json!({"deletes": "keep"})).await.unwrap();
    assert_eq!(
        (&kept["residue"], &kept["sent_versions"]),
        (&json!(1), &json!(1)),
        "{kept}"
    );
    assert!(kept["left"][0].as_str().unwrap().contains("payments/semver"), "{kept}");
    let mirrored = lab.replicate(&json!({"deletes": "mirror"})).await.unwrap();
    assert_eq!(mirrored["deleted"], 1, "{mirrored}");
    assert_eq!(lab.differences().await, [""; 0]);
    lab.stop().await;
}

#[tokio::test]
async fn more_changes_than_the_plan_allows_are_refused() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    refused(&lab, &json!({"max_changes": 10}), &["`max_changes` is 10"]).await;
    lab.replicate(&json!({"max_changes": 1000})).await.unwrap();
    lab.stop().await;
}

#[tokio::test]
async fn an_id_that_means_something_else_is_refused_unless_everything_there_may_go() {
    let lab = Lab::new(&fixture("v2-rich")).await;
    let content = json!({"content": "{\"theirs\": 1}", "contentType": "application/json"});
    let theirs = json!({"artifactId": "theirs", "artifactType": "JSON", "firstVersion": {"content": content}});
    assert_eq!(lab.v3("POST", "groups/other/artifacts", Some(theirs)).await, 200);
    refused(
        &lab,
        &json!({"deletes": "mirror"}),
        &["mean something else on v3", "reset: true"],
    )
    .await;
    lab.stop().await;
}
