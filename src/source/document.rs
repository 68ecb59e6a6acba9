use std::ops::Range;

use super::{guard::guard, spans::SpanIndex};
use crate::model::{DocPath, Finding, Place};

/// A plan's text and where everything stands in it.
#[derive(Debug, Clone)]
pub struct Document {
    name: String,
    text: String,
    spans: SpanIndex,
    /// The byte at which each line begins.
    lines: Vec<usize>,
}

/// A place for people: line and column from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Document {
    /// The text of the file of that name; also what stands in the way of reading it, and whether anybody may read on.
    pub(super) fn read(name: &str, text: String) -> (Self, Vec<Finding>, bool) {
        let guarded = guard(&text);
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let document = Self {
            name: name.to_owned(),
            text,
            spans: guarded.index,
            lines,
        };
        (document, guarded.findings, guarded.readable)
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes that a finding is about: at most one line of them, so that they can be underlined.
    pub fn range(&self, finding: &Finding) -> Range<usize> {
        let range = match &finding.inside {
            // The root is the whole text: what the guard finds has bytes and no path.
            Some(inside) if finding.at.segments().is_empty() => inside.clone(),
            Some(inside) => self
                .spans
                .inside(&self.text, &finding.at, inside)
                .unwrap_or_else(|| self.whole(&finding.at, finding.place)),
            None => self.whole(&finding.at, finding.place),
        };
        self.one_line(range)
    }

    /// The bytes of a place: at most one line of them.
    pub fn place(&self, at: &DocPath) -> Range<usize> {
        self.one_line(self.whole(at, Place::Value))
    }

    fn whole(&self, at: &DocPath, place: Place) -> Range<usize> {
        self.spans.range(at, place).unwrap_or(0..0)
    }

    /// Cuts a range to its first line and to whole characters.
    fn one_line(&self, range: Range<usize>) -> Range<usize> {
        let boundary = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(range.start);
        let end = boundary(range.end).max(start);
        let part = self.text.get(start..end).unwrap_or_default();
        let line = part.split('\n').next().unwrap_or_default().trim_end();
        if line.is_empty() {
            return start..boundary(start + 1).max(start);
        }
        start..start + line.len()
    }

    /// Line and column of a byte.
    pub fn location(&self, byte: usize) -> Location {
        let line = self.lines.partition_point(|start| *start <= byte).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self
            .text
            .get(start..byte.min(self.text.len()))
            .map_or(0, |before| before.chars().count())
            + 1;
        Location { line, column }
    }
}
