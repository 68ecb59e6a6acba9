//! Characters that a terminal obeys, or that make a reader see another text than is written.

/// Whether nobody sees it for what it is: controls (C0, DEL and C1), and the marks that turn the direction of what follows or
/// end a line (Unicode: `Bidi_Control`, U+2028, U+2029).
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text from outside with all of those escaped (`\u{202e}`), line breaks and tabs included.
pub fn seen(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_unseen(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_escaped_and_every_other_letter_stays() {
        let unseen = "\u{0}\n\u{1b}\u{7f}\u{9b}\u{61c}\u{200e}\u{200f}\u{2028}\u{202a}\u{202e}\u{2066}\u{2069}";
        assert!(unseen.chars().all(is_unseen));
        assert_eq!(seen("v2\u{202e}3v\n"), "v2\\u{202e}3v\\n");
        let plain = "a b-ü→\u{200d}שלום";
        assert_eq!(seen(plain), plain);
    }
}
