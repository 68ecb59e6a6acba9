//! A step that copied content: what its source does later is no drift, whatever the run does next.

use std::path::Path;

use regplan::{
    engine::Outcome,
    journal::Body,
    rehearse::twin::{Twin, TwinOptions, TwinVersion},
};

use crate::bed::Bed;

struct Copied {
    v2: Twin,
    v3: Twin,
    bed: Bed,
}

impl Copied {
    /// A copy, and a check that fails until the file `open` is there.
    async fn new() -> Self {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let v2 = Twin::start(TwinOptions {
            data: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v2-rich.zip")),
            ..TwinOptions::new(TwinVersion::V2_6_13)
        });
        let v3 = Twin::start(TwinOptions::new(TwinVersion::V3_3_3));
        let (v2, v3) = (v2.await.unwrap(), v3.await.unwrap());
        let plan = format!(
            "regplan: v1\nname: copied\nsystems:\n  v2: {{ type: apicurio, urls: [\"{}\"] }}\n  v3: {{ type: apicurio, urls: [\"{}\"], management: [\"{}\"] }}\nphases:\n  - id: copy\n    steps:\n      - {{ id: pre_copy, uses: registry.replicate, with: {{ from: v2, to: v3 }} }}\n      - {{ id: gate, uses: run.check, with: {{ command: [test, -e, open] }} }}\n      - {{ id: same, uses: registry.verify, with: {{ left: v2, right: v3, at: pre_copy }} }}\n",
            v2.url(),
            v3.url(),
            v3.management()
        );
        Self {
            v2,
            v3,
            bed: Bed::new(&plan),
        }
    }

    async fn write(&self, twin: &Twin, path: &str, body: &str) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("{}/apis/registry/{path}", twin.url()));
        let request = request
            .header("content-type", "application/json")
            .header("x-registry-artifacttype", "JSON");
        request.body(body.to_owned()).send().await.unwrap().status().as_u16()
    }

    fn intents(&self, id: &str) -> usize {
        let records = self.bed.records();
        let of = |body: &Body| matches!(body, Body::StepIntended { step, .. } if step.as_str() == id);
        records.iter().filter(|record| of(&record.body)).count()
    }

    async fn stop(self) {
        self.v2.stop().await;
        self.v3.stop().await;
    }
}

#[tokio::test]
async fn a_copy_is_done_and_compared_with_its_snapshot_whatever_its_source_did_since() {
    let copied = Copied::new().await;
    assert!(matches!(copied.bed.apply().await.outcome(), Outcome::Failed { .. }));
    let status = copied
        .write(&copied.v2, "v2/groups/late/artifacts", r#"{"title":"late"}"#)
        .await;
    assert_eq!(status, 200);
    copied.bed.put("open", "");
    assert_eq!(copied.bed.apply().await.outcome(), Outcome::Done);
    assert_eq!(copied.intents("pre_copy"), 1, "it was not done again");
    copied.stop().await;
}

#[tokio::test]
async fn a_copy_that_was_damaged_on_the_target_is_repaired_when_the_phase_goes_on() {
    let copied = Copied::new().await;
    assert!(matches!(copied.bed.apply().await.outcome(), Outcome::Failed { .. }));
    let comment = "v3/groups/payments/artifacts/semver/versions/1.0.0/comments";
    assert_eq!(copied.write(&copied.v3, comment, r#"{"value":"theirs"}"#).await, 200);
    copied.bed.put("open", "");
    assert_eq!(copied.bed.apply().await.outcome(), Outcome::Done);
    assert_eq!(copied.intents("pre_copy"), 2);
    copied.stop().await;
}

#[tokio::test]
async fn every_prefix_of_its_journal_resumes_to_the_same_content() {
    let whole = Copied::new().await;
    whole.bed.put("open", "");
    assert_eq!(whole.bed.apply().await.outcome(), Outcome::Done);
    let records = whole.bed.records().len();
    whole.stop().await;
    for cut in 0..records {
        let mut copied = Copied::new().await;
        copied.bed.put("open", "");
        copied.bed.cut_after(Some(cut));
        assert!(copied.bed.apply().await.outcome.is_err(), "cut after {cut}");
        copied.bed.cut_after(None);
        assert_eq!(copied.bed.apply().await.outcome(), Outcome::Done, "cut after {cut}");
        copied.stop().await;
    }
}
