//! The mark beside the owned files: writes may still be on their way by an earlier route.
//!
//! It is made before the reload and removed when a full drain is proven. So whoever comes after a crash, or after nginx cut
//! what was left, knows that "no old workers" proves nothing (`reference/lab.md` §1.7 step 6).

use std::{
    fs, io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{generation::Generation, owned::Owned};
use crate::system::{SystemError, files};

/// The name begins with a dot, so that no `*` of an include loads it.
const NAME: &str = ".regplan.drain";

/// As the owned files: it holds no secret.
const MODE: u32 = 0o644;

/// A drain that began and was not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DrainMark {
    /// The generation whose reload began it.
    generation: String,
    /// When, in milliseconds since 1970; 0 when the mark cannot be read.
    began: u64,
}

impl DrainMark {
    /// Whether the reload of that generation began it.
    pub fn is_of(&self, generation: &Generation) -> bool {
        self.generation == generation.to_string()
    }

    /// How long ago; the longest time there is when the clock went back, as then nobody knows.
    pub fn age(&self) -> Duration {
        let began = UNIX_EPOCH.checked_add(Duration::from_millis(self.began));
        began
            .and_then(|began| SystemTime::now().duration_since(began).ok())
            .unwrap_or(Duration::MAX)
    }
}

impl Owned<'_> {
    /// The mark, when there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn drain_mark(&self) -> Result<Option<DrainMark>, SystemError> {
        let path = self.path(NAME);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(SystemError::File {
                    verb: "read",
                    path,
                    source,
                });
            }
        };
        let (began, generation) = text.trim().split_once(' ').unwrap_or(("", ""));
        Ok(Some(DrainMark {
            generation: generation.to_owned(),
            began: began.parse().unwrap_or(0),
        }))
    }

    /// Makes the mark, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin_drain(&self, generation: &Generation) -> Result<(), SystemError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let text = format!("{} {generation}\n", now.as_millis());
        files::replace(&self.path(NAME), text.as_bytes(), MODE)
    }

    /// Removes the mark: the drain is proven.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn end_drain(&self) -> Result<(), SystemError> {
        let path = self.path(NAME);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(SystemError::File {
                verb: "remove",
                path,
                source,
            }),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{BackendName, RunId},
        resource::RouteWrites,
    };

    #[test]
    fn a_mark_is_read_as_it_was_made_and_one_that_cannot_be_read_is_very_old() {
        let directory = tempfile::tempdir().unwrap();
        let owned = Owned::new(directory.path());
        assert_eq!(owned.drain_mark().unwrap(), None);
        let generation = |writes| Generation {
            to: BackendName::new("v2"),
            writes,
            run: RunId::new("r"),
            hash: "0123456789ab".to_owned(),
        };
        owned.begin_drain(&generation(RouteWrites::Deny)).unwrap();
        let mark = owned.drain_mark().unwrap().unwrap();
        assert!(mark.is_of(&generation(RouteWrites::Deny)) && !mark.is_of(&generation(RouteWrites::Allow)));
        let hour = Duration::from_secs(3600);
        assert!(mark.age() < hour);
        files::replace(&owned.path(NAME), b"?", MODE).unwrap();
        assert!(owned.drain_mark().unwrap().unwrap().age() > hour);
        owned.end_drain().unwrap();
        owned.end_drain().unwrap();
        assert_eq!(owned.drain_mark().unwrap(), None);
    }
}
