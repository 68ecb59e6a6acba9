use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer};

use super::RecordKill;

/// The version of the JSON; it grows when a field changes its meaning or goes.
const FORMAT_VERSION: u32 = 1;

/// Where kills were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// At one boundary.
    At,
    /// At each boundary.
    Everywhere,
    /// At random.
    Random,
}

/// What tells one world from the others: it can be tried again by that alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The boundary at which its runner is killed.
    At(RecordKill),
    /// The seed of its kills.
    Seed(u64),
}

impl fmt::Display for Replay {
    /// As flags.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(kill) => write!(f, "--kill-at {kill}"),
            Self::Seed(seed) => write!(f, "--kill-random 1 --seed {seed}"),
        }
    }
}

impl Serialize for Replay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Replay {
    fn place(self) -> (u64, bool) {
        match self {
            Self::At(kill) => (kill.record, kill.when == super::When::After),
            Self::Seed(seed) => (seed, false),
        }
    }
}

impl PartialOrd for Replay {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Replay {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

/// A world that did not end as the undisturbed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The flags that try it again.
    pub replay: Replay,
    /// The record at whose boundary it was, as the undisturbed journal has it: `step_settled content`.
    pub record: Option<String>,
    /// Where its runners were killed.
    pub kills: Vec<String>,
    /// What is not as it must be.
    pub differences: Vec<String>,
    /// The command that tries just this world again.
    pub command: Option<String>,
}

/// What came of all worlds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KillSummary {
    /// Of this document.
    pub format_version: u32,
    /// Where kills were tried.
    pub kill: Mode,
    /// The first seed of random kills.
    pub seed: Option<u64>,
    /// As the undisturbed rehearsal ended.
    pub undisturbed_exit_code: u8,
    /// Records of the undisturbed journal.
    pub records: usize,
    /// Worlds that were lived through.
    pub worlds: u64,
    /// Runners killed.
    pub kills: u64,
    /// Runners started again after a kill.
    pub resumed: u64,
    /// Worlds that did not end as the undisturbed one.
    pub failed: Vec<Failed>,
}

impl KillSummary {
    pub(super) fn new(kill: Mode, seed: Option<u64>, undisturbed_exit_code: u8, records: usize) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            kill,
            seed,
            undisturbed_exit_code,
            records,
            worlds: 0,
            kills: 0,
            resumed: 0,
            failed: Vec::new(),
        }
    }

    /// One more world.
    pub(super) fn count(&mut self, kills: usize, sessions: u32) {
        self.worlds += 1;
        self.kills += u64::try_from(kills).unwrap_or(u64::MAX);
        self.resumed += u64::from(sessions.saturating_sub(1));
    }

    /// For people; every line ends with a line break.
    pub fn human(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            out,
            "{} in {}, {} times resumed; {} ended otherwise than undisturbed (exit code {})",
            counted(self.kills, "kill"),
            counted(self.worlds, "world"),
            self.resumed,
            self.failed.len(),
            self.undisturbed_exit_code,
        );
        for failed in &self.failed {
            out.push_str(&failed.human());
        }
        out
    }
}

impl Failed {
    /// For people; every line ends with a line break.
    pub fn human(&self) -> String {
        let mut out = String::from("\n");
        for kill in &self.kills {
            let record = self
                .record
                .as_ref()
                .map(|record| format!(" ({record})"))
                .unwrap_or_default();
            out.push_str(&format!("killed {kill}{record}\n"));
        }
        for difference in &self.differences {
            out.push_str(&format!("  {difference}\n"));
        }
        if let Some(command) = &self.command {
            out.push_str(&format!("  again: {command}\n"));
        }
        out
    }
}

/// `1 kill`, `2 kills`.
fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> KillSummary {
        let mut summary = KillSummary::new(Mode::Everywhere, None, 0, 60);
        summary.count(1, 2);
        summary.count(0, 1);
        summary.failed.push(Failed {
            replay: Replay::At("17:after".parse().unwrap()),
            record: Some("step_intended read_only".to_owned()),
            kills: vec!["after its record 17 was durable".to_owned()],
            differences: vec!["it ended with 1, undisturbed with 0".to_owned()],
            command: Some("regplan rehearse p.yaml --kill-at 17:after".to_owned()),
        });
        summary
    }

    #[test]
    fn people_learn_the_boundary_and_what_to_type() {
        insta::assert_snapshot!(summary().human());
    }

    #[test]
    fn machines_get_every_field_under_its_name() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&summary()).unwrap());
    }

    #[test]
    fn worlds_are_listed_in_the_order_in_which_they_were_tried() {
        let at = |text: &str| Replay::At(text.parse().unwrap());
        assert!(at("2:after") > at("2:before") && at("3:before") > at("2:after"));
        assert!(Replay::Seed(2) > Replay::Seed(1));
    }
}
