use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Accepted, Comparison, Counts, Format, GroupDigest, Row, Snapshot};
use crate::model::Digest;

/// The contract by which rows are classed and digests are made; raised when equal data could get another digest.
const CONTRACT: u32 = 1;

/// Raised when an old reader could misread a certificate.
const FORMAT: u32 = 1;

/// Where one side of a comparison came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// An address without a login, or the name of a file.
    pub source: String,
    /// The version of the server that wrote the export.
    pub version: String,
    /// The format of the export.
    pub format: Format,
    /// The SHA-256 of the export file that was read.
    pub export_sha256: Digest,
    /// When the export was begun, in milliseconds since 1970.
    pub exported_on: i64,
}

/// One side of a comparison: who it was and what it held, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Where it came from.
    #[serde(flatten)]
    pub identity: Identity,
    /// How many of each.
    pub counts: Counts,
    /// Over everything that the contract wants equal.
    pub digest: Digest,
    /// Over the global rules.
    pub global_rules: Digest,
    /// Over what `digest` leaves out and its export holds ([`Snapshot::rest_digest`]); absent from older certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Digest>,
    /// The same for each group, by its id; `default` is the default group.
    pub groups: BTreeMap<String, GroupDigest>,
}

impl Sealed {
    /// Of what a side holds.
    pub fn of(identity: Identity, snapshot: &Snapshot) -> Self {
        let digests = snapshot.group_digests().into_iter();
        Self {
            identity,
            counts: snapshot.counts(),
            digest: snapshot.digest(),
            global_rules: snapshot.global_rules_digest(),
            rest: Some(snapshot.rest_digest()),
            groups: digests.map(|(key, digest)| (key.to_string(), digest)).collect(),
        }
    }
}

/// A row of a comparison, as a certificate keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Its code.
    pub code: String,
    /// What it is about.
    pub what: String,
    /// What the left side had.
    pub left: String,
    /// What the right side had.
    pub right: String,
}

impl From<&Row> for Noted {
    fn from(row: &Row) -> Self {
        Self {
            code: row.code.to_owned(),
            what: row.what.clone(),
            left: row.left.clone(),
            right: row.right.clone(),
        }
    }
}

/// What was compared, when, and what came out: a file that can be checked again against a saved export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Raised when an old reader could misread it.
    pub format_version: u32,
    /// Always `regplan certificate`.
    pub document: String,
    /// The contract.
    pub contract: u32,
    /// `regplan 0.1.0`.
    pub tool: String,
    /// When it was made, RFC 3339.
    pub made: String,
    /// Whether nothing differed but what is expected or accepted.
    pub equal: bool,
    /// The side that is right.
    pub left: Sealed,
    /// The side that was compared with it.
    pub right: Sealed,
    /// Rows that differ and must not.
    pub differences: Vec<Noted>,
    /// Rows that differ by a coded row of the contract.
    pub expected: Vec<Noted>,
    /// Rows that were accepted.
    pub accepted: Vec<Noted>,
    /// By what they were accepted.
    pub accept: Vec<Accepted>,
}

/// Whether a saved export is what a certificate was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateCheck {
    /// The side of the certificate that it was checked against: `left` or `right`.
    pub side: &'static str,
    /// Whether it holds the same.
    pub equal: bool,
    /// Whether it is even the same file.
    pub same_file: bool,
    /// Groups that hold something else, or are on one side only.
    pub groups: Vec<String>,
    /// Whether the global rules are others.
    pub global_rules_differ: bool,
    /// Whether rows or rules of groups, or rows of artifacts or branches of a 3.x are others.
    pub rest_differs: bool,
}

/// Why something is no certificate that can be checked.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not the JSON of one.
    #[error("this is no certificate")]
    Json(#[from] serde_json::Error),
    /// Made by another version of the program, by other rules.
    #[error(
        "this certificate is of format {format} and contract {contract}, and this program knows {FORMAT} and {CONTRACT}"
    )]
    Version {
        /// Its format.
        format: u32,
        /// Its contract.
        contract: u32,
    },
}

impl Certificate {
    /// Of a comparison. `made` is the time, RFC 3339.
    pub fn new(made: String, (left, right): (Sealed, Sealed), comparison: &Comparison, accept: &[Accepted]) -> Self {
        Self {
            format_version: FORMAT,
            document: "regplan certificate".to_owned(),
            contract: CONTRACT,
            tool: concat!("regplan ", env!("CARGO_PKG_VERSION")).to_owned(),
            made,
            equal: comparison.is_equal(),
            left,
            right,
            differences: comparison.differences.iter().map(Noted::from).collect(),
            expected: comparison.expected.iter().map(Noted::from).collect(),
            accepted: comparison.accepted.iter().map(Noted::from).collect(),
            accept: accept.to_vec(),
        }
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// When it is none, or one whose digests this version does not make.
    pub fn parse(text: &[u8]) -> Result<Self, CertificateError> {
        #[derive(Deserialize)]
        struct Head {
            format_version: u32,
            contract: u32,
        }
        let head: Head = serde_json::from_slice(text)?;
        if (head.format_version, head.contract) != (FORMAT, CONTRACT) {
            return Err(CertificateError::Version {
                format: head.format_version,
                contract: head.contract,
            });
        }
        Ok(serde_json::from_slice(text)?)
    }

    /// Whether a saved export holds what one side held. The side of the same format is taken; of two, the one that fits
    /// better.
    pub fn check(&self, export: &Sealed) -> CertificateCheck {
        let against = |side: &'static str, sealed: &Sealed| compare(side, sealed, export);
        let (left, right) = (against("left", &self.left), against("right", &self.right));
        let format = export.identity.format;
        match (
            self.left.identity.format == format,
            self.right.identity.format == format,
        ) {
            (true, false) => left,
            (false, true) => right,
            _ if right.same_file || (!left.equal && right.groups.len() < left.groups.len()) => right,
            _ => left,
        }
    }
}

fn compare(side: &'static str, sealed: &Sealed, export: &Sealed) -> CertificateCheck {
    let names: BTreeSet<&String> = sealed.groups.keys().chain(export.groups.keys()).collect();
    let other = |key: &&&String| sealed.groups.get(**key) != export.groups.get(**key);
    // Only exports of one format have it alike; an older certificate does not say it.
    let comparable = sealed.rest.is_some() && sealed.identity.format == export.identity.format;
    let rest_differs = comparable && sealed.rest != export.rest;
    CertificateCheck {
        side,
        equal: sealed.digest == export.digest && !rest_differs,
        rest_differs,
        same_file: sealed.identity.export_sha256 == export.identity.export_sha256,
        groups: names.iter().filter(other).map(|key| (*key).clone()).collect(),
        global_rules_differ: sealed.global_rules != export.global_rules,
    }
}
