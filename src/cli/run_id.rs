use std::hash::{BuildHasher as _, RandomState};

use jiff::{Timestamp, tz::TimeZone};

use crate::model::RunId;

/// Random letters after the time: two runs begun in the same minute differ all the same (1 of 456,976).
const LETTERS: usize = 4;

/// A new run id such as `r20261125t2152abcd`, in UTC.
///
/// Lower-case letters and digits only: it is one part of a balancer's generation `<to>-<writes>-<run>-<hash>`.
pub(super) fn new(now: Timestamp) -> RunId {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dt%H%M").to_string();
    // The standard library seeds this from the operating system's random numbers; it needs to be unlikely, not secret.
    let mut random = RandomState::new().hash_one(now.as_nanosecond());
    let mut letters = String::with_capacity(LETTERS);
    for _ in 0..LETTERS {
        let letter = u8::try_from(random % 26).unwrap_or_default();
        letters.push(char::from(b'a' + letter));
        random /= 26;
    }
    RunId::new(format!("r{time}{letters}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_has_only_what_a_balancers_generation_allows() {
        let id = new("2026-11-25T21:52:00Z".parse().unwrap());
        let text = id.as_str();
        assert!(text.starts_with("r20261125t2152"), "{text}");
        assert_eq!(text.len(), 18);
        assert!(
            text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
            "{text}"
        );
    }
}
