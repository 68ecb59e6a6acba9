//! The equality contract (reference: apicurio.md §5).

mod artifacts;
pub mod codes;
mod dates;
mod others;
mod replicas;
mod report;
mod rows;
mod versions;

pub(in crate::registry) use artifacts::{OwnerGap, artifact_differences, is_addressable, latest_gap, owner_gap};
pub(in crate::registry) use others::group_differences;
pub use replicas::{Replica, ReplicaSeen};
pub use report::{GroupPair, VerifyReport};
pub(in crate::registry) use rows::text;
pub(in crate::registry) use versions::version_differences;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::rows::Rows;
use super::{ArtifactKey, Backport, Capability, Format, Remnant, Snapshot};
use crate::model::is_unseen;

/// Something that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// Stable and documented: `version_missing`.
    pub code: &'static str,
    /// What it is about: `default/orders-value version 3`.
    pub what: String,
    /// What the left side has; empty for nothing.
    pub left: String,
    /// What the right side has; empty for nothing.
    pub right: String,
}

impl fmt::Display for Row {
    /// One line: `version_state default/orders-value version 3: ENABLED, not DISABLED`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.what)?;
        match (self.left.as_str(), self.right.as_str()) {
            ("", "") => Ok(()),
            (left, "") => write!(f, ": left {}", Short(left)),
            ("", right) => write!(f, ": right {}", Short(right)),
            (left, right) => write!(f, ": left {}, right {}", Short(left), Short(right)),
        }
    }
}

/// A value on one line and not too long; the whole is in the JSON.
struct Short<'v>(&'v str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Two values and the name of an artifact then fit a line of 200 columns.
        const LONGEST: usize = 72;
        for (n, c) in self.0.chars().enumerate() {
            if n == LONGEST {
                return f.write_str("…");
            }
            if is_unseen(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// What no export tells; ask the API. Absent is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestFacts {
    /// Of the left side.
    pub left: SideFacts,
    /// Of the right side.
    pub right: SideFacts,
}

/// What the API of one side says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SideFacts {
    /// The version string that is the latest of each artifact that was asked for; `None`: the server has no latest for it.
    pub latest: BTreeMap<ArtifactKey, Option<String>>,
    /// Artifacts, as a search counts them.
    pub artifacts: Option<u64>,
    /// Versions, as a search counts them.
    pub versions: Option<u64>,
    /// Comments whose entry names collide in an export of 2.6, so that one of them is not in it.
    pub comments: Option<BTreeSet<(u64, String)>>,
    /// Whether it is a 3.x on KafkaSQL: what its own clients made has the time of its last start, another one on each replica and
    /// after each restart (3.3.2 and 3.3.3, docs/matrix.md).
    pub redates: bool,
}

/// Something that the plan accepts: a difference, or a finding of a preflight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Rows or findings with this code.
    pub code: String,
    /// Only those about this, or about a part of this (`payments/orders` takes `payments/orders version 3`); absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Why.
    pub reason: String,
}

/// What was compared, and what is not the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Must not be.
    pub differences: Vec<Row>,
    /// Must be so: coded rows of the contract.
    pub expected: Vec<Row>,
    /// Accepted by the plan.
    pub accepted: Vec<Row>,
    /// Versions of the left side that were compared.
    pub versions: u64,
    /// Artifacts of the left side that were compared.
    pub artifacts: u64,
    /// Contents of the left side that were compared.
    pub contents: u64,
    /// Comments of the left side that were compared.
    pub comments: u64,
    /// Global and artifact rules of the left side that were compared.
    pub rules: u64,
}

impl Comparison {
    /// Whether there is no difference that counts.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares everything that two registries hold. Rows come in a fixed order: versions, contents, artifacts, branches,
/// groups, rules, comments, counts; each by key.
///
/// regplan's own groups, contents that no version uses, canonical hashes and an artifact's last change are not compared.
///
/// From a 3.x to a 2.6 what the latter cannot hold comes first, each with a code of its own that a plan may accept; the rest
/// is compared without it.
pub fn compare(left: &Snapshot, right: &Snapshot, rest: &RestFacts, accepted: &[Accepted]) -> Comparison {
    let mut rows = Rows::default();
    let fitted = (left.format == Format::V3 && right.format == Format::V2)
        .then(|| Backport::of(left.clone(), &Capability::v2_6()));
    if let Some(fitted) = &fitted {
        rows.result
            .differences
            .extend(fitted.residue.0.iter().map(Remnant::row));
    }
    let whole = left;
    let left = fitted.as_ref().map_or(left, |fitted| &fitted.wanted);
    versions::versions(left, right, &mut rows);
    versions::contents(left, right, &mut rows);
    artifacts::artifacts(left, right, &mut rows);
    artifacts::branches(left, right, &mut rows);
    artifacts::latest(left, (&rest.left, &rest.right), &mut rows);
    others::groups(left, right, &mut rows);
    others::rules(left, right, &mut rows);
    others::comments(left, right, &rest.left, &mut rows);
    others::counts([("left", whole, &rest.left), ("right", right, &rest.right)], &mut rows);
    let mut result = rows.result;
    dates::set_back(&mut result, rest);
    let is_accepted = |row: &mut Row| accepted.iter().any(|accepted| accepted.covers(row));
    result.accepted = result.differences.extract_if(.., is_accepted).collect();
    result
}

impl Accepted {
    /// Whether it accepts this row.
    pub(in crate::registry) fn covers(&self, row: &Row) -> bool {
        self.code == row.code && self.is_about(&row.what)
    }

    /// Whether it takes what is called so, the code left aside.
    pub(in crate::registry) fn is_about(&self, name: &str) -> bool {
        self.what.as_deref().is_none_or(|what| {
            let rest = name.strip_prefix(what);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '/']))
        })
    }
}
