use std::{cmp::Ordering, fmt, str::FromStr};

/// The version that a registry says it is: `2.6.13.Final`, `3.3.3`, `3.3.2-SNAPSHOT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    text: String,
    numbers: [u32; 3],
}

impl ServerVersion {
    /// Whether it is 3.x; a 3.x serves 2.6's API too, so only the version tells them apart (`reference/apicurio.md` §2.2).
    pub fn is_v3(&self) -> bool {
        self.numbers[0] == 3
    }

    /// Whether it is 2.x.
    pub fn is_v2(&self) -> bool {
        self.numbers[0] == 2
    }

    /// Whether it is that version or a later one.
    pub fn at_least(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.numbers.cmp(&[major, minor, patch]) != Ordering::Less
    }

    /// As the server wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A version without three leading numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version of a registry")]
pub struct NoVersion(String);

impl FromStr for ServerVersion {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let mut numbers = [0; 3];
        let mut parts = text.split(['.', '-']);
        for number in &mut numbers {
            let part = parts.next().and_then(|part| part.parse().ok());
            *number = part.ok_or_else(|| NoVersion(text.chars().take(40).collect()))?;
        }
        Ok(Self {
            text: text.to_owned(),
            numbers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart_by_their_numbers() {
        let version = |text: &str| text.parse::<ServerVersion>().unwrap();
        assert!(version("2.6.13.Final").is_v2() && !version("2.6.13.Final").is_v3());
        assert!(version("3.3.2-SNAPSHOT").is_v3());
        assert!(version("3.10.0").at_least(3, 9, 9));
        assert!(!version("3.0.6").at_least(3, 0, 7));
        assert!(version("3.0.7").at_least(3, 0, 7));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "3", "3.x.1", "latest"] {
            assert!(text.parse::<ServerVersion>().is_err(), "{text}");
        }
    }
}
