use serde_json::Value;

/// Name and description that a registry reads out of a content when nobody gives any: the record's name of Avro, `title` and
/// `description` of JSON Schema and of API descriptions, the name of a WSDL (seen on 2.6.13 and, through its v2 API, 3.3.3).
pub fn inspect(artifact_type: &str, bytes: &[u8]) -> (Option<String>, Option<String>) {
    if artifact_type == "WSDL" {
        return (xml_name(&String::from_utf8_lossy(bytes)), None);
    }
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return (None, None);
    };
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match artifact_type {
        "AVRO" => (text(&value, "name"), None),
        "JSON" => (text(&value, "title"), text(&value, "description")),
        "OPENAPI" | "ASYNCAPI" => match value.get("info") {
            Some(info) => (text(info, "title"), text(info, "description")),
            None => (None, None),
        },
        _ => (None, None),
    }
}

/// The `name` of the first element.
fn xml_name(text: &str) -> Option<String> {
    let (_, element) = text.split_once("<definitions")?;
    let (attributes, _) = element.split_once('>')?;
    let (_, rest) = attributes.split_once(" name=\"")?;
    let (name, _) = rest.split_once('"')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_own_place_for_a_name() {
        let name = |kind, text: &str| inspect(kind, text.as_bytes()).0;
        assert_eq!(name("AVRO", r#"{"name":"A","doc":"d"}"#).as_deref(), Some("A"));
        assert_eq!(name("JSON", r#"{"title":"J","name":"no"}"#).as_deref(), Some("J"));
        assert_eq!(name("OPENAPI", r#"{"info":{"title":"O"}}"#).as_deref(), Some("O"));
        assert_eq!(
            name("WSDL", "<definitions xmlns=\"x\" name=\"W\" t=\"u\"/>").as_deref(),
            Some("W")
        );
        assert_eq!(name("KCONNECT", r#"{"name":"n"}"#), None);
    }
}
