//! "Did you mean": the nearest of the names that exist. Wherever a plan names something, it is said in these words.

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
