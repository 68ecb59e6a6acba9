use crate::model::is_unseen;

/// Text from outside that cannot become Markdown of its own, on one line, and without anything that a reader does not see.
pub(super) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '<' | '>' | '|' | '[' | ']' | '#' | '~' | '&' => safe.extend(['\\', c]),
            '\n' | '\r' | '\t' => safe.push(' '),
            c if is_unseen(c) => {
                safe.push('\\');
                safe.extend(c.escape_unicode());
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_be_made_to_say_something_else() {
        assert_eq!(plain("a|b `c`\n# d"), "a\\|b \\`c\\` \\# d");
        assert_eq!(plain("&lt;~x~"), "\\&lt;\\~x\\~");
    }

    #[test]
    fn what_a_reader_does_not_see_is_written_out() {
        // In Markdown `\\u` is shown as `\u`.
        assert_eq!(plain("v2\u{202e}3v\u{1b}[2J\u{9b}"), r"v2\\u{202e}3v\\u{1b}\[2J\\u{9b}");
    }
}
