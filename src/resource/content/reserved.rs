//! What was reserved on a registry, so that a later attempt knows which ids were born there.
//!
//! The boundary between the source's ids and the target's own is the first reservation. It cannot be told from the source of
//! today: 2.6 goes on issuing ids, and may cross it between two attempts.

use serde::{Deserialize, Serialize};

use crate::{
    registry::{Issued, Reservation, Snapshot},
    system::{Note, Spool, SystemError, apicurio::RegistryReader},
};

/// The reservations of one journal on one registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    /// The least globalId that was reserved: what the target itself makes lies above it.
    pub lowest: u64,
    /// The latest reservation.
    pub last: Reservation,
    /// Whether the target has taken it, and its dummy is gone.
    #[serde(default)]
    pub made: bool,
    /// Whether a version of the target's own has shown it.
    #[serde(default)]
    pub proven: bool,
    /// The greatest globalId that was there when everything was last copied from this registry to the other side, as far as it
    /// could: none up to it is news of clients to whoever copies into it again.
    #[serde(default)]
    pub taken: u64,
}

impl Reserved {
    /// Where it is noted of that registry.
    pub fn note(registry: &RegistryReader<'_>, spool: &Spool) -> Note<Self> {
        Note::of(&registry.url(), spool, "import", "reserved")
    }

    /// What this journal has reserved on a registry.
    ///
    /// # Errors
    /// When the note cannot be read.
    pub fn on(registry: &RegistryReader<'_>, spool: &Spool) -> Result<Option<Self>, SystemError> {
        Self::note(registry, spool).read()
    }

    /// What the registry may have given out, as far as that is an id that anybody keeps: a comment is looked up in its version.
    pub fn issued(&self) -> Issued {
        Issued {
            comment_id: 0,
            ..Issued::from(self.last)
        }
    }

    /// With one more reservation. A target without versions has none of its own, and one from which everything was taken since
    /// none that is news: for these the boundary begins anew. Whoever reserves has looked for others' versions before.
    pub fn and(noted: Option<Self>, last: Reservation, target: &Snapshot) -> Self {
        let empty = target.own_versions().next().is_none();
        let anew = |noted: &Self| empty || noted.taken > noted.lowest;
        let before = noted.filter(|noted| !anew(noted)).map(|noted| noted.lowest);
        Self {
            lowest: before.map_or(last.global_id, |before| before.min(last.global_id)),
            last,
            made: false,
            proven: false,
            taken: noted.map(|noted| noted.taken).unwrap_or_default(),
        }
    }

    /// Notes that everything was copied from this registry up to that globalId; without a reservation of this journal nothing was
    /// copied into it before.
    ///
    /// # Errors
    /// When the note cannot be read or written.
    pub fn note_taken(registry: &RegistryReader<'_>, spool: &Spool, up_to: u64) -> Result<(), SystemError> {
        let note = Self::note(registry, spool);
        match note.read()? {
            Some(noted) => note.write(&Self {
                taken: noted.taken.max(up_to),
                ..noted
            }),
            None => Ok(()),
        }
    }

    /// The globalId above which the registry has shown that it gives out its next ones.
    pub fn shown(&self) -> Option<u64> {
        (self.made && self.proven).then_some(self.last.global_id)
    }

    /// Whether it has shown that its next ids lie above all that both sides hold and are known to have given out.
    pub fn is_enough(&self, source: &Snapshot, target: &Snapshot, issued: Issued) -> bool {
        let needed = || Reservation::above_issued(source, target, issued, Some(self.last));
        self.shown().is_some() && needed().is_ok_and(|needed| needed == self.last)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::registry::{ReadLimits, read_export};

    fn of(name: &str) -> Snapshot {
        let path = format!("{}/tests/data/{name}.zip", env!("CARGO_MANIFEST_DIR"));
        read_export(File::open(path).unwrap(), &ReadLimits::default()).unwrap()
    }

    #[test]
    fn the_note_keeps_the_least_reservation() {
        let dir = tempfile::tempdir().unwrap();
        let note = Note::at(dir.path().join("import-x.reserved"));
        assert_eq!(note.read().unwrap(), None);
        let target = of("v3-rich");
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

    #[test]
    fn a_reservation_is_enough_when_it_was_shown_and_lies_above_all() {
        let (source, target) = (of("v2-rich"), of("v3-rich"));
        let last = Reservation::above(&source, &target, None).unwrap();
        let sent = Reserved::and(None, last, &target);
        let enough = |reserved: Reserved, issued| reserved.is_enough(&source, &target, issued);
        let made = Reserved { made: true, ..sent };
        let shown = Reserved { proven: true, ..made };
        assert!(!enough(sent, Issued::default()) && !enough(made, Issued::default()));
        assert!(enough(shown, Issued::default()));
        let beyond = Issued {
            global_id: last.global_id + 1,
            ..Issued::default()
        };
        assert!(!enough(shown, beyond));
    }
}
