//! What a frozen registry held before a way back wrote to it: from then on its digest says nothing of others' writes.

use serde::{Deserialize, Serialize};

use crate::{
    model::Digest,
    system::{Note, Spool, SystemError, apicurio::RegistryReader},
};

/// A way back to a frozen registry: where it began, and what it writes. Both exports stay in the spool as long as it is noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// The freeze from which it leads: the SHA-256 of the export that was taken then, which no other freeze has.
    pub freeze: Digest,
    /// The SHA-256 of the last look at the registry at which all was explained.
    pub held: Digest,
    /// The SHA-256 of the export that is written since that look; `None`: nothing was written since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Digest>,
    /// Whether everything is deleted before it is written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emptied: bool,
}

impl Frozen {
    /// Where it is noted of that registry; nothing is there when no way back has begun.
    pub fn note(registry: &RegistryReader<'_>, spool: &Spool) -> Note<Self> {
        Note::of(&registry.url(), spool, "import", "way-back")
    }

    /// Notes it in the place of what was noted before: a crash in between leaves the one or the other with its exports.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn replace(&self, before: Option<&Self>, note: &Note<Self>, spool: &Spool) -> Result<(), SystemError> {
        for export in self.exports() {
            spool.keep_last(&owner(export), export)?;
        }
        note.write(self)?;
        let stays = |export: &&Digest| self.exports().any(|kept| kept == *export);
        for gone in before
            .into_iter()
            .flat_map(Self::exports)
            .filter(|export| !stays(export))
        {
            spool.drop_last(&owner(gone))?;
        }
        Ok(())
    }

    fn exports(&self) -> impl Iterator<Item = &Digest> {
        std::iter::once(&self.held).chain(&self.source)
    }
}

/// Each export has an owner of its own, so that keeping one drops no other.
fn owner(export: &Digest) -> String {
    format!("way back {export}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exports_of_what_is_noted_stay_and_those_of_before_go() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned());
        let note = Note::at(dir.path().join("import-x.way-back"));
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| spool.put(bytes).unwrap());
        let of = |held: &crate::system::Spooled, source: Option<&crate::system::Spooled>| Frozen {
            freeze: "f".into(),
            held: held.sha256.clone(),
            source: source.map(|source| source.sha256.clone()),
            emptied: false,
        };
        let first = of(&a, Some(&b));
        first.replace(None, &note, &spool).unwrap();
        let second = of(&b, Some(&c));
        second.replace(Some(&first), &note, &spool).unwrap();
        assert!(!a.path.exists() && b.path.exists() && c.path.exists());
        second.replace(Some(&second), &note, &spool).unwrap();
        assert!(b.path.exists() && c.path.exists());
        assert_eq!(note.read().unwrap(), Some(second));
    }
}
