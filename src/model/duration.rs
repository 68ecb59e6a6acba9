use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration of the plan language: a whole number and one unit of `ms`, `s`, `m`, `h`, `d` (`d` = 24 h exactly).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanDuration(Duration);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no duration: write a whole number and a unit, such as 500ms, 90s, 5m, 48h or 7d")]
pub struct PlanDurationError(String);

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
        let bad = || PlanDurationError(text.chars().take(40).collect());
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| bad())?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        let total = number.checked_mul(milliseconds).ok_or_else(bad)?;
        Ok(Self(Duration::from_millis(total)))
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
}
