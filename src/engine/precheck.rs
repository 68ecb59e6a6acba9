//! What forbids an apply before its first effect; pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    journal::{Attempt, RunState, StepState},
    kind::Program,
    model::{Phase, Plan, SystemName},
};

/// Who each system is: its type and addresses, without how to log in. Recorded at the first apply; another one is refused.
pub(super) fn identities(plan: &Plan) -> BTreeMap<SystemName, Value> {
    plan.systems
        .iter()
        .map(|(name, system)| {
            let address = |key: &str| system.spec.get(key).cloned().unwrap_or(Value::Null);
            let mut identity = json!({
                "type": system.kind,
                "url": address("url"),
                "urls": address("urls"),
                "bootstrap": address("bootstrap"),
            });
            // Only where there is one, so that journals from before it was recorded go on.
            if let (Some(tenant), Some(identity)) = (system.spec.get("tenant"), identity.as_object_mut()) {
                identity.insert("tenant".to_owned(), tenant.clone());
            }
            (name.clone(), identity)
        })
        .collect()
}

/// Why this plan does not continue that journal: other systems, edited closed phases, steps gone or put before done ones.
/// While it goes back only other systems are a reason.
pub(super) fn refusals(program: &Program, state: &RunState, going_back: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    let now = identities(&program.plan);
    for (system, before) in &state.identities {
        match now.get(system) {
            Some(identity) if identity == before => {}
            Some(_) => reasons.push(format!(
                "system `{system}` has another address or type than when run {} began; another environment needs `--env`",
                state.run
            )),
            None => reasons.push(format!("system `{system}` is gone from the plan, and run {} began with it", state.run)),
        }
    }
    if going_back {
        return reasons;
    }
    for phase in &program.plan.phases {
        if let Some(attempt) = state.phases.get(&phase.id).and_then(|known| known.current.as_ref()) {
            refuse_edits(phase, attempt, &mut reasons);
        }
    }
    let begun = |phase: &Phase| state.attempt(&phase.id).is_some();
    let last = program.plan.phases.iter().rposition(begun).unwrap_or(0);
    for phase in program.plan.phases.iter().take(last).filter(|phase| !begun(phase)) {
        reasons.push(format!("phase `{}` was put before a phase that was begun", phase.id));
    }
    for (id, known) in &state.phases {
        if known.current.is_some() && !program.plan.phases.iter().any(|phase| &phase.id == id) {
            reasons.push(format!("phase `{id}` was begun and is gone from the plan"));
        }
    }
    reasons
}

fn refuse_edits(phase: &Phase, attempt: &Attempt, reasons: &mut Vec<String>) {
    for (step, digest) in &attempt.digests {
        let now = phase.steps.iter().find(|candidate| &candidate.id == step);
        let touched = attempt.steps.contains_key(step);
        match now {
            None if touched => reasons.push(format!(
                "step `{step}` was done or begun and is gone from phase `{}`",
                phase.id
            )),
            Some(now) if attempt.closed && &now.digest != digest => {
                reasons.push(format!(
                    "step `{step}` was edited, and its phase `{}` is closed",
                    phase.id
                ));
            }
            None | Some(_) => {}
        }
    }
    let last_done = phase.steps.iter().rposition(|step| {
        matches!(
            attempt.steps.get(&step.id),
            Some(StepState::Done { .. } | StepState::Skipped { .. })
        )
    });
    let new = phase
        .steps
        .iter()
        .take(last_done.unwrap_or(0))
        .filter(|step| !attempt.digests.contains_key(&step.id));
    for step in new {
        reasons.push(format!("step `{}` was put before a step that is already done", step.id));
    }
    if attempt.closed {
        for step in phase
            .steps
            .iter()
            .filter(|step| !attempt.digests.contains_key(&step.id))
        {
            reasons.push(format!(
                "step `{}` was added to phase `{}`, which is closed",
                step.id, phase.id
            ));
        }
    }
}

/// Whether every phase is closed and nothing is under way.
pub(super) fn nothing_left(program: &Program, state: &RunState) -> bool {
    state.rollback.is_none()
        && state.finished
        && program.plan.phases.iter().all(|phase| {
            state
                .phases
                .get(&phase.id)
                .and_then(|known| known.current.as_ref())
                .is_some_and(|attempt| attempt.closed)
        })
}
