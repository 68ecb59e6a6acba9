use std::collections::BTreeMap;

use super::{Refusal, Store};
use crate::rehearse::twin::TwinVersion;

/// The switch that makes 3.x refuse writes (reference: apicurio.md §2.8).
pub const READ_ONLY: &str = "apicurio.storage.read-only.enabled";

/// What 2.6.13 lists with authentication off (reference: apicurio.md §1.8, and seen).
const V2: [(&str, &str); 4] = [
    ("registry.ccompat.legacy-id-mode.enabled", "false"),
    ("registry.download.href.ttl", "30"),
    ("registry.rest.artifact.deletion.enabled", "false"),
    ("registry.ui.features.readOnly", "false"),
];

/// What 3.3.3 lists with authentication off (reference: apicurio.md §1.8, and seen).
const V3: [(&str, &str); 15] = [
    ("apicurio.ccompat.legacy-id-mode.enabled", "false"),
    ("apicurio.ccompat.max-subjects", "1000"),
    ("apicurio.ccompat.use-canonical-hash", "false"),
    ("apicurio.download.href.ttl.seconds", "30"),
    ("apicurio.log.level", "INFO"),
    ("apicurio.rest.compression.enabled", "true"),
    ("apicurio.rest.deletion.artifact-version.enabled", "false"),
    ("apicurio.rest.deletion.artifact.enabled", "false"),
    ("apicurio.rest.deletion.group.enabled", "false"),
    ("apicurio.rest.draft.production-mode.enabled", "false"),
    ("apicurio.rest.mutability.artifact-version-content.enabled", "false"),
    ("apicurio.semver.branching.enabled", "false"),
    ("apicurio.semver.validation.enabled", "false"),
    (READ_ONLY, "false"),
    ("apicurio.ui.features.agents.enabled", "false"),
];

/// What can be deleted, and how the refusal of it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    Group,
    Artifact,
    Version,
}

/// All dynamic properties with the values that they are shipped with.
pub fn shipped(flavour: TwinVersion) -> BTreeMap<&'static str, String> {
    let all: &[(&str, &str)] = match flavour {
        TwinVersion::V2_6_13 => &V2,
        TwinVersion::V3_3_3 => &V3,
    };
    all.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

impl Store {
    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.properties.get(name).is_some_and(|value| value == "true")
    }

    pub fn is_read_only(&self) -> bool {
        self.is_on(READ_ONLY)
    }

    pub fn property(&self, name: &str) -> Result<&str, Refusal> {
        let value = self.properties.get(name).map(String::as_str);
        value.ok_or_else(|| Refusal::no_property(name))
    }

    /// Sets a property; a 3.x that is read-only lets only that one switch be moved.
    pub fn set_property(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        if name != READ_ONLY {
            self.writable()?;
        }
        let place = self
            .properties
            .get_mut(name)
            .ok_or_else(|| Refusal::no_property(name))?;
        value.clone_into(place);
        Ok(())
    }

    /// Sets a property back to what it was shipped with.
    pub fn reset_property(&mut self, name: &str) -> Result<(), Refusal> {
        let shipped = shipped(self.flavour);
        let value = shipped.get(name).ok_or_else(|| Refusal::no_property(name))?;
        self.set_property(name, value)
    }

    /// Refuses a deletion that is not switched on: 2.6 always lets groups and artifacts go, 3.x nothing as shipped
    /// (reference: apicurio.md §1.6, §2.7). Asked before read-only (§2.8).
    pub fn may_delete(&self, what: Deleted) -> Result<(), Refusal> {
        let (name, switch) = match (what, self.is_v2()) {
            (Deleted::Group | Deleted::Artifact, true) => return Ok(()),
            (Deleted::Version, true) => ("Artifact version", "registry.rest.artifact.deletion.enabled"),
            (Deleted::Group, false) => ("Group", "apicurio.rest.deletion.group.enabled"),
            (Deleted::Artifact, false) => ("Artifact", "apicurio.rest.deletion.artifact.enabled"),
            (Deleted::Version, false) => ("Artifact version", "apicurio.rest.deletion.artifact-version.enabled"),
        };
        if self.is_on(switch) {
            return Ok(());
        }
        Err(Refusal::not_allowed(
            405,
            format!("{name} deletion operation is not enabled."),
        ))
    }
}
