//! Whatever clients do on 3.x, exactly what 2.6 cannot hold is left, and doing it again writes nothing.

use std::io::Write as _;

use regplan::{
    registry::{Capability, Residue},
    rehearse::data::{Numbers, generate},
    resource::Depth,
};
use serde_json::json;

use super::{
    lab::Lab,
    property::{encoded, one_of},
};

/// Enough for each change to meet each other one.
const SEEDS: u64 = 4;
/// What clients do on 3.x between two freezes.
const CHANGES: u64 = 25;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_clients_do_on_3_x_exactly_the_residue_is_left_on_2_6() {
    let accept = json!([
        {"code": "residue_empty_artifact", "reason": "nothing is in it"},
        {"code": "residue_group_rule", "reason": "2.6 has none"},
        {"code": "residue_artifact_metadata", "reason": "2.6 shows the latest version"},
    ]);
    for seed in 1..=SEEDS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v2.zip");
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(&generate(60, seed).unwrap()).unwrap();
        let lab = Lab::new(&path).await;
        let mut numbers = Numbers::new(seed);
        for round in 0..2 {
            let context = format!("seed {seed}, round {round}");
            let freeze = lab.replicate(&json!({"deletes": "mirror"})).await;
            let freeze = freeze.unwrap_or_else(|error| panic!("{context}: {error}"));
            lab.allow_deletions().await;
            change(&lab, &mut numbers, CHANGES).await;
            let with = json!({"accept": accept});
            let output = lab.port_back(with.clone(), &freeze).await;
            let output = output.unwrap_or_else(|error| panic!("{context}: {error}"));
            let (_, v3) = lab.both().await;
            let foretold = Residue::of(&v3, &Capability::v2_6()).0;
            let left = lab.left_behind().await;
            let rows: Vec<String> = foretold.iter().map(|remnant| remnant.row().to_string()).collect();
            assert_eq!(left, rows, "{context}");
            assert_eq!(output["residue"], rows.len(), "{context}");
            let step = lab.back(&with);
            let now = lab.look(step.as_ref(), Depth::Deep).await;
            let again = step.diff(&now, &Default::default()).unwrap();
            assert!(again.is_none(), "{context}: {}", again.in_words());
        }
        lab.stop().await;
    }
}

/// What clients do on a 3.x.
pub async fn change(lab: &Lab, numbers: &mut Numbers, changes: u64) {
    for _ in 0..changes {
        let (_, v3) = lab.both().await;
        let versions: Vec<_> = v3.own_versions().collect();
        let at = usize::try_from(numbers.below(versions.len() as u64)).unwrap();
        let Some((_, version)) = versions.get(at) else { continue };
        let key = &version.artifact;
        let group = key.group.as_option().unwrap_or("default");
        let artifact = format!("groups/{group}/artifacts/{}", encoded(&key.artifact));
        let one = format!("{artifact}/versions/{}", encoded(&version.version));
        let n = numbers.draw();
        // Odd version strings cannot be addressed on 3.x: such a request is refused, and that is a client's day as well.
        match numbers.below(12) {
            0 => drop(
                lab.write_v3("grown", &format!("item-{}", n % 3), &format!("more {n}"))
                    .await,
            ),
            1 => drop(
                lab.write_v3(&format!("g{}", n % 3), &format!("new-{n}"), &format!("new {n}"))
                    .await,
            ),
            2 => {
                let edit = json!({"name": format!("n{n}"), "labels": {"x": "", "p": n.to_string()}});
                lab.v3("PUT", &one, Some(edit)).await;
            }
            3 => {
                let state = one_of(&["ENABLED", "DISABLED", "DEPRECATED"], n);
                lab.v3("PUT", &format!("{one}/state"), Some(json!({"state": state})))
                    .await;
            }
            4 => drop(lab.v3("DELETE", &artifact, None).await),
            5 => drop(lab.v3("DELETE", &one, None).await),
            6 => {
                let rule = json!({"ruleType": "VALIDITY", "config": one_of(&["NONE", "FULL", "SYNTAX_ONLY"], n)});
                lab.v3("DELETE", &format!("{artifact}/rules"), None).await;
                lab.v3("POST", &format!("{artifact}/rules"), Some(rule)).await;
            }
            7 => drop(
                lab.v3(
                    "POST",
                    &format!("{one}/comments"),
                    Some(json!({"value": format!("c {n}")})),
                )
                .await,
            ),
            8 => {
                let rule = json!({"ruleType": "COMPATIBILITY", "config": one_of(&["NONE", "FULL"], n)});
                lab.v3("DELETE", "admin/rules", None).await;
                lab.v3("POST", "admin/rules", Some(rule)).await;
            }
            9 => {
                let meta = json!({"name": format!("artifact {n}"), "labels": {"of": "the artifact"}, "owner": "bob"});
                lab.v3("PUT", &artifact, Some(meta)).await;
            }
            10 => {
                let meta = json!({"description": format!("d{n}"), "labels": {"team": n.to_string()}});
                lab.v3("PUT", &format!("groups/{group}"), Some(meta)).await;
            }
            _ => {
                let rule = json!({"ruleType": "VALIDITY", "config": "NONE"});
                lab.v3("POST", &format!("groups/{group}/rules"), Some(rule)).await;
                let empty = json!({"artifactId": format!("empty-{n}"), "artifactType": "JSON"});
                lab.v3("POST", &format!("groups/{group}/artifacts"), Some(empty)).await;
            }
        }
    }
}
