use serde_json::{Value, json};

use crate::support::{Running, Stack, a_turn, available};

/// Both registries with roles on, behind a real provider; only the service account `admin-client` may export and import.
const PLAN: &str = r#"
regplan: v1
name: with_tokens
vars:
  secret: { type: secret, from: { env: LAB_SECRET } }
systems:
  v2:
    type: apicurio
    urls: ["V2"]
    auth: { oidc: { issuer: "ISSUER", client_id: CLIENT, client_secret: "${vars.secret}" } }
  v3:
    type: apicurio
    urls: ["V3"]
    management: ["MANAGEMENT"]
    auth: { basic: { username: CLIENT, password: "${vars.secret}" } }
phases:
  - id: copy
    steps:
      - { id: probe, uses: api.check, with: { through: v2, suites: [traffic, write_round_trip] } }
      - { id: snapshot, uses: registry.export, with: { from: v2, to: v2.zip } }
      - { id: content, uses: registry.import, with: { to: v3, export: snapshot } }
      - { id: verify, uses: registry.verify, with: { left: v2, right: v3 } }
    checkpoint:
      - assert: systems.v3.ready && systems.v3.writable
  - id: closed
    steps:
      - { id: close, uses: registry.read_only, with: { registry: v3, enabled: true } }
    checkpoint:
      - assert: "!systems.v3.writable && steps.close.enabled"
  - id: open
    steps:
      - { id: reopen, uses: registry.read_only, with: { registry: v3, enabled: false } }
      - { id: write, uses: api.check, with: { through: v3, suites: [traffic, write_round_trip] } }
    checkpoint:
      - assert: systems.v3.writable && steps.write.failed == 0
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registries_that_want_a_login_are_moved_with_a_service_account_and_closed_and_opened() {
    if !available() {
        return;
    }
    let (_turn, dir, stack) = a_turn().await;
    let keycloak = stack.start("keycloak", "keycloak", Stack::free_port(), &[]).await;
    let base = format!("http://127.0.0.1:{keycloak}");
    let issuer = format!("{base}/realms/registry");
    let v2 = stack
        .start(
            "apicurio@2.6.13.Final",
            "v2",
            Stack::free_port(),
            &[
                ("AUTH_ENABLED", "true"),
                ("KEYCLOAK_URL", &base),
                ("KEYCLOAK_REALM", "registry"),
                ("KEYCLOAK_API_CLIENT_ID", "registry-api"),
                ("ROLE_BASED_AUTHZ_ENABLED", "true"),
            ],
        )
        .await;
    let v3 = stack
        .start(
            "apicurio@3.3.3",
            "v3",
            Stack::free_port(),
            &[
                ("QUARKUS_OIDC_TENANT_ENABLED", "true"),
                ("QUARKUS_OIDC_AUTH_SERVER_URL", &issuer),
                ("QUARKUS_OIDC_CLIENT_ID", "registry-api"),
                ("QUARKUS_OIDC_CREDENTIALS_SECRET", "registry-api-secret"),
                ("APICURIO_AUTHN_BASIC_CLIENT_CREDENTIALS_ENABLED", "true"),
                ("APICURIO_AUTH_ROLE_BASED_AUTHORIZATION", "true"),
            ],
        )
        .await;
    let plan = |name: &str, client: &str| {
        let text = PLAN
            .replace("V2", &format!("http://127.0.0.1:{v2}"))
            .replace("V3", &format!("http://127.0.0.1:{v3}"))
            .replace("MANAGEMENT", &format!("http://127.0.0.1:{}", v3 + 1))
            .replace("ISSUER", &issuer)
            .replace("CLIENT", client)
            .replace("with_tokens", &name.replace('.', "_"));
        std::fs::write(dir.path().join(name), text).unwrap();
    };
    plan("admin.yaml", "admin-client");
    plan("reader.yaml", "readonly-client");
    let run = async |words: &[&str], secret: &str| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let environment = [("LAB_SECRET", secret.to_owned())];
        Running::start(dir.path(), &words, &environment).ended().await
    };

    // Reading is not enough to export, and a wrong secret is not enough for anything; both are said without the secret.
    let refused = run(&["apply", "reader.yaml", "--auto-approve"], "readonly-secret").await;
    assert_eq!(refused.code, Some(1), "{}\n{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);
    let wrong = run(&["plan", "admin.yaml"], "hunter2hunter2").await;
    let said = format!("{}{}", wrong.stdout, wrong.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("no token for client `admin-client`"), "{said}");
    assert!(!said.contains("hunter2hunter2"), "{said}");

    let moved = run(&["apply", "admin.yaml", "--auto-approve"], "admin-secret")
        .await
        .must_exit(0);
    assert!(!format!("{}{}", moved.stdout, moved.stderr).contains("admin-secret"));
    let journal = run(&["journal", "admin.yaml", "--json"], "admin-secret")
        .await
        .must_exit(0);
    assert!(!journal.stdout.contains("admin-secret"));
    let again = run(&["plan", "admin.yaml", "--json"], "admin-secret")
        .await
        .must_exit(0);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["counts"]["to_do"], json!(0), "{again:#}");
}
