//! That a frozen registry did not move: nobody wrote to it but the way back itself.

use std::{fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::some_of;
use crate::{
    kind::ApplyError,
    model::Digest,
    registry::{Snapshot, Version},
    system::{Spool, SystemError, apicurio::RegistryReader, hash_bytes, write_atomically},
};

/// What a frozen registry held before the way back first wrote to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frozen {
    /// The digest of the freeze.
    digest: Digest,
    /// Greatest globalId: above it lies what came from the other side, or was written by somebody.
    max_global_id: u64,
}

/// The note of one registry, beside the spool's files; from before the first write on, as the digest moves with it.
pub(super) struct Unmoved {
    note: PathBuf,
}

impl Unmoved {
    /// Of that registry.
    pub(super) fn of(registry: &RegistryReader<'_>, spool: &Spool) -> Self {
        let name = format!("import-{}.frozen", hash_bytes(registry.url().as_bytes()));
        Self {
            note: spool.directory().join(name),
        }
    }

    /// Refuses a registry that moved since it had this digest, and notes what it holds before the way back begins.
    ///
    /// Once that has begun the digest says nothing more: then a version above those of the freeze that the source does not
    /// have was written by somebody else.
    pub(super) fn demand(
        &self,
        expected: Option<&Digest>,
        source: &Snapshot,
        target: &Snapshot,
    ) -> Result<(), ApplyError> {
        let Some(expected) = expected else { return Ok(()) };
        let noted = self.read()?.filter(|noted| noted.digest == *expected);
        if let Some(noted) = noted {
            return refuse_foreign(source, target, noted.max_global_id);
        }
        let found = target.digest();
        if found != *expected {
            return Err(moved(&format!(
                "its content has the digest {found}, and had {expected} in the freeze"
            )));
        }
        let frozen = Frozen {
            digest: found,
            max_global_id: target.max_global_id(),
        };
        write_atomically(&self.note, |file| Ok(serde_json::to_writer(file, &frozen)?))?;
        Ok(())
    }

    fn read(&self) -> Result<Option<Frozen>, SystemError> {
        let failed = |source| SystemError::File {
            verb: "read",
            path: self.note.clone(),
            source,
        };
        match fs::read(&self.note) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

fn refuse_foreign(source: &Snapshot, target: &Snapshot, frozen_max: u64) -> Result<(), ApplyError> {
    let came = |id: u64, there: &Version| {
        source
            .versions
            .get(&id)
            .is_some_and(|ours| ours.artifact == there.artifact && ours.version == there.version)
    };
    let foreign = target
        .own_versions()
        .filter(|(id, version)| *id > frozen_max && !came(*id, version));
    let foreign: Vec<String> = foreign
        .map(|(id, version)| format!("{version} (globalId {id})"))
        .collect();
    if foreign.is_empty() {
        return Ok(());
    }
    Err(moved(&format!("somebody made {}", some_of(&foreign))))
}

fn moved(how: &str) -> ApplyError {
    ApplyError::NotDone(format!(
        "the target moved since it was frozen, so nothing was sent: {how}; what was written there since is on no other side: \
         look at it with `regplan verify` and decide which side is right"
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::super::any_snapshot, *};

    fn note(dir: &tempfile::TempDir) -> Unmoved {
        Unmoved {
            note: dir.path().join("import-x.frozen"),
        }
    }

    #[test]
    fn a_registry_that_moved_since_the_freeze_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (source, frozen) = (any_snapshot("v3-after-cutover"), any_snapshot("v2-rich-after"));
        let before = any_snapshot("v2-rich").digest();
        let refused = note(&dir).demand(Some(&before), &source, &frozen).unwrap_err();
        assert!(refused.to_string().contains("moved since it was frozen"), "{refused}");
        assert_eq!(note(&dir).read().unwrap(), None, "a refusal notes nothing");
        note(&dir).demand(Some(&frozen.digest()), &source, &frozen).unwrap();
        note(&dir).demand(None, &source, &any_snapshot("v2-rich")).unwrap();
    }

    #[test]
    fn what_the_way_back_wrote_itself_is_no_movement_and_what_somebody_else_wrote_is() {
        let dir = tempfile::tempdir().unwrap();
        let (source, frozen) = (any_snapshot("v3-after-cutover"), any_snapshot("v2-rich-after"));
        note(&dir).demand(Some(&frozen.digest()), &source, &frozen).unwrap();
        // Half of it arrived before the process was killed.
        let mut half = any_snapshot("v2-after-rollback");
        half.versions.remove(&86);
        note(&dir).demand(Some(&frozen.digest()), &source, &half).unwrap();
        let mut theirs = half.versions[&85].clone();
        theirs.version = "99".into();
        half.versions.insert(90, theirs);
        let refused = note(&dir).demand(Some(&frozen.digest()), &source, &half).unwrap_err();
        assert!(refused.to_string().contains("version 99 (globalId 90)"), "{refused}");
    }

    #[test]
    fn the_note_of_an_earlier_freeze_is_worth_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (source, frozen) = (any_snapshot("v3-after-cutover"), any_snapshot("v2-rich-after"));
        note(&dir).demand(Some(&frozen.digest()), &source, &frozen).unwrap();
        let later = any_snapshot("v2-after-rollback");
        assert!(note(&dir).demand(Some(&later.digest()), &source, &frozen).is_err());
        note(&dir).demand(Some(&later.digest()), &source, &later).unwrap();
    }
}
