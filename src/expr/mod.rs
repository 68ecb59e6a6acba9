//! Checkpoint expressions: CEL over facts. The one home of the `cel` library; pure.

mod judge;
mod parse;
mod tokens;

use std::ops::Range;

use serde_json::Value;

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    /// The terms of the outermost `&&`, in order; one when there is none.
    parts: Vec<Part>,
    names: Vec<(Vec<String>, Range<usize>)>,
}

/// One term of the outermost `&&`, with the facts it names.
#[derive(Debug, Clone)]
struct Part {
    text: String,
    tree: cel::IdedExpr,
    names: Vec<Vec<String>>,
    /// Its bytes in the whole text.
    at: Range<usize>,
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ParseError {
    /// What is wrong.
    pub what: String,
    /// Where: bytes of the text.
    pub at: Range<usize>,
}

/// Whether an expression holds, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it is true.
    pub holds: bool,
    /// The part that is false and the values it saw (`systems.lb.route.to == "v3"; systems.lb.route.to is "v2"`); when it
    /// holds, the values it saw.
    pub because: String,
}

/// Why an expression has no truth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A fact is missing: a step without that output, a system that does not say.
    #[error("{name} is not known: {reason}")]
    Missing {
        /// The fact.
        name: String,
        /// Why.
        reason: String,
    },
    /// It is not true or false, or its types do not fit.
    #[error("{0}")]
    Type(String),
}

impl Expression {
    /// Parses at most 4 kB.
    ///
    /// # Errors
    /// When it does not parse, or calls a function that does not exist.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every fact it names, as path segments (`["systems", "lb", "route", "to"]`), with its bytes in the text.
    pub fn names(&self) -> Vec<(Vec<String>, Range<usize>)> {
        self.names.clone()
    }

    /// The first term of the outermost `&&` that is surely neither true nor false, whatever the facts: what it is, and its
    /// bytes in the text.
    pub fn no_truth(&self) -> Option<(&'static str, Range<usize>)> {
        self.parts
            .iter()
            .find_map(|part| Some((parse::no_truth(&part.tree)?, part.at.clone())))
    }

    /// Judges it over `{systems, steps, vars, run}`. A fact that is null counts as absent, so `has(…)` is false for it.
    ///
    /// # Errors
    /// When a fact is missing or types do not fit, unless another part of the outermost `&&` is false.
    pub fn judge(&self, facts: &Value) -> Result<Judgement, EvaluateError> {
        judge::judge(&self.parts, facts)
    }
}

#[cfg(test)]
mod tests;
