use std::{collections::BTreeMap, path::Path};

use serde_json::json;

use crate::support::{Export, New, Registry, Running, Stack, TenantManager, a_turn, available};

/// One tenant of a multi-tenant 2.6 into a 3.3 of its own, there and, after clients used that, back.
const PLAN: &str = r#"
regplan: v1
name: tenant_TENANT
systems:
  v2: { type: apicurio, urls: ["V2"], tenant: TENANT }
  v3: { type: apicurio, urls: ["V3"], management: ["MANAGEMENT"] }
phases:
  - id: there
    on_failure: stop
    steps:
      - { id: preflight, uses: registry.preflight, with: { from: v2, to_version: "3.3", accept: [{ code: latest_unaddressable, reason: a test }] } }
      - { id: copy, uses: registry.replicate, with: { from: v2, to: v3, deletes: mirror, chunk_versions: 20 } }
      - { id: equal, uses: registry.verify, with: { left: v2, right: v3 } }
      - { id: traffic, uses: api.check, with: { through: v2, suites: [traffic, write_round_trip] } }
  - id: used
    on_failure: stop
    steps:
      - { id: go, uses: manual.confirm, with: { text: clients used 3.x } }
  - id: back
    on_failure: stop
    steps:
      - { id: back, uses: registry.replicate, with: { from: v3, to: v2, deletes: mirror, unmoved_since: copy } }
      - { id: home, uses: registry.verify, with: { left: v3, right: v2 } }
"#;

