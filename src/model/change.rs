use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The verb of a change, with the sign that the plan shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing to do: the world is as the step wants it.
    None,
    /// `+`: something comes to be, or a command runs.
    Create,
    /// `~`: something becomes other.
    Update,
    /// `-`: something ends.
    Delete,
}

/// One field that a change moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// `writes`, `versions`.
    pub field: String,
    /// What is there now; null when nothing is.
    pub before: Value,
    /// What will be there.
    pub after: Value,
}

/// Desired against observed, for one step; every value that `apply` writes is here or follows from declared bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The verb.
    pub action: Action,
    /// What moves, in the order to show.
    pub deltas: Vec<Delta>,
    /// What the act works from, by name, as it was seen: a key in the spool, no words for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, Value>,
    /// A few words for the line of the plan, where deltas do not say it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What could go wrong or be lost, for the reviewer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<String>,
}

impl Change {
    /// Nothing to do.
    pub fn none() -> Self {
        Self::new(Action::None)
    }

    /// A change of that verb without deltas yet.
    pub fn new(action: Action) -> Self {
        Self {
            action,
            deltas: Vec::new(),
            pins: BTreeMap::new(),
            summary: None,
            risks: Vec::new(),
        }
    }

    /// An update that moves what differs between `before` and `after` of one field; nothing when they are equal.
    #[must_use]
    pub fn field(mut self, field: &str, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        let (before, after) = (before.into(), after.into());
        if before != after {
            self.deltas.push(Delta {
                field: field.to_owned(),
                before,
                after,
            });
            if self.action == Action::None {
                self.action = Action::Update;
            }
        }
        self
    }

    /// Adds the words for the line of the plan.
    #[must_use]
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    /// Adds a risk.
    #[must_use]
    pub fn risk(mut self, risk: impl Into<String>) -> Self {
        self.risks.push(risk.into());
        self
    }

    /// Adds what the act works from.
    #[must_use]
    pub fn pin(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.pins.insert(name.to_owned(), value.into());
        self
    }

    /// In one line: `writes: allow → deny`. Texts of several lines are for `plan`, which has room for them.
    pub fn in_words(&self) -> String {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => "none".to_owned(),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
        };
        let is_long = |value: &Value| value.as_str().is_some_and(|text| text.contains('\n'));
        let deltas = self.deltas.iter();
        let deltas = deltas.filter(|delta| !is_long(&delta.before) && !is_long(&delta.after));
        let deltas = deltas.map(|delta| format!("{}: {} → {}", delta.field, text(&delta.before), text(&delta.after)));
        let words: Vec<String> = self.summary.iter().cloned().chain(deltas).collect();
        words.join(" · ")
    }

    /// Whether there is nothing to do.
    pub fn is_none(&self) -> bool {
        self.action == Action::None
    }
}
