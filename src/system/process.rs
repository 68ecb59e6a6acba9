use std::{collections::BTreeMap, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secrets, SystemError};
use crate::model::SecretText;

/// A program and its arguments, as a list: no shell is between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CommandLine(pub Vec<String>);

/// Variables that a command gets on top of the few it inherits; the only place of a command that takes secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Environment(pub BTreeMap<String, SecretText>);

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The end of its standard output, redacted, at most 64 KiB.
    pub stdout: String,
    /// The end of its standard error, redacted, at most 64 KiB.
    pub stderr: String,
}

impl Ended {
    /// Whether it ended with 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

impl CommandLine {
    /// Runs it in `directory`, in a process group of its own that is ended when the future is dropped.
    ///
    /// # Errors
    /// When it cannot be started or a secret it needs cannot be had.
    pub async fn run(
        &self,
        _directory: &Path,
        _environment: &Environment,
        _secrets: &Secrets,
    ) -> Result<Ended, SystemError> {
        Err(SystemError::Program {
            program: self.0.first().cloned().unwrap_or_default(),
            how: "cannot be run yet".to_owned(),
            output: String::new(),
        })
    }
}
