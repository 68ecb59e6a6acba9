use std::path::{Path, PathBuf};

use crate::model::Digest;

/// Bytes on disk under their SHA-256, mode 0600; what is in it never changes.
#[derive(Debug, Clone)]
pub struct Spool {
    directory: PathBuf,
}

/// Bytes in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Their SHA-256.
    pub sha256: Digest,
    /// How many.
    pub bytes: u64,
    /// Where.
    pub path: PathBuf,
}

impl Spool {
    /// A spool in that directory, which is made (mode 0700) when something is put there.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path under which these bytes lie, whether or not they are there.
    pub fn path(&self, sha256: &Digest) -> PathBuf {
        self.directory.join(sha256.as_str())
    }
}
