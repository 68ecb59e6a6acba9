use super::Paint;

/// A line of a report: its text with colours, and how wide it is without them.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    text: String,
    width: usize,
}

impl Line {
    /// Adds words that are shown as they are.
    pub(super) fn plain(mut self, words: &str) -> Self {
        self.width += words.chars().count();
        self.text.push_str(words);
        self
    }

    /// Adds words whose painted form is given.
    pub(super) fn painted(mut self, words: &str, painted: &str) -> Self {
        self.width += words.chars().count();
        self.text.push_str(painted);
        self
    }

    /// Fills with blanks up to that column, from 0.
    pub(super) fn pad_to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width);
        self.plain(&" ".repeat(missing))
    }

    /// Columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The text, without blanks at its end.
    pub(super) fn finish(&self) -> &str {
        self.text.trim_end()
    }
}

/// Lines to which a bracket can be drawn at the right.
#[derive(Debug, Default)]
pub(super) struct Page {
    lines: Vec<Line>,
}

/// A bracket over the lines `first..=last`, with words at its ends.
#[derive(Debug)]
pub(super) struct Bracket {
    /// The first line.
    pub(super) first: usize,
    /// The last line.
    pub(super) last: usize,
    /// Words at the first line.
    pub(super) opens: String,
    /// Words at the line after it; they move to the first line when there is none between.
    pub(super) between: String,
    /// Words at the last line.
    pub(super) closes: String,
}

impl Page {
    /// Adds a line and returns its number.
    pub(super) fn push(&mut self, line: Line) -> usize {
        self.lines.push(line);
        self.lines.len() - 1
    }

    /// The number that the next line will have.
    pub(super) fn next(&self) -> usize {
        self.lines.len()
    }

    /// Draws a bracket right of the lines that it spans.
    pub(super) fn bracket(&mut self, bracket: &Bracket, paint: Paint) {
        let spanned = bracket.first..=bracket.last;
        let Some(lines) = self.lines.get(spanned) else { return };
        let column = lines.iter().map(Line::width).max().unwrap_or(0) + 2;
        let opens = if bracket.last - bracket.first < 2 {
            format!("{} {}", bracket.opens, bracket.between)
        } else {
            bracket.opens.clone()
        };
        for number in bracket.first..=bracket.last {
            let words = if number == bracket.first {
                format!("┐ {opens}")
            } else if number == bracket.last {
                format!("┘ {}", bracket.closes)
            } else if number == bracket.first + 1 {
                format!("│ {}", bracket.between)
            } else {
                "│".to_owned()
            };
            if let Some(line) = self.lines.get_mut(number) {
                *line = std::mem::take(line).pad_to(column).painted(&words, &paint.cyan(&words));
            }
        }
    }

    /// All lines, each with its line break.
    pub(super) fn finish(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line.finish());
            text.push('\n');
        }
        text
    }
}

/// Breaks words into lines of at most `width` columns; a longer word is broken too, so that nothing is cut away.
pub(super) fn wrap(words: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + rest.len() > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        while rest.len() > width {
            let tail = rest.split_off(width);
            lines.push(rest.into_iter().collect());
            rest = tail;
        }
        used += rest.len();
        line.extend(rest);
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_words_lose_nothing_and_fit() {
        let text = "to: v2 → v3 · writes: deny → allow · a-very-long-word-without-any-blank";
        for width in [1, 7, 12, 30, 100] {
            let lines = wrap(text, width);
            assert!(
                lines.iter().all(|line| line.chars().count() <= width),
                "{width}: {lines:?}"
            );
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text));
        }
    }

    #[test]
    fn a_bracket_over_two_lines_keeps_all_its_words() {
        let mut page = Page::default();
        page.push(Line::default().plain("one"));
        page.push(Line::default().plain("longer"));
        let bracket = Bracket {
            first: 0,
            last: 1,
            opens: "frozen region".to_owned(),
            between: "of 2m allowed".to_owned(),
            closes: "not known yet".to_owned(),
        };
        page.bracket(&bracket, Paint::new(false));
        assert_eq!(
            page.finish(),
            "one     ┐ frozen region of 2m allowed\nlonger  ┘ not known yet\n"
        );
    }
}
