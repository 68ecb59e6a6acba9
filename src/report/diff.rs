use std::time::Duration;

use serde_json::Value;
use similar::TextDiff;

use super::{Paint, layout::Line, words};
use crate::model::Delta;

/// Two texts from outside may be made to differ expensively: after this the diff is coarser, never wrong.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// Lines of context around a change, as `diff -u` has.
pub(super) const CONTEXT: usize = 3;

/// Whether a delta moves a text of several lines, which is shown as a diff below its step.
pub(super) fn is_text(delta: &Delta) -> bool {
    let has_lines = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text.trim_end_matches('\n').contains('\n'))
    };
    has_lines(&delta.before) || has_lines(&delta.after)
}

/// A unified diff of a delta of texts, line by line; anything but a string counts as no text at all.
pub(super) fn unified(delta: &Delta, indent: &str, paint: Paint) -> Vec<Line> {
    let (before, after) = (text(&delta.before), text(&delta.after));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&before, &after);
    let rendered = diff
        .unified_diff()
        .context_radius(CONTEXT)
        .missing_newline_hint(false)
        .to_string();
    let start = || Line::default().plain(indent);
    let mut lines = vec![start().plain(&format!("{}:", words::one_line(&delta.field)))];
    lines.extend(rendered.lines().map(|line| start().painted(line, &colour(line, paint))));
    lines
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => words::safe(text),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => words::value(value),
    }
}

/// A line of a diff, painted by its sign.
pub(super) fn colour(line: &str, paint: Paint) -> String {
    match line.chars().next() {
        Some('+') => paint.green(line),
        Some('-') => paint.red(line),
        Some('@') => paint.cyan(line),
        _ => line.to_owned(),
    }
}
