use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RecordKill;
use crate::{
    model::{StepId, SystemName},
    system::{SystemError, write_atomically},
};

/// The environment variable that names the file of an [`Order`]; a process that has it is the runner of a rehearsal.
pub const ORDER: &str = "REGPLAN_REHEARSAL_ORDER";

/// What the runner of a rehearsal is to do. Private between two processes of one program: it has no version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// How the plan is found and filled, in the words of whoever loads it.
    pub plan: Value,
    /// The `systems:` of the plan as twins: specification by name.
    pub systems: BTreeMap<SystemName, Value>,
    /// The public address of each balancer.
    pub balancers: BTreeMap<SystemName, String>,
    /// Where the balancer and the stand-ins of commands are asked.
    pub control: String,
    /// What opens that door.
    pub token: String,
    /// The step that fails.
    pub fail: Option<StepId>,
    /// Where journal, spool and captures are.
    pub directory: PathBuf,
    /// Where the runner kills itself.
    pub kill: Option<RecordKill>,
}

impl Order {
    /// The journal.
    pub fn journal(&self) -> PathBuf {
        journal(&self.directory)
    }

    /// Writes it where a runner reads it.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn write(&self, path: &Path) -> Result<(), SystemError> {
        write_atomically(path, |file| serde_json::to_writer(file, self).map_err(io::Error::from))
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is not there or is none.
    pub fn read(path: &Path) -> Result<Self, SystemError> {
        let failed = |source| SystemError::File {
            verb: "read",
            path: path.to_owned(),
            source,
        };
        let bytes = std::fs::read(path).map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))
    }
}

/// The journal of a rehearsal in that directory.
pub(super) fn journal(directory: &Path) -> PathBuf {
    directory.join("state.db")
}
