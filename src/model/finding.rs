use std::ops::Range;

use super::DocPath;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The plan can be used, but the author should know.
    Warning,
    /// The plan cannot be used.
    Error,
}

/// Which part of a mapping entry a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The key itself, for an unknown or duplicate key.
    Key,
    /// The value.
    Value,
}

/// A second place that explains a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub at: DocPath,
    /// What is there, in a few words.
    pub note: String,
}

/// Something a check has to say about the plan; it carries a path, never a span: the edge finds the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Stable and documented: `plan::unknown_key`.
    pub code: &'static str,
    /// Where in the document.
    pub at: DocPath,
    /// The key or the value at that place.
    pub place: Place,
    /// Bytes inside the scalar at that place, for expressions and `${…}`.
    pub inside: Option<Range<usize>>,
    /// What is wrong: a lower-case fragment without a period.
    pub what: String,
    /// What to write instead: a full sentence.
    pub help: Option<String>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
}

impl Finding {
    /// An error at the value of `at`.
    pub fn error(code: &'static str, at: DocPath, what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            at,
            place: Place::Value,
            inside: None,
            what: what.into(),
            help: None,
            related: Vec::new(),
        }
    }

    /// A warning at the value of `at`.
    pub fn warning(code: &'static str, at: DocPath, what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, at, what)
        }
    }

    /// Points at the key instead of the value.
    #[must_use]
    pub fn on_key(mut self) -> Self {
        self.place = Place::Key;
        self
    }

    /// Points at these bytes of the scalar.
    #[must_use]
    pub fn inside(mut self, bytes: Range<usize>) -> Self {
        self.inside = Some(bytes);
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names a second place.
    #[must_use]
    pub fn related(mut self, at: DocPath, note: impl Into<String>) -> Self {
        self.related.push(Related { at, note: note.into() });
        self
    }
}

/// All findings of a check, in the order they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: Findings) {
        self.0.extend(others.0);
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|f| f.severity == Severity::Error)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In the order they were made.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
