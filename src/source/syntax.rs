//! What is no YAML, and the most likely reason.

use std::{borrow::Cow, ops::Range};

use granit_parser::{ErrorKind, ScanError};

use super::guard::deep;
use crate::model::{DocPath, Finding};

/// What the parser could not read, in words for whoever writes plans.
pub(super) fn syntax(text: &str, error: &ScanError) -> Finding {
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    if let Some(range) = unquoted_reference(text, at) {
        let reference = text.get(range.clone()).unwrap_or_default();
        let finding = Finding::error(
            "plan::unquoted_reference",
            DocPath::root(),
            format!("`{reference}` must be quoted here: inside `{{ }}` and `[ ]` YAML takes its braces for its own"),
        );
        return finding.inside(range.clone()).help(format!("Write \"{reference}\"."));
    }
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return *deep(at..at + 1);
    }
    let what = error.kind().to_string();
    Finding::error("plan::yaml", DocPath::root(), format!("this is not YAML: {what}"))
        .inside(at..(at + 1).min(text.len()))
}

/// The bare `${…}` that makes YAML stop at byte `at`, when that is why.
fn unquoted_reference(text: &str, at: usize) -> Option<Range<usize>> {
    let line_start = text.get(..at)?.rfind('\n').map_or(0, |found| found + 1);
    let line_end = text.get(at..)?.find('\n').map_or(text.len(), |found| at + found);
    let line: Cow<'_, str> = text.get(line_start..line_end)?.into();
    let before = (at - line_start + 2).min(line.len());
    let mut found = None;
    let mut from = 0;
    while let Some(start) = line.get(from..)?.find("${").map(|start| from + start) {
        let end = line.get(start..)?.find('}').map_or(line.len(), |end| start + end + 1);
        let quotes = line.get(..start)?.matches(['"', '\'']).count();
        if quotes % 2 == 0 && start <= before {
            found = Some(line_start + start..line_start + end);
        }
        from = end.max(start + 2);
    }
    found
}
