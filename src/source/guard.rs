//! The guard before anything else reads a plan.
//!
//! One pass over the events of `granit-parser`: it refuses what serde_yaml would take seconds to refuse (depth, alias
//! bombs) or would read in silence (duplicate keys, merge keys, tags, a second document). An alias shares the node of its
//! anchor, so the places below it are where the value was written.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, options};

use super::{
    spans::{Body, Entry, Node, SpanIndex},
    syntax::syntax,
};
use crate::model::{DocPath, Finding};

/// Deepest nesting: a plan needs ten, serde_yaml's recursion is safe far beyond.
const DEEPEST: usize = 64;

/// Most values in a file: a plan of 10,000 steps has about 300,000.
const MOST_NODES: usize = 1_000_000;

/// Most values that aliases may add: generous for shared command lists, far below a bomb.
const MOST_ALIASED: usize = 50_000;

/// Most findings of the guard: nobody reads more, and each costs a walk over the text.
const MOST_FINDINGS: usize = 100;

/// What the guard says: the index as far as it got, what it found, and whether anybody may read on.
pub(super) struct Guarded {
    pub(super) index: SpanIndex,
    pub(super) findings: Vec<Finding>,
    pub(super) readable: bool,
}

/// Reads the events of a text.
pub(super) fn guard(text: &str) -> Guarded {
    let mut builder = Builder::new(text);
    let options = options! { emit_comments: false };
    let outcome = builder.read(Parser::new_from_str_with_options(text, options));
    let readable = match outcome {
        Ok(()) => true,
        Err(finding) => {
            builder.findings.push(*finding);
            false
        }
    };
    if readable && builder.index.root.is_none() {
        let empty = Finding::error("plan::empty", DocPath::root(), "the file holds no plan");
        builder
            .findings
            .push(empty.help("A plan begins with `regplan: v1`; `regplan schema` prints the whole language."));
    }
    Guarded {
        readable: readable && builder.index.root.is_some(),
        index: builder.index,
        findings: builder.findings,
    }
}

/// A collection that is being read.
struct Open {
    node: usize,
    anchor: usize,
    key: Option<(String, Range<usize>)>,
}

struct Builder<'a> {
    text: &'a str,
    index: SpanIndex,
    open: Vec<Open>,
    anchors: HashMap<usize, usize>,
    aliased: usize,
    documents: usize,
    findings: Vec<Finding>,
}

