use std::io::{Seek, Write};

use thiserror::Error;

use super::{ChunkError, Snapshot};

/// The dummy that raises the counters of a registry above all ids of another (reference: apicurio.md §4.9).
///
/// Import its ZIP, then delete the comment, the artifact and the group ([`RESERVE_GROUP`](super::RESERVE_GROUP)): the counters stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The next version gets an id above this.
    pub global_id: u64,
    /// The next content gets an id above this.
    pub content_id: u64,
}

/// Why no ids can be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReserveError {
    /// No room below 2³¹, which clients with 4-byte ids and the importer's sorting need.
    #[error("ids above {greatest} cannot be reserved below 2^31")]
    NoRoom {
        /// The greatest id in use.
        greatest: u64,
    },
}

impl Reservation {
    /// The dummy's artifact, in [`RESERVE_GROUP`](super::RESERVE_GROUP).
    pub const ARTIFACT: &'static str = "reserve";

    /// The dummy's comment: digits that sort, as text, above all shorter ones, which is how the counter is found after an import.
    pub const COMMENT: &'static str = "99999";

    /// The reservation above everything that `source` holds.
    ///
    /// # Errors
    /// When its ids are near 2³¹.
    pub fn above(_source: &Snapshot) -> Result<Self, ReserveError> {
        Err(ReserveError::NoRoom { greatest: 0 })
    }

    /// Writes the dummy as a ZIP of the 2.6 format.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write<W: Write + Seek>(&self, _out: W) -> Result<W, ChunkError> {
        Err(ChunkError::Foreign { what: String::new() })
    }
}
