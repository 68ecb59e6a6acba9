//! What a frozen registry held before a way back first wrote to it: from then on its digest says nothing of others' writes.

use std::{fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    model::Digest,
    system::{Spool, SystemError, apicurio::RegistryReader, hash_bytes, write_atomically},
};

/// A frozen registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// Its digest.
    pub digest: Digest,
    /// Its greatest globalId: above it lies what came from the other side, or was written by somebody.
    pub max_global_id: u64,
}

/// Where it is noted, beside the spool's files, which belong to the same journal.
pub struct FrozenNote {
    note: PathBuf,
}

impl FrozenNote {
    /// Of that registry.
    pub fn of(registry: &RegistryReader<'_>, spool: &Spool) -> Self {
        let name = format!("import-{}.frozen", hash_bytes(registry.url().as_bytes()));
        Self::at(spool.directory().join(name))
    }

    /// In that file.
    pub fn at(note: PathBuf) -> Self {
        Self { note }
    }

    /// What was noted; `None` when no way back has begun.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> Result<Option<Frozen>, SystemError> {
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

    /// Notes it durably.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&self, frozen: &Frozen) -> Result<(), SystemError> {
        write_atomically(&self.note, |file| Ok(serde_json::to_writer(file, frozen)?))
    }
}
