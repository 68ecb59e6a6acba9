//! Where everything stands in a plan.

use std::{collections::BTreeMap, ops::Range};

use crate::model::{DocPath, Place, Segment};

/// The places of all values of a document.
#[derive(Debug, Clone, Default)]
pub(super) struct SpanIndex {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Option<usize>,
}

/// A value: where it stands and what is in it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its bytes in the text.
    pub(super) range: Range<usize>,
    pub(super) body: Body,
    /// Values in it, itself included, aliases expanded.
    pub(super) size: usize,
    /// Levels below it.
    pub(super) height: usize,
}

/// What a value is made of; members are places in [`SpanIndex::nodes`].
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// The decoded text, kept only when it is not the source text itself.
    Scalar(Option<Box<str>>),
    List(Vec<usize>),
    Map(BTreeMap<String, Entry>),
}

/// A key of a mapping, by its bytes, and the place of its value in [`SpanIndex::nodes`].
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Range<usize>,
    pub(super) value: usize,
}

impl SpanIndex {
    /// The bytes of a place; of its nearest parent when it does not exist.
    pub(super) fn range(&self, at: &DocPath, place: Place) -> Option<Range<usize>> {
        let mut now = self.root?;
        let mut key = None;
        for segment in at.segments() {
            let node = self.nodes.get(now)?;
            match (segment, &node.body) {
                (Segment::Key(name), Body::Map(map)) => {
                    let Some(entry) = map.get(name) else { break };
                    key = Some(entry.key.clone());
                    now = entry.value;
                }
                (Segment::Index(index), Body::List(list)) => {
                    let Some(item) = list.get(*index) else { break };
                    key = None;
                    now = *item;
                }
                _ => break,
            }
        }
        let value = self.nodes.get(now)?.range.clone();
        Some(match place {
            Place::Key => key.unwrap_or(value),
            Place::Value => value,
        })
    }

    /// The source bytes of `inside`, bytes of the decoded scalar at `at`.
    pub(super) fn inside(&self, text: &str, at: &DocPath, inside: &Range<usize>) -> Option<Range<usize>> {
        let range = self.range(at, Place::Value)?;
        let source = text.get(range.clone())?;
        let (start, end) = match self.decoded(at)? {
            Some(decoded) => (align(source, decoded, inside.start), align(source, decoded, inside.end)),
            None => {
                let quote = usize::from(source.starts_with(['"', '\'']));
                (inside.start + quote, inside.end + quote)
            }
        };
        let clamp = |at: usize| range.start + at.min(source.len());
        Some(clamp(start)..clamp(end))
    }

    fn decoded(&self, at: &DocPath) -> Option<Option<&str>> {
        let mut now = self.root?;
        for segment in at.segments() {
            now = match (segment, &self.nodes.get(now)?.body) {
                (Segment::Key(name), Body::Map(map)) => map.get(name)?.value,
                (Segment::Index(index), Body::List(list)) => *list.get(*index)?,
                _ => return None,
            };
        }
        match &self.nodes.get(now)?.body {
            Body::Scalar(decoded) => Some(decoded.as_deref()),
            Body::List(_) | Body::Map(_) => None,
        }
    }
}

/// The byte of `source` at which byte `to` of `decoded` was written: walks both, over line breaks, indents and escapes.
fn align(source: &str, decoded: &str, to: usize) -> usize {
    let mut rest = source.char_indices().peekable();
    if source.starts_with(['"', '\'']) {
        rest.next();
    } else if source.starts_with(['|', '>']) {
        // The header line of a block.
        while rest.next().is_some_and(|(_, c)| c != '\n') {}
    }
    for (at, wanted) in decoded.char_indices() {
        if !wanted.is_whitespace() {
            while rest.peek().is_some_and(|(_, c)| c.is_whitespace()) {
                rest.next();
            }
        }
        let Some(&(here, found)) = rest.peek() else {
            return source.len();
        };
        if at >= to {
            return here;
        }
        if wanted.is_whitespace() && !found.is_whitespace() {
            continue;
        }
        rest.next();
        if (found == '\\' && wanted != '\\') || (found == '\'' && wanted == '\'') {
            rest.next();
        }
    }
    rest.peek().map_or(source.len(), |&(here, _)| here)
}
