use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Where a secret comes from; the value itself is read when it is used and never kept in a plan or record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSource {
    /// The name of an environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// A file; its text without the final line break. Relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A program and its arguments; its standard output without the final line break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

/// Text that may hold references to secrets, such as `postgres://u:${vars.password}@h/d`.
///
/// It is the only type of a kind's fields that accepts a secret: after substitution such a value is the mapping
/// `{"$secret": "<template>"}`, which no `String` field takes. `Display` shows the template, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretText {
    template: String,
    has_secrets: bool,
}

/// The key of the mapping that stands for a value with secrets after substitution.
pub(crate) const SECRET_KEY: &str = "$secret";

impl SecretText {
    /// Plain text without any secret.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            template: text.into(),
            has_secrets: false,
        }
    }

    /// Text whose `${vars.NAME}` are secrets (`$${` stands for a literal `${`).
    pub fn template(template: impl Into<String>) -> Self {
        Self {
            template: template.into(),
            has_secrets: true,
        }
    }

    /// The text with its references, safe to show.
    pub fn as_template(&self) -> &str {
        &self.template
    }

    /// Whether it must be resolved before use.
    pub fn has_secrets(&self) -> bool {
        self.has_secrets
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.template)
    }
}

impl Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.has_secrets {
            use serde::ser::SerializeMap as _;
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(SECRET_KEY, &self.template)?;
            map.end()
        } else {
            serializer.serialize_str(&self.template)
        }
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = SecretText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(SecretText::plain(text))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let entry = map.next_entry::<String, String>()?;
                match entry {
                    Some((key, template)) if key == SECRET_KEY => Ok(SecretText::template(template)),
                    _ => Err(serde::de::Error::custom("expected a string")),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "SecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Text that may hold secrets by reference: ${vars.NAME}."
        })
    }
}
