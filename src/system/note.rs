use std::{fs, io, marker::PhantomData, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use super::{Spool, SystemError, spool::hash_bytes, write_atomically};

/// Something about one registry that the next process must know, durable beside the spool's files, which belong to the same
/// journal.
pub struct Note<T> {
    path: PathBuf,
    _kept: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Note<T> {
    /// On the registry at that address; the file is called `<prefix>-<hash of the address>.<suffix>`.
    pub fn of(url: &str, spool: &Spool, prefix: &str, suffix: &str) -> Self {
        let name = format!("{prefix}-{}.{suffix}", hash_bytes(url.as_bytes()));
        Self::at(spool.directory().join(name))
    }

    /// In that file.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            _kept: PhantomData,
        }
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// What it says; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> Result<Option<T>, SystemError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| self.failed("read", error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// Writes it durably.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&self, value: &T) -> Result<(), SystemError> {
        write_atomically(&self.path, |file| Ok(serde_json::to_writer(file, value)?))
    }

    /// Takes it away; it is fine when there is none.
    ///
    /// # Errors
    /// When the file stays.
    pub fn remove(&self) -> Result<(), SystemError> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failed("write", error)),
        }
    }

    fn failed(&self, verb: &'static str, source: io::Error) -> SystemError {
        SystemError::File {
            verb,
            path: self.path.clone(),
            source,
        }
    }
}
