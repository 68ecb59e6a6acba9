//! What a frozen registry held before a way back first wrote to it: from then on its digest says nothing of others' writes.

use serde::{Deserialize, Serialize};

use crate::{
    model::Digest,
    system::{Note, Spool, apicurio::RegistryReader},
};

/// A frozen registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// Its digest.
    pub digest: Digest,
    /// Its greatest globalId: above it lies what came from the other side, or was written by somebody.
    pub max_global_id: u64,
}

impl Frozen {
    /// Where it is noted of that registry; nothing is there when no way back has begun.
    pub fn note(registry: &RegistryReader<'_>, spool: &Spool) -> Note<Self> {
        Note::of(&registry.url(), spool, "import", "frozen")
    }
}
