//! What a change set says of whole phases: gates, checkpoints, counts.

use serde_json::Value;

use super::{PlanInput, walk::Walk};
use crate::{
    engine::facts::{FactsOf, facts},
    expr::Expression,
    journal::PhaseState,
    model::{Action, ClosedDrift, Counts, Digest, OnFailure, Phase, PhaseChange, Standing, StepId},
};

/// Which assertions hold now; one that needs a fact that is not there yet, or that will be made anew, is unknown.
pub(super) fn checkpoint(input: &PlanInput<'_>, phase: &Phase, walk: &Walk<'_>) -> Vec<(String, Option<bool>)> {
    let closed = input
        .state
        .and_then(|state| state.phase(&phase.id))
        .is_some_and(PhaseState::is_closed);
    let of = FactsOf {
        program: input.program,
        state: input.state,
        systems: &input.observations.systems,
        environment: input.environment,
        phase: &phase.id,
    };
    let holds = |text: &str| {
        let expression = Expression::parse(text).ok()?;
        let open_step = |path: &[String]| match path {
            [root, step, ..] => root == "steps" && walk.open.contains_key(&StepId::from(step.as_str())),
            _ => false,
        };
        if expression.names().iter().any(|(path, _)| open_step(path)) {
            return None;
        }
        expression
            .judge(&facts(of, &expression))
            .ok()
            .map(|judged| judged.holds)
    };
    let assertions = phase.checkpoint.iter().map(|assertion| &assertion.expression);
    assertions
        .map(|text| (text.clone(), if closed { Some(true) } else { holds(text) }))
        .collect()
}

/// A phase without its steps, checkpoint and digest.
pub(super) fn phase_change(input: &PlanInput<'_>, phase: &Phase) -> PhaseChange {
    let known = input.state.and_then(|state| state.phase(&phase.id));
    let in_region = input
        .program
        .regions
        .iter()
        .any(|region| region.phases.contains(&phase.id));
    PhaseChange {
        id: phase.id.clone(),
        attempt: known.map_or(1, PhaseState::attempt),
        closed: known.is_some_and(PhaseState::is_closed),
        gates: gates(phase),
        rollback: phase.rollback.iter().flatten().map(|step| step.id.clone()).collect(),
        rolls_back: in_region || phase.on_failure == OnFailure::Rollback,
        steps: Vec::new(),
        checkpoint: Vec::new(),
        digest: Digest::from(""),
    }
}

/// The gates of a phase in a few words each.
fn gates(phase: &Phase) -> Vec<String> {
    let window = phase.gates.window.iter().map(|name| format!("window {name}"));
    let approval = phase.gates.approval.iter().map(|gate| {
        let count = gate.get("count").and_then(Value::as_u64).unwrap_or(1);
        format!("{count} approval{}", if count == 1 { "" } else { "s" })
    });
    let not_before = phase.gates.not_before.iter().map(|gate| match gate.as_str() {
        Some(time) => format!("not before {time}"),
        None => format!("not before {gate}"),
    });
    window.chain(approval).chain(not_before).collect()
}

/// How many steps there are of each sort.
pub(super) fn count(phases: &[PhaseChange]) -> Counts {
    let mut counts = Counts::default();
    for change in phases.iter().flat_map(|phase| &phase.steps) {
        counts.steps += 1;
        counts.drifted += usize::from(matches!(change.drift, Some(ClosedDrift::Changed { .. })));
        match &change.standing {
            Standing::Closed | Standing::Superseded | Standing::Done | Standing::Skipped | Standing::AlreadySo => {
                counts.already_so += 1;
            }
            Standing::Pending { change } | Standing::Drift { change } => {
                counts.to_do += 1;
                counts.to_destroy += usize::from(change.action == Action::Delete);
            }
            Standing::InDoubt { .. } | Standing::Takes | Standing::Checks | Standing::Waits => counts.to_do += 1,
            Standing::Unknown { .. } => counts.decided_later += 1,
            Standing::Regress { .. } | Standing::Unreachable { .. } | Standing::NotSupported => counts.refused += 1,
        }
    }
    counts
}
