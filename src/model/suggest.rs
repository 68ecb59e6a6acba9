//! "Did you mean": the nearest of the names that exist, in the same words for whatever a plan or a command line names.
//!
//! The home of the close matches of `similar`.

/// How alike two names must be, from 0 to 1: the default of Python's `difflib`, where this way of guessing comes from.
const ALIKE: f32 = 0.6;

/// Most names that a help lists.
const MOST_LISTED: usize = 24;

/// The one of `names` that was probably meant by `word`.
pub fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    // Comparing is quadratic in the length: nobody mistypes a name of that many characters.
    if word.len() > 100 {
        return None;
    }
    similar::get_close_matches(word, names, 1, ALIKE).into_iter().next()
}

/// A sentence that names what was probably meant, or all there is.
pub fn help(word: &str, names: &[&str], what: &str) -> Option<String> {
    if let Some(name) = nearest(word, names) {
        return Some(format!("Did you mean `{name}`?"));
    }
    if names.is_empty() {
        return None;
    }
    let mut listed: Vec<String> = names.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
    if names.len() > MOST_LISTED {
        listed.push(format!("{} more", names.len() - MOST_LISTED));
    }
    Some(format!("{what}: {}.", listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let names = ["route_v2", "read_only", "to_v3"];
        assert_eq!(nearest("raed_only", &names), Some("read_only"));
        assert_eq!(nearest("backup", &names), None);
        assert_eq!(
            nearest(&"read_only".repeat(20), &names),
            None,
            "too long to be compared"
        );
    }

    #[test]
    fn without_a_near_name_all_are_listed_up_to_a_limit() {
        let text = help("backup", &["route_v2", "to_v3"], "The steps are");
        assert_eq!(text.as_deref(), Some("The steps are: `route_v2`, `to_v3`."));
        assert_eq!(help("backup", &[], "The steps are"), None);
        let many: Vec<String> = (0..MOST_LISTED + 3).map(|number| format!("q{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = help("backup", &many, "The steps are").unwrap();
        assert!(text.ends_with(", 3 more."), "{text}");
    }
}
