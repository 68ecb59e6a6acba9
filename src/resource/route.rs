use serde::{Deserialize, Serialize};

use super::{Depth, Probed, Resource};
use crate::{
    model::{BackendName, ResourceKey, RunId, SystemName},
    system::{Observe, SystemError},
};

/// Where a load balancer sends the registry's traffic, and whether it lets writes through.
pub struct Route;

/// The balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteKey {
    /// The system of type `nginx` (later `haproxy`).
    pub lb: SystemName,
}

/// The one observed value of a route, over all hosts of the balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteState {
    /// Where requests go.
    pub to: RouteTo,
    /// What happens to writes.
    pub writes: RouteWrites,
    /// `<to>-<writes>-<run>-<hash>`; absent when the balancer answers none (nothing of ours is installed).
    pub generation: Option<String>,
    /// Old workers that still serve requests of an earlier generation; 0 = drained.
    pub draining: u32,
    /// Whether the public address answers a read.
    pub reachable: bool,
    /// The run that wrote the generation; absent when nothing of ours is installed or hosts disagree.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The declared backends, earlier ones first (by name).
    #[serde(default)]
    pub backends: Vec<BackendName>,
    /// Whether the plan as it is now would render other files for this very route (a server was added, say), or the files
    /// on disk are not those in force, so that the next reload by whomever would move the route.
    #[serde(default)]
    pub stale: bool,
    /// Bytes of the owned files, by name, kept for the way back; empty when nothing of ours is installed.
    #[serde(default)]
    pub files: std::collections::BTreeMap<String, String>,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteTo {
    /// All to this backend.
    Backend(BackendName),
    /// Hosts or workers disagree.
    Mixed,
    /// Nothing of ours is installed.
    None,
}

/// What happens to writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteWrites {
    /// They go where the route points.
    Allow,
    /// They wait at the balancer. Not supported yet.
    Hold,
    /// They get a 405.
    Deny,
    /// Hosts or workers disagree.
    Mixed,
}

impl RouteTo {
    /// As facts and outputs say it: a backend's name, `mixed` or `none`.
    pub fn word(&self) -> &str {
        match self {
            RouteTo::Backend(name) => name.as_str(),
            RouteTo::Mixed => "mixed",
            RouteTo::None => "none",
        }
    }

    /// The backend, when it is one.
    pub fn backend(&self) -> Option<&BackendName> {
        match self {
            RouteTo::Backend(name) => Some(name),
            RouteTo::Mixed | RouteTo::None => None,
        }
    }
}

impl RouteWrites {
    /// As the plan, facts and generations say it.
    pub const fn word(self) -> &'static str {
        match self {
            RouteWrites::Allow => "allow",
            RouteWrites::Hold => "hold",
            RouteWrites::Deny => "deny",
            RouteWrites::Mixed => "mixed",
        }
    }
}

impl Resource for Route {
    type Key = RouteKey;
    type State = RouteState;

    fn address(key: &RouteKey) -> ResourceKey {
        ResourceKey::of(&key.lb, "route")
    }

    async fn probe(key: &RouteKey, world: &Observe, _depth: Depth) -> Result<Probed<RouteState>, SystemError> {
        world.balancer(&key.lb)?.route().await
    }
}