type Step = Result<(), Box<Finding>>;

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            index: SpanIndex::default(),
            open: Vec::new(),
            anchors: HashMap::new(),
            aliased: 0,
            documents: 0,
            findings: Vec::new(),
        }
    }

    fn read<'i>(&mut self, events: impl Iterator<Item = Result<(Event<'i>, Span), ScanError>>) -> Step {
        for event in events {
            let (event, span) = event.map_err(|error| Box::new(syntax(self.text, &error)))?;
            let range = span.byte_range().unwrap_or(0..0);
            self.event(event, range)?;
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's other events hold no values")]
    fn event(&mut self, event: Event<'_>, range: Range<usize>) -> Step {
        if event.tag().is_some() {
            return fatal(
                range,
                "plan::tag",
                "a tag (`!…`) has no meaning in a plan",
                "Remove the tag.",
            );
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = "Write one plan per file.";
                    return fatal(range, "plan::second_document", "a second document begins here", help);
                }
                Ok(())
            }
            Event::Scalar(value, style, anchor, _) => self.scalar(&value, style, anchor, range),
            Event::SequenceStart(_, anchor, _) => self.start(Body::List(Vec::new()), anchor, range),
            Event::MappingStart(_, anchor, _) => self.start(Body::Map(BTreeMap::new()), anchor, range),
            Event::SequenceEnd | Event::MappingEnd => self.end(&range),
            Event::Alias(anchor) => self.alias(anchor, range),
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, anchor: usize, range: Range<usize>) -> Step {
        let wants_key = self
            .open
            .last()
            .is_some_and(|open| matches!(self.index.nodes[open.node].body, Body::Map(_)) && open.key.is_none());
        if wants_key {
            return self.key(value, style, range);
        }
        if style == ScalarStyle::Plain && is_no_number(value) {
            let what = format!("`{value}` is no number that a plan can use");
            return fatal(range, "plan::number", &what, "Quote it if it is text.");
        }
        if style == ScalarStyle::Plain && is_too_large(value) {
            let shown: String = value.chars().take(40).collect();
            let what = format!("the number `{shown}` is larger than a plan can hold");
            return fatal(range, "plan::number", &what, "Quote it if it is text.");
        }
        let source = self.text.get(range.clone()).unwrap_or_default();
        let same = match style {
            ScalarStyle::Plain => source == value,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                source.len() == value.len() + 2 && source.get(1..=value.len()) == Some(value)
            }
            ScalarStyle::Literal | ScalarStyle::Folded => false,
        };
        let body = Body::Scalar((!same).then(|| value.into()));
        let node = self.add(range, body)?;
        self.remember(anchor, node);
        self.place(node);
        Ok(())
    }

    fn key(&mut self, value: &str, style: ScalarStyle, range: Range<usize>) -> Step {
        if style == ScalarStyle::Plain && value == "<<" {
            let help = "Write the keys out, or share whole values with an anchor and an alias.";
            return fatal(
                range,
                "plan::merge_key",
                "merge keys (`<<`) are not part of YAML 1.2 nor of a plan",
                help,
            );
        }
        if value.starts_with('$') {
            let what = format!("`{value}` cannot be a key: variables stand in values only");
            let finding = Finding::error("plan::reserved_key", DocPath::root(), what);
            self.findings.push(finding.inside(range.clone()));
        }
        if let Some(open) = self.open.last_mut() {
            open.key = Some((value.to_owned(), range));
        }
        Ok(())
    }

    fn start(&mut self, body: Body, anchor: usize, range: Range<usize>) -> Step {
        if self.open.last().is_some_and(|open| self.wants_key(open)) {
            return fatal(
                range,
                "plan::key",
                "a key must be text",
                "Write a plain word before the colon.",
            );
        }
        if self.open.len() >= DEEPEST {
            return too_deep(range);
        }
        let node = self.add(range, body)?;
        self.open.push(Open {
            node,
            anchor,
            key: None,
        });
        Ok(())
    }

    fn wants_key(&self, open: &Open) -> bool {
        open.key.is_none() && matches!(self.index.nodes[open.node].body, Body::Map(_))
    }

    fn end(&mut self, range: &Range<usize>) -> Step {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let children: Vec<usize> = match &self.index.nodes[open.node].body {
            Body::List(list) => list.clone(),
            Body::Map(map) => map.values().map(|entry| entry.value).collect(),
            Body::Scalar(_) => Vec::new(),
        };
        let size = children
            .iter()
            .map(|child| self.index.nodes[*child].size)
            .sum::<usize>()
            + 1;
        let height = children.iter().map(|child| self.index.nodes[*child].height + 1).max();
        let node = &mut self.index.nodes[open.node];
        node.range.end = range.end.max(node.range.start);
        node.size = size;
        node.height = height.unwrap_or(0);
        self.remember(open.anchor, open.node);
        self.place(open.node);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, range: Range<usize>) -> Step {
        if self.open.last().is_some_and(|open| self.wants_key(open)) {
            return fatal(range, "plan::key", "a key cannot be an alias", "Write the key out.");
        }
        let Some(&node) = self.anchors.get(&anchor) else {
            let help = "An alias can repeat only what is complete before it.";
            return fatal(
                range,
                "plan::alias",
                "this alias stands inside the value that it repeats",
                help,
            );
        };
        let (size, height) = (self.index.nodes[node].size, self.index.nodes[node].height);
        self.aliased = self.aliased.saturating_add(size);
        if self.aliased > MOST_ALIASED {
            let what = format!("aliases repeat more than {MOST_ALIASED} values");
            return fatal(range, "plan::alias_budget", &what, "Write less by aliases.");
        }
        if self.open.len() + height > DEEPEST {
            return too_deep(range);
        }
        self.place(node);
        Ok(())
    }

    fn add(&mut self, range: Range<usize>, body: Body) -> Result<usize, Box<Finding>> {
        if self.index.nodes.len() >= MOST_NODES {
            fatal(
                range.clone(),
                "plan::too_many_values",
                &format!("the file holds more than {MOST_NODES} values"),
                "Split the plan.",
            )?;
        }
        self.index.nodes.push(Node {
            range,
            body,
            size: 1,
            height: 0,
        });
        Ok(self.index.nodes.len() - 1)
    }

    fn remember(&mut self, anchor: usize, node: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
    }

    /// Puts a complete value where it belongs.
    fn place(&mut self, value: usize) {
        let Some(open) = self.open.last_mut() else {
            self.index.root.get_or_insert(value);
            return;
        };
        let key = open.key.take();
        let parent = open.node;
        let mut repeated = None;
        match (&mut self.index.nodes[parent].body, key) {
            (Body::List(list), _) => list.push(value),
            (Body::Map(map), Some((name, key))) => {
                let before = map.insert(name.clone(), Entry { key, value });
                repeated = before.map(|before| (name, before.key));
            }
            (Body::Map(_) | Body::Scalar(_), _) => {}
        }
        if let Some((name, before)) = repeated
            && self.findings.len() < MOST_FINDINGS
        {
            let path = self.path().key(name.clone());
            let line = self
                .text
                .get(..before.start)
                .map_or(0, |above| above.matches('\n').count())
                + 1;
            let finding = Finding::error("plan::duplicate_key", path, format!("`{name}` is written twice"));
            self.findings.push(
                finding
                    .on_key()
                    .help(format!("Keep one: the first stands in line {line}.")),
            );
        }
    }

    /// The place of the innermost open collection.
    fn path(&self) -> DocPath {
        let mut path = DocPath::root();
        for pair in self.open.windows(2) {
            path = match (&self.index.nodes[pair[0].node].body, &pair[0].key) {
                (Body::List(list), _) => path.index(list.len()),
                (_, Some((key, _))) => path.key(key.clone()),
                (_, None) => path,
            };
        }
        path
    }
}

fn too_deep(range: Range<usize>) -> Step {
    Err(deep(range))
}

pub(super) fn deep(range: Range<usize>) -> Box<Finding> {
    let what = format!("values are nested more than {DEEPEST} deep");
    let finding = Finding::error("plan::too_deep", DocPath::root(), what);
    Box::new(
        finding
            .inside(range)
            .help("No part of a plan is so deep: look for a bracket too many."),
    )
}

fn fatal(range: Range<usize>, code: &'static str, what: &str, help: &str) -> Step {
    let finding = Finding::error(code, DocPath::root(), what);
    Err(Box::new(finding.inside(range).help(help)))
}

/// YAML's infinities and NaN: JSON has none, and they would become null in silence.
fn is_no_number(value: &str) -> bool {
    let unsigned = value.trim_start_matches(['+', '-']);
    value.len() <= 5 && (unsigned.eq_ignore_ascii_case(".inf") || unsigned.eq_ignore_ascii_case(".nan"))
}

/// Whole numbers beyond 64 bits: JSON readers take them for something else, or for nothing.
fn is_too_large(value: &str) -> bool {
    let digits = value.trim_start_matches(['+', '-']);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    number && value.parse::<u64>().is_err() && value.parse::<i64>().is_err()
}
