use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::rehearse::data::Numbers;

/// Of ten kills in a random session, those at a boundary of the journal; the others are at requests, of which there are more.
const AT_RECORDS: u64 = 4;

/// Where a session of the runner is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// By itself, where it writes a record.
    Record(RecordKill),
    /// From outside, at the n-th request of this session that reaches a registry, the balancer or a command, from 1.
    Request {
        /// Which.
        number: u64,
        /// Before or after the request's work.
        when: When,
        /// How long the work is late, in milliseconds, for [`When::Late`].
        late_ms: u64,
    },
}

/// A boundary of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordKill {
    /// The n-th record that this session writes, from 1.
    pub record: u64,
    /// Before or after it is durable; never [`When::Late`].
    pub when: When,
}

/// On which side of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Before it: nothing was done.
    Before,
    /// After it: all was done, and nobody was told.
    After,
    /// The runner dies first, and what it asked for is done all the same, a moment later.
    Late,
}

impl When {
    fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Late => "late",
        }
    }
}

impl fmt::Display for RecordKill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.record, self.when.word())
    }
}

/// A boundary that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write RECORD:before or RECORD:after, such as 17:after")]
pub struct ParseKillError;

impl FromStr for RecordKill {
    type Err = ParseKillError;

    fn from_str(text: &str) -> Result<Self, ParseKillError> {
        let (record, when) = text.split_once(':').ok_or(ParseKillError)?;
        let record = record.parse().ok().filter(|record| *record > 0).ok_or(ParseKillError)?;
        let when = match when {
            "before" => When::Before,
            "after" => When::After,
            _ => return Err(ParseKillError),
        };
        Ok(Self { record, when })
    }
}

impl RecordKill {
    /// Every boundary in order: before the first record, after it, before the second, …
    pub fn all() -> impl Iterator<Item = Self> {
        (1..).flat_map(|record| [When::Before, When::After].map(|when| Self { record, when }))
    }
}

/// The kills of one world, from its seed alone.
#[derive(Debug, Clone)]
pub(super) struct Kills(Numbers);

impl Kills {
    pub fn new(seed: u64) -> Self {
        // Another stream than the data of the same seed.
        Self(Numbers::new(seed ^ 0x6B69_6C6C))
    }

    /// The next session's: within its first `reach` records, or twice as many requests.
    pub fn next(&mut self, reach: u64) -> Kill {
        let at_record = self.0.below(10) < AT_RECORDS;
        let number = 1 + self.0.below(if at_record { reach } else { 2 * reach });
        let (which, late_ms) = (self.0.below(3), self.0.below(250));
        match (at_record, which) {
            (true, which) => Kill::Record(RecordKill {
                record: number,
                when: if which == 0 { When::Before } else { When::After },
            }),
            (false, which) => Kill::Request {
                number,
                when: [When::Before, When::After, When::Late]
                    .get(usize::try_from(which).unwrap_or_default())
                    .copied()
                    .unwrap_or(When::Late),
                late_ms,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_written_as_it_is_read() {
        for text in ["1:before", "17:after"] {
            assert_eq!(text.parse::<RecordKill>().unwrap().to_string(), text);
        }
        for text in ["", "17", "0:after", "17:late", "x:before", "-1:after"] {
            assert_eq!(text.parse::<RecordKill>(), Err(ParseKillError), "{text}");
        }
        let first: Vec<String> = RecordKill::all().take(3).map(|kill| kill.to_string()).collect();
        assert_eq!(first, ["1:before", "1:after", "2:before"]);
    }

    #[test]
    fn kills_follow_from_the_seed_alone_and_reach_everything() {
        let drawn = |seed| {
            let mut kills = Kills::new(seed);
            (0..400).map(|_| kills.next(50)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let all = drawn(7);
        for when in [When::Before, When::After, When::Late] {
            assert!(
                all.iter()
                    .any(|kill| matches!(kill, Kill::Request { when: at, number: 51.., .. } if *at == when))
            );
        }
        for wanted in [When::Before, When::After] {
            assert!(
                all.iter()
                    .any(|kill| matches!(kill, Kill::Record(kill) if kill.when == wanted))
            );
        }
        assert!(!all.iter().any(|kill| matches!(
            kill,
            Kill::Record(RecordKill { when: When::Late, .. } | RecordKill { record: 51.., .. })
        )));
    }
}
