use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    kind::{ApplyError, Effect, Inputs, KindError, PlanView, Receipt, Undo},
    model::{Action, BackendName, Change, Findings, ResourceKey, RunId, Step, SystemName, Touches},
    resource::{Probed, Route, RouteKey, RouteState, RouteTo, RouteWrites},
    system::{Act, Progress, SystemError, nginx::RouteTarget},
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

    fn check(spec: &LbRouteSpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        super::checks::check(spec, plan, out);
    }

    fn diff(spec: &LbRouteSpec, now: &RouteState, _inputs: &Inputs) -> Result<Change, KindError> {
        let target = target(spec, now)?;
        let installed = now.to != RouteTo::None;
        let change = Change::new(if installed { Action::None } else { Action::Create })
            .field("to", installed.then(|| now.to.word()), target.to.as_str())
            .field("writes", now.writes.word(), target.writes.word());
        Ok(match change.action {
            // The route is right and yet not settled: the plan's servers are others, or old workers still serve.
            Action::None if now.stale => change.field("files", "other than the plan's", "as the plan says"),
            // What matters of old workers is that no write of theirs comes late. Where writes are allowed, the act waits for them
            // if they may write; a reader that is slow does not make the route another one.
            Action::None if target.writes != RouteWrites::Allow => change.field("draining", now.draining, 0),
            Action::None => change,
            Action::Create | Action::Update | Action::Delete => change,
        })
    }

    fn after(spec: &LbRouteSpec, now: &RouteState, _inputs: &Inputs) -> Result<RouteState, KindError> {
        let target = target(spec, now)?;
        Ok(RouteState {
            to: RouteTo::Backend(target.to),
            writes: target.writes,
            draining: 0,
            stale: false,
            // Only the act knows the generation, as it carries the run.
            generation: None,
            ..now.clone()
        })
    }

    fn foreign(_spec: &LbRouteSpec, now: &RouteState, ours: Option<&RunId>) -> Option<String> {
        let theirs = now.run.as_ref().filter(|theirs| Some(*theirs) != ours)?;
        Some(format!("its route was set by run {theirs}, whose journal is not here"))
    }

    fn regresses(spec: &LbRouteSpec, now: &RouteState) -> Option<String> {
        // The migration goes from earlier to later backends, in the order of their names.
        let current = now.to.backend()?;
        let target = spec.to.as_ref().unwrap_or(current);
        if target < current {
            return Some(format!(
                "clients use `{current}` already, and it would send them back to `{target}`"
            ));
        }
        let is_first = now.backends.first().is_none_or(|first| first == current);
        let closes = spec.writes != Writes::Allow && now.writes == RouteWrites::Allow && target == current;
        (closes && !is_first).then(|| format!("`{current}` takes writes already, and it would deny them"))
    }

    async fn apply(
        spec: &LbRouteSpec,
        _step: &Step,
        change: &Change,
        _inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        let balancer = world.balancer_mut(&spec.lb)?;
        let now = match balancer.reader().route().await? {
            Probed::Seen(state) => state,
            Probed::Unreachable(reason) | Probed::NotLooked(reason) => return Err(ApplyError::NotDone(reason)),
        };
        expected(spec, change, &now)?;
        let target = target(spec, &now)?;
        let (to, writes) = (&target.to, target.writes.word());
        log.say(format!("to {to}, writes {writes}"));
        let wanted = RouteTarget {
            to: Some(target.to.clone()),
            writes: target.writes,
        };
        balancer.switch(&wanted, now.generation.as_deref(), log).await?;
        Ok(Receipt::default())
    }

    fn output(_spec: &LbRouteSpec, settled: &RouteState, _receipt: Option<&Receipt>) -> LbRouteOutput {
        LbRouteOutput {
            to: settled.to.word().to_owned(),
            writes: settled.writes.word().to_owned(),
            generation: settled.generation.clone().unwrap_or_default(),
        }
    }

    fn undo(spec: &LbRouteSpec, before: &RouteState) -> Undo {
        let back = |to: &BackendName, writes: Writes| Undo::Same {
            with: json!({"lb": spec.lb, "to": to, "writes": writes}),
            what: format!("back to {to}, writes {}", RouteWrites::from(writes).word()),
        };
        match (&before.to, before.writes) {
            (RouteTo::Backend(to), RouteWrites::Allow) => back(to, Writes::Allow),
            (RouteTo::Backend(to), RouteWrites::Deny) => back(to, Writes::Deny),
            (RouteTo::Backend(to), RouteWrites::Hold) => back(to, Writes::Hold),
            (RouteTo::Backend(_), RouteWrites::Mixed) | (RouteTo::Mixed, _) => Undo::Left(format!(
                "before, the workers of {} did not agree on a route: say in `rollback:` where it is to go",
                spec.lb
            )),
            (RouteTo::None, _) => match &spec.to {
                // Nothing of ours denied writes before; the same backend with writes is as it was for clients.
                Some(to) if spec.writes != Writes::Allow => back(to, Writes::Allow),
                Some(_) | None => Undo::Left(format!(
                    "nothing of regplan was installed in {} before: its route stays in force",
                    spec.lb
                )),
            },
        }
    }
}

