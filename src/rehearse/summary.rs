//! What a rehearsal says at its end, for people and for machines.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};

use super::{
    faults::{Fault, FaultyEnd, unexpected},
    not_rehearsed::NotRehearsed,
    phases::{PhaseTime, WayBack},
    proof::Violation,
};

/// The version of the JSON; it grows when a field changes its meaning or goes.
pub const FORMAT_VERSION: u32 = 1;

/// The exit codes of a run that succeeded and of one that went back (`cli::Exit`).
const DONE: u8 = 0;
/// See [`DONE`].
const ROLLED_BACK: u8 = 7;
/// See [`DONE`]: it failed, and had nothing to go back to.
const STOPPED: u8 = 1;

fn faulty_end(code: u8) -> FaultyEnd {
    match code {
        DONE => FaultyEnd::Succeeded,
        ROLLED_BACK => FaultyEnd::WentBack,
        STOPPED => FaultyEnd::Stopped,
        _ => FaultyEnd::Other,
    }
}

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// `succeeded`, `rolled_back`, … as the run's own end says it.
    pub outcome: String,
    /// As `apply` would have ended.
    pub exit_code: u8,
    /// Replays the same data and faults.
    pub seed: u64,
    /// Reads answered well.
    pub reads: u64,
    /// Reads that failed.
    pub reads_failed: u64,
    /// The longest time without a successful read; milliseconds.
    pub read_gap_ms: u64,
    /// Writes acknowledged.
    pub writes: u64,
    /// Writes refused while frozen.
    pub writes_refused: u64,
    /// Writes that failed otherwise.
    pub writes_failed: u64,
    /// Acknowledged writes that are missing at the end; `None` when nobody looked.
    pub lost_writes: Option<u64>,
    /// All freezes together; milliseconds. `None` when nothing was frozen.
    pub freeze_ms: Option<u64>,
    /// Time per phase, in the order in which they began.
    pub phases: Vec<PhaseTime>,
    /// Differences between old and new; `None` when nobody compared.
    pub differences: Option<u64>,
    /// Whether the way back was gone, and how it ended.
    pub way_back: WayBack,
    /// What went wrong by order.
    pub faults: Vec<FaultCame>,
    /// Whether it was looked at from outside that one side is writable and nothing is lost.
    pub proof: Proof,
    /// What must be and is not, each in a line; empty when all is well.
    pub violations: Vec<String>,
    /// The command that holds this very rehearsal again.
    pub replay: String,
    /// What the twins and stand-ins did not do for real, each in a line.
    pub stand_ins: Vec<String>,
    /// What of the plan was left out, or only recorded.
    pub not_rehearsed: Vec<NotRehearsed>,
    /// What the plan asks for and this version does not have: `apply` refuses it for these reasons. Empty when there are none.
    pub apply_refuses: Vec<String>,
}

/// A fault, and how often it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCame {
    /// `cut`, `lying-import`, …
    pub name: String,
    /// How often.
    pub times: u64,
    /// What regplan must do about it.
    pub must: String,
}

/// Whether what must hold after every rehearsal was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The plan has no balancer or no 2.6.
    NothingToProve,
    /// It holds.
    Holds,
    /// It does not.
    Violated,
}

impl Summary {
    /// Adds what was seen from outside, the faults, and how they came; `ended` is the exit code where the faults alone decide it.
    pub fn proven(&mut self, proof: Option<&[Violation]>, came: &BTreeMap<Fault, u64>, ended: Option<u8>) {
        self.faults = (came.iter())
            .map(|(fault, times)| FaultCame {
                name: fault.name().to_owned(),
                times: *times,
                must: fault.must().to_owned(),
            })
            .collect();
        self.violations = proof.unwrap_or_default().iter().map(ToString::to_string).collect();
        if let Some(lost) = self.lost_writes.filter(|lost| *lost > 0) {
            self.violations
                .push(format!("clients cannot read {lost} of their acknowledged writes"));
        }
        if let Some(code) = ended {
            self.violations.extend(unexpected(came, faulty_end(code)));
        }
        self.proof = match (proof, self.violations.is_empty()) {
            (_, false) => Proof::Violated,
            (Some(_), true) => Proof::Holds,
            (None, true) => Proof::NothingToProve,
        };
    }

