//! The two files that regplan owns, and the lock beside them.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};

use super::render::Rendered;
use crate::system::{SystemError, files};

/// Included in the `http` block.
pub(super) const HTTP: &str = "http.conf";
/// Included in the `server` block.
pub(super) const SERVER: &str = "server.conf";

/// Workers of any user and the operator read them; there is no secret inside.
const MODE: u32 = 0o644;

/// A change takes a second or two; somebody who holds the lock longer is in the way.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// Ours are a few KiB. More is not ours and does not belong into a record.
const KEEP_LIMIT: usize = 24 * 1024;

/// The owned files of one nginx.
pub(super) struct Owned<'a> {
    directory: &'a Path,
}

/// The bytes of the owned files at one moment; `None` = there was no such file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bytes {
    /// `http.conf`.
    pub http: Option<Vec<u8>>,
    /// `server.conf`.
    pub server: Option<Vec<u8>>,
}

impl Bytes {
    /// The bytes of a rendered route.
    pub fn of(rendered: &Rendered) -> Self {
        Self {
            http: Some(rendered.http.clone().into_bytes()),
            server: Some(rendered.server.clone().into_bytes()),
        }
    }

    /// The generation that `http.conf` would answer, as text; `None` when it names none, as a file of the operator's before
    /// the first change.
    pub fn generation(&self) -> Option<String> {
        let text = String::from_utf8_lossy(self.http.as_deref()?);
        let (_, map) = text.split_once("$regplan_generation {")?;
        let (_, value) = map.split_once("default \"")?;
        let (value, _) = value.split_once('"')?;
        Some(value.to_owned())
    }

    /// By name, as they go into a record; empty when there are none, or too many to be ours.
    pub fn recorded(&self) -> BTreeMap<String, String> {
        let files = [(HTTP, &self.http), (SERVER, &self.server)];
        let size: usize = files.iter().filter_map(|(_, bytes)| bytes.as_ref()).map(Vec::len).sum();
        if size > KEEP_LIMIT {
            return BTreeMap::new();
        }
        files
            .into_iter()
            .filter_map(|(name, bytes)| Some((name.to_owned(), String::from_utf8_lossy(bytes.as_ref()?).into_owned())))
            .collect()
    }
}

impl<'a> Owned<'a> {
    /// The files in that directory.
    pub fn new(directory: &'a Path) -> Self {
        Self { directory }
    }

    /// Where a file is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The bytes now.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read(&self) -> Result<Bytes, SystemError> {
        Ok(Bytes {
            http: self.read_one(HTTP)?,
            server: self.read_one(SERVER)?,
        })
    }

    fn read_one(&self, name: &str) -> Result<Option<Vec<u8>>, SystemError> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SystemError::File {
                verb: "read",
                path,
                source,
            }),
        }
    }

    /// Makes the files those bytes, each in one step.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, bytes: &Bytes) -> Result<(), SystemError> {
        self.write_one(SERVER, bytes.server.as_deref())?;
        self.write_one(HTTP, bytes.http.as_deref())
    }

    fn write_one(&self, name: &str, bytes: Option<&[u8]>) -> Result<(), SystemError> {
        let path = self.path(name);
        let Some(bytes) = bytes else {
            return match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => Err(SystemError::File {
                    verb: "remove",
                    path,
                    source,
                }),
                Ok(()) | Err(_) => Ok(()),
            };
        };
        files::replace(&path, bytes, MODE)
    }

    /// Waits for the lock beside the files: one change at a time on this host, whoever makes it. Held until dropped.
    ///
    /// # Errors
    /// When the directory is missing, or somebody else holds it for 10 s; `None` in that case.
    pub async fn lock(&self) -> Result<Option<File>, SystemError> {
        let path = self.path(".regplan.lock");
        let failed = |source| SystemError::File {
            verb: "lock",
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let end = Instant::now() + LOCK_LIMIT;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(file)),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < end => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(failed(error.into())),
            }
        }
    }
}

/// Puts bytes back when it is dropped, unless it was told that the new ones hold: also when a step is cancelled.
pub(super) struct PutBack<'a> {
    owned: &'a Owned<'a>,
    bytes: Option<Bytes>,
}

impl<'a> PutBack<'a> {
    /// Armed with what to put back.
    pub fn new(owned: &'a Owned<'a>, bytes: Bytes) -> Self {
        Self {
            owned,
            bytes: Some(bytes),
        }
    }

    /// The new bytes hold.
    pub fn disarm(mut self) {
        self.bytes = None;
    }

    /// Puts them back now.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn now(mut self) -> Result<(), SystemError> {
        match self.bytes.take() {
            Some(bytes) => self.owned.write(&bytes),
            None => Ok(()),
        }
    }
}

impl Drop for PutBack<'_> {
    fn drop(&mut self) {
        if let Some(bytes) = self.bytes.take()
            && let Err(error) = self.owned.write(&bytes)
        {
            tracing::error!(error = %crate::system::causes(&error), "the balancer's files could not be put back");
        }
    }
}
