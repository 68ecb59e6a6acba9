use std::{collections::BTreeSet, fmt, ops::Not};

use crate::{
    engine::Outcome,
    registry::{ArtifactKey, RestFacts, Row, Snapshot, compare},
};

/// Rows and names that a violation shows; their number says the rest.
const FIRST: usize = 3;

/// What was seen from outside when a rehearsal had ended; nothing of it is believed from the journal or from exit codes.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'e> {
    /// What the run said of itself.
    pub claim: Claim,
    /// What the old registry held before the run.
    pub began_with: &'e Snapshot,
    /// What it holds now.
    pub old: &'e Snapshot,
    /// What the new one holds now; `None` when it never came up.
    pub new: Option<&'e Snapshot>,
    /// Where a write through the balancer was found afterwards.
    pub landed: Landed,
    /// The group in which clients wrote; everything else was there before.
    pub group: &'e str,
    /// Artifacts of that group whose writes were acknowledged.
    pub acknowledged: &'e [String],
}

/// What a run said of itself at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It succeeded, and sends clients to this side.
    Succeeded(Side),
    /// It went back to the old side.
    WentBack,
    /// It stopped, wherever it was.
    Stopped,
    /// Its way back failed: a person is needed, and writes may be denied until one comes.
    NeedsPerson,
}

/// One of the two registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The 2.6.
    Old,
    /// The 3.x.
    New,
}

/// On which registries one write through the balancer was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Landed {
    /// On the old one.
    pub old: bool,
    /// On the new one.
    pub new: bool,
}

/// What must be and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// No side takes writes.
    NobodyWritable,
    /// One write is on both sides.
    BothWritable,
    /// Clients are on the other side than the run says.
    OtherSide {
        /// Where the run says they are.
        said: Side,
        /// Where they are.
        found: Side,
    },
    /// Acknowledged writes are missing where clients are.
    Lost {
        /// Where clients are; `None`: on neither side.
        on: Option<Side>,
        /// All of them.
        writes: Vec<String>,
    },
    /// The new registry serves, and does not hold what the old one holds.
    Different(Vec<Row>),
    /// The old registry lost or changed what it held before.
    OldChanged(Vec<Row>),
}

impl Claim {
    /// What an outcome says; `opened` is whether the journal says that writes may have reached the new side.
    pub fn of(outcome: &Outcome, opened: bool) -> Self {
        match outcome {
            Outcome::Done | Outcome::NothingToDo | Outcome::Until { .. } if opened => Self::Succeeded(Side::New),
            Outcome::Done | Outcome::NothingToDo | Outcome::Until { .. } => Self::Succeeded(Side::Old),
            Outcome::RolledBack { .. } => Self::WentBack,
            Outcome::RollbackFailed { .. } => Self::NeedsPerson,
            Outcome::Waiting { .. }
            | Outcome::Refused { .. }
            | Outcome::NotSupported { .. }
            | Outcome::CheckpointFailed { .. }
            | Outcome::Failed { .. }
            | Outcome::Interrupted { .. } => Self::Stopped,
        }
    }

    fn side(self) -> Option<Side> {
        match self {
            Self::Succeeded(side) => Some(side),
            Self::WentBack => Some(Side::Old),
            Self::Stopped | Self::NeedsPerson => None,
        }
    }
}

impl Evidence<'_> {
    /// Everything that must be and is not: writes on exactly one side, no acknowledged write lost there, the old content
    /// untouched, and the new one equal to it (by the equality contract, but for writes since) when it serves.
    pub fn judge(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let serving = match (self.landed.old, self.landed.new) {
            (true, false) => Some(Side::Old),
            (false, true) => Some(Side::New),
            (true, true) => {
                found.push(Violation::BothWritable);
                None
            }
            (false, false) => {
                if self.claim != Claim::NeedsPerson {
                    found.push(Violation::NobodyWritable);
                }
                None
            }
        };
        if let (Some(said), Some(side)) = (self.claim.side(), serving)
            && said != side
        {
            found.push(Violation::OtherSide { said, found: side });
        }
        found.extend(self.lost(serving));
        let changed = differences(self.began_with, &without(self.old, |key| self.is_clients(key)));
        found.extend(changed.is_empty().not().then_some(Violation::OldChanged(changed)));
        if let (Some(Side::New), Some(new)) = (serving, self.new) {
            // Clients went on writing there.
            let since = |key: &ArtifactKey| self.is_clients(key) && !self.old.artifacts.contains_key(key);
            let different = differences(self.old, &without(new, since));
            found.extend(different.is_empty().not().then_some(Violation::Different(different)));
        }
        found
    }

    fn is_clients(&self, key: &ArtifactKey) -> bool {
        key.group.as_str() == self.group
    }

    fn lost(&self, serving: Option<Side>) -> Option<Violation> {
        let holds = |snapshot: Option<&Snapshot>, key: &ArtifactKey| {
            snapshot.is_some_and(|snapshot| snapshot.artifacts.contains_key(key))
        };
        let is_there = |artifact: &String| {
            let key = ArtifactKey::new(Some(self.group), artifact);
            let (old, new) = (holds(Some(self.old), &key), holds(self.new, &key));
            match serving {
                Some(Side::Old) => old,
                Some(Side::New) => new,
                None => old || new,
            }
        };
        let missing = self.acknowledged.iter().filter(|artifact| !is_there(artifact));
        let writes: Vec<String> = missing.cloned().collect();
        writes
            .is_empty()
            .not()
            .then_some(Violation::Lost { on: serving, writes })
    }
}