    /// A short table in plain text; every line ends with a line break.
    pub fn human(&self) -> String {
        let mut out = format!(
            "rehearsal {} (exit code {})\n\n",
            self.outcome.replace('_', " "),
            self.exit_code
        );
        let rows = [
            ("reads", self.reads_in_words()),
            ("writes", self.writes_in_words()),
            ("lost writes", counted(self.lost_writes, "not looked for")),
            ("write freeze", self.freeze_ms.map_or_else(|| "none".to_owned(), time)),
            ("differences", counted(self.differences, "not compared")),
            ("way back", way_back(self.way_back).to_owned()),
            ("proof", proof(self.proof).to_owned()),
            ("seed", self.seed.to_string()),
        ];
        for (name, value) in rows {
            line(&mut out, name, 12, &value);
        }
        for fault in &self.faults {
            let value = format!("{}, {} times; must {}", fault.name, fault.times, fault.must);
            line(&mut out, "fault", 12, &value);
        }
        self.phases_in_words(&mut out);
        if !self.violations.is_empty() {
            out.push_str("\nviolated: a person is needed\n");
            for text in self.violations.iter().chain([&format!("again: {}", self.replay)]) {
                out.push_str("  ");
                out.push_str(text);
                out.push('\n');
            }
        }
        if !self.stand_ins.is_empty() {
            out.push_str("\nnot for real\n");
            for text in &self.stand_ins {
                out.push_str("  ");
                out.push_str(text);
                out.push('\n');
            }
        }
        self.left_out_in_words(&mut out);
        out.push_str("\nTimes of a rehearsal say nothing about production.\n");
        out
    }

    fn left_out_in_words(&self, out: &mut String) {
        if !self.not_rehearsed.is_empty() {
            out.push_str("\nnot rehearsed\n");
        }
        for left in &self.not_rehearsed {
            // Writing to a String cannot fail.
            let _infallible = writeln!(out, "  {} ({})", left.what, left.why);
        }
        if !self.apply_refuses.is_empty() {
            let things = match self.apply_refuses.len() {
                1 => "one thing".to_owned(),
                count => format!("{count} things"),
            };
            let _infallible = writeln!(
                out,
                "\n`apply` of this version refuses the plan: it asks for {things} that it does not have (see `regplan validate`)."
            );
        }
    }

    fn reads_in_words(&self) -> String {
        let gap = time(self.read_gap_ms);
        format!("{} well, {} failed, longest gap {gap}", self.reads, self.reads_failed)
    }

    fn writes_in_words(&self) -> String {
        let mut text = format!(
            "{} acknowledged, {} refused while frozen",
            self.writes, self.writes_refused
        );
        if self.writes_failed > 0 {
            // Writing to a String cannot fail.
            let _infallible = write!(text, ", {} failed", self.writes_failed);
        }
        text
    }

    fn phases_in_words(&self, out: &mut String) {
        let Some(widest) = self.phases.iter().map(|phase| phase.id.chars().count()).max() else {
            return;
        };
        out.push_str("\nphases\n");
        for phase in &self.phases {
            let open = if phase.closed { "" } else { ", not closed" };
            line(out, &phase.id, widest, &format!("{}{open}", time(phase.ms)));
        }
    }
}

fn line(out: &mut String, name: &str, width: usize, value: &str) {
    // Writing to a String cannot fail.
    let _infallible = writeln!(out, "  {name:<width$}  {value}");
}

fn counted(count: Option<u64>, unknown: &str) -> String {
    count.map_or_else(|| unknown.to_owned(), |count| count.to_string())
}

/// Milliseconds below ten seconds, tenths of seconds above.
fn time(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::NothingToProve => "nothing to prove",
        Proof::Holds => "one side writable, nothing lost, contents as they must be",
        Proof::Violated => "violated",
    }
}

