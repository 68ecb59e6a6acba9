use serde::{Deserialize, Serialize};

use super::{ArtifactKey, Format, Snapshot};

/// Who owns the artifacts of a 2.6, as its API says it: its exports do not (reference: apicurio.md §3.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owners(Vec<(ArtifactKey, Box<str>)>);

impl Owners {
    /// Of all its artifacts, or of all but those that own what an import makes of them. Empty for nobody.
    pub fn new(all: impl IntoIterator<Item = (ArtifactKey, Box<str>)>) -> Self {
        Self(all.into_iter().collect())
    }

    /// Without those that the export of the same time implies: that leaves few, or none.
    #[must_use]
    pub fn beyond(mut self, export: &Snapshot) -> Self {
        self.0.retain(|(key, owner)| {
            let implied = export.artifacts.get(key);
            implied.is_some_and(|artifact| artifact.owner.as_deref().unwrap_or_default() != &**owner)
        });
        self
    }
}

impl Snapshot {
    /// Gives artifacts of a 2.6 the owners that its API names. One that it does not name, because it was made or deleted
    /// meanwhile, keeps the owner that an import gives it.
    #[must_use]
    pub fn with_owners(mut self, owners: &Owners) -> Self {
        for (key, owner) in &owners.0 {
            if let Some(artifact) = self.artifacts.get_mut(key) {
                artifact.owner = Some(owner.clone());
            }
        }
        self.owners_known = true;
        self
    }

    /// As if nobody had asked for owners: then they are not compared.
    #[must_use]
    pub fn without_owners(mut self) -> Self {
        self.owners_known = false;
        self
    }

    /// The owner that an import into a server of that format gives an artifact with these versions, ascending; empty for nobody.
    ///
    /// 2.6 takes it from the first version, 3.x also from the one that is flagged latest (reference: apicurio.md §4.3, §4.7).
    pub(in crate::registry) fn owner_made(&self, ids: &[u64], by: Format) -> &str {
        let owner = |id: &u64| self.versions.get(id).and_then(|version| version.owner.as_deref());
        let first = ids.first().and_then(owner).unwrap_or_default();
        if by == Format::V2 {
            return first;
        }
        let is_latest = |id: &&u64| self.versions.get(id).is_some_and(|version| version.is_latest);
        let mut latest = ids.iter().rev().filter(is_latest).filter_map(owner);
        latest.find(|owner| !owner.is_empty()).unwrap_or(first)
    }
}
