use std::collections::BTreeMap;

use serde_json::Value;

use super::{Key, Refusal, Store, contents::Reference, is_json};

/// Where a rule is set.
#[derive(Debug, Clone, Copy)]
pub enum RuleOf<'k> {
    /// For everything.
    All,
    /// For a group; 3.x only.
    Group(&'k str),
    /// For one artifact.
    Artifact(&'k Key),
}

impl Store {
    pub fn rules(&self, of: RuleOf<'_>) -> Result<&BTreeMap<String, String>, Refusal> {
        match of {
            RuleOf::All => Ok(&self.global_rules),
            RuleOf::Group(group) => Ok(&self.group(group)?.rules),
            RuleOf::Artifact(key) => Ok(&self.artifact(key)?.rules),
        }
    }

    fn rules_mut(&mut self, of: RuleOf<'_>) -> Result<&mut BTreeMap<String, String>, Refusal> {
        self.writable()?;
        match of {
            RuleOf::All => Ok(&mut self.global_rules),
            RuleOf::Group(group) => match self.groups.get_mut(group) {
                Some(row) => Ok(&mut row.rules),
                None => Err(Refusal::no_group(group)),
            },
            RuleOf::Artifact(key) => Ok(&mut self.artifact_mut(key)?.rules),
        }
    }

    pub fn rule(&self, of: RuleOf<'_>, rule: &str) -> Result<&str, Refusal> {
        let found = self.rules(of)?.get(rule);
        found.map(String::as_str).ok_or_else(|| Refusal::no_rule(rule))
    }

    pub fn add_rule(&mut self, of: RuleOf<'_>, rule: &str, config: &str) -> Result<(), Refusal> {
        let rules = self.rules_mut(of)?;
        if rules.contains_key(rule) {
            return Err(Refusal::rule_exists(rule));
        }
        rules.insert(rule.to_owned(), config.to_owned());
        Ok(())
    }

    pub fn set_rule(&mut self, of: RuleOf<'_>, rule: &str, config: &str) -> Result<(), Refusal> {
        let place = self
            .rules_mut(of)?
            .get_mut(rule)
            .ok_or_else(|| Refusal::no_rule(rule))?;
        config.clone_into(place);
        Ok(())
    }

    pub fn delete_rule(&mut self, of: RuleOf<'_>, rule: &str) -> Result<(), Refusal> {
        let gone = self.rules_mut(of)?.remove(rule);
        gone.map(|_| ()).ok_or_else(|| Refusal::no_rule(rule))
    }

    pub fn delete_rules(&mut self, of: RuleOf<'_>) -> Result<(), Refusal> {
        self.rules_mut(of)?.clear();
        Ok(())
    }

    /// What is in force for an artifact: its own rule, else its group's, else the global one.
    fn in_force(&self, key: &Key, rule: &str) -> Option<&str> {
        let own = self.artifacts.get(key).and_then(|artifact| artifact.rules.get(rule));
        let group = key
            .group
            .as_ref()
            .and_then(|group| self.groups.get(group)?.rules.get(rule));
        let found = own.or(group).or_else(|| self.global_rules.get(rule));
        found.map(String::as_str).filter(|config| *config != "NONE")
    }

    /// Asks the rules about a new content; as much of them as clients that write valid schemas can meet.
    pub(super) fn check_rules(
        &self,
        key: &Key,
        kind: &str,
        bytes: &[u8],
        references: &[Reference],
    ) -> Result<(), Refusal> {
        if self.in_force(key, "VALIDITY").is_some() && !is_valid(kind, bytes) {
            return Err(self.violation(format!("Syntax violation for {} artifact.", shown(kind)), Vec::new()));
        }
        if self
            .in_force(key, "INTEGRITY")
            .is_some_and(|config| config != "NO_DUPLICATES")
            && let Some(gone) = references.iter().find(|reference| !self.resolves(reference))
        {
            let what = gone.name.clone().unwrap_or_default();
            return Err(self.violation(
                "Referenced artifact does not exist.".to_owned(),
                vec![(what, String::new())],
            ));
        }
        if self.in_force(key, "COMPATIBILITY").is_some() && kind == "AVRO" {
            self.check_avro(key, bytes)?;
        }
        Ok(())
    }

    fn resolves(&self, reference: &Reference) -> bool {
        let key = Key::new(
            reference.group_id.as_deref(),
            reference.artifact_id.as_deref().unwrap_or_default(),
        );
        self.global_id(&key, reference.version.as_deref().unwrap_or_default())
            .is_ok()
    }

    fn check_avro(&self, key: &Key, bytes: &[u8]) -> Result<(), Refusal> {
        let Some(before) = self
            .latest(key)
            .and_then(|id| self.content_of(self.version(id).ok()?).ok())
        else {
            return Ok(());
        };
        let broken = broken_fields(&before.bytes, bytes);
        if broken.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = broken.iter().map(|(what, at)| format!("{what} at {at}")).collect();
        let message = format!(
            "Incompatible artifact: {} [AVRO], num of incompatible diffs: {{{}}}, list of diff types: [{}]",
            key.artifact,
            list.len(),
            list.join(", ")
        );
        Err(self.violation(message, broken))
    }

    /// 409 on 2.6, 400 on 3.3 (reference: apicurio.md §2.11).
    fn violation(&self, message: String, causes: Vec<(String, String)>) -> Refusal {
        Refusal {
            causes: Some(causes),
            ..Refusal::new(if self.is_v2() { 409 } else { 400 }, "RuleViolationException", message)
        }
    }
}

fn is_valid(kind: &str, bytes: &[u8]) -> bool {
    match kind {
        "AVRO" => match serde_json::from_slice::<Value>(bytes) {
            Ok(Value::Object(schema)) => schema.contains_key("type"),
            Ok(Value::String(_) | Value::Array(_)) => true,
            Ok(Value::Null | Value::Bool(_) | Value::Number(_)) | Err(_) => false,
        },
        "JSON" | "OPENAPI" | "ASYNCAPI" | "KCONNECT" => is_json(bytes),
        _ => true,
    }
}

/// A type as messages call it.
fn shown(kind: &str) -> &str {
    match kind {
        "JSON" => "JSON Schema",
        "AVRO" => "Avro",
        "OPENAPI" => "OpenAPI",
        "ASYNCAPI" => "AsyncAPI",
        other => other,
    }
}

/// The fields of a record that records of the former schema cannot be read with: new ones without a default, and others whose
/// primitive type changed to one that does not hold the former.
fn broken_fields(before: &[u8], after: &[u8]) -> Vec<(String, String)> {
    let fields = |bytes: &[u8]| -> Vec<Value> {
        let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let fields = value.get("fields").and_then(Value::as_array);
        fields.cloned().unwrap_or_default()
    };
    let (before, after) = (fields(before), fields(after));
    let mut broken = Vec::new();
    for (index, field) in after.iter().enumerate() {
        let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
        let former = before.iter().find(|former| former.get("name") == field.get("name"));
        match former {
            None if field.get("default").is_none() => broken.push((name.to_owned(), format!("/fields/{index}"))),
            Some(former) if !holds(former.get("type"), field.get("type")) => {
                broken.push((
                    format!("reader type of {name} is not compatible"),
                    format!("/fields/{index}/type"),
                ));
            }
            None | Some(_) => {}
        }
    }
    broken
}

/// Whether values written as one type can be read as another; what is no primitive is taken to fit.
fn holds(written: Option<&Value>, read: Option<&Value>) -> bool {
    let (Some(Value::String(written)), Some(Value::String(read))) = (written, read) else {
        return true;
    };
    let primitive = |name: &str| {
        matches!(
            name,
            "null" | "boolean" | "int" | "long" | "float" | "double" | "string" | "bytes"
        )
    };
    let wider = matches!(
        (written.as_str(), read.as_str()),
        ("int", "long" | "float" | "double")
            | ("long", "float" | "double")
            | ("float", "double")
            | ("string", "bytes")
            | ("bytes", "string")
    );
    written == read || wider || !primitive(written) || !primitive(read)
}