impl From<Writes> for RouteWrites {
    fn from(writes: Writes) -> Self {
        match writes {
            Writes::Allow => RouteWrites::Allow,
            Writes::Deny => RouteWrites::Deny,
            Writes::Hold => RouteWrites::Hold,
        }
    }
}

/// What a step wants, with the backend that it leaves out.
struct Target {
    to: BackendName,
    writes: RouteWrites,
}

fn target(spec: &LbRouteSpec, now: &RouteState) -> Result<Target, KindError> {
    let to = spec.to.as_ref().or_else(|| now.to.backend()).ok_or_else(|| {
        KindError::Refused(format!(
            "the route of {} points nowhere known (`{}`), so the step must say `to`",
            spec.lb,
            now.to.word()
        ))
    })?;
    Ok(Target {
        to: to.clone(),
        writes: spec.writes.into(),
    })
}

/// The route must still be where the change starts, or already where it ends (an earlier try came so far).
fn expected(spec: &LbRouteSpec, change: &Change, now: &RouteState) -> Result<(), ApplyError> {
    let to = now.to.backend().map_or(Value::Null, |to| json!(to));
    let kept_to = spec.to.as_ref().map_or_else(|| to.clone(), |to| json!(to));
    for (field, found, kept) in [
        ("to", to, kept_to),
        (
            "writes",
            json!(now.writes.word()),
            json!(RouteWrites::from(spec.writes).word()),
        ),
    ] {
        let delta = change.deltas.iter().find(|delta| delta.field == field);
        let fits = match delta {
            Some(delta) => found == delta.before || found == delta.after,
            None => found == kept,
        };
        if !fits {
            let from = delta.map_or(&kept, |delta| &delta.before);
            return Err(ApplyError::System(SystemError::Foreign {
                system: spec.lb.clone(),
                reason: format!(
                    "somebody moved its route: `{field}` is {found} now and was {from} when this was planned"
                ),
            }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunId;

    fn state(to: Option<&str>, writes: RouteWrites) -> RouteState {
        RouteState {
            to: to.map_or(RouteTo::None, |to| RouteTo::Backend(to.into())),
            writes,
            generation: to.map(|to| format!("{to}-{}-r-0123456789ab", writes.word())),
            draining: 0,
            reachable: true,
            run: to.map(|_| RunId::new("r")),
            backends: vec!["v2".into(), "v3".into()],
            stale: false,
            files: std::collections::BTreeMap::new(),
        }
    }

    fn spec(to: Option<&str>, writes: Writes) -> LbRouteSpec {
        LbRouteSpec {
            lb: "lb".into(),
            to: to.map(BackendName::from),
            writes,
        }
    }

    fn deltas(spec: &LbRouteSpec, now: &RouteState) -> Vec<String> {
        let change = LbRoute::diff(spec, now, &Inputs::default()).unwrap();
        let shown = |delta: &crate::model::Delta| format!("{}: {} → {}", delta.field, delta.before, delta.after);
        change.deltas.iter().map(shown).collect()
    }

    #[test]
    fn deltas_say_what_moves() {
        let v2 = state(Some("v2"), RouteWrites::Allow);
        assert_eq!(
            deltas(&spec(Some("v2"), Writes::Deny), &v2),
            ["writes: \"allow\" → \"deny\""]
        );
        assert_eq!(deltas(&spec(Some("v3"), Writes::Allow), &v2), ["to: \"v2\" → \"v3\""]);
        assert_eq!(deltas(&spec(None, Writes::Deny), &v2), ["writes: \"allow\" → \"deny\""]);
        let nothing = state(None, RouteWrites::Allow);
        assert_eq!(
            deltas(&spec(Some("v2"), Writes::Allow), &nothing),
            ["to: null → \"v2\""]
        );
    }

    #[test]
    fn a_route_is_settled_only_when_drained_and_as_declared() {
        let now = state(Some("v2"), RouteWrites::Deny);
        let freeze = spec(Some("v2"), Writes::Deny);
        assert_eq!(deltas(&freeze, &now), [] as [&str; 0]);
        let draining = RouteState {
            draining: 2,
            ..now.clone()
        };
        assert_eq!(deltas(&freeze, &draining), ["draining: 2 → 0"]);
        let open = RouteState {
            to: RouteTo::Backend("v3".into()),
            writes: RouteWrites::Allow,
            ..draining
        };
        assert_eq!(
            deltas(&spec(Some("v3"), Writes::Allow), &open),
            [] as [&str; 0],
            "a slow reader fails no switch"
        );
        let stale = RouteState { stale: true, ..now };
        assert_eq!(deltas(&freeze, &stale).len(), 1);
    }

    #[test]
    fn the_simulated_state_is_no_change_for_every_target() {
        for now in [
            state(None, RouteWrites::Allow),
            state(Some("v2"), RouteWrites::Deny),
            state(Some("v3"), RouteWrites::Mixed),
        ] {
            for target in [spec(Some("v2"), Writes::Deny), spec(Some("v3"), Writes::Allow)] {
                let after = LbRoute::after(&target, &now, &Inputs::default()).unwrap();
                assert_eq!(deltas(&target, &after), [] as [&str; 0]);
            }
        }
    }

    #[test]
    fn going_back_or_closing_the_later_side_is_a_regress_and_closing_the_first_is_not() {
        let (v2, v3) = (
            state(Some("v2"), RouteWrites::Allow),
            state(Some("v3"), RouteWrites::Allow),
        );
        for (target, now, regress) in [
            (spec(Some("v2"), Writes::Deny), &v2, false),
            (spec(Some("v3"), Writes::Allow), &v2, false),
            (spec(Some("v3"), Writes::Allow), &v3, false),
            (spec(Some("v2"), Writes::Allow), &v3, true),
            (spec(Some("v2"), Writes::Deny), &v3, true),
            (spec(Some("v3"), Writes::Deny), &v3, true),
            (spec(None, Writes::Deny), &v3, true),
            (spec(None, Writes::Deny), &v2, false),
            (spec(Some("v2"), Writes::Allow), &state(None, RouteWrites::Allow), false),
        ] {
            assert_eq!(
                LbRoute::regresses(&target, now).is_some(),
                regress,
                "{target:?} on {now:?}"
            );
        }
    }

    #[test]
    fn undo_is_the_route_before_and_thaws_where_nothing_was_before() {
        let freeze = spec(Some("v2"), Writes::Deny);
        let open = json!({"lb": "lb", "to": "v2", "writes": "allow"});
        for before in [state(Some("v2"), RouteWrites::Allow), state(None, RouteWrites::Allow)] {
            let Undo::Same { with, .. } = LbRoute::undo(&freeze, &before) else {
                panic!("{before:?}")
            };
            assert_eq!(with, open);
        }
        let first = spec(Some("v2"), Writes::Allow);
        assert!(matches!(
            LbRoute::undo(&first, &state(None, RouteWrites::Allow)),
            Undo::Left(_)
        ));
        assert!(matches!(
            LbRoute::undo(&first, &state(Some("v2"), RouteWrites::Mixed)),
            Undo::Left(_)
        ));
    }

    #[test]
    fn an_unknown_place_is_refused() {
        let nothing = state(None, RouteWrites::Allow);
        let refused = LbRoute::diff(&spec(None, Writes::Deny), &nothing, &Inputs::default()).unwrap_err();
        assert!(refused.to_string().contains("must say `to`"), "{refused}");
    }

    #[test]
    fn a_hold_is_a_route_like_a_freeze_where_a_balancer_has_it() {
        let hold = spec(Some("v2"), Writes::Hold);
        let held = state(Some("v2"), RouteWrites::Hold);
        assert_eq!(
            deltas(&hold, &state(Some("v2"), RouteWrites::Allow)),
            ["writes: \"allow\" → \"hold\""]
        );
        let draining = RouteState {
            draining: 1,
            ..held.clone()
        };
        assert_eq!(deltas(&hold, &draining), ["draining: 1 → 0"]);
        let Undo::Same { with, .. } = LbRoute::undo(&spec(Some("v3"), Writes::Allow), &held) else {
            panic!("no way back to a hold")
        };
        assert_eq!(with, json!({"lb": "lb", "to": "v2", "writes": "hold"}));
    }

    #[test]
    fn a_route_that_moved_since_the_plan_is_not_touched() {
        let (v2, frozen) = (
            state(Some("v2"), RouteWrites::Allow),
            state(Some("v2"), RouteWrites::Deny),
        );
        let switch = spec(Some("v3"), Writes::Allow);
        let change = LbRoute::diff(&switch, &frozen, &Inputs::default()).unwrap();
        assert!(expected(&switch, &change, &frozen).is_ok());
        // An earlier try came to its end.
        assert!(expected(&switch, &change, &state(Some("v3"), RouteWrites::Allow)).is_ok());
        let freeze = spec(Some("v2"), Writes::Deny);
        let change = LbRoute::diff(&freeze, &v2, &Inputs::default()).unwrap();
        let error = expected(&freeze, &change, &state(Some("v3"), RouteWrites::Allow)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`to` is \"v3\" now and was \"v2\" when this was planned"),
            "{error}"
        );
    }
}
