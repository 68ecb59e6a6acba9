use serde::{Deserialize, Serialize};

use super::{Depth, Probed, Resource};
use crate::{
    model::{Digest, ResourceKey, SystemName},
    system::{Observe, SystemError},
};

/// All that a registry holds.
pub struct Content;

/// The registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentKey {
    /// The system of type `apicurio`.
    pub registry: SystemName,
}

/// A summary of a registry's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentState {
    /// The server's version.
    pub version: String,
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions; absent from a shallow look at 2.6, which cannot count them cheaply.
    pub versions: Option<u64>,
    /// Greatest globalId alive; from a deep look, or 3.x.
    pub max_global_id: Option<u64>,
    /// What a deep look adds.
    pub deep: Option<DeepContent>,
}

/// What only an export tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeepContent {
    /// Over versions, contents, comments and rules as the equality contract compares them, so that 2.6 and 3.x with equal
    /// content have equal digests. The scratch groups are left out.
    pub digest: Digest,
    /// One entry per group row, at most [`GroupRow::LIMIT`].
    pub group_rows: Vec<GroupRow>,
    /// Comments.
    pub comments: u64,
    /// Greatest contentId alive.
    pub max_content_id: u64,
    /// Whether the group that reserves ids is still there and has to go.
    pub reserve_left: bool,
    /// The key of the export in the spool: its SHA-256.
    pub spool: Digest,
}

/// What must be equal of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupRow {
    /// A short hash of id, description and properties (labels).
    pub hash: String,
}

impl GroupRow {
    /// More rows than this stay out of a record (64 KiB); then only their number is compared here and `registry.verify` compares the rest.
    pub const LIMIT: usize = 2_000;
}

impl Resource for Content {
    type Key = ContentKey;
    type State = ContentState;

    fn address(key: &ContentKey) -> ResourceKey {
        ResourceKey::of(&key.registry, "content")
    }

    async fn probe(key: &ContentKey, world: &Observe, depth: Depth) -> Result<Probed<ContentState>, SystemError> {
        let _later = (world.registry(&key.registry)?, depth);
        Ok(Probed::NotLooked("no client yet".to_owned()))
    }
}
