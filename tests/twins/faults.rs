//! What can be made to go wrong.

use std::{sync::Arc, time::Duration};

use regplan::rehearse::twin::{Faults, Outcome, Seen, Turn, Twin, TwinOptions, TwinVersion::V3_3_3};

use super::support::{bytes, client, export, import, read, snapshot};

/// The same outcome for every request whose path ends so; loses one version.
struct Script {
    ending: &'static str,
    outcome: Outcome,
    lost: &'static str,
}

impl Faults for Script {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        Turn {
            delay: Duration::ZERO,
            outcome: if seen.path.ends_with(self.ending) {
                self.outcome
            } else {
                Outcome::Serve
            },
        }
    }

    fn loses(&self, kind: &str, id: &str) -> bool {
        kind == "ArtifactVersion" && id == self.lost
    }
}

async fn twin(ending: &'static str, outcome: Outcome, lost: &'static str) -> Twin {
    let faults = Arc::new(Script { ending, outcome, lost });
    let options = TwinOptions {
        faults,
        ..TwinOptions::new(V3_3_3)
    };
    Twin::start(options).await.unwrap()
}

async fn create(twin: &Twin, id: &str) -> reqwest::Result<reqwest::Response> {
    let body = serde_json::json!({"artifactId": id, "artifactType": "JSON",
        "firstVersion": {"content": {"content": "{}", "contentType": "application/json"}}});
    let url = format!("{}/apis/registry/v3/groups/g/artifacts", twin.url());
    client().post(url).json(&body).send().await
}

async fn artifacts(twin: &Twin) -> usize {
    read(export(twin).await).artifacts.len()
}

#[tokio::test]
async fn a_request_that_is_cut_before_changes_nothing_and_one_that_is_cut_after_does() {
    for (outcome, there) in [(Outcome::CutBefore, 0), (Outcome::CutAfter, 1)] {
        let twin = twin("/artifacts", outcome, "").await;
        let error = create(&twin, "a").await.unwrap_err();
        assert!(!error.is_connect() && !error.is_timeout(), "{error:?}");
        assert_eq!(artifacts(&twin).await, there, "{outcome:?}");
        twin.stop().await;
    }
}

#[tokio::test]
async fn a_refused_request_changes_nothing() {
    let twin = twin("/artifacts", Outcome::Refuse(503), "").await;
    assert_eq!(create(&twin, "a").await.unwrap().status(), 503);
    assert_eq!(artifacts(&twin).await, 0);
    assert_eq!(twin.requests(), 2);
    twin.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_cut_in_its_body_is_no_whole_one() {
    let twin = twin("/info", Outcome::CutInBody, "").await;
    let answer = client()
        .get(format!("{}/apis/registry/v3/system/info", twin.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    twin.stop().await;
}

#[tokio::test]
async fn a_lying_import_answers_204_and_has_lost_a_version() {
    let twin = twin("-", Outcome::Serve, "33").await;
    assert_eq!(import(&twin, bytes("v2-rich")).await, 204);
    let (left, real) = (read(export(&twin).await), snapshot("v3-rich"));
    assert_eq!(real.versions.len() - left.versions.len(), 1);
    assert!(!left.versions.contains_key(&33));
    twin.stop().await;
}
