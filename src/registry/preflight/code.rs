use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use super::{
    Storage, Target,
    target::{Release, holds_on},
};
use crate::registry::{SideFacts, Snapshot};

/// How much a finding matters. In JSON: `blocking`, `warning`, `info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is lost or wrong after the move, and no server says so. Repair it, or accept it by code and reason.
    Blocking,
    /// Clients or people will notice, or something has to be done.
    Warning,
    /// Good to know; regplan or nobody has to do something.
    Info,
}

impl Severity {
    /// Every one, worst first.
    pub const ALL: [Self; 3] = [Self::Blocking, Self::Warning, Self::Info];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What a finding is about, for the page of all codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// An import answers 204 and has dropped it.
    Loss,
    /// No ZIP carries it.
    Carried,
    /// A limit of the server, of its ids or of a request.
    Limit,
    /// Clients see another answer than before.
    Clients,
    /// It cannot come back to 2.6.
    WayBack,
}

impl Topic {
    /// Every one, in the order to read them.
    pub const ALL: [Self; 5] = [Self::Loss, Self::Carried, Self::Limit, Self::Clients, Self::WayBack];

    /// A heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Loss => "Lost without a word",
            Self::Carried => "In no export",
            Self::Limit => "Limits",
            Self::Clients => "What clients notice",
            Self::WayBack => "The way back to 2.6",
        }
    }
}

/// One thing that is looked for: a line of the table of codes.
pub struct Code {
    /// Stable and documented: plans accept by it.
    pub name: &'static str,
    /// What it is about.
    pub topic: Topic,
    /// How much it matters where the target's storage is known.
    pub severity: Severity,
    /// The first release of the target that has it.
    pub(super) since: Release,
    /// The first release that has it no more.
    pub(super) fixed: Option<Release>,
    /// The target's storages that have it; empty: all.
    pub storages: &'static [Storage],
    /// What was found: a lower-case fragment.
    pub about: &'static str,
    /// What happens, in full sentences.
    pub why: &'static str,
    /// What to do, in full sentences.
    pub repair: &'static str,
    /// Finds it.
    pub(super) check: fn(&Look<'_>) -> Vec<Concern>,
}

/// The first release of 3.x, for what all of them have.
pub(super) const ALL_OF_3: Release = [3, 0, 0];
/// The first release of 2.x, for the way back.
pub(super) const ALL_OF_2: Release = [2, 0, 0];

impl Code {
    /// A code of 3.x on any storage, from its first release on.
    pub(super) const fn new(
        name: &'static str,
        topic: Topic,
        severity: Severity,
        check: fn(&Look<'_>) -> Vec<Concern>,
    ) -> Self {
        Self {
            name,
            topic,
            severity,
            since: ALL_OF_3,
            fixed: None,
            storages: &[],
            about: "",
            why: "",
            repair: "",
            check,
        }
    }

    /// What people read: what was found, what happens, what to do.
    pub(super) const fn says(mut self, about: &'static str, why: &'static str, repair: &'static str) -> Self {
        self.about = about;
        self.why = why;
        self.repair = repair;
        self
    }

    /// Only from that release of the target on.
    pub(super) const fn since(mut self, release: Release) -> Self {
        self.since = release;
        self
    }

    /// Only before that release of the target.
    pub(super) const fn before(mut self, release: Release) -> Self {
        self.fixed = Some(release);
        self
    }

    /// Only on those storages of the target.
    pub(super) const fn on(mut self, storages: &'static [Storage]) -> Self {
        self.storages = storages;
        self
    }

    /// Only when the target is a 2.6.
    pub(super) const fn on_the_way_back(mut self) -> Self {
        self.since = ALL_OF_2;
        self.fixed = Some(ALL_OF_3);
        self
    }

    /// How much it matters for that target; `None`: not at all. Where the storage is not known nothing of one storage blocks.
    pub(super) fn severity_on(&self, target: &Target) -> Option<Severity> {
        let at_all = target.version.touches(self.since, self.fixed);
        let is_back = self.fixed == Some(ALL_OF_3);
        if !at_all || is_back != target.version.is_v2() {
            return None;
        }
        if self.storages.is_empty() {
            return Some(self.severity);
        }
        match holds_on(self.storages, target.storage) {
            Some(true) => Some(self.severity),
            Some(false) => None,
            None => Some(self.severity.max(Severity::Warning)),
        }
    }

    /// The releases and storages that it is about: `3.1.3 and later, on kafkasql`.
    pub fn applies_to(&self) -> String {
        let dotted = |[major, minor, patch]: Release| format!("{major}.{minor}.{patch}");
        let releases = match (self.since, self.fixed) {
            (_, Some(ALL_OF_3)) => "2.6".to_owned(),
            (ALL_OF_3, None) => "all 3.x".to_owned(),
            (ALL_OF_3, Some(fixed)) => format!("3.x before {}", dotted(fixed)),
            (since, None) => format!("{} and later", dotted(since)),
            (since, Some(fixed)) => format!("{} to before {}", dotted(since), dotted(fixed)),
        };
        let storages: Vec<&str> = self.storages.iter().map(|storage| storage.as_str()).collect();
        match storages.as_slice() {
            [] => releases,
            some => format!("{releases}, on {}", some.join(" and ")),
        }
    }
}

/// What a check looks at.
pub(super) struct Look<'s> {
    /// What shall be moved.
    pub snapshot: &'s Snapshot,
    /// What the API of its registry says, as far as it was asked.
    pub facts: &'s SideFacts,
}

/// Something that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Concern {
    /// A version, an artifact, a group or a content: `payments/orders version 3`.
    pub what: String,
    /// What is special about it; empty when the code says all.
    pub detail: String,
}

impl fmt::Display for Concern {
    /// `payments/orders version 3: property `k` has 700 characters`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => f.write_str(&self.what),
            detail => write!(f, "{}: {detail}", self.what),
        }
    }
}

impl Concern {
    /// With what is special about it.
    pub(super) fn new(what: impl Display, detail: impl Display) -> Self {
        Self {
            what: what.to_string(),
            detail: detail.to_string(),
        }
    }

    /// Where the code says all.
    pub(super) fn plain(what: impl Display) -> Self {
        Self::new(what, "")
    }
}
