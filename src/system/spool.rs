use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::SystemError;
use crate::model::Digest;

/// How the files that say what an owner keeps begin.
const POINTER: &str = "last-";

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

/// Bytes on their way into the spool: hashed and counted while they are written, gone when it is dropped.
pub struct SpoolWriter {
    directory: PathBuf,
    file: NamedTempFile,
    hash: Sha256,
    bytes: u64,
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

    /// Begins to take bytes whose hash is not known yet.
    ///
    /// # Errors
    /// When the directory cannot be made or written.
    pub fn begin(&self) -> Result<SpoolWriter, SystemError> {
        make_private(&self.directory).map_err(|source| file_error("write", &self.directory, source))?;
        // `NamedTempFile` makes files of mode 0600.
        let file = tempfile::Builder::new()
            .prefix(".incoming-")
            .tempfile_in(&self.directory)
            .map_err(|source| file_error("write", &self.directory, source))?;
        Ok(SpoolWriter {
            directory: self.directory.clone(),
            file,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Puts bytes there.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Spooled, SystemError> {
        let mut writer = self.begin()?;
        writer.write(bytes)?;
        writer.finish()
    }

    /// Drops bytes that nothing refers to; it is fine when they are gone already.
    ///
    /// # Errors
    /// When they are there and cannot be removed.
    pub fn forget(&self, sha256: &Digest) -> Result<(), SystemError> {
        let path = self.path(sha256);
        for path in [beside(&path), path] {
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(file_error("write", &path, source)),
            }
        }
        Ok(())
    }

    /// Keeps of the bytes that `owner` puts here one after the other only the last, and those that another owner keeps.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn keep_last(&self, owner: &str, last: &Digest) -> Result<(), SystemError> {
        let before = self.pointed_at(owner)?;
        write_atomically(&self.pointer(owner), |file| file.write_all(last.as_str().as_bytes()))?;
        match before {
            Some(before) if before != *last && !self.is_kept(&before)? => self.forget(&before),
            Some(_) | None => Ok(()),
        }
    }

    /// The last bytes that `owner` put here, if they are still there.
    ///
    /// # Errors
    /// When the disk does not say.
    pub fn last(&self, owner: &str) -> Result<Option<Spooled>, SystemError> {
        let Some(sha256) = self.pointed_at(owner)? else {
            return Ok(None);
        };
        self.find(&sha256)
    }

    /// Those bytes, if they are there.
    ///
    /// # Errors
    /// When the disk does not say.
    pub fn find(&self, sha256: &Digest) -> Result<Option<Spooled>, SystemError> {
        let path = self.path(sha256);
        match fs::metadata(&path) {
            Ok(found) => Ok(Some(Spooled {
                sha256: sha256.clone(),
                bytes: found.len(),
                path,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file_error("read", &path, source)),
        }
    }

    /// Drops the last bytes of `owner`, because they are not true any more.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn drop_last(&self, owner: &str) -> Result<(), SystemError> {
        let Some(last) = self.pointed_at(owner)? else {
            return Ok(());
        };
        let pointer = self.pointer(owner);
        fs::remove_file(&pointer).map_err(|source| file_error("write", &pointer, source))?;
        if self.is_kept(&last)? {
            return Ok(());
        }
        self.forget(&last)
    }

    /// Whether some owner keeps these bytes.
    fn is_kept(&self, sha256: &Digest) -> Result<bool, SystemError> {
        let failed = |source| file_error("read", &self.directory, source);
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_pointer = entry.file_name().to_string_lossy().starts_with(POINTER);
            if is_pointer && fs::read_to_string(entry.path()).is_ok_and(|text| text == sha256.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn pointer(&self, owner: &str) -> PathBuf {
        self.directory
            .join(format!("{POINTER}{}", hash_bytes(owner.as_bytes())))
    }

    fn pointed_at(&self, owner: &str) -> Result<Option<Digest>, SystemError> {
        let pointer = self.pointer(owner);
        match fs::read_to_string(&pointer) {
            Ok(text) => Ok(Some(Digest::new(text)).filter(|digest| is_hash(digest.as_str()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file_error("read", &pointer, source)),
        }
    }

    /// A temporary file in the spool, removed when it is dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<NamedTempFile, SystemError> {
        Ok(self.begin()?.file)
    }
}

impl SpoolWriter {
    /// Takes more bytes.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SystemError> {
        self.file
            .write_all(bytes)
            .map_err(|source| file_error("write", &self.directory, source))?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes were taken so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes them durable under their hash.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn finish(self) -> Result<Spooled, SystemError> {
        let sha256 = hex(&self.hash.finalize());
        let path = self.directory.join(sha256.as_str());
        let failed = |source| file_error("write", &path, source);
        self.file.as_file().sync_all().map_err(failed)?;
        self.file.persist(&path).map_err(|error| failed(error.error))?;
        sync_directory(&self.directory).map_err(failed)?;
        Ok(Spooled {
            sha256,
            bytes: self.bytes,
            path,
        })
    }
}

/// The file that says of bytes at that path what they do not say themselves; in the spool it goes with them.
pub fn beside(path: &Path) -> PathBuf {
    path.with_added_extension("owners")
}

/// The SHA-256 and size of a file, read in pieces.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> Result<(Digest, u64), SystemError> {
    let failed = |source| file_error("read", path, source);
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        let n = io::Read::read(&mut file, &mut buffer).map_err(failed)?;
        if n == 0 {
            return Ok((hex(&hash.finalize()), bytes));
        }
        hash.update(buffer.get(..n).unwrap_or_default());
        bytes += n as u64;
    }
}

/// Puts bytes at a path so that it holds either what it held or all of them: temporary file in the same directory, sync,
/// rename, sync of the directory. Mode 0600; directories on the way are made.
///
/// # Errors
/// When the disk does not take them.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut fs::File) -> io::Result<()>) -> Result<(), SystemError> {
    let failed = |source| file_error("write", path, source);
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let mut file = NamedTempFile::new_in(directory).map_err(failed)?;
    fill(file.as_file_mut()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    sync_directory(directory).map_err(failed)
}

fn make_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

fn file_error(verb: &'static str, path: &Path, source: io::Error) -> SystemError {
    SystemError::File {
        verb,
        path: path.to_owned(),
        source,
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The SHA-256 of bytes in memory.
pub fn hash_bytes(bytes: &[u8]) -> Digest {
    hex(&Sha256::digest(bytes))
}

fn hex(hash: &[u8]) -> Digest {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(hash.len() * 2);
    for byte in hash {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    Digest::new(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn bytes_lie_under_their_hash_and_nobody_else_may_read_them() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().join("a/spool"));
        let put = spool.put(b"abc").unwrap();
        assert_eq!(
            put.sha256.as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(fs::read(spool.path(&put.sha256)).unwrap(), b"abc");
        assert_eq!(hash_file(&put.path).unwrap(), (put.sha256.clone(), 3));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&put.path), mode(spool.directory())), (0o600, 0o700));
    }

    #[test]
    fn what_was_not_finished_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned());
        let mut writer = spool.begin().unwrap();
        writer.write(b"half").unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_the_last_of_an_owner_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned());
        let [first, second, other] = [b"1", b"2", b"3"].map(|bytes| spool.put(bytes).unwrap());
        spool.keep_last("v3", &first.sha256).unwrap();
        spool.keep_last("v3", &first.sha256).unwrap();
        spool.keep_last("v3", &second.sha256).unwrap();
        assert!(!first.path.exists() && second.path.exists() && other.path.exists());
        assert_eq!(spool.last("v3").unwrap(), Some(second.clone()));
        spool.keep_last("pin", &second.sha256).unwrap();
        write_atomically(&beside(&second.path), |file| file.write_all(b"said of it")).unwrap();
        spool.drop_last("v3").unwrap();
        assert!(second.path.exists(), "another owner keeps it");
        assert!(beside(&second.path).exists());
        spool.drop_last("pin").unwrap();
        assert_eq!(spool.last("v3").unwrap(), None);
        assert!(!second.path.exists() && !beside(&second.path).exists());
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/report.json");
        write_atomically(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 1);
    }
}
