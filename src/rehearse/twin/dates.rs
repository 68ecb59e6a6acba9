use jiff::Timestamp;

/// Milliseconds since 1970, now.
pub(super) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// As 2.6's API writes it: seconds, and an offset without a colon (reference: apicurio.md §1.5).
pub(super) fn with_offset(milliseconds: i64) -> String {
    format(milliseconds, "%Y-%m-%dT%H:%M:%S+0000")
}

/// As both APIs of 3.3 write it (reference: apicurio.md §2.5, §2.9).
pub(super) fn with_z(milliseconds: i64) -> String {
    format(milliseconds, "%Y-%m-%dT%H:%M:%SZ")
}

/// As manifests are named: with milliseconds.
pub(super) fn instant(milliseconds: i64) -> String {
    format(milliseconds, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

fn format(milliseconds: i64, how: &str) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime(how).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_formats_are_those_of_the_real_ones() {
        assert_eq!(with_offset(1_795_421_090_695), "2026-11-23T08:04:50+0000");
        assert_eq!(with_z(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(1_795_421_090_695), "2026-11-23T08:04:50.695Z");
    }
}
