//! Logins: tokens of a provider, and tenants.

use std::sync::OnceLock;

use super::*;

/// A registry and its provider at one address. Tokens are `t1`, `t2`, …; the registry takes those that `good` says.
async fn server(expires_in: u64, good: fn(&str) -> bool) -> Server {
    let url = Arc::new(OnceLock::<String>::new());
    let (own, given) = (Arc::clone(&url), Mutex::new(0));
    let server = Server::start_with_head(move |line, head| match line {
        "GET /realms/r/.well-known/openid-configuration" => {
            let url = own.get().unwrap();
            Reply::json(&json!({"issuer": format!("{url}/realms/r"), "token_endpoint": format!("{url}/token")}))
        }
        "POST /token" => {
            let mut given = given.lock().unwrap();
            *given += 1;
            Reply::json(&json!({"access_token": format!("t{given}"), "expires_in": expires_in}))
        }
        _ => {
            let token = head.split("Bearer ").nth(1).and_then(|rest| rest.lines().next());
            if token.is_some_and(good) {
                info("3.3.3")
            } else {
                Reply::status(401)
            }
        }
    })
    .await;
    url.set(server.url.clone()).unwrap();
    server
}

fn oidc(server: &Server) -> Value {
    json!({"auth": {"oidc": {
        "issuer": format!("{}/realms/r", server.url), "client_id": "migrator", "client_secret": "s:3 cret",
    }}})
}

fn asked_for_tokens(server: &Server) -> usize {
    server.seen().iter().filter(|line| *line == "POST /token").count()
}

#[tokio::test]
async fn one_token_serves_many_requests_while_it_is_young() {
    let server = server(300, |_| true).await;
    let client = server.client_with(&oidc(&server));
    for _ in 0..3 {
        client.reader().version().await.unwrap();
    }
    assert_eq!(asked_for_tokens(&server), 1);
    // RFC 6749 §2.3.1: id and secret are form-encoded, then joined as in Basic.
    let basic = server
        .seen()
        .iter()
        .any(|line| line.ends_with("bWlncmF0b3I6cyUzQTMrY3JldA=="));
    assert!(basic, "{:?}", server.seen());
}

#[tokio::test]
async fn a_token_that_has_run_out_is_replaced_before_it_is_refused() {
    let server = server(0, |_| true).await;
    let client = server.client_with(&oidc(&server));
    for _ in 0..2 {
        client.reader().version().await.unwrap();
    }
    assert_eq!(asked_for_tokens(&server), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let second = server(300, |token| token == "t2").await;
    let client = second.client_with(&oidc(&second));
    client.reader().version().await.unwrap();
    assert_eq!(asked_for_tokens(&second), 2);

    let none = server(300, |_| false).await;
    let client = none.client_with(&oidc(&none));
    let error = client.reader().version().await.unwrap_err();
    assert!(matches!(error, SystemError::Status { status: 401, .. }), "{error}");
    assert_eq!(asked_for_tokens(&none), 2);
}

#[tokio::test]
async fn a_provider_that_refuses_the_client_is_quoted_without_the_secret() {
    let url = Arc::new(OnceLock::<String>::new());
    let own = Arc::clone(&url);
    let server = Server::start_with_head(move |line, _| match line {
        "POST /token" => Reply::Answer(
            401,
            "application/json",
            br#"{"error":"invalid_client","error_description":"wrong secret s:3 cret"}"#.to_vec(),
        ),
        _ => {
            let url = own.get().unwrap();
            Reply::json(&json!({"issuer": format!("{url}/realms/r"), "token_endpoint": format!("{url}/token")}))
        }
    })
    .await;
    url.set(server.url.clone()).unwrap();
    let error = server
        .client_with(&oidc(&server))
        .reader()
        .version()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no token for client `migrator`: invalid_client"),
        "{error}"
    );
    assert!(!error.contains("s:3"), "{error}");
}

#[tokio::test]
async fn a_provider_that_calls_itself_otherwise_is_not_believed() {
    let server = Server::start(|_, _, _| {
        Reply::json(&json!({"issuer": "https://other.example", "token_endpoint": "https://other.example/token"}))
    })
    .await;
    let error = server
        .client_with(&oidc(&server))
        .reader()
        .version()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("write that as `issuer`"), "{error}");
}

/// A 2.6 with the tenant `blue one`, as a 2.6.13 answers.
async fn with_tenants() -> Server {
    Server::start_with_head(|line, head| {
        let head = head.to_ascii_lowercase();
        match line {
            "GET /health/ready" if !head.contains("x-tenant-id") => Reply::status(200),
            _ if head.contains("x-tenant-id: blue one\r\n") => info("2.6.13.Final"),
            _ => Reply::status(403),
        }
    })
    .await
}

#[tokio::test]
async fn a_tenant_is_named_to_its_api_and_health_is_that_of_all() {
    let server = with_tenants().await;
    let client = server.client_with(&json!({"tenant": "blue one"}));
    let url = client.reader().url();
    assert!(
        url.ends_with("/t/blue%20one"),
        "what is noted of it is noted of no other tenant: {url}"
    );
    assert!(client.reader().version().await.unwrap().is_v2());
    assert_eq!(client.reader().ready().await, Some(true));
    // Each has a place of its own for notes.
    assert!(client.url().ends_with("/t/blue%20one"), "{}", client.url());
}

#[tokio::test]
async fn who_names_no_tenant_or_a_wrong_one_is_told_what_to_write() {
    let server = with_tenants().await;
    let error = server.client().reader().version().await.unwrap_err().to_string();
    assert!(error.contains("write `tenant`"), "{error}");
    let client = server.client_with(&json!({"tenant": "red"}));
    let error = client.reader().version().await.unwrap_err().to_string();
    assert!(
        error.contains("knows no tenant `red`") && error.contains("`/t/red`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_3x_has_no_tenants() {
    let server = Server::start(|_, _, _| info("3.3.3")).await;
    let client = server.client_with(&json!({"tenant": "blue"}));
    let error = client.reader().version().await.unwrap_err().to_string();
    assert!(error.contains("has no tenants"), "{error}");
    let error = open(&json!({"urls": [server.url], "tenant": ".."}))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no name of a tenant"), "{error}");
}
