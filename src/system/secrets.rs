use std::{collections::BTreeMap, path::PathBuf};

use secrecy::SecretString;

use super::SystemError;
use crate::model::{SecretSource, SecretText};

/// Reads secrets where they are used; nothing of it can be printed.
pub struct Secrets {
    sources: BTreeMap<String, SecretSource>,
    base: PathBuf,
}

impl Secrets {
    /// The secret variables of a plan; relative files start at `base`.
    pub fn new(sources: BTreeMap<String, SecretSource>, base: PathBuf) -> Self {
        Self { sources, base }
    }

    /// The value of a text with its secrets in place.
    ///
    /// # Errors
    /// When a secret cannot be had; the error names the variable and never the value.
    pub fn resolve(&self, text: &SecretText) -> Result<SecretString, SystemError> {
        if !text.has_secrets() {
            return Ok(SecretString::from(text.as_template().to_owned()));
        }
        let _later = (&self.sources, &self.base);
        Err(SystemError::Secret {
            name: text.as_template().to_owned(),
            reason: "secrets cannot be read yet".to_owned(),
        })
    }
}
