//! What a 3.x holds and a 2.6 cannot: known before anything is written (reference: apicurio.md §4.7).

mod fit;
mod metadata;

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{Accepted, Row, Snapshot, codes};

/// What a registry of 2.6 takes. A rule that it does not know ends its import without an error, and a type that it does not
/// know is stored and cannot be read (seen on 2.6.13), so nothing else is sent
/// (reference: apicurio.md §4.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Artifact types.
    pub types: BTreeSet<Box<str>>,
    /// Rule types.
    pub rules: BTreeSet<Box<str>>,
}

impl Capability {
    /// The ten types and three rules of 2.6.13 as shipped.
    pub fn v2_6() -> Self {
        let types = [
            "ASYNCAPI", "AVRO", "GRAPHQL", "JSON", "KCONNECT", "OPENAPI", "PROTOBUF", "WSDL", "XML", "XSD",
        ];
        let rules = ["COMPATIBILITY", "INTEGRITY", "VALIDITY"];
        Self {
            types: types.into_iter().map(Box::from).collect(),
            rules: rules.into_iter().map(Box::from).collect(),
        }
    }
}

impl Default for Capability {
    fn default() -> Self {
        Self::v2_6()
    }
}

/// One thing that does not arrive, or not as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remnant {
    /// Stable: plans accept by it. One of [`codes`](super::codes), all begin with `residue_`.
    pub code: &'static str,
    /// What it is about: `default/orders-value version 3`.
    pub what: String,
    /// What of it: the state, the type, the versions on a branch.
    pub value: String,
}

impl Remnant {
    fn new(code: &'static str, what: impl fmt::Display, value: impl fmt::Display) -> Self {
        Self {
            code,
            what: what.to_string(),
            value: value.to_string(),
        }
    }

    /// Why it cannot be, and what to do about it.
    pub fn advice(&self) -> (&'static str, &'static str) {
        match self.code {
            codes::RESIDUE_DRAFT => (
                "2.6 has no drafts",
                "publish or delete it on 3.x first, or accept that it stays behind",
            ),
            codes::RESIDUE_SUNSET => (
                "2.6 has no SUNSET",
                "it arrives as DEPRECATED, which is served with a warning; accept it",
            ),
            codes::RESIDUE_TYPE => (
                "2.6 does not know the type, and answers 500 to whoever reads it",
                "delete the artifact on 3.x first, or accept that it stays behind",
            ),
            codes::RESIDUE_EMPTY => (
                "in 2.6 an artifact is its versions",
                "accept it, or delete the artifact on 3.x first",
            ),
            codes::RESIDUE_BRANCH => (
                "2.6 has no branches",
                "accept it: the versions on it arrive, the branch does not",
            ),
            codes::RESIDUE_GROUP_RULE => (
                "2.6 has no rules of groups",
                "set it on the group's artifacts on 3.x first, or accept that it no longer holds",
            ),
            codes::RESIDUE_RULE => (
                "2.6 does not know the rule, and one such row ends its import",
                "accept that it no longer holds",
            ),
            _ => (
                "2.6 shows an artifact as its latest version is",
                "set it on the latest version on 3.x first, or accept that it is lost",
            ),
        }
    }

    /// As a row of a comparison: there on the left, not on the right.
    pub fn row(&self) -> Row {
        Row {
            code: self.code,
            what: self.what.clone(),
            left: self.value.clone(),
            right: String::new(),
        }
    }
}

impl fmt::Display for Remnant {
    /// `residue_draft default/orders-value version 3: DRAFT (2.6 has no drafts)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.what)?;
        if !self.value.is_empty() {
            write!(f, ": {}", self.value)?;
        }
        write!(f, " ({})", self.advice().0)
    }
}

/// All that does not arrive, in a fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Residue(pub Vec<Remnant>);

impl Residue {
    /// What a 2.6 cannot hold of a 3.x.
    pub fn of(source: &Snapshot, capability: &Capability) -> Self {
        Backport::of(source.clone(), capability).residue
    }

    /// Whether all arrives.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the plan does not accept, and what it does.
    pub fn split(&self, accepted: &[Accepted]) -> (Vec<&Remnant>, Vec<&Remnant>) {
        self.0.iter().partition(|remnant| {
            let row = remnant.row();
            !accepted.iter().any(|accepted| accepted.covers(&row))
        })
    }
}

/// A registry of 3.x as a 2.6 can hold it, and the rest.
///
/// The way back is [`delta`](super::delta) from `wanted` to the 2.6. It went well when the two are equal: then exactly the
/// residue is left.
#[derive(Debug, Clone)]
pub struct Backport {
    /// What can arrive.
    pub wanted: Snapshot,
    /// What cannot.
    pub residue: Residue,
}
