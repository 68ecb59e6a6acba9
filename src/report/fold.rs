//! JSON on one line, laid out so that a diff by lines says something.

use serde::de::IgnoredAny;

/// Deepest level that is indented; more would only move the text out of sight.
const DEEPEST: usize = 20;

/// Whether a text is a JSON object or list.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The same JSON with one value a line. Every character stays where it was, in its order, but white space between values.
pub(super) fn fold(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped, mut fresh) = (0_usize, false, false, false);
    for c in json.chars() {
        if in_text {
            out.push(c);
            (in_text, escaped) = match (escaped, c) {
                (true, _) => (true, false),
                (false, '\\') => (true, true),
                (false, quote) => (quote != '"', false),
            };
            continue;
        }
        if c.is_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        depth = depth.saturating_sub(usize::from(closes));
        // An empty object or list stays on its line.
        if closes != fresh {
            line(&mut out, depth);
        }
        fresh = false;
        out.push(c);
        match c {
            '{' | '[' => (depth, fresh) = (depth + 1, true),
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            _ => in_text = c == '"',
        }
    }
    out.push('\n');
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(DEEPEST)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_line_and_nothing_but_white_space_moves() {
        let json = r#"{"a":[1, {"b":"x, {y}: \"z\""}],"c":{},"d":[]}"#;
        let folded = fold(json);
        assert_eq!(
            folded,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x, {y}: \\\"z\\\"\"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}\n"
        );
        let dense = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(dense(&folded), dense(json));
        assert_eq!(fold(&folded), folded);
    }

    #[test]
    fn only_objects_and_lists_are_laid_out() {
        assert!(is_json(" {\"a\": 1}") && is_json("[]"));
        assert!(!is_json("\"string\"") && !is_json("{\"a\": 1") && !is_json("syntax = \"proto3\";"));
    }
}
