//! What a target held when a copy into it had ended: what differs later and comes from no source is somebody's work.

use serde::{Deserialize, Serialize};

use super::side::of_spool;
use crate::{
    model::Digest,
    registry::{Row, Snapshot, codes, foreign},
    system::{Held, Note, Observe, Spool, SystemError, apicurio::RegistryReader},
};

/// The end of the last copy into a registry. There is none while one writes, or was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// The registry's digest.
    pub digest: Digest,
    /// The SHA-256 of the export that it was made equal to.
    pub source: Digest,
}

impl Copied {
    /// Where it is noted of that registry.
    pub fn note(registry: &RegistryReader<'_>, spool: &Spool) -> Note<Self> {
        Note::of(&registry.url(), spool, "import", "copied")
    }

    /// What was copied last, when the registry holds something else since; `None` also when that export is gone.
    pub(super) async fn before(
        registry: &RegistryReader<'_>,
        now: &Held,
        world: &Observe,
    ) -> Result<Option<Held>, SystemError> {
        let Some(copied) = Self::note(registry, world.spool()).read()? else {
            return Ok(None);
        };
        if now.snapshot.digest() == copied.digest {
            return Ok(None);
        }
        // It is only for a remark: one that cannot be read makes none.
        Ok(of_spool(&copied.source, world).await.ok().flatten())
    }
}

/// What somebody did to a target since the last copy, and another one takes back. What only the target has is named elsewhere.
pub(super) fn taken_back(before: &Snapshot, wanted: &Snapshot, now: &Snapshot) -> Vec<Row> {
    let extra = [
        codes::ARTIFACT_EXTRA,
        codes::VERSION_EXTRA,
        codes::GROUP_EXTRA,
        codes::BRANCH_EXTRA,
    ];
    let mut rows = foreign(before, wanted, now, false);
    rows.retain(|row| !extra.contains(&row.code));
    rows
}
