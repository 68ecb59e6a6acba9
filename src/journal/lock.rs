use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// The exclusive right to apply, held as long as this value lives.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
    path: PathBuf,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("another regplan holds {path}: {holder}")]
    Held {
        /// The file.
        path: String,
        /// Who, as it wrote itself down.
        holder: String,
    },
    /// The file cannot be used.
    #[error("cannot lock {path}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl RunLock {
    /// Takes it, waiting at most `patience`.
    ///
    /// # Errors
    /// When somebody else holds it longer than that.
    pub fn take(path: &Path, _holder: &str, _patience: std::time::Duration) -> Result<Self, LockError> {
        Err(LockError::Io {
            path: path.display().to_string(),
            source: std::io::Error::other("not built yet"),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
