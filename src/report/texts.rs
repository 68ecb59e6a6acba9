//! Unified diffs of texts that come from outside, such as schemas, cut to size.

use similar::{ChangeTag, TextDiff as Lines};

use super::{
    Paint,
    diff::{CONTEXT, PATIENCE, colour},
    fold,
    layout::{Line, wrap},
    words,
};
use crate::model::{NamedText, Shown, TextDiff, TextDiffs, TextPair, Texts};

/// Most lines of one diff that are shown: about a screen; the rest is counted.
const MOST_LINES: usize = 60;

/// Most characters of a line that are shown.
const WIDEST: usize = 200;

/// A text of one line is laid out from this length on, in characters: shorter ones can be compared as they are.
const LONG: usize = 60;

/// The differences of texts that come from outside, cut to size.
pub fn text_diffs(texts: &Texts) -> TextDiffs {
    TextDiffs {
        total: texts.total,
        shown: texts.first.iter().map(text_diff).collect(),
    }
}

fn text_diff(pair: &TextPair) -> TextDiff {
    let name = |text: &NamedText| words::one_line(&text.name);
    let named = TextDiff {
        before: pair.before.as_ref().map(name).unwrap_or_default(),
        after: name(&pair.after),
        ..TextDiff::default()
    };
    let before = match &pair.before {
        None => Ok(""),
        Some(before) => content(before),
    };
    match (before, content(&pair.after)) {
        (Ok(before), Ok(after)) => compared(before, after, named),
        (Err(why), _) | (_, Err(why)) => TextDiff {
            note: Some(why),
            ..named
        },
    }
}

/// The text, or what is said instead of it.
fn content(text: &NamedText) -> Result<&str, String> {
    match &text.text {
        Shown::Text(text) => Ok(text),
        Shown::Not(why) => Err(words::one_line(&format!("{}: {why}", text.name))),
    }
}

fn compared(before: &str, after: &str, named: TextDiff) -> TextDiff {
    let is_long_line = |text: &str| !text.trim_end().contains('\n') && text.chars().nth(LONG).is_some();
    let is_json = |text: &str| text.is_empty() || fold::is_json(text);
    let folds = (is_long_line(before) || is_long_line(after)) && is_json(before) && is_json(after);
    if !folds {
        return by_lines(before, after, named);
    }
    let fold = |text: &str| match text {
        "" => String::new(),
        text => fold::fold(text),
    };
    let (before, after) = (fold(before), fold(after));
    let note = match before == after {
        true => "only white space differs",
        false => "shown with one value a line",
    };
    by_lines(
        &before,
        &after,
        TextDiff {
            note: Some(note.to_owned()),
            ..named
        },
    )
}

fn by_lines(before: &str, after: &str, named: TextDiff) -> TextDiff {
    let diff = Lines::configure().timeout(PATIENCE).diff_lines(before, after);
    let mut out = named;
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    out.added = number(count(ChangeTag::Insert));
    out.removed = number(count(ChangeTag::Delete));
    let mut lines = Vec::new();
    let mut unified = diff.unified_diff();
    for hunk in unified.context_radius(CONTEXT).iter_hunks() {
        lines.push(hunk.header().to_string());
        for change in hunk.iter_changes() {
            let text = change.value();
            lines.push(shown(&format!(
                "{}{}",
                change.tag(),
                text.strip_suffix('\n').unwrap_or(text)
            )));
            if change.missing_newline() {
                lines.push("\\ no line break at the end".to_owned());
            }
        }
    }
    out.more_lines = number(lines.len().saturating_sub(MOST_LINES));
    lines.truncate(MOST_LINES);
    out.lines = lines;
    out
}

/// A line that is safe and not too wide.
fn shown(line: &str) -> String {
    let line = words::one_line(line);
    match line.char_indices().nth(WIDEST) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Diffs of texts for people, as lines that begin with `indent`.
pub(super) fn lines(diffs: &TextDiffs, indent: &str, width: usize, paint: Paint) -> Vec<Line> {
    let start = || Line::default().plain(indent);
    let total = usize::try_from(diffs.total).unwrap_or(usize::MAX);
    if total == 0 {
        return vec![start().plain("no text changes")];
    }
    let mut out = vec![start().plain(&format!("{}:", words::counted(total, "text")))];
    for diff in &diffs.shown {
        let before = if diff.before.is_empty() {
            "nothing"
        } else {
            &diff.before
        };
        for head in [format!("--- {before}"), format!("+++ {}", diff.after)] {
            out.push(start().painted(&head, &paint.bold(&head)));
        }
        let counts = format!("({} added, {} removed)", diff.added, diff.removed);
        let notes = match &diff.note {
            Some(note) if diff.lines.is_empty() => note.clone(),
            Some(note) => format!("{note} {counts}"),
            None => counts,
        };
        for line in wrap(&notes, width) {
            out.push(start().painted(&line, &paint.dim(&line)));
        }
        out.extend(
            diff.lines
                .iter()
                .map(|line| start().painted(line, &colour(line, paint))),
        );
        if diff.more_lines > 0 {
            let more = usize::try_from(diff.more_lines).unwrap_or(usize::MAX);
            let line = format!("and {} of this diff", words::counted(more, "more line"));
            out.push(start().painted(&line, &paint.dim(&line)));
        }
    }
    let more = total.saturating_sub(diffs.shown.len());
    if more > 0 {
        let line = format!("and {} that change, not shown", words::counted(more, "more text"));
        out.push(start().painted(&line, &paint.dim(&line)));
    }
    out
}

#[cfg(test)]
#[path = "tests/texts.rs"]
mod tests;
