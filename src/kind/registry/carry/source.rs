use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kind::{ApplyError, KindError},
    model::{Digest, StepId},
    registry::{Issued, Snapshot},
    resource::{read_look, read_snapshot},
    system::{Act, Spooled, hash_file},
};

/// Where the content to carry comes from: an export on disk.
pub(in crate::kind::registry) struct Source {
    /// How people call it.
    name: String,
    file: PathBuf,
    /// The file must be this one; absent for a file that the plan names itself.
    sha256: Option<Digest>,
    /// What it holds, when it was read already.
    read: Option<Arc<Snapshot>>,
    /// Ids that its registry gave out, as far as is known.
    issued: Issued,
}

/// A source that was read to its end.
pub(super) struct Loaded {
    /// How people call it.
    pub(super) name: String,
    /// The export.
    pub(super) file: PathBuf,
    /// Its SHA-256; absent for a file that the plan names itself.
    pub(super) sha256: Option<Digest>,
    /// What it holds.
    pub(super) snapshot: Arc<Snapshot>,
    /// Ids that its registry gave out, as far as is known.
    pub(super) issued: Issued,
}

impl Source {
    /// The file that an export step recorded.
    pub(in crate::kind::registry) fn recorded(step: &StepId, output: &Value, world: &Act) -> Result<Self, KindError> {
        #[derive(Deserialize)]
        struct Recorded {
            file: String,
            sha256: Digest,
        }
        let recorded = Recorded::deserialize(output).map_err(|source| KindError::Shape {
            what: format!("steps.{step}"),
            source,
        })?;
        Ok(Self {
            sha256: Some(recorded.sha256),
            ..Self::file(&recorded.file, world)
        })
    }

    /// A file that the plan names.
    pub(in crate::kind::registry) fn file(file: &str, world: &Act) -> Self {
        Self {
            name: file.to_owned(),
            file: world.path(file),
            sha256: None,
            read: None,
            issued: Issued::default(),
        }
    }

    /// An export in the spool; `name` is what people call where it came from. Bytes in the spool lie under their hash.
    pub(in crate::kind::registry) fn spooled(name: String, spooled: &Spooled, read: Option<Arc<Snapshot>>) -> Self {
        Self {
            name,
            file: spooled.path.clone(),
            sha256: Some(spooled.sha256.clone()),
            read,
            issued: Issued::default(),
        }
    }

    /// With ids that its registry gave out beyond what it holds.
    #[must_use]
    pub(in crate::kind::registry) fn having_issued(mut self, issued: Issued) -> Self {
        self.issued = issued;
        self
    }

    /// Its SHA-256, as far as it is known before it is read.
    pub(in crate::kind::registry) fn sha256(&self) -> Option<&Digest> {
        self.sha256.as_ref()
    }

    /// How people call it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Reads it, unless that was done.
    pub(super) async fn load(self) -> Result<Loaded, ApplyError> {
        let snapshot = match self.read {
            Some(read) => read,
            None => Arc::new(read(&self.file, self.sha256.clone()).await?),
        };
        Ok(Loaded {
            name: self.name,
            file: self.file,
            sha256: self.sha256,
            snapshot,
            issued: self.issued,
        })
    }
}

async fn read(file: &Path, sha256: Option<Digest>) -> Result<Snapshot, ApplyError> {
    let Some(expected) = sha256 else {
        return Ok(read_snapshot(file).await?);
    };
    // One that a step took.
    let path = file.to_owned();
    let hashed = tokio::task::spawn_blocking(move || hash_file(&path)).await;
    let (found, _) = hashed.map_err(|error| ApplyError::NotDone(error.to_string()))??;
    if found != expected {
        return Err(ApplyError::NotDone(format!(
            "{} is not the file that was exported: its SHA-256 is {found}, not {expected}",
            file.display()
        )));
    }
    Ok(read_look(file).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_file_at_the_place_of_the_export_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v2.zip");
        crate::system::write_atomically(&path, |file| std::io::Write::write_all(file, b"other")).unwrap();
        let refused = read(&path, Some(Digest::from("abc"))).await.unwrap_err();
        assert!(
            refused.to_string().contains("is not the file that was exported"),
            "{refused}"
        );
    }
}
