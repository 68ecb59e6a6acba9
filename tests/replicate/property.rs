//! Any earlier state of any registry becomes its present one; doing it again writes nothing.

use std::io::Write as _;

use regplan::{
    kind::Inputs,
    rehearse::data::{Numbers, generate},
    resource::Depth,
};
use serde_json::json;

use super::lab::Lab;

/// Enough for each change to meet each other one; a seed takes some seconds.
const SEEDS: u64 = 4;
/// What clients do between two replications.
const CHANGES: u64 = 25;

#[tokio::test(flavor = "multi_thread")]
async fn any_earlier_state_becomes_the_present_one_and_again_writes_nothing() {
    for seed in 1..=SEEDS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v2.zip");
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(&generate(60, seed).unwrap()).unwrap();
        let lab = Lab::new(&path).await;
        let mut numbers = Numbers::new(seed);
        for round in 0..3 {
            lab.replicate(&json!({"deletes": "mirror"}))
                .await
                .unwrap_or_else(|error| panic!("seed {seed}, round {round}: {error}"));
            assert_eq!(lab.differences().await, [""; 0], "seed {seed}, round {round}");
            let step = lab.step(&json!({"deletes": "mirror"}));
            let now = lab.look(step.as_ref(), Depth::Deep).await;
            let again = step.diff(&now, &Inputs::default()).unwrap();
            assert!(again.is_none(), "seed {seed}, round {round}: {}", again.in_words());
            change(&lab, &mut numbers).await;
            only_on_3_x(&lab, &mut numbers).await;
        }
        lab.stop().await;
    }
}

/// What clients of a 3.x leave behind there, and no 2.6 has.
async fn only_on_3_x(lab: &Lab, numbers: &mut Numbers) {
    let (_, v3) = lab.both().await;
    let keys: Vec<_> = v3.own_artifacts().map(|(key, _)| key).collect();
    for _ in 0..3 {
        let at = usize::try_from(numbers.below(keys.len() as u64)).unwrap();
        let group = keys[at].group.as_option().unwrap_or("default");
        let rule = json!({"ruleType": "VALIDITY", "config": "FULL"});
        lab.v3("POST", &format!("groups/{group}/rules"), Some(rule)).await;
        let url = format!("groups/{group}/artifacts/{}/branches", encoded(&keys[at].artifact));
        let branch = json!({"branchId": format!("b{}", numbers.below(3)), "versions": []});
        lab.v3("POST", &url, Some(branch)).await;
    }
}

async fn change(lab: &Lab, numbers: &mut Numbers) {
    for _ in 0..CHANGES {
        let v2 = lab.source().await;
        let artifacts: Vec<_> = v2.artifacts.keys().collect();
        let at = usize::try_from(numbers.below(artifacts.len() as u64)).unwrap();
        let Some(key) = artifacts.get(at) else { continue };
        let (group, name) = (key.group.as_option().unwrap_or("default"), encoded(&key.artifact));
        let versions: Vec<_> = v2
            .own_versions()
            .filter(|(_, version)| version.artifact == **key)
            .collect();
        let pick = usize::try_from(numbers.below(versions.len() as u64)).unwrap();
        let version = encoded(&versions[pick].1.version);
        let artifact = format!("groups/{group}/artifacts/{name}");
        let n = numbers.draw();
        match numbers.below(9) {
            0 => drop(lab.write(group, &key.artifact, &format!("more {n}")).await),
            1 => drop(
                lab.write(&format!("g{}", n % 3), &format!("new-{n}"), &format!("new {n}"))
                    .await,
            ),
            2 => {
                let edit = json!({"name": format!("n{n}"), "labels": ["x"], "properties": {"p": n.to_string()}});
                lab.v2("PUT", &format!("{artifact}/versions/{version}/meta"), Some(edit))
                    .await;
            }
            3 => {
                let state = one_of(&["ENABLED", "DISABLED", "DEPRECATED"], n);
                let url = format!("{artifact}/versions/{version}/state");
                lab.v2("PUT", &url, Some(json!({"state": state}))).await;
            }
            4 => drop(lab.v2("DELETE", &artifact, None).await),
            5 => {
                lab.v2("DELETE", &artifact, None).await;
                lab.write(group, &key.artifact, &format!("again {n}")).await;
            }
            6 => {
                let rule = json!({"type": "VALIDITY", "config": one_of(&["NONE", "FULL", "SYNTAX_ONLY"], n)});
                lab.v2("DELETE", &format!("{artifact}/rules"), None).await;
                lab.v2("POST", &format!("{artifact}/rules"), Some(rule)).await;
            }
            7 => {
                let url = format!("{artifact}/versions/{version}/comments");
                lab.v2("POST", &url, Some(json!({"value": format!("comment {n}")})))
                    .await;
            }
            _ => {
                let rule = json!({"type": "COMPATIBILITY", "config": one_of(&["NONE", "FULL"], n)});
                lab.v2("DELETE", "admin/rules", None).await;
                lab.v2("POST", "admin/rules", Some(rule)).await;
            }
        }
    }
}

pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let all = text.bytes().map(|byte| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    all.collect()
}

pub fn one_of<'a>(all: &[&'a str], n: u64) -> &'a str {
    all[usize::try_from(n % all.len() as u64).unwrap()]
}
