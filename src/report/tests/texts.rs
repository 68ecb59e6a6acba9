use super::*;

fn named(name: &str, text: &str) -> NamedText {
    NamedText {
        name: name.to_owned(),
        text: Shown::Text(text.to_owned()),
    }
}

fn pair(before: &str, after: &str) -> TextPair {
    TextPair {
        before: Some(named("a version 1", before)),
        after: named("a version 2", after),
    }
}

fn page(texts: &Texts) -> String {
    let lines = lines(&text_diffs(texts), "", 80, Paint::new(false));
    lines.iter().map(|line| format!("{}\n", line.finish())).collect()
}

#[test]
fn a_schema_on_one_line_is_told_apart_member_by_member() {
    let before = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}"#;
    let after =
        r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":"string"}]}"#;
    let texts = Texts {
        total: 1,
        first: vec![pair(before, after)],
    };
    insta::assert_snapshot!("texts_folded", page(&texts));
    let spaced = text_diff(&pair(before, &before.replace(':', ": ")));
    assert_eq!((spaced.added, spaced.removed), (0, 0));
    assert_eq!(spaced.note.as_deref(), Some("only white space differs"));
}

#[test]
fn a_text_of_several_lines_stays_as_it_is_and_its_last_line_break_counts() {
    let diff = text_diff(&pair("message A {\n}\n", "message A {\n  int32 x = 1;\n}"));
    assert_eq!((diff.added, diff.removed, diff.note.as_deref()), (2, 1, None));
    assert_eq!(
        diff.lines[1..],
        [
            " message A {",
            "-}",
            "+  int32 x = 1;",
            "+}",
            "\\ no line break at the end"
        ]
    );
}

#[test]
fn what_a_terminal_would_obey_is_escaped_in_every_line_and_name() {
    let mut pair = pair("a\nb\n", "a\nv2\u{202e}\u{1b}[2J\r\n");
    pair.after.name = "a\u{2066}".to_owned();
    let page = page(&Texts {
        total: 1,
        first: vec![pair],
    });
    assert!(
        page.contains("+v2\\u{202e}\\u{1b}[2J\\u{d}") && page.contains("+++ a\\u{2066}"),
        "{page}"
    );
    assert!(
        page.chars().all(|c| c == '\n' || !crate::model::is_unseen(c)),
        "{page:?}"
    );
}

#[test]
fn a_long_diff_and_many_texts_are_cut_and_counted_to_the_last() {
    let after: String = (0..1_000).map(|n| format!("line {n}\n")).collect();
    let first = TextPair {
        before: None,
        after: named("a version 1", &after),
    };
    let texts = Texts {
        total: 1_204,
        first: vec![first],
    };
    let diff = text_diff(&texts.first[0]);
    assert_eq!((diff.added, diff.removed), (1_000, 0));
    assert_eq!(diff.lines.len() + usize::try_from(diff.more_lines).unwrap(), 1_001);
    assert!(diff.lines.len() <= MOST_LINES);
    let page = page(&texts);
    assert!(page.starts_with("1,204 texts:\n--- nothing\n"), "{page}");
    assert!(
        page.ends_with("and 1,203 more texts that change, not shown\n"),
        "{page}"
    );
    let wide = text_diff(&pair("", &"x".repeat(10_000)));
    assert!(wide.lines.iter().all(|line| line.chars().count() <= WIDEST + 1));
}

#[test]
fn what_is_no_text_or_too_long_is_said_and_not_shown() {
    let mut pair = pair("a\n", "b\n");
    pair.after.text = Shown::Not("4096 bytes that are no text".to_owned());
    let diff = text_diff(&pair);
    assert!(diff.lines.is_empty());
    assert_eq!(diff.note.as_deref(), Some("a version 2: 4096 bytes that are no text"));
}
