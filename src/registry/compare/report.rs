use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::Serialize;

use super::{Comparison, Row};
use crate::{
    model::{Digest, TextDiffs},
    registry::{Identity, Sealed, markdown::plain},
};

/// A whole comparison, as files and `regplan verify --json` have it.
#[derive(Debug, Serialize)]
pub struct VerifyReport<'a> {
    /// Raised when an old reader could misread it.
    format_version: u32,
    /// Whether nothing differs but what is expected or accepted.
    pub equal: bool,
    /// The side that is right.
    pub left: &'a Identity,
    /// The side that was compared with it.
    pub right: &'a Identity,
    /// The step whose snapshot is the left side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<&'a str>,
    /// Over everything that the left side holds.
    pub left_digest: &'a Digest,
    /// Over everything that the right side holds.
    pub right_digest: &'a Digest,
    /// Group by group; `default` is the default group.
    pub groups: BTreeMap<&'a str, GroupPair<'a>>,
    /// The texts that differ; absent when they were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextDiffs>,
    /// The rows.
    #[serde(flatten)]
    pub comparison: &'a Comparison,
}

/// What both sides hold of one group, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupPair<'a> {
    /// Versions on the left.
    pub left_versions: u64,
    /// Versions on the right.
    pub right_versions: u64,
    /// Over what the left side holds; absent when it does not have the group.
    pub left: Option<&'a Digest>,
    /// Over what the right side holds; absent when it does not have the group.
    pub right: Option<&'a Digest>,
}

impl<'a> VerifyReport<'a> {
    /// Of two sides and what came out.
    pub fn new(left: &'a Sealed, right: &'a Sealed, at: Option<&'a str>, comparison: &'a Comparison) -> Self {
        let names: BTreeSet<&str> = left
            .groups
            .keys()
            .chain(right.groups.keys())
            .map(String::as_str)
            .collect();
        let pair = |name: &'a str| {
            let (ours, theirs) = (left.groups.get(name), right.groups.get(name));
            let pair = GroupPair {
                left_versions: ours.map_or(0, |group| group.versions),
                right_versions: theirs.map_or(0, |group| group.versions),
                left: ours.map(|group| &group.digest),
                right: theirs.map(|group| &group.digest),
            };
            (name, pair)
        };
        Self {
            // 2: `left` and `right` say where a side came from; before they were names of the plan.
            format_version: 2,
            equal: comparison.is_equal(),
            left: &left.identity,
            right: &right.identity,
            at,
            left_digest: &left.digest,
            right_digest: &right.digest,
            groups: names.into_iter().map(pair).collect(),
            texts: None,
            comparison,
        }
    }

    /// Groups whose digests differ.
    pub fn other_groups(&self) -> impl Iterator<Item = &'a str> {
        let other = self.groups.iter().filter(|(_, pair)| pair.left != pair.right);
        other.map(|(name, _)| *name)
    }

    /// As a Markdown document.
    pub fn markdown(&self) -> String {
        let mut text = String::from("# Comparison\n\n| | left | right |\n| --- | --- | --- |\n");
        let mut row = |name: &str, left: &str, right: &str| {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "| {name} | {} | {} |", plain(left), plain(right));
        };
        row("from", &self.left.source, &self.right.source);
        row("version", &self.left.version, &self.right.version);
        row(
            "export",
            self.left.export_sha256.as_str(),
            self.right.export_sha256.as_str(),
        );
        row("digest", self.left_digest.as_str(), self.right_digest.as_str());
        let _infallible = writeln!(text, "\n{}.", self.comparison.summary());
        for (title, rows) in [
            ("Differences", &self.comparison.differences),
            ("Accepted", &self.comparison.accepted),
            ("Expected", &self.comparison.expected),
        ] {
            section(&mut text, title, rows);
        }
        if let Some(texts) = &self.texts {
            texts_section(&mut text, texts);
        }
        text.push_str("\n## Groups\n\n| group | versions left | right | equal |\n| --- | ---: | ---: | :---: |\n");
        for (name, pair) in &self.groups {
            let equal = if pair.left == pair.right { "yes" } else { "**no**" };
            let (left, right) = (pair.left_versions, pair.right_versions);
            let _infallible = writeln!(text, "| {} | {left} | {right} | {equal} |", plain(name));
        }
        text
    }
}

fn section(text: &mut String, title: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    let _infallible = writeln!(
        text,
        "\n## {title}\n\n| code | what | left | right |\n| --- | --- | --- | --- |"
    );
    for row in rows {
        let (what, left, right) = (plain(&row.what), plain(&row.left), plain(&row.right));
        let _infallible = writeln!(text, "| `{}` | {what} | {left} | {right} |", row.code);
    }
}

/// Each diff in a fence that nothing in it can close.
fn texts_section(text: &mut String, texts: &TextDiffs) {
    let _infallible = writeln!(text, "\n## Texts that differ\n\n{} in all.", texts.total);
    for diff in &texts.shown {
        let (before, after) = (plain(&diff.before), plain(&diff.after));
        let _infallible = writeln!(
            text,
            "\n### {before}, {after}\n\n{} added, {} removed, {} of the diff's lines not shown.",
            diff.added, diff.removed, diff.more_lines
        );
        if let Some(note) = &diff.note {
            let _infallible = writeln!(text, "\n{}", plain(note));
        }
        if !diff.lines.is_empty() {
            let fence = "`".repeat(3.max(longest_run(&diff.lines) + 1));
            let _infallible = writeln!(text, "\n{fence}diff\n{}\n{fence}", diff.lines.join("\n"));
        }
    }
}

/// The most backticks one after the other.
fn longest_run(lines: &[String]) -> usize {
    let runs = lines.iter().flat_map(|line| line.split(|c| c != '`'));
    runs.map(str::len).max().unwrap_or(0)
}

impl Comparison {
    /// `1 difference in 68 versions, 2 expected`.
    pub fn summary(&self) -> String {
        let s = if self.differences.len() == 1 { "" } else { "s" };
        let mut text = format!("{} difference{s} in {} versions", self.differences.len(), self.versions);
        for (rows, class) in [(&self.expected, "expected"), (&self.accepted, "accepted")] {
            if !rows.is_empty() {
                let _infallible = write!(text, ", {} {class}", rows.len());
            }
        }
        text
    }
}
