//! Files that were made to hurt end in one clear error.

use super::*;

fn only(text: &str) -> &'static str {
    let loaded = read(text);
    assert!(loaded.program.is_none());
    let codes = codes(&loaded);
    assert_eq!(codes.len(), 1, "{codes:?}");
    codes[0]
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}", level - 1);
        let items = vec![before; 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert_eq!(only(&text), "plan::alias_budget");
}

#[test]
fn an_alias_inside_its_own_value_is_refused() {
    assert_eq!(only("a: &a [1, *a]\n"), "plan::alias");
}

#[test]
fn deep_nesting_is_refused() {
    assert_eq!(only(&format!("a: {}", "[".repeat(100_000))), "plan::too_deep");
    assert_eq!(only(&format!("a: {}", "{a: ".repeat(10_000))), "plan::too_deep");
    let mut block = String::new();
    (0..200).for_each(|level| block.push_str(&format!("{}a:\n", " ".repeat(level))));
    assert_eq!(only(&block), "plan::too_deep");
}

#[test]
fn depth_through_aliases_counts() {
    let mut text = "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n".to_owned();
    for level in 1..10 {
        text.push_str(&format!("a{level}: &a{level} [[[[[[[[[[*a{}]]]]]]]]]]\n", level - 1));
    }
    assert_eq!(only(&text), "plan::too_deep");
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_unread() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plan.yaml");
    std::fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    assert!(matches!(load(&path, &options()), Err(LoadError::TooLarge { .. })));
}

#[test]
fn an_endless_file_is_refused_after_the_limit() {
    assert!(matches!(
        load(Path::new("/dev/zero"), &options()),
        Err(LoadError::TooLarge { .. })
    ));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plan.yaml");
    let mut file = tempfile::NamedTempFile::new_in(directory.path()).unwrap();
    std::io::Write::write_all(&mut file, &[0xff, 0xfe, 0x00]).unwrap();
    file.persist(&path).unwrap();
    assert!(matches!(load(&path, &options()), Err(LoadError::NotText { .. })));
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Path::new("no/such/plan.yaml"), &options()).err().unwrap();
    assert_eq!(error.to_string(), "no/such/plan.yaml cannot be read");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let loaded = read(&text);
        findings_json(&loaded.findings, &loaded.document);
    }

    #[test]
    fn no_yaml_like_text_makes_the_reader_panic(text in "(regplan|name|phases|vars|steps|id|uses|with|x|č|[:\\-{}\\[\\],&*!|>'\"$#\n ]){0,80}") {
        let loaded = read(&text);
        findings_json(&loaded.findings, &loaded.document);
    }

    #[test]
    fn no_damage_to_a_good_plan_makes_the_reader_panic(at in 0_usize..7_000, length in 0_usize..200, with in "[a-z:{}\\[\\]\\-$\" \n]{0,10}") {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        let start = at.min(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, with.chars());
        let loaded = read(&text.into_iter().collect::<String>());
        findings_json(&loaded.findings, &loaded.document);
        diagnostics(&loaded.findings, &loaded.document);
    }
}
