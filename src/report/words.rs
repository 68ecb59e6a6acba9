//! Small pieces of text: numbers, times, and values from outside made safe for a terminal.

use std::time::Duration;

use serde_json::Value;

use crate::model::is_unseen;

/// A count with a comma between thousands: `3,918`.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 step`, `2 steps`.
pub fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// How long something took, as precise as a person needs: `0.4 s`, `12.3 s`, `2 m 05 s`, `1 h 02 m`.
pub(super) fn took(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => {
            let tenths = (duration.as_millis() + 50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Text from outside without anything that a terminal would obey; line breaks are kept.
///
/// Names and values of a registry may hold escape sequences, and a plan is read before it is trusted.
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            c if is_unseen(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Text from outside on one line.
pub(super) fn one_line(text: &str) -> String {
    safe(text).replace('\n', "⏎")
}

/// A value of a delta on one line: a string without quotes where that is clear, else JSON.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if is_plain(text) => one_line(text),
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            one_line(&value.to_string())
        }
    }
}

/// Whether a string cannot be taken for something else when it stands without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && !matches!(text, "none" | "null" | "true" | "false")
        && !text.contains('"')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_have_commas_between_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (3_918_412, "3,918,412")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn times_are_as_precise_as_a_person_needs() {
        for (ms, text) in [
            (0, "0.0 s"),
            (449, "0.4 s"),
            (12_340, "12.3 s"),
            (125_000, "2 m 05 s"),
            (3_725_000, "1 h 02 m"),
        ] {
            assert_eq!(took(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_as_a_command() {
        assert_eq!(one_line("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\u{d}⏎c");
        assert_eq!(one_line("v2\u{202e}3v"), "v2\\u{202e}3v");
    }

    #[test]
    fn values_are_quoted_only_where_they_could_be_misread() {
        for (given, text) in [
            (json!("v2"), "v2"),
            (json!(""), "\"\""),
            (json!("true"), "\"true\""),
            (json!(" x"), "\" x\""),
            (json!(true), "true"),
            (json!(null), "none"),
            (json!(["a", 1]), "[\"a\",1]"),
        ] {
            assert_eq!(value(&given), text);
        }
    }
}
