use schemars::SchemaGenerator;
use serde_json::Value;

use crate::{kind, model::Class};

/// What `explain KIND` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// `lb.route`.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// How it behaves.
    pub class: Class,
    /// The JSON Schema of its `with:`, with `$defs`.
    pub spec: Value,
    /// The JSON Schema of its outputs, with `$defs`.
    pub output: Value,
}

/// All there is to say about a kind; `None` when this version does not have it (see `kind::is_later_kind`).
pub fn explain(name: &str) -> Option<Explained> {
    let kind = kind::find(name)?;
    Some(Explained {
        name: kind.name,
        about: kind.about,
        class: kind.class,
        spec: whole(kind.spec_schema),
        output: whole(kind.output_schema),
    })
}

/// A schema that stands alone: the definitions it refers to are in its `$defs`.
pub(super) fn whole(schema: fn(&mut SchemaGenerator) -> schemars::Schema) -> Value {
    let mut generator = SchemaGenerator::default();
    let mut value = schema(&mut generator).to_value();
    let definitions = generator.take_definitions(true);
    if let (Value::Object(schema), false) = (&mut value, definitions.is_empty()) {
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    value
}
