use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::model::is_unseen;

/// How often a held lock is tried again: short against what a person notices, long against what a try costs.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// Longest holder text that is read back, in bytes: one line, and somebody else's file may be anything.
const HOLDER_LIMIT: u64 = 512;

/// The exclusive right to apply, held as long as this value lives.
///
/// An advisory lock of the operating system on one file: it ends with the process, however that ends, and it is not
/// inherited by children (std opens files close-on-exec).
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
    /// Takes it, waiting at most `patience` (zero: one try), and writes `holder` into the file for the next one's message.
    ///
    /// Blocks the thread while it waits. Missing directories are made.
    ///
    /// # Errors
    /// When somebody else holds it longer than that, or the file cannot be used.
    pub fn take(path: &Path, holder: &str, patience: Duration) -> Result<Self, LockError> {
        let failed = |source| LockError::Io {
            path: path.display().to_string(),
            source,
        };
        let mut file = open(path).map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) => {
                    let left = patience.saturating_sub(begun.elapsed());
                    if left.is_zero() {
                        return Err(LockError::Held {
                            path: path.display().to_string(),
                            holder: read_holder(&mut file).map_err(failed)?,
                        });
                    }
                    thread::sleep(left.min(TRY_EVERY));
                }
            }
        }
        write_holder(&mut file, holder).map_err(failed)?;
        Ok(Self {
            _file: file,
            path: path.to_owned(),
        })
    }

    /// This process as a holder: host, pid and the given start time.
    pub fn this_process(since: Timestamp) -> String {
        // Linux's own name of the host (proc(5)); std has no call for it.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = host.trim();
        format!("host {host}, pid {}, since {since:.0}", std::process::id())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

fn write_holder(file: &mut File, holder: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(holder.as_bytes())
}

fn read_holder(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(HOLDER_LIMIT).read_to_end(&mut bytes)?;
    let text: String = String::from_utf8_lossy(&bytes)
        .chars()
        .filter(|c| !is_unseen(*c))
        .collect();
    Ok(if text.is_empty() {
        "it has not said who it is yet".to_owned()
    } else {
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_refused_with_the_name_of_its_holder() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/on/demand/lock");
        let held = RunLock::take(&path, "host one, pid 7", Duration::ZERO).unwrap();
        let error = RunLock::take(&path, "host two, pid 8", Duration::ZERO).unwrap_err();
        assert!(matches!(&error, LockError::Held { holder, .. } if holder == "host one, pid 7"));
        assert!(error.to_string().ends_with("lock: host one, pid 7"), "{error}");
        assert_eq!(held.path(), path);
    }

    #[test]
    fn a_lock_is_free_again_when_its_holder_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        drop(RunLock::take(&path, "a holder with a longer text than the next", Duration::ZERO).unwrap());
        let _held = RunLock::take(&path, "the next", Duration::ZERO).unwrap();
        let error = RunLock::take(&path, "another", Duration::ZERO).unwrap_err();
        assert!(matches!(error, LockError::Held { holder, .. } if holder == "the next"));
    }

    #[test]
    fn patience_waits_until_the_holder_lets_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = RunLock::take(&path, "first", Duration::ZERO).unwrap();
        let (waiting, wait) = std::sync::mpsc::channel();
        let second = thread::spawn({
            let path = path.clone();
            move || {
                waiting.send(()).unwrap();
                RunLock::take(&path, "second", Duration::from_secs(60)).map(|_| ())
            }
        });
        wait.recv().unwrap();
        drop(held);
        second.join().unwrap().unwrap();
    }

    #[test]
    fn the_holder_text_names_host_process_and_time() {
        let text = RunLock::this_process(Timestamp::from_second(0).unwrap());
        assert!(text.starts_with("host "), "{text}");
        assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
        assert!(text.ends_with("since 1970-01-01T00:00:00Z"), "{text}");
    }
}
