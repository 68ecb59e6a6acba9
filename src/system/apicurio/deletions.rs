use std::collections::BTreeMap;

use super::{
    super::{Note, Spool, SystemError},
    ArtifactId, RegistryReader, RegistryWriter, ServerVersion,
    reader::core_url,
    writer::delete,
};

/// The switches without which 3.x answers 405 to a DELETE, for its v2 API as well (`reference/apicurio.md` §2.7).
const TOGGLES: [&str; 2] = [
    "apicurio.rest.deletion.artifact.enabled",
    "apicurio.rest.deletion.group.enabled",
];

/// A time in which a 3.x lets artifacts and groups be deleted; [`Deletions::end`] sets its switches back to what they were.
///
/// What they were is written to disk before they are moved. So a process that is killed in between leaves them on, and the
/// next one still knows what to set them back to.
pub struct Deletions<'w, 'a> {
    writer: &'w RegistryWriter<'a>,
    version: &'w ServerVersion,
    before: BTreeMap<String, String>,
    note: Note<BTreeMap<String, String>>,
}

impl<'w, 'a> Deletions<'w, 'a> {
    /// Switches deletions on. 2.6 always lets artifacts and groups be deleted: nothing is switched there.
    ///
    /// # Errors
    /// When a switch cannot be read or moved, or the disk does not take the note.
    pub async fn begin(
        writer: &'w RegistryWriter<'a>,
        version: &'w ServerVersion,
        spool: &Spool,
    ) -> Result<Self, SystemError> {
        let note = note_of(writer.reader(), spool);
        let mut now = BTreeMap::new();
        if version.is_v3() {
            for name in TOGGLES {
                if let Some(value) = writer.reader().property(version, name).await? {
                    now.insert(name.to_owned(), value);
                }
            }
        }
        let before = note.read()?.unwrap_or_else(|| now.clone());
        let deletions = Self {
            writer,
            version,
            before,
            note,
        };
        deletions.switch_on(&now).await?;
        Ok(deletions)
    }

    /// Whether an earlier process was killed while the switches were on, so that they are to be set back.
    pub fn left_on(registry: &RegistryReader<'_>, spool: &Spool) -> bool {
        note_of(registry, spool).exists()
    }

    /// Sets the switches back when an earlier process was killed while they were on.
    ///
    /// # Errors
    /// As [`Deletions::begin`] and [`Deletions::end`].
    pub async fn mend(
        writer: &'w RegistryWriter<'a>,
        version: &'w ServerVersion,
        spool: &Spool,
    ) -> Result<(), SystemError> {
        if Self::left_on(writer.reader(), spool) {
            Self::begin(writer, version, spool).await?.end().await?;
        }
        Ok(())
    }

    async fn switch_on(&self, now: &BTreeMap<String, String>) -> Result<(), SystemError> {
        let off: Vec<&String> = now
            .iter()
            .filter(|(_, value)| *value != "true")
            .map(|(name, _)| name)
            .collect();
        if off.is_empty() {
            return Ok(());
        }
        self.note.write(&self.before)?;
        for name in off {
            self.writer.set_property(self.version, name, "true").await?;
        }
        Ok(())
    }

    /// Deletes an artifact with all its versions; it is fine when it is gone.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn artifact(&self, id: &ArtifactId) -> Result<(), SystemError> {
        let api = self.writer.api()?;
        let path = ["groups", id.group_in_path(), "artifacts", &id.artifact];
        delete(api, core_url(api, self.version, &path)?).await
    }

    /// Deletes a group with all that is in it; it is fine when it is gone.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn group(&self, group: &str) -> Result<(), SystemError> {
        let api = self.writer.api()?;
        delete(api, core_url(api, self.version, &["groups", group])?).await
    }

    /// Sets the switches back to what they were.
    ///
    /// # Errors
    /// When one cannot be set back: it is then still on, and the next time tries again.
    pub async fn end(self) -> Result<(), SystemError> {
        for (name, value) in &self.before {
            if value != "true" {
                self.writer.set_property(self.version, name, value).await?;
            }
        }
        self.note.remove()
    }
}

fn note_of(registry: &RegistryReader<'_>, spool: &Spool) -> Note<BTreeMap<String, String>> {
    Note::of(&registry.url(), spool, "deletions", "json")
}
