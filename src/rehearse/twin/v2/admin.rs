use serde_json::{Value, json};

use super::super::{
    export::export,
    http::{Answer, Request},
    model::{Refusal, RuleOf, Store},
    render::{no_resource, page, property, text},
    wire::RuleType,
};

/// Everything below `/admin` but imports.
pub fn answer(store: &mut Store, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.method.as_str(), path) {
        (_, ["admin", "rules", rest @ ..]) => rules(store, request, RuleOf::All, rest),
        ("GET", ["admin", "export"]) => exported(store, request),
        ("GET", ["admin", "config", "properties"]) => {
            let names: Vec<&str> = store.properties.keys().copied().collect();
            let all = names
                .into_iter()
                .map(|name| property(store, name))
                .collect::<Result<Vec<Value>, _>>()?;
            Ok(Answer::json(&all))
        }
        (_, ["admin", "config", "properties", name]) => config(store, request, name),
        ("GET", ["admin", "artifactTypes"]) => Ok(Answer::json(&types(store))),
        (_, ["admin", "roleMappings", rest @ ..]) => role_mappings(store, request, rest),
        ("GET", ["admin", "loggers"]) if store.is_v2() => Ok(Answer::json(&Vec::<Value>::new())),
        _ => Err(no_resource(request)),
    }
}

/// Dynamic properties of either API.
pub fn config(store: &mut Store, request: &Request, name: &str) -> Result<Answer, Refusal> {
    match request.method.as_str() {
        "GET" => Ok(Answer::json(&property(store, name)?)),
        "PUT" => {
            let body = request.json().ok_or_else(Refusal::not_readable)?;
            store.set_property(name, &text(&body, "value").unwrap_or_default())?;
            Ok(Answer::done())
        }
        "DELETE" => {
            store.reset_property(name)?;
            Ok(Answer::done())
        }
        _ => Err(no_resource(request)),
    }
}

/// Role mappings of either API; only 3.x counts them (reference: apicurio.md §1.8, §2.7).
pub fn role_mappings(store: &mut Store, request: &Request, rest: &[&str]) -> Result<Answer, Refusal> {
    let shown = |principal: &str, (name, role): &(Option<String>, String)| json!({"principalId": principal, "principalName": name, "role": role});
    let body = || request.json().ok_or_else(Refusal::not_readable);
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all = store.roles()?.iter();
            let all: Vec<Value> = all.map(|(principal, mapping)| shown(principal, mapping)).collect();
            if store.is_v2() {
                return Ok(Answer::json(&all));
            }
            let count = all.len();
            Ok(Answer::json(
                &json!({"roleMappings": page(all, request), "count": count}),
            ))
        }
        ("POST", []) => {
            let body = body()?;
            let (principal, role) = (text(&body, "principalId"), text(&body, "role"));
            let (Some(principal), Some(role)) = (principal, role) else {
                return Err(Refusal::not_readable());
            };
            store.add_role(&principal, text(&body, "principalName"), &role)?;
            Ok(Answer::done())
        }
        ("PUT", [principal]) => {
            let role = text(&body()?, "role").ok_or_else(Refusal::not_readable)?;
            store.set_role(principal, Some(&role))?;
            Ok(Answer::done())
        }
        ("DELETE", [principal]) => {
            store.set_role(principal, None)?;
            Ok(Answer::done())
        }
        _ => Err(no_resource(request)),
    }
}

/// Types as both versions list them.
pub fn types(store: &Store) -> Value {
    const BOTH: [&str; 10] = [
        "PROTOBUF", "OPENAPI", "ASYNCAPI", "JSON", "AVRO", "GRAPHQL", "KCONNECT", "WSDL", "XSD", "XML",
    ];
    const NEW: [&str; 9] = [
        "AGENT_CARD",
        "MCP_TOOL",
        "ICEBERG_TABLE",
        "ICEBERG_VIEW",
        "OPENRPC",
        "MODEL_SCHEMA",
        "PROMPT_TEMPLATE",
        "ODCS_CONTRACT",
        "THRIFT",
    ];
    let new = NEW.iter().filter(|_| !store.is_v2());
    BOTH.iter().chain(new).map(|name| json!({"name": name})).collect()
}

/// The ZIP, or for a browser a link to it. 3.3's layer has no export (reference: apicurio.md §1.3, §2.3).
fn exported(store: &Store, request: &Request) -> Result<Answer, Refusal> {
    if !store.is_v2() {
        let message = "Exporting data using the Registry Core v2 API is no longer supported.  Use the v3 API.";
        return Err(Refusal::new(500, "UnsupportedOperationException", message));
    }
    if request.flag("forBrowser") || request.header("accept") == Some("application/json") {
        return Ok(link("/apis/registry/v2"));
    }
    zip(store)
}

/// A link that a browser would follow; the twin serves nothing there.
pub fn link(api: &str) -> Answer {
    let id = "00000000-0000-4000-8000-000000000000";
    Answer::json(&json!({"downloadId": id, "href": format!("{api}/downloads/{id}")}))
}

/// The export.
pub fn zip(store: &Store) -> Result<Answer, Refusal> {
    let zip = export(store).map_err(|error| Refusal::new(500, "RuntimeException", error.to_string()))?;
    Ok(Answer::bytes(200, "application/zip", zip))
}

/// Rules of this API: `type` and `config`.
pub fn rules(store: &mut Store, request: &Request, of: RuleOf<'_>, rest: &[&str]) -> Result<Answer, Refusal> {
    rules_with("type", store, request, of, rest)
}

/// Rules; `field` is what the API calls the type.
pub fn rules_with(
    field: &str,
    store: &mut Store,
    request: &Request,
    of: RuleOf<'_>,
    rest: &[&str],
) -> Result<Answer, Refusal> {
    let body = || request.json().ok_or_else(Refusal::not_readable);
    let config = |body: &Value| text(body, "config").unwrap_or_default();
    match (request.method.as_str(), rest) {
        ("GET", []) => Ok(Answer::json(&store.rules(of)?.keys().collect::<Vec<_>>())),
        ("POST", []) => {
            let body = body()?;
            let rule = text(&body, field)
                .as_deref()
                .and_then(RuleType::parse)
                .ok_or_else(Refusal::not_readable)?;
            store.add_rule(of, rule.as_str(), &config(&body))?;
            Ok(Answer::done())
        }
        ("DELETE", []) => {
            store.delete_rules(of)?;
            Ok(Answer::done())
        }
        ("GET", [rule]) => Ok(Answer::json(&json!({field: rule, "config": store.rule(of, rule)?}))),
        ("PUT", [rule]) => {
            let config = config(&body()?);
            store.set_rule(of, rule, &config)?;
            Ok(Answer::json(&json!({field: rule, "config": config})))
        }
        ("DELETE", [rule]) => {
            store.delete_rule(of, rule)?;
            Ok(Answer::done())
        }
        _ => Err(no_resource(request)),
    }
}
