use schemars::SchemaGenerator;
use serde_json::Value;

use super::file::{COMMON_FACTS, Fact, RUN_FACTS, SYSTEM_TYPES};
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

/// A type of system as the reference shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemText {
    /// `apicurio`.
    pub name: &'static str,
    /// Whether this version can talk to it.
    pub supported: bool,
    /// The JSON Schema of its keys without `type`, with `$defs`.
    pub spec: Value,
    /// What expressions may read of it.
    pub facts: Vec<Fact>,
}

/// Every type of system that a plan may name.
pub fn system_types() -> Vec<SystemText> {
    SYSTEM_TYPES
        .iter()
        .map(|line| SystemText {
            name: line.name,
            supported: line.supported,
            spec: whole(line.schema),
            facts: COMMON_FACTS.iter().chain(line.facts).copied().collect(),
        })
        .collect()
}

/// What expressions may read of the run.
pub fn run_facts() -> &'static [Fact] {
    RUN_FACTS
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
