//! What a reviewer's "yes" binds to: the plan as resolved and the decisive facts, never counts or latencies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::PlanInput;
use crate::model::{
    Assertion, Digest, Phase, PhaseChange, PhaseId, Standing, Step, StepChange, SystemName, SystemSeen, digest_of,
};

/// The facts that decide; all others are informations. Routes are here as well, but only for the whole change set: a phase's
/// digest must outlive the run's own progress.
const DECISIVE: [&str; 2] = ["identity", "version"];

/// The digests of the phases of one plan.
pub(super) struct Digests<'a> {
    phases: BTreeMap<&'a PhaseId, Digest>,
}

impl<'a> Digests<'a> {
    /// Of every phase. A phase in or before a frozen region takes all phases of the (next) region in.
    pub(super) fn of(input: &PlanInput<'a>) -> Self {
        let plan = &input.program.plan;
        let world = lasting_facts(input);
        let own: BTreeMap<&PhaseId, Digest> = (plan.phases.iter())
            .map(|phase| (&phase.id, digest_of(&resolved(input, phase))))
            .collect();
        let places: BTreeMap<&PhaseId, usize> = plan
            .phases
            .iter()
            .enumerate()
            .map(|(at, phase)| (&phase.id, at))
            .collect();
        // The last phase of each region, and its members.
        let mut regions: Vec<(usize, Vec<&Digest>)> = (input.program.regions.iter())
            .map(|region| {
                let last = region.phases.iter().filter_map(|phase| places.get(phase)).max();
                let members = region.phases.iter().filter_map(|phase| own.get(phase));
                (last.copied().unwrap_or(0), members.collect())
            })
            .collect();
        regions.sort_by_key(|(last, _)| *last);
        let mut next = regions.iter().peekable();
        let phases = plan.phases.iter().enumerate().map(|(at, phase)| {
            while next.peek().is_some_and(|(last, _)| *last < at) {
                next.next();
            }
            let region = next.peek().map(|(_, members)| members);
            let digest = digest_of(&json!({ "own": own.get(&phase.id), "region": region, "world": world }));
            (&phase.id, digest)
        });
        Self {
            phases: phases.collect(),
        }
    }

    /// Of one phase.
    pub(super) fn phase(&self, phase: &PhaseId) -> Digest {
        self.phases.get(phase).cloned().unwrap_or_else(|| Digest::from(""))
    }

    /// Of the whole change set: phases, standings and the decisive facts as they are now.
    pub(super) fn all(&self, input: &PlanInput<'_>, phases: &[PhaseChange]) -> Digest {
        let phases: Vec<Value> = phases
            .iter()
            .map(|phase| {
                let steps: Vec<Value> = phase.steps.iter().map(standing).collect();
                json!({ "digest": phase.digest, "closed": phase.closed, "steps": steps })
            })
            .collect();
        let facts: BTreeMap<&SystemName, Value> = (input.observations.systems.iter())
            .map(|(name, facts)| (name, decisive_now(facts)))
            .collect();
        digest_of(&json!({
            "plan": input.program.plan.name,
            "environment": input.environment,
            "run": input.state.map(|state| &state.run),
            "identities": input.state.map(|state| &state.identities),
            "facts": facts,
            "phases": phases,
        }))
    }
}

/// A phase as resolved; a step's digest holds all that the user wrote for it.
fn resolved(input: &PlanInput<'_>, phase: &Phase) -> Value {
    let attempt = (input.state.and_then(|state| state.phase(&phase.id))).map_or(1, crate::journal::PhaseState::attempt);
    json!({
        "id": phase.id,
        "attempt": attempt,
        "steps": phase.steps.iter().map(written).collect::<Vec<_>>(),
        "rollback": phase.rollback.as_ref().map(|steps| steps.iter().map(written).collect::<Vec<_>>()),
        "checkpoint": phase.checkpoint.iter().map(assertion).collect::<Vec<_>>(),
        "on_failure": phase.on_failure,
        "gates": [json!(phase.gates.window), json!(phase.gates.approval), json!(phase.gates.not_before)],
        "limits": input.program.plan.limits,
    })
}

fn written(step: &Step) -> Value {
    json!([step.id, step.uses, step.digest, step.needs])
}

fn assertion(of: &Assertion) -> Value {
    json!([of.expression, of.within, of.held_for, of.every])
}

/// Declarations of the systems, and the decisive facts of those that no step of the plan brings up: what a run changes on
/// its way must not void an approval of its later phases.
fn lasting_facts(input: &PlanInput<'_>) -> Digest {
    let plan = &input.program.plan;
    let provided: BTreeSet<&SystemName> = plan
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .flat_map(|step| &step.provides)
        .collect();
    let systems: BTreeMap<&SystemName, Value> = (plan.systems.iter())
        .map(|(name, declared)| {
            let facts = input
                .observations
                .systems
                .get(name)
                .filter(|_| !provided.contains(name));
            let decisive: Vec<Option<&Value>> = DECISIVE.iter().map(|fact| facts?.get(fact)).collect();
            (name, json!([declared.kind, declared.spec, decisive]))
        })
        .collect();
    digest_of(&json!(systems))
}

/// The decisive facts of a system as they are now, its route included.
fn decisive_now(facts: &Value) -> Value {
    let route = facts.get("route");
    let of_route = |fact: &str| route.and_then(|route| route.get(fact));
    json!([
        facts.get("reachable"),
        DECISIVE.map(|fact| facts.get(fact)),
        of_route("to"),
        of_route("writes"),
        of_route("generation"),
    ])
}

/// What is to be done about a step, without the numbers in its deltas.
fn standing(change: &StepChange) -> Value {
    let what = if let Standing::Unknown { after } = &change.standing {
        json!(after)
    } else {
        json!(change.standing.change().map(|change| change.action))
    };
    json!([change.id, change.standing.sign(), what, change.provides])
}

/// What was seen of each system, for people.
pub(super) fn system_seen(input: &PlanInput<'_>) -> BTreeMap<SystemName, SystemSeen> {
    let seen = input.program.plan.systems.iter().map(|(name, declared)| {
        let facts = input.observations.systems.get(name);
        let text = |fact: &str| facts?.get(fact)?.as_str().map(str::to_owned);
        let silent = facts.is_none_or(|facts| facts.get("reachable").is_none());
        let seen = SystemSeen {
            reachable: facts.and_then(|facts| facts.get("reachable")) == Some(&Value::Bool(true)),
            version: text("version"),
            note: text("reason").or_else(|| silent.then(|| format!("`{}` says no facts", declared.kind))),
        };
        (name.clone(), seen)
    });
    seen.collect()
}
