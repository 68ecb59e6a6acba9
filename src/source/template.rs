//! `${vars.NAME}` and `${run.NAME}` in values: a path only, no logic, so that anybody can tell what `plan` will show.

use std::ops::Range;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Stands for itself; `$${` is already `${`.
    Text(String),
    /// `${…}`: what is between the braces, and the bytes of the whole.
    Reference(String, Range<usize>),
}

/// A `${` without its brace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unclosed {
    /// The bytes from `${` to the end.
    pub at: Range<usize>,
}

/// Whether a text needs a look at all.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("${")
}

/// Takes a text apart.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Unclosed> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(found) = rest.find("${") else {
            plain.push_str(rest);
            break;
        };
        let before = rest.get(..found).unwrap_or_default();
        if let Some(escaped) = before.strip_suffix('$') {
            plain.push_str(escaped);
            plain.push_str("${");
            at += found + 2;
            continue;
        }
        plain.push_str(before);
        let start = at + found;
        let Some(length) = rest.get(found..).and_then(|rest| rest.find('}')) else {
            return Err(Unclosed { at: start..text.len() });
        };
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        let name = text.get(start + 2..start + length).unwrap_or_default();
        pieces.push(Piece::Reference(name.trim().to_owned(), start..start + length + 1));
        at = start + length + 1;
    }
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_their_bytes() {
        let text = "a ${ vars.x }-č${run.id}";
        let found = pieces(text).unwrap();
        let Piece::Reference(name, at) = &found[1] else {
            panic!()
        };
        assert_eq!(
            (name.as_str(), text.get(at.clone()).unwrap()),
            ("vars.x", "${ vars.x }")
        );
        let Piece::Reference(name, at) = &found[3] else {
            panic!()
        };
        assert_eq!((name.as_str(), text.get(at.clone()).unwrap()), ("run.id", "${run.id}"));
    }

    #[test]
    fn two_dollars_stand_for_one() {
        assert_eq!(
            pieces("cost $${x} $5").unwrap(),
            [Piece::Text("cost ${x} $5".to_owned())]
        );
        assert_eq!(pieces("").unwrap(), [Piece::Text(String::new())]);
    }

    #[test]
    fn a_missing_brace_is_an_error() {
        assert_eq!(pieces("a ${b").unwrap_err().at, 2..5);
    }
}
