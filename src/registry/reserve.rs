use std::{
    collections::BTreeMap,
    io::{Seek, Write},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{
    ArtifactKey, ChunkError, Comment, CommentKey, Content, Hash, Labels, RESERVE_GROUP, Snapshot, Version,
    VersionState, encode, write::Pack,
};

/// The dummy that raises the counters of a registry above all ids of another (reference: apicurio.md §4.9).
///
/// Import its ZIP, then delete the comment, the artifact and the group ([`RESERVE_GROUP`]): the counters stay. What is left
/// is a content without a version, which no comparison counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The next version gets an id above this.
    pub global_id: u64,
    /// The next content gets an id above this.
    pub content_id: u64,
    /// The next comment gets an id above this: nines alone, see [`Reservation::above`].
    #[serde(default = "Reservation::first_comment")]
    pub comment_id: u64,
}

/// Ids that a registry has given out, as far as is known besides what it holds: to things deleted since, or reserved there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Issued {
    /// The greatest globalId.
    pub global_id: u64,
    /// The greatest contentId.
    pub content_id: u64,
    /// The greatest id of a comment.
    pub comment_id: u64,
}

impl Issued {
    /// The greater of each.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            global_id: self.global_id.max(other.global_id),
            content_id: self.content_id.max(other.content_id),
            comment_id: self.comment_id.max(other.comment_id),
        }
    }
}

impl From<Reservation> for Issued {
    fn from(reservation: Reservation) -> Self {
        Self {
            global_id: reservation.global_id,
            content_id: reservation.content_id,
            comment_id: reservation.comment_id,
        }
    }
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
    /// The dummy's artifact, in [`RESERVE_GROUP`].
    pub const ARTIFACT: &'static str = "reserve";

    /// The least id of the dummy's comment, five digits as measured (reference: apicurio.md §0 row 14).
    const FIRST_COMMENT: u64 = 99_999;

    /// What 2.6 may have issued above the greatest id that is alive: versions deleted since, and those it still issues until
    /// the freeze. Neither can be read, and only a value below the truth does harm (reference: apicurio.md §4.9).
    const MARGIN: u64 = 10_000;

    /// Reserved ids are round, so that people see at once on which side an id was born.
    const ROUND: u64 = 1_000_000;

    /// The dummy's date, 2000-01-01, so that the same reservation gives the same bytes; not 0, which not every database takes.
    const CREATED_ON: i64 = 946_684_800_000;

    /// Ids stay below it: clients with 4-byte ids, and the importer's sorting (reference: apicurio.md §4.2, §4.9).
    const END: u64 = 1 << 31;

    /// The reservation above everything that `source` and `target` hold, contents that no version uses included; `earlier`
    /// again when it lies above all of that already, so that another attempt does not climb over its own dummy.
    ///
    /// The two ids differ, so that a client that takes a contentId for a globalId finds nothing rather than another schema.
    ///
    /// The comment's id is nines alone: an importer sets the counter to the greatest id *as text* (reference: apicurio.md
    /// §4.8), and no text of as many digits or fewer sorts above them.
    ///
    /// # Errors
    /// When ids are near 2³¹.
    pub fn above(source: &Snapshot, target: &Snapshot, earlier: Option<Self>) -> Result<Self, ReserveError> {
        Self::above_issued(source, target, Issued::default(), earlier)
    }

    /// As [`Reservation::above`], and above what is known to have been given out besides. A side that was reserved counts on
    /// above its reservation, so what it gave out and deleted lies there.
    ///
    /// # Errors
    /// When ids are near 2³¹.
    pub fn above_issued(
        source: &Snapshot,
        target: &Snapshot,
        issued: Issued,
        earlier: Option<Self>,
    ) -> Result<Self, ReserveError> {
        if let Some(earlier) = earlier
            && let Ok(needed) = Self::needed(source, target, issued, Some(&earlier))
            && needed.global_id <= earlier.global_id
            && needed.content_id <= earlier.content_id
            && needed.comment_id <= earlier.comment_id
        {
            return Ok(earlier);
        }
        Self::needed(source, target, issued, None)
    }

    /// The least reservation, what an earlier one left behind not counted: its dummy, and the content that proved it.
    fn needed(
        source: &Snapshot,
        target: &Snapshot,
        issued: Issued,
        earlier: Option<&Self>,
    ) -> Result<Self, ReserveError> {
        let target_content = match earlier {
            Some(earlier) => {
                let proof = earlier.proof_hash();
                let others = target
                    .contents
                    .iter()
                    .filter(|(id, content)| !earlier.is_dummy(**id, content) && content.sha256 != proof);
                others.map(|(id, _)| *id).max().unwrap_or(0)
            }
            None => target.greatest_content_id(),
        };
        let greatest_global = source.max_global_id().max(target.max_global_id());
        let greatest_content = source.greatest_content_id().max(target_content);
        let global_id = Self::round_above(greatest_global.max(issued.global_id))?;
        let mut content_id = Self::round_above(greatest_content.max(issued.content_id))?;
        if content_id == global_id {
            content_id = Self::round_above(content_id)?;
        }
        let greatest_comment = source.max_comment_id().max(target.max_comment_id());
        Ok(Self {
            global_id,
            content_id,
            comment_id: Self::nines_above(greatest_comment.max(issued.comment_id)),
        })
    }

