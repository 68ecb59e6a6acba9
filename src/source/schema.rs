//! The JSON Schema of the plan file, from the types and their doc comments.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::file::{PlanFile, SYSTEM_TYPES};
use crate::kind::{KINDS, KNOWN_LATER_KINDS};

/// The JSON Schema (2020-12) of the plan file: `with:` by kind and `systems:` by type, so that editors complete.
pub fn plan_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.root_schema_for::<PlanFile>().to_value();
    let kinds: Vec<Value> = KINDS
        .iter()
        .map(|kind| {
            let with = (kind.spec_schema)(&mut generator).to_value();
            // A missing `with:` is an empty one.
            let needs_with = requires(&with, &generator);
            let mut then = json!({"properties": {"with": with}});
            if needs_with {
                then["required"] = json!(["with"]);
            }
            when("uses", kind.name, &then)
        })
        .collect();
    let systems: Vec<Value> = SYSTEM_TYPES
        .iter()
        .map(|line| {
            let mut spec = (line.schema)(&mut generator).to_value();
            let spec = inline(&mut spec, &mut generator, line.name);
            when("type", line.name, &spec)
        })
        .collect();
    let names: Vec<Value> = KINDS
        .iter()
        .map(|kind| json!({"const": kind.name, "description": kind.about}))
        .chain(
            KNOWN_LATER_KINDS
                .iter()
                .map(|name| json!({"const": name, "description": "Not supported yet."})),
        )
        .collect();
    let mut definitions = generator.take_definitions(true);
    if let Some(step) = definitions.get_mut("Step") {
        step["properties"]["uses"]["oneOf"] = names.into();
        step["allOf"] = kinds.into();
    }
    if let Some(system) = definitions.get_mut("System") {
        system["allOf"] = systems.into();
    }
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// The structure of the plan without what belongs to kinds and types: those are checked one by one.
pub(super) fn structure() -> Value {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<PlanFile>()
        .to_value()
}

fn when(key: &str, name: &str, then: &Value) -> Value {
    json!({"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": then})
}

fn requires(schema: &Value, generator: &SchemaGenerator) -> bool {
    let name = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|target| target.rsplit('/').next());
    let target = name
        .and_then(|name| generator.definitions().get(name))
        .unwrap_or(schema);
    target
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty())
}

/// The spec of a type with `type` among its keys, since a system is one mapping.
fn inline(schema: &mut Value, generator: &mut SchemaGenerator, name: &str) -> Value {
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|target| target.rsplit('/').next());
    let found = target.and_then(|target| generator.definitions_mut().remove(target));
    let mut spec = found.unwrap_or_else(|| schema.take());
    if !spec["properties"].is_object() {
        spec["properties"] = Value::Object(Map::new());
    }
    spec["properties"]["type"] = json!({"const": name});
    spec
}
