//! What will go wrong when content moves, found before anything is written: one table of codes, each with its check.
//!
//! A server drops what it cannot store and answers 204 all the same (reference: apicurio.md §4.4). A code names the releases
//! and storages of the target that do it, so that nobody is warned of what his target does right.

mod back;
mod carried;
mod clients;
mod code;
mod limits;
mod loss;
mod lost_contents;
mod lost_versions;
mod reference;
mod report;
mod target;

pub use code::{Code, Concern, Severity, Topic};
pub use report::PreflightReport;
pub use target::{NoTarget, Storage, Target, TargetVersion};

use serde::Serialize;

use self::code::Look;
use super::{Accepted, SideFacts, Snapshot};

/// Every code, in the order of reports.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    [
        lost_versions::CODES,
        lost_contents::CODES,
        loss::CODES,
        carried::CODES,
        limits::CODES,
        clients::CODES,
        back::CODES,
    ]
    .into_iter()
    .flatten()
}

/// The code of a finding that is about the plan, not about the content: an acceptance that covers nothing.
pub const ACCEPTED_NOTHING: &str = "accepted_nothing";

/// One code and everything that it was found for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable and documented: `property_value_too_long`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub about: &'static str,
    /// What happens.
    pub why: &'static str,
    /// What to do.
    pub repair: &'static str,
    /// What it is about, at least one, in a fixed order.
    pub concerned: Vec<Concern>,
    /// Why it was accepted; absent from a finding that was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Preflight {
    /// Worst first, then in the order of the table.
    pub findings: Vec<Finding>,
    /// What was accepted by code and reason.
    pub accepted: Vec<Finding>,
}

impl Preflight {
    /// How many findings of that severity are not accepted.
    pub fn count(&self, severity: Severity) -> u64 {
        let found = self.findings.iter().filter(|finding| finding.severity == severity);
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    }

    /// `2 findings block, 3 warnings, 5 for information, 1 accepted`.
    pub fn summary(&self) -> String {
        let counted = |severity, one, many| {
            let number = self.count(severity);
            format!("{number} {}", if number == 1 { one } else { many })
        };
        let mut parts = vec![
            counted(Severity::Blocking, "finding blocks", "findings block"),
            counted(Severity::Warning, "warning", "warnings"),
            format!("{} for information", self.count(Severity::Info)),
        ];
        if !self.accepted.is_empty() {
            parts.push(format!("{} accepted", self.accepted.len()));
        }
        parts.join(", ")
    }

    /// Whether nothing blocks.
    pub fn is_clean(&self) -> bool {
        self.count(Severity::Blocking) == 0
    }
}

/// Looks for everything that moving that content to that target would lose, hit or change.
///
/// `facts` is what the API of the source says; what was not asked is not judged.
pub fn preflight(snapshot: &Snapshot, target: &Target, facts: &SideFacts, accepted: &[Accepted]) -> Preflight {
    let look = Look { snapshot, facts };
    let mut found = Preflight::default();
    let mut used = vec![false; accepted.len()];
    for code in codes() {
        let Some(severity) = code.severity_on(target) else {
            continue;
        };
        let mut finding = Finding {
            code: code.name,
            severity,
            about: code.about,
            why: code.why,
            repair: code.repair,
            concerned: (code.check)(&look),
            reason: None,
        };
        accept(&mut finding, accepted, &mut used, &mut found.accepted);
        if !finding.concerned.is_empty() {
            found.findings.push(finding);
        }
    }
    let unused = accepted.iter().zip(&used).filter(|(_, used)| !**used);
    found.findings.extend(stale(unused.map(|(accepted, _)| accepted)));
    found.findings.sort_by_key(|finding| finding.severity);
    found
}

/// Moves what is accepted out of a finding.
fn accept(finding: &mut Finding, accepted: &[Accepted], used: &mut [bool], out: &mut Vec<Finding>) {
    for (accepted, used) in accepted.iter().zip(used) {
        if accepted.code != finding.code {
            continue;
        }
        let covers = |concern: &mut Concern| accepted.is_about(&concern.what);
        let covered: Vec<Concern> = finding.concerned.extract_if(.., covers).collect();
        if !covered.is_empty() {
            *used = true;
            out.push(Finding {
                concerned: covered,
                reason: Some(accepted.reason.clone()),
                ..finding.clone()
            });
        }
    }
}

/// Acceptances that cover nothing: the data was repaired, or the code is misspelt.
fn stale<'a>(unused: impl Iterator<Item = &'a Accepted>) -> Option<Finding> {
    let known = |name: &str| codes().any(|code| code.name == name);
    let concerned: Vec<Concern> = unused
        .map(|accepted| {
            let detail = match known(&accepted.code) {
                true => "nothing was found that it covers",
                false => "there is no such code",
            };
            Concern::new(&accepted.code, detail)
        })
        .collect();
    (!concerned.is_empty()).then_some(Finding {
        code: ACCEPTED_NOTHING,
        severity: Severity::Warning,
        about: "an acceptance that covers nothing",
        why: "What was accepted is not there any more, or its code is misspelt.",
        repair: "Take it out of `accept`, so that it does not cover something new one day.",
        concerned,
        reason: None,
    })
}
