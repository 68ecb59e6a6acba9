//! What was reserved on a registry, so that a later attempt knows which ids were born there.
//!
//! The boundary between the source's ids and the target's own is the first reservation. It cannot be told from the source of
//! today: 2.6 goes on issuing ids, and may cross it between two attempts.

use serde::{Deserialize, Serialize};

use crate::{
    registry::{Reservation, Snapshot},
    system::{Note, Spool, SystemError, apicurio::RegistryReader},
};

/// The reservations of one journal on one registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::kind::registry) struct Reserved {
    /// The least globalId that was reserved: what the target itself makes lies above it.
    pub(super) lowest: u64,
    /// The latest reservation.
    pub(super) last: Reservation,
    /// Whether the target has taken it, and its dummy is gone.
    #[serde(default)]
    pub(super) made: bool,
    /// Whether a version of the target's own has shown it.
    #[serde(default)]
    pub(super) proven: bool,
}

/// What this journal has reserved on a registry.
pub(in crate::kind::registry) fn reserved_on(
    registry: &RegistryReader<'_>,
    spool: &Spool,
) -> Result<Option<Reservation>, SystemError> {
    let noted = reserved_note(registry, spool).read()?;
    Ok(noted.map(|noted| noted.last))
}

impl Reserved {
    /// With one more reservation. A target without versions has none of its own: for it the boundary begins anew.
    pub(super) fn and(noted: Option<Self>, last: Reservation, target: &Snapshot) -> Self {
        let empty = target.own_versions().next().is_none();
        let before = noted.filter(|_| !empty).map(|noted| noted.lowest);
        Self {
            lowest: before.map_or(last.global_id, |before| before.min(last.global_id)),
            last,
            made: false,
            proven: false,
        }
    }
}

/// Where it is noted.
pub(super) fn reserved_note(registry: &RegistryReader<'_>, spool: &Spool) -> Note<Reserved> {
    Note::of(&registry.url(), spool, "import", "reserved")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_keeps_the_least_reservation() {
        let dir = tempfile::tempdir().unwrap();
        let note = Note::at(dir.path().join("import-x.reserved"));
        assert_eq!(note.read().unwrap(), None);
        let target = super::super::super::any_snapshot("v3-rich");
        let of = |global_id| Reservation {
            global_id,
            content_id: 9_000_000,
            comment_id: 99_999,
        };
        let first = Reserved::and(None, of(1_000_000), &target);
        note.write(&first).unwrap();
        let second = Reserved::and(note.read().unwrap(), of(2_000_000), &target);
        assert_eq!((second.lowest, second.last), (1_000_000, of(2_000_000)));
        let mut empty = target;
        empty.versions.clear();
        assert_eq!(Reserved::and(Some(second), of(3_000_000), &empty).lowest, 3_000_000);
    }
}
