//! Texts of a plan made fit for a box.

use crate::report::words;

/// Longest expression or sentence in a box, in characters: more makes the box wider than a page.
const LONGEST: usize = 72;

/// A text on one line and not longer than a box should be.
pub(super) fn short(text: &str) -> String {
    let line = words::one_line(text.trim());
    if line.chars().count() <= LONGEST {
        return line;
    }
    let mut cut: String = line.chars().take(LONGEST - 1).collect();
    cut.push('…');
    cut
}
