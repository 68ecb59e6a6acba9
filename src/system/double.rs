use async_trait::async_trait;
use serde_json::Value;

use super::{CommandLine, Ended, Progress, SystemError, nginx::RouteTarget};
use crate::{
    model::{RunId, SystemName},
    resource::RouteState,
};

/// Stand-ins for what a rehearsal must not touch: balancers and commands. Registries need none: their addresses are replaced.
#[async_trait]
pub trait Doubles: Send + Sync {
    /// The stand-in of a load balancer.
    fn balancer(&self, system: &SystemName) -> Option<&dyn BalancerDouble>;

    /// The facts of a system that only has a stand-in, as expressions see them; `None` for every other.
    fn facts(&self, system: &SystemName) -> Option<&Value>;

    /// Runs a command's stand-in, and says so in its output.
    ///
    /// # Errors
    /// When the stand-ins cannot be asked.
    async fn run(&self, command: &CommandLine) -> Result<Ended, SystemError>;

    /// Whether what a guard looks for is so: the command that it guards was run in this rehearsal.
    ///
    /// # Errors
    /// When the stand-ins cannot be asked.
    async fn guard(&self, command: &CommandLine) -> Result<Ended, SystemError>;

    /// Whether a file that a command `creates` is there in this rehearsal.
    ///
    /// # Errors
    /// When the stand-ins cannot be asked.
    async fn created(&self, path: &str) -> Result<bool, SystemError>;
}

/// A load balancer of a rehearsal: the freeze rules, generations, and the drain of the real one.
#[async_trait]
pub trait BalancerDouble: Send + Sync {
    /// Its public address.
    fn url(&self) -> &str;

    /// The route now.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn route(&self) -> Result<RouteState, SystemError>;

    /// Moves the route, compare-and-set on `expect`, and returns when no request that began under the old route can write.
    ///
    /// # Errors
    /// When another generation is in force, or the drain takes too long.
    async fn switch(
        &self,
        target: &RouteTarget,
        expect: Option<&str>,
        run: &RunId,
        log: &Progress,
    ) -> Result<(), SystemError>;
}
