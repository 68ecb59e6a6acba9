//! Replicas of one registry beside the first of them, which is the one that is compared with the other side.

use std::sync::Arc;

use super::{Comparison, RestFacts, Row, SideFacts, codes, compare};
use crate::registry::Snapshot;

/// A replica beyond the first.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Its address.
    pub url: String,
    /// What was seen of it.
    pub seen: ReplicaSeen,
}

/// What was seen of a replica.
#[derive(Debug, Clone)]
pub enum ReplicaSeen {
    /// All that it holds: it has a store of its own.
    Whole(Arc<Snapshot>),
    /// What the first one and this one count, in words: they share a database, or should.
    Counted {
        /// The first one.
        first: String,
        /// This one.
        this: String,
    },
    /// It could not be asked, and why.
    Silent(String),
}

impl Replica {
    /// The difference to the first replica of that registry; `None`: there is none. `redates` is that of its facts
    /// ([`SideFacts::redates`]).
    pub fn row(&self, registry: &str, first: &Snapshot, redates: bool) -> Option<Row> {
        let (left, right) = match &self.seen {
            ReplicaSeen::Whole(snapshot) => {
                let facts = || SideFacts {
                    redates,
                    ..SideFacts::default()
                };
                let rest = RestFacts {
                    left: facts(),
                    right: facts(),
                };
                let differences = compare(first, snapshot, &rest, &[]).differences;
                let more = match differences.len() {
                    0 | 1 => String::new(),
                    all => format!("; and {} more", all - 1),
                };
                (String::new(), format!("{}{more}", differences.first()?))
            }
            ReplicaSeen::Counted { first, this } if first == this => return None,
            ReplicaSeen::Counted { first, this } => (first.clone(), this.clone()),
            ReplicaSeen::Silent(why) => ("an answer".to_owned(), why.clone()),
        };
        Some(Row {
            code: codes::REPLICA,
            what: format!("replica {} of {registry}, beside the first", self.url),
            left,
            right,
        })
    }
}

impl Comparison {
    /// With further differences, such as those of replicas.
    #[must_use]
    pub fn and(mut self, rows: Vec<Row>, accepted: &[super::Accepted]) -> Self {
        let (taken, differ): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|row| accepted.iter().any(|accepted| accepted.covers(row)));
        self.accepted.extend(taken);
        self.differences.extend(differ);
        self
    }
}