pub(super) fn differences(left: &Snapshot, right: &Snapshot) -> Vec<Row> {
    compare(left, right, &RestFacts::default(), &[]).differences
}

/// A snapshot without some artifacts, and without the rows of groups that only they were in.
pub(super) fn without(snapshot: &Snapshot, is_out: impl Fn(&ArtifactKey) -> bool) -> Snapshot {
    let mut left = snapshot.clone();
    left.artifacts.retain(|key, _| !is_out(key));
    left.versions.retain(|_, version| !is_out(&version.artifact));
    left.artifact_rules.retain(|key, _| !is_out(&key.artifact));
    left.branches.retain(|key, _| !is_out(&key.artifact));
    let versions = &left.versions;
    left.comments.retain(|key, _| versions.contains_key(&key.global_id));
    let groups =
        |snapshot: &Snapshot| -> BTreeSet<_> { snapshot.artifacts.keys().map(|key| key.group.clone()).collect() };
    let (before, after) = (groups(snapshot), groups(&left));
    left.groups
        .retain(|key, _| !before.contains(key) || after.contains(key));
    left
}

impl Side {
    /// As people name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Old => "the old registry",
            Self::New => "the new registry",
        }
    }
}

impl fmt::Display for Violation {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyWritable => f.write_str("neither registry takes writes through the balancer"),
            Self::BothWritable => f.write_str("one write through the balancer is on both registries"),
            Self::OtherSide { said, found } => {
                write!(f, "clients write to {}, and the run says {}", found.word(), said.word())
            }
            Self::Lost { on, writes } => {
                let on = on.map_or("either registry", Side::word);
                write!(f, "acknowledged writes are not on {on}: {}", listed(writes))
            }
            Self::Different(rows) => write!(
                f,
                "the new registry serves and is not equal to the old: {}",
                listed(rows)
            ),
            Self::OldChanged(rows) => write!(f, "the old registry is not what it was before: {}", listed(rows)),
        }
    }
}