fn way_back(way: WayBack) -> &'static str {
    match way {
        WayBack::NotTried => "not tried",
        WayBack::Begun => "begun, not ended",
        WayBack::Succeeded => "tried, and it worked",
        WayBack::Failed => "tried, and it failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        let phase = |id: &str, ms, closed| PhaseTime {
            id: id.to_owned(),
            ms,
            closed,
        };
        Summary {
            format_version: FORMAT_VERSION,
            outcome: "rolled_back".to_owned(),
            exit_code: 7,
            seed: 42,
            reads: 1234,
            reads_failed: 0,
            read_gap_ms: 31,
            writes: 88,
            writes_refused: 12,
            writes_failed: 1,
            lost_writes: Some(0),
            freeze_ms: Some(12_345),
            phases: vec![phase("prepare", 120, true), phase("copy_and_switch", 10_050, false)],
            differences: Some(0),
            way_back: WayBack::Succeeded,
            faults: vec![FaultCame {
                name: "cut".to_owned(),
                times: 3,
                must: "ask again and succeed, or go back".to_owned(),
            }],
            proof: Proof::Violated,
            violations: vec!["neither registry takes writes through the balancer".to_owned()],
            replay: "regplan rehearse plan.yaml --fault cut --seed 42".to_owned(),
            stand_ins: vec!["`deploy_v3` was recorded, not run".to_owned()],
            not_rehearsed: vec![NotRehearsed {
                what: "step `database`, postgres.database".to_owned(),
                why: "this version has no such kind".to_owned(),
            }],
            apply_refuses: vec!["step `database`: `postgres.database` is not supported yet".to_owned()],
        }
    }

    #[test]
    fn people_get_a_short_table() {
        insta::assert_snapshot!(summary().human());
    }

    #[test]
    fn what_nobody_measured_is_not_shown_as_zero() {
        let unmeasured = Summary {
            outcome: "succeeded".to_owned(),
            exit_code: 0,
            writes_failed: 0,
            lost_writes: None,
            freeze_ms: None,
            phases: Vec::new(),
            differences: None,
            way_back: WayBack::NotTried,
            faults: Vec::new(),
            proof: Proof::NothingToProve,
            violations: Vec::new(),
            stand_ins: Vec::new(),
            not_rehearsed: Vec::new(),
            apply_refuses: Vec::new(),
            ..summary()
        };
        insta::assert_snapshot!(unmeasured.human());
    }

    #[test]
    fn machines_get_every_field_under_its_name_and_can_read_it_back() {
        let json = serde_json::to_string_pretty(&summary()).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary());
        insta::assert_snapshot!(json);
    }

    #[test]
    fn a_proof_that_fails_and_an_end_that_no_fault_excuses_are_violations() {
        let bypass = |times| BTreeMap::from([(Fault::Bypass, times)]);
        let judged = |proof: Option<&[Violation]>, came: &BTreeMap<Fault, u64>, ended, lost| {
            let mut summary = Summary {
                lost_writes: Some(lost),
                ..summary()
            };
            summary.proven(proof, came, ended);
            (summary.proof, summary.violations.len())
        };
        let none = BTreeMap::new();
        assert_eq!(judged(Some(&[]), &none, None, 0), (Proof::Holds, 0));
        assert_eq!(judged(None, &none, None, 0), (Proof::NothingToProve, 0));
        assert_eq!(
            judged(Some(&[Violation::NobodyWritable]), &none, None, 0),
            (Proof::Violated, 1)
        );
        assert_eq!(judged(Some(&[]), &none, None, 2), (Proof::Violated, 1));
        assert_eq!(judged(Some(&[]), &bypass(1), Some(7), 0), (Proof::Holds, 0));
        assert_eq!(judged(Some(&[]), &bypass(1), Some(0), 0), (Proof::Violated, 1));
        assert_eq!(judged(Some(&[]), &bypass(0), Some(7), 0), (Proof::Violated, 1));
        // Another step was told to fail: how it ends says nothing about the fault.
        assert_eq!(judged(Some(&[]), &bypass(1), None, 0), (Proof::Holds, 0));
    }

    #[test]
    fn times_are_short() {
        assert_eq!(
            [0, 9_999, 10_000, 61_250].map(time),
            ["0 ms", "9999 ms", "10.0 s", "61.2 s"]
        );
    }
}