/// The plan is refused: something does not answer as it should.
const REFUSED: i32 = 4;
/// Waits for a person.
const WAITING: i32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_of_a_multi_tenant_2_6_moves_into_a_3_3_of_its_own_and_back() {
    if !available() {
        return;
    }
    let (_turn, dir, stack) = a_turn().await;
    let tenants = TenantManager::start(&["red", "blue"]).await;
    let environment = [
        ("REGISTRY_ENABLE_MULTITENANCY", "true"),
        ("TENANT_MANAGER_URL", tenants.url.as_str()),
    ];
    let v2 = stack.start("apicurio@2.6.13.Final", "v2", 0, &environment).await;
    let v2 = format!("127.0.0.1:{v2}");
    fill(&v2).await;
    let mut places = BTreeMap::new();
    for tenant in ["red", "blue"] {
        let port = stack.start("apicurio@3.3.3", tenant, Stack::free_port(), &[]).await;
        places.insert(tenant, format!("127.0.0.1:{port}"));
        let text = PLAN
            .replace("V2", &format!("http://{v2}"))
            .replace("V3", &format!("http://127.0.0.1:{port}"))
            .replace("MANAGEMENT", &format!("http://127.0.0.1:{}", port + 1))
            .replace("TENANT", tenant);
        std::fs::write(dir.path().join(format!("{tenant}.yaml")), text).unwrap();
    }

    // Without its tenant it is refused; an unknown one too.
    let nobody = PLAN.replace("V2", &format!("http://{v2}")).replace("TENANT", "green");
    let nobody = nobody.replace("V3", &format!("http://{}", places["red"]));
    std::fs::write(
        dir.path().join("green.yaml"),
        nobody.replace("MANAGEMENT", "http://127.0.0.1:1"),
    )
    .unwrap();
    let refused = regplan(dir.path(), &["apply", "green.yaml", "--auto-approve"], REFUSED).await;
    assert!(refused.contains("403"), "{refused}");

    // Each has what its tenant has, and nothing of the other's.
    let mut before = BTreeMap::new();
    for (tenant, v3) in &places {
        regplan(
            dir.path(),
            &["apply", &format!("{tenant}.yaml"), "--auto-approve"],
            WAITING,
        )
        .await;
        let there = same(&v2, tenant, v3).await;
        before.insert(*tenant, there);
    }
    assert_eq!(before["red"].count("ArtifactVersion"), 68);
    assert_eq!(before["blue"].count("ArtifactVersion"), 4);
    let title = |tenant: &str| {
        let versions = before[tenant].versions();
        let shared = versions
            .values()
            .find(|version| version.artifact == "orders-value")
            .unwrap();
        shared.content.clone()
    };
    assert_ne!(title("red"), title("blue"), "both have one of that name");

    // Clients of one use their 3.3; what they made goes back to their tenant, and the other's is as it was.
    let red = &places["red"];
    let content = json!({"content": r#"{"title":"made on 3.3"}"#, "contentType": "application/json"});
    let new = json!({"artifactId": "native", "artifactType": "JSON", "firstVersion": {"content": content}});
    let headers = [("Content-Type", b"application/json".as_slice())];
    let path = "/apis/registry/v3/groups/born/artifacts";
    let made = Registry::at(red)
        .request("POST", path, &headers, new.to_string().as_bytes())
        .await;
    assert_eq!(made.status, 200, "{}", made.text());
    let id = made.json()["version"]["globalId"].as_i64().unwrap();
    regplan(
        dir.path(),
        &["apply", "red.yaml", "--auto-approve", "--confirm", "go"],
        0,
    )
    .await;
    let home = same(&v2, "red", red).await;
    assert_eq!(home.versions()[&id].artifact, "native");
    let blue = Export::read(&Registry::at(&v2).export_of("blue").await);
    assert_eq!(blue.versions(), before["blue"].versions());
    assert!(blue.missing_from(&before["blue"]).is_empty());

    // What that tenant makes next has an id above all of 3.3.
    let mut v2 = Registry::at(&v2);
    let next = put(&mut v2, "red", "after", r#"{"title":"after"}"#).await;
    assert!(next > id, "{next} after {id}");
}

/// The rich data in `red`, and in `blue` artifacts of other content, one of them with a name that `red` has too.
async fn fill(v2: &str) {
    let mut v2 = Registry::at(v2);
    let zip = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v2-rich.zip")).unwrap();
    let headers = [("Content-Type", b"application/zip".as_slice())];
    let path = "/t/red/apis/registry/v2/admin/import";
    assert_eq!(v2.request("POST", path, &headers, &zip).await.status, 204);
    for n in 0..3 {
        put(
            &mut v2,
            "blue",
            "orders-value",
            &format!(r#"{{"title":"of blue {n}"}}"#),
        )
        .await;
    }
    put(&mut v2, "blue", "of-blue-alone", r#"{"title":"alone"}"#).await;
}

/// A new version, or a new artifact, of a tenant; its globalId.
async fn put(v2: &mut Registry, tenant: &str, artifact: &str, content: &str) -> i64 {
    let path = format!("/t/{tenant}/apis/registry/v2/groups/default/artifacts?ifExists=UPDATE");
    let new = New {
        artifact,
        kind: "JSON",
        content,
        ..New::default()
    };
    let headers = [
        ("Content-Type", b"application/json".as_slice()),
        ("X-Registry-ArtifactId", new.artifact.as_bytes()),
        ("X-Registry-ArtifactType", new.kind.as_bytes()),
    ];
    let answer = v2.request("POST", &path, &headers, new.content.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["globalId"].as_i64().unwrap()
}

/// That a tenant and a 3.3 hold the same, as the lab reads exports; what the tenant holds.
async fn same(v2: &str, tenant: &str, v3: &str) -> Export {
    let there = Export::read(&Registry::at(v2).export_of(tenant).await);
    let here = Export::read(&Registry::at(v3).export("v3").await);
    let (lost, more) = (there.missing_from(&here), here.missing_from(&there));
    assert!(lost.is_empty() && more.is_empty(), "{tenant}: {lost:#?} {more:#?}");
    there
}

async fn regplan(directory: &Path, words: &[&str], code: i32) -> String {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    Running::start(directory, &words, &[])
        .ended()
        .await
        .must_exit(code)
        .all()
}
