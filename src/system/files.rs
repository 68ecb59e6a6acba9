//! Whole files, replaced or left as they were.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use super::SystemError;

/// Replaces a file in one step, so that readers see the old or the new bytes and a crash leaves either.
///
/// Symbolic links are followed first: the file behind them is replaced and the link stays. Mode and owner of an existing
/// file are kept; a new one gets `mode`. The temporary file lies in the same directory and begins with a dot, which
/// globs such as nginx's `include *.conf` skip (`reference/lab.md` §1.2).
///
/// # Errors
/// When any part of it fails; the old bytes are then still there.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SystemError> {
    let target = resolved(path);
    replace_resolved(&target, bytes, mode).map_err(|source| SystemError::File {
        verb: "write",
        path: target,
        source: explained(source),
    })
}

/// Makes a file that is not there yet, whole or not at all.
///
/// # Errors
/// When there is one already (`AlreadyExists`), or the disk does not take it.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SystemError> {
    let created = || {
        let directory = directory_of(path);
        let mut new = tempfile::Builder::new().prefix(".regplan-").tempfile_in(directory)?;
        new.write_all(bytes)?;
        new.as_file().set_permissions(Permissions::from_mode(mode))?;
        new.as_file().sync_all()?;
        new.persist_noclobber(path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    };
    created().map_err(|source| SystemError::File {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The file behind symbolic links; the path itself when there is none yet.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn replace_resolved(target: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let directory = directory_of(target);
    let mut new = tempfile::Builder::new().prefix(".regplan-").tempfile_in(directory)?;
    new.write_all(bytes)?;
    match fs::metadata(target) {
        Ok(old) => keep_rights(new.as_file(), &old)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            new.as_file().set_permissions(Permissions::from_mode(mode))?;
        }
        Err(error) => return Err(error),
    }
    new.as_file().sync_all()?;
    new.persist(target).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

fn keep_rights(new: &File, old: &fs::Metadata) -> io::Result<()> {
    let made = new.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid())
        && let Err(error) = fchown(new, Some(old.uid()), Some(old.gid()))
    {
        // Only root may give a file away. Who may replace it may also own it, and others still read it by its mode.
        tracing::warn!(%error, "the owner of a replaced file could not be kept");
    }
    new.set_permissions(Permissions::from_mode(old.mode() & 0o7777))
}

/// Adds what to do about the two errors that people meet with container mounts.
fn explained(error: io::Error) -> io::Error {
    let help = if error.kind() == io::ErrorKind::ResourceBusy {
        "it is mounted by itself and cannot be replaced: mount its directory instead"
    } else if error.kind() == io::ErrorKind::CrossesDevices {
        "it lies on another file system than its directory: mount the directory instead"
    } else {
        return error;
    };
    io::Error::new(error.kind(), format!("{help} ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(path: &Path, bytes: &[u8]) {
        File::create(path).unwrap().write_all(bytes).unwrap();
    }

    #[test]
    fn mode_is_kept_and_a_new_file_gets_the_given_one() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x.conf");
        replace(&file, b"1", 0o644).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        replace(&file, b"2", 0o644).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&file).unwrap(), b"2");
    }

    #[test]
    fn a_symbolic_link_stays_and_its_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("available"), directory.path().join("enabled"));
        make(&file, b"old");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"new", 0o644).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_is_there_is_not_created() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("plan.yaml");
        create(&file, b"1", 0o644).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
        let Err(SystemError::File { source, .. }) = create(&file, b"2", 0o644) else {
            panic!("it was created twice")
        };
        assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"1");
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let taken = directory.path().join("taken");
        fs::create_dir(&taken).unwrap();
        make(&taken.join("inner"), b"x");
        assert!(replace(&taken, b"new", 0o644).is_err());
        let left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["taken"]);
    }

    #[test]
    fn a_mounted_file_is_explained() {
        let error = explained(io::Error::from_raw_os_error(16));
        assert!(error.to_string().contains("mount its directory instead"), "{error}");
    }
}
