//! What systems without a twin say in a rehearsal: the facts of real ones, as they were once seen.

use serde_json::{Value, json};

/// The facts of a system of that type; `None` when nobody recorded one.
///
/// Versions are those that this project is tested with or that are current (`reference/stack.md`); nothing is behind them.
pub(super) fn facts(kind: &str, spec: &Value) -> Option<Value> {
    let version = match kind {
        "postgres" => "15.18",
        "kafka" => {
            let named = spec.get("bootstrap").and_then(Value::as_array).map_or(1, Vec::len);
            return Some(json!({"reachable": true, "version": "4.3.1", "brokers": named}));
        }
        "oidc" => "26.7.3",
        "prometheus" => "2.42.0",
        _ => return None,
    };
    Some(json!({"reachable": true, "version": version}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_has_no_twin_answers_and_a_kafka_counts_the_brokers_that_the_plan_names() {
        for kind in ["postgres", "oidc", "prometheus"] {
            assert_eq!(facts(kind, &json!({})).unwrap()["reachable"], true, "{kind}");
        }
        let kafka = facts("kafka", &json!({"bootstrap": ["k1:9092", "k2:9092"]})).unwrap();
        assert_eq!(kafka["brokers"], 2);
        assert_eq!(facts("apicurio", &json!({})), None);
    }
}
