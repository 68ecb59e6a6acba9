use serde::{Deserialize, Serialize};

use super::{Depth, Probed, Resource};
use crate::{
    model::{ResourceKey, SystemName},
    system::{Observe, SystemError, apicurio::ReplicaMode, causes},
};

/// Whether a 3.x refuses writes of itself.
pub struct ReadOnly;

/// The registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOnlyKey {
    /// The system of type `apicurio`.
    pub registry: SystemName,
}

/// What each replica does with writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOnlyState {
    /// The server's version.
    pub version: String,
    /// Whether it has such a switch at all: 3.0 and later.
    pub has_switch: bool,
    /// Every replica, in the order of `urls`.
    pub replicas: Vec<ReplicaMode>,
}

impl ReadOnlyState {
    /// What all replicas do; `None` when they do not agree or one does not say.
    pub fn enabled(&self) -> Option<bool> {
        let first = self.replicas.first()?.read_only?;
        let agree = self.replicas.iter().all(|replica| replica.read_only == Some(first));
        agree.then_some(first)
    }
}

impl Resource for ReadOnly {
    type Key = ReadOnlyKey;
    type State = ReadOnlyState;

    fn address(key: &ReadOnlyKey) -> ResourceKey {
        ResourceKey::of(&key.registry, "read_only")
    }

    async fn probe(key: &ReadOnlyKey, world: &Observe, _depth: Depth) -> Result<Probed<ReadOnlyState>, SystemError> {
        let registry = world.registry(&key.registry)?;
        match registry.version().await {
            Ok(version) => Ok(Probed::Seen(ReadOnlyState {
                has_switch: version.is_v3(),
                replicas: registry.modes(&version).await,
                version: version.to_string(),
            })),
            Err(error @ SystemError::Unreachable { .. }) => Ok(Probed::Unreachable(causes(&error))),
            // A gateway before it, or itself while it starts.
            Err(error @ SystemError::Status { status: 502..=504, .. }) => Ok(Probed::Unreachable(causes(&error))),
            Err(error) => Err(error),
        }
    }
}
