//! The client of an Apicurio Registry, 2.6 and 3.x told apart by `system/info`.

use serde_json::{Value, json};

use super::{Observe, Secrets, SystemError};
use crate::{
    model::SystemName,
    resource::{ContentState, Depth, Probed},
};

/// One registry with its replicas.
pub struct Apicurio {
    name: SystemName,
}

/// Reads a registry; has no method that writes.
pub struct RegistryReader<'a> {
    client: &'a Apicurio,
}

/// Writes to a registry.
pub struct RegistryWriter<'a> {
    reader: RegistryReader<'a>,
}

impl Apicurio {
    /// From the `systems:` entry.
    ///
    /// # Errors
    /// When the entry cannot be used.
    pub fn open(name: &SystemName, _spec: &Value, _secrets: &Secrets) -> Result<Self, SystemError> {
        Ok(Self { name: name.clone() })
    }

    /// To read.
    pub fn reader(&self) -> RegistryReader<'_> {
        RegistryReader { client: self }
    }
}

impl RegistryReader<'_> {
    /// What it holds.
    ///
    /// # Errors
    /// When it answers, and not as documented.
    pub async fn content(&self, _depth: Depth, _world: &Observe) -> Result<Probed<ContentState>, SystemError> {
        Ok(Probed::Unreachable(format!("{} has no client yet", self.client.name)))
    }

    /// Facts for expressions.
    pub async fn facts(&self) -> Value {
        json!({"reachable": false})
    }
}

impl<'a> RegistryWriter<'a> {
    /// On top of a reader.
    pub(in crate::system) fn new(reader: RegistryReader<'a>) -> Self {
        Self { reader }
    }

    /// The reader below.
    pub fn reader(&self) -> &RegistryReader<'a> {
        &self.reader
    }
}