    const fn first_comment() -> u64 {
        Self::FIRST_COMMENT
    }

    /// The next number of nines alone above an id and the margin. An id that is such a number was a reservation, and a side
    /// counts on above it.
    fn nines_above(greatest: u64) -> u64 {
        let least = greatest.saturating_add(Self::MARGIN);
        let longer = |nines: &u64| Some(nines.saturating_mul(10).saturating_add(9));
        let mut all = std::iter::successors(Some(Self::FIRST_COMMENT), longer);
        all.find(|nines| *nines >= least).unwrap_or(u64::MAX)
    }

    /// The id of the dummy's comment, as rows have it.
    pub fn comment(&self) -> String {
        self.comment_id.to_string()
    }

    /// Whether that content of a target is this reservation's dummy.
    fn is_dummy(&self, id: u64, content: &Content) -> bool {
        id == self.content_id && content.sha256 == Hash(Sha256::digest(self.bytes()).into())
    }

    /// Of the content of the version that proved this reservation; a 3.x keeps it for a while.
    fn proof_hash(&self) -> Hash {
        Hash(Sha256::digest(self.proof()).into())
    }

    /// JSON of a version that shows where the counters stand: the same for each try, so that it is known again.
    pub fn proof(&self) -> String {
        format!(
            "{{\"title\":\"regplan proves ids above {} and {}\"}}",
            self.global_id, self.content_id
        )
    }

    /// Bytes that nobody else has: the same bytes under another contentId would be refused.
    fn bytes(&self) -> String {
        format!(
            "{{\"title\":\"regplan reserves ids up to {} and {}\"}}",
            self.global_id, self.content_id
        )
    }

    /// The next round number above an id and the margin.
    fn round_above(greatest: u64) -> Result<u64, ReserveError> {
        let rounded = greatest
            .checked_add(Self::MARGIN)
            .and_then(|id| id.checked_next_multiple_of(Self::ROUND));
        // Room for one more round of native ids.
        let below = |id: &u64| id.saturating_add(Self::ROUND) <= Self::END;
        rounded.filter(below).ok_or(ReserveError::NoRoom { greatest })
    }

    /// Writes the dummy as a ZIP of the 2.6 format.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write<W: Write + Seek>(&self, out: W) -> Result<W, ChunkError> {
        let bytes = self.bytes();
        let (content, version) = (self.content(bytes.as_bytes()), self.version());
        let key = CommentKey {
            global_id: self.global_id,
            comment_id: self.comment().into(),
        };
        let comment = Comment {
            owner: Some("".into()),
            created_on: Self::CREATED_ON,
            value: "reserves comment ids".into(),
        };
        let mut pack = Pack::new(out);
        pack.row("m", "Manifest", &encode::manifest(None)?)?;
        pack.row("c", "Content", &encode::content(self.content_id, &content)?)?;
        pack.data("c", "Content")?;
        pack.zip.write_all(bytes.as_bytes())?;
        pack.row(
            "v",
            "ArtifactVersion",
            &encode::version(self.global_id, &version, false)?,
        )?;
        pack.row("t", "Comment", &encode::comment(&key, &comment)?)?;
        pack.finish()
    }

    fn content(&self, bytes: &[u8]) -> Content {
        let hash = Hash(Sha256::digest(bytes).into());
        let text: Box<str> = hash.to_string().into();
        Content {
            hash: text.clone(),
            computed: hash,
            sha256: hash,
            canonical_hash: Some(text),
            references: None,
            artifact_type: None,
            content_type: None,
            size: bytes.len() as u64,
            is_utf8: true,
            entry: 0,
        }
    }

    fn version(&self) -> Version {
        Version {
            artifact: Arc::new(ArtifactKey::new(Some(RESERVE_GROUP), Self::ARTIFACT)),
            version: "1".into(),
            order: 1,
            content_id: self.content_id,
            state: VersionState::Enabled,
            name: None,
            description: None,
            owner: Some("".into()),
            created_on: Self::CREATED_ON,
            modified_by: None,
            modified_on: None,
            labels: Labels::from(BTreeMap::new()),
            artifact_type: "JSON".into(),
            is_latest: true,
        }
    }
}
