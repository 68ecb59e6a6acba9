use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration of the plan language: a whole number and one unit of `ms`, `s`, `m`, `h`, `d` (`d` = 24 h exactly).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanDuration(Duration);

/// The longest duration of a plan in milliseconds, 366 days: a migration is over within a year, and what is longer is a
/// slip of the unit.
const LONGEST_MS: u64 = 366 * 86_400_000;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanDurationError {
    /// It does not look like one.
    #[error("`{0}` is no duration: write a whole number and a unit, such as 500ms, 90s, 5m, 48h or 7d")]
    NotOne(String),
    /// It is longer than 366 days.
    #[error("`{0}` is longer than 366d, the longest duration of a plan: is it the unit that was meant?")]
    TooLong(String),
}

impl PlanDuration {
    /// From a standard duration.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// As a standard duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for PlanDuration {
    type Err = PlanDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.chars().take(40).collect();
        let bad = || PlanDurationError::NotOne(shown());
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(bad());
        }
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        // More digits than 64 bits hold are a number as well.
        let number: u64 = number.parse().unwrap_or(u64::MAX);
        match number.checked_mul(milliseconds) {
            Some(total) if total <= LONGEST_MS => Ok(Self(Duration::from_millis(total))),
            Some(_) | None => Err(PlanDurationError::TooLong(shown())),
        }
    }
}

impl fmt::Display for PlanDuration {
    /// In the largest unit that needs no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let (number, unit) = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")]
            .into_iter()
            .find(|(size, _)| ms > 0 && ms.is_multiple_of(*size))
            .map_or((ms, "ms"), |(size, unit)| (ms / size, unit));
        f.pad(&format!("{number}{unit}"))
    }
}

impl Serialize for PlanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PlanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for PlanDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h|d)$",
            "description": "A whole number and a unit: 500ms, 90s, 5m, 48h, 7d (d = 24 h exactly)."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_in_the_largest_whole_unit() {
        for (text, printed) in [
            ("90s", "90s"),
            ("120s", "2m"),
            ("48h", "2d"),
            ("7d", "7d"),
            ("0s", "0ms"),
        ] {
            assert_eq!(text.parse::<PlanDuration>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["90", "", "s", "1.5h", "-1s", "1w", "99999999999999999999d"] {
            assert!(text.parse::<PlanDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_year_is_the_longest_duration() {
        assert!("366d".parse::<PlanDuration>().is_ok());
        for text in ["367d", "31622400001ms", "99999999999999999999d"] {
            let error = text.parse::<PlanDuration>().unwrap_err();
            assert!(matches!(error, PlanDurationError::TooLong(_)), "{text}: {error}");
        }
    }
}
