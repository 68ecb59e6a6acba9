//! Texts of a registry, such as schemas, beside those that take their place; and the differences between them, for people.

use serde::Serialize;

/// Texts that change: all are counted, the first are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// How many pairs there are; two pairs of the same two texts count once.
    pub total: u64,
    /// The first pairs.
    pub first: Vec<TextPair>,
}

/// A text and the one that takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPair {
    /// What is there; `None`: nothing.
    pub before: Option<NamedText>,
    /// What takes its place.
    pub after: NamedText,
}

/// A text, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedText {
    /// `payments/orders version 3 on v2`.
    pub name: String,
    /// The text.
    pub text: Shown,
}

/// A text, or why there is none to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The text, as it came from outside.
    Text(String),
    /// A few words: `4096 bytes that are no text`.
    Not(String),
}

/// The differences of [`Texts`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TextDiffs {
    /// As [`Texts::total`].
    pub total: u64,
    /// Of the first ones.
    pub shown: Vec<TextDiff>,
}

/// A unified diff, cut to size. Nothing in it can command a terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TextDiff {
    /// Whose text is there; empty when there is none.
    pub before: String,
    /// Whose text takes its place.
    pub after: String,
    /// Lines that come, of the whole diff.
    pub added: u64,
    /// Lines that go, of the whole diff.
    pub removed: u64,
    /// The first lines, each with its sign (`@`, blank, `+`, `-`).
    pub lines: Vec<String>,
    /// How many more lines the diff has.
    pub more_lines: u64,
    /// What else there is to know: why nothing is shown, or how it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
