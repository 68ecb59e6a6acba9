use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Effect, Inputs, KindError, Receipt, Undo},
    model::{BackendName, Change, ResourceKey, Step, SystemName, Touches},
    resource::{Route, RouteKey, RouteState},
    system::{Act, Progress},
};

/// Sends the registry's traffic to a backend, and lets writes through or not.
pub struct LbRoute;

/// Where the balancer is to send requests, and what it is to do with writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LbRouteSpec {
    /// The load balancer: a system of type `nginx` (later `haproxy`).
    pub lb: SystemName,
    /// The backend; absent = where it points now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<BackendName>,
    /// What happens to writes.
    pub writes: Writes,
}

/// What happens to writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    /// They go where the route points.
    Allow,
    /// They get a 405 with `Allow` and `Retry-After`.
    Deny,
    /// They wait at the balancer, bounded. Not supported yet.
    Hold,
}

/// The route as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LbRouteOutput {
    /// Where requests go.
    pub to: String,
    /// What happens to writes.
    pub writes: String,
    /// The generation in force.
    pub generation: String,
}

impl Effect for LbRoute {
    const NAME: &'static str = "lb.route";
    const ABOUT: &'static str = "Sends the registry's traffic to a backend, and lets writes through or not.";
    type Spec = LbRouteSpec;
    type On = Route;
    type Output = LbRouteOutput;

    fn on(spec: &LbRouteSpec, _step: &Step) -> RouteKey {
        RouteKey { lb: spec.lb.clone() }
    }

    fn touches(spec: &LbRouteSpec, _step: &Step) -> Touches {
        let route = ResourceKey::of(&spec.lb, "route");
        let allows = spec.writes == Writes::Allow;
        Touches {
            writes: [route.clone()].into(),
            systems: [spec.lb.clone()].into(),
            freezes: (!allows).then(|| route.clone()),
            thaws: allows.then_some(route),
            opens: spec.to.clone().filter(|_| allows),
            ..Touches::default()
        }
    }

    fn diff(_spec: &LbRouteSpec, _now: &RouteState, _inputs: &Inputs) -> Result<Change, KindError> {
        Err(KindError::Refused("lb.route is not built yet".to_owned()))
    }

    fn after(_spec: &LbRouteSpec, now: &RouteState, _inputs: &Inputs) -> Result<RouteState, KindError> {
        Ok(now.clone())
    }

    async fn apply(
        _spec: &LbRouteSpec,
        _step: &Step,
        _change: &Change,
        _inputs: &Inputs,
        _world: &Act,
        _log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        Err(ApplyError::NotDone("lb.route is not built yet".to_owned()))
    }

    fn output(_spec: &LbRouteSpec, settled: &RouteState, _receipt: Option<&Receipt>) -> LbRouteOutput {
        LbRouteOutput {
            to: String::new(),
            writes: String::new(),
            generation: settled.generation.clone().unwrap_or_default(),
        }
    }

    fn undo(_spec: &LbRouteSpec, _before: &RouteState) -> Undo {
        Undo::Nothing
    }
}