fn listed(all: &[impl ToString]) -> String {
    let first: Vec<String> = all.iter().take(FIRST).map(ToString::to_string).collect();
    match all.len().saturating_sub(FIRST) {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, sync::Arc};

    use super::*;
    use crate::registry::{ReadLimits, read_export};

    /// The same content as 2.6.13 and as 3.3.3 export it.
    fn worlds() -> (Snapshot, Snapshot) {
        let read = |name: &str| {
            let zip = std::fs::read(format!("{}/tests/data/{name}.zip", env!("CARGO_MANIFEST_DIR"))).unwrap();
            read_export(Cursor::new(zip), &ReadLimits::default()).unwrap()
        };
        (read("v2-rich"), read("v3-rich"))
    }

    /// As if a client had written that artifact.
    fn written(to: &mut Snapshot, artifact: &str) {
        let key = Arc::new(ArtifactKey::new(Some("rehearsal"), artifact));
        let id = 1_000 + u64::try_from(to.versions.len()).unwrap();
        let mut version = to.versions.values().next().unwrap().clone();
        let of = Arc::clone(&version.artifact);
        version.artifact = Arc::clone(&key);
        to.versions.insert(id, version);
        let row = to.artifacts.get(&of).unwrap().clone();
        to.artifacts.insert(key, row);
    }

    const OLD: Landed = Landed { old: true, new: false };
    const NEW: Landed = Landed { old: false, new: true };

    fn judged(
        claim: Claim,
        landed: Landed,
        (began, old, new): (&Snapshot, &Snapshot, &Snapshot),
        acknowledged: &[&str],
    ) -> Vec<Violation> {
        let acknowledged: Vec<String> = acknowledged.iter().map(|id| (*id).to_owned()).collect();
        let evidence = Evidence {
            claim,
            began_with: began,
            old,
            new: Some(new),
            landed,
            group: "rehearsal",
            acknowledged: &acknowledged,
        };
        evidence.judge()
    }

    #[test]
    fn a_good_move_and_a_good_way_back_violate_nothing() {
        let (began, mut new) = worlds();
        written(&mut new, "since");
        let all = (&began, &began, &new);
        assert_eq!(judged(Claim::Succeeded(Side::New), NEW, all, &["since"]), []);
        let mut old = began.clone();
        written(&mut old, "before");
        // What was imported for nothing stays on the new side, and means nothing.
        assert_eq!(judged(Claim::WentBack, OLD, (&began, &old, &new), &["before"]), []);
        assert_eq!(judged(Claim::Stopped, OLD, (&began, &old, &new), &["before"]), []);
    }

    #[test]
    fn writes_must_reach_exactly_one_side() {
        let (began, new) = worlds();
        let all = (&began, &began, &new);
        let both = Landed { old: true, new: true };
        for claim in [Claim::Succeeded(Side::New), Claim::WentBack, Claim::Stopped] {
            assert_eq!(judged(claim, Landed::default(), all, &[]), [Violation::NobodyWritable]);
            assert_eq!(judged(claim, both, all, &[]), [Violation::BothWritable]);
        }
        assert_eq!(judged(Claim::NeedsPerson, Landed::default(), all, &[]), []);
        assert_eq!(judged(Claim::NeedsPerson, both, all, &[]), [Violation::BothWritable]);
    }

    #[test]
    fn clients_must_be_where_the_run_says() {
        let (began, new) = worlds();
        let all = (&began, &began, &new);
        let wrong = |said, found| [Violation::OtherSide { said, found }];
        assert_eq!(
            judged(Claim::Succeeded(Side::New), OLD, all, &[]),
            wrong(Side::New, Side::Old)
        );
        assert_eq!(judged(Claim::WentBack, NEW, all, &[]), wrong(Side::Old, Side::New));
    }

    #[test]
    fn an_acknowledged_write_must_be_where_clients_are() {
        let (began, new) = worlds();
        let (mut old, mut other) = (began.clone(), new.clone());
        written(&mut old, "one");
        written(&mut other, "two");
        let lost = |on, write: &str| Violation::Lost {
            on,
            writes: vec![write.to_owned()],
        };
        let all = (&began, &old, &other);
        assert_eq!(
            judged(Claim::WentBack, OLD, all, &["one", "two"]),
            [lost(Some(Side::Old), "two")]
        );
        // A write that the copy missed is lost, and the sides differ.
        let found = judged(Claim::Succeeded(Side::New), NEW, all, &["one", "two"]);
        assert_eq!(found.first(), Some(&lost(Some(Side::New), "one")));
        assert!(matches!(found.get(1), Some(Violation::Different(_))), "{found:?}");
        assert_eq!(judged(Claim::NeedsPerson, Landed::default(), all, &["one", "two"]), []);
        assert_eq!(
            judged(Claim::NeedsPerson, Landed::default(), all, &["three"]),
            [lost(None, "three")]
        );
    }

    #[test]
    fn what_serves_must_equal_what_served() {
        let (began, mut new) = worlds();
        let id = *new.versions.keys().next().unwrap();
        new.versions.remove(&id);
        let found = judged(Claim::Succeeded(Side::New), NEW, (&began, &began, &new), &[]);
        assert!(
            matches!(found.as_slice(), [Violation::Different(rows)] if !rows.is_empty()),
            "{found:?}"
        );
        // It does not serve: nobody is hurt.
        assert_eq!(judged(Claim::WentBack, OLD, (&began, &began, &new), &[]), []);
    }

    #[test]
    fn the_old_side_must_be_as_before_whoever_serves() {
        let (began, new) = worlds();
        let mut old = began.clone();
        let id = *old.versions.keys().next().unwrap();
        old.versions.remove(&id);
        let found = judged(Claim::WentBack, OLD, (&began, &old, &new), &[]);
        assert!(
            matches!(found.as_slice(), [Violation::OldChanged(rows)] if !rows.is_empty()),
            "{found:?}"
        );
    }

    #[test]
    fn a_violation_is_one_line_that_names_what_is_wrong() {
        let writes = (1..=5).map(|n| format!("w-{n}")).collect();
        let lost = Violation::Lost {
            on: Some(Side::New),
            writes,
        };
        assert_eq!(
            lost.to_string(),
            "acknowledged writes are not on the new registry: w-1; w-2; w-3; and 2 more"
        );
    }
}
