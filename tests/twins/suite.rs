//! One list of requests, whose answers on real registries are recorded: twins must give the same, always; real registries are
//! asked again where there are any.
//!
//! `REGPLAN_V2_URL`, `REGPLAN_V3_URL` and `REGPLAN_V3_MANAGEMENT` name a fresh 2.6.13 and a fresh 3.3.3 that hold nothing;
//! where real ones are required (`CI=true`, `REGPLAN_REQUIRE_REAL=1`) and none is named, `scripts/stack` starts some.
//! `INSTA_UPDATE=always` with the test of the real ones alone records their answers anew.

use regplan::rehearse::twin::TwinVersion::{V2_6_13, V3_3_3};

use super::{
    scenario::{Step, steps},
    stack::{self, Stack},
    support::{client, empty},
};

/// Where one kind of registry answers.
struct Place {
    url: String,
    management: String,
}

async fn run(v2: &Place, v3: &Place) -> String {
    let http = client();
    let mut text = String::new();
    for step in steps(include_str!("scenarios.txt")) {
        for (who, place) in [('2', v2), ('3', v3)] {
            if step.to.contains(who) {
                let base = if step.is_health() {
                    &place.management
                } else {
                    &place.url
                };
                let (status, kind, body) = ask(&http, base, &step).await;
                text += &format!("{who} {} {}\n", step.method, step.target);
                text += &super::normal::answer(&step, status, &kind, &body);
                text += "\n";
            }
        }
    }
    text
}

async fn ask(http: &reqwest::Client, base: &str, step: &Step) -> (u16, String, Vec<u8>) {
    let method = step.method.parse().unwrap();
    let mut request = http.request(method, format!("{base}{}", step.path()));
    for (name, value) in &step.headers {
        request = request.header(name, value);
    }
    let answer = request.body(step.body.clone()).send().await.unwrap();
    let kind = answer
        .headers()
        .get("content-type")
        .map(|kind| kind.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    (status, kind.unwrap_or_default(), answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn twins_answer_as_real_registries_were_recorded() {
    let (v2, v3) = (empty(V2_6_13).await, empty(V3_3_3).await);
    let place = |twin: &regplan::rehearse::twin::Twin| Place {
        url: twin.url().to_owned(),
        management: twin.management().to_owned(),
    };
    let answers = run(&place(&v2), &place(&v3)).await;
    insta::assert_snapshot!("answers", answers);
    v2.stop().await;
    v3.stop().await;
}

#[tokio::test]
async fn real_registries_answer_as_they_were_recorded() {
    let Some((v2, v3, _stack)) = real().await else { return };
    for place in [&v2, &v3] {
        let url = format!("{}/apis/registry/v2/search/artifacts?limit=1", place.url);
        let found: serde_json::Value = client().get(url).send().await.unwrap().json().await.unwrap();
        if found["count"] != 0 {
            eprintln!("skipped: {} is not fresh", place.url);
            return;
        }
    }
    insta::assert_snapshot!("answers", run(&v2, &v3).await);
}

/// The registries that are named; where real ones are required and none is named, some of our own.
async fn real() -> Option<(Place, Place, Option<(Stack, tempfile::TempDir)>)> {
    let variable = |name: &str| std::env::var(name).ok();
    if let (Some(v2), Some(url), Some(management)) = (
        variable("REGPLAN_V2_URL"),
        variable("REGPLAN_V3_URL"),
        variable("REGPLAN_V3_MANAGEMENT"),
    ) {
        let v2 = Place {
            management: v2.clone(),
            url: v2,
        };
        return Some((v2, Place { url, management }, None));
    }
    let required = |name: &str, value: &str| variable(name).as_deref() == Some(value);
    if !(required("CI", "true") || required("REGPLAN_REQUIRE_REAL", "1")) {
        eprintln!("skipped: REGPLAN_V2_URL, REGPLAN_V3_URL and REGPLAN_V3_MANAGEMENT do not name fresh registries");
        return None;
    }
    if !stack::available() {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let stack = Stack::in_directory(directory.path());
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    let v2 = at(stack.start("apicurio@2.6.13.Final", "v2", 0, &[]).await);
    let port = stack.start("apicurio@3.3.3", "v3", Stack::free_port(), &[]).await;
    let v2 = Place {
        management: v2.clone(),
        url: v2,
    };
    let v3 = Place {
        url: at(port),
        management: at(port + 1),
    };
    Some((v2, v3, Some((stack, directory))))
}
