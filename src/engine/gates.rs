use std::collections::BTreeSet;

use crate::{
    journal::RunState,
    kind::Program,
    model::{PhaseId, StepId, SystemName},
};

/// Something that the plan asks for and this version cannot do: `apply` refuses before its first effect (exit 64).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSupported {
    /// A gate before a phase.
    #[error("phase `{phase}`: the gate `{gate}` is not supported yet")]
    Gate {
        /// The phase.
        phase: PhaseId,
        /// `window`, `approval`, `not_before`.
        gate: &'static str,
    },
    /// The kind of a step.
    #[error("step `{step}`: the kind `{uses}` is not supported yet")]
    Kind {
        /// The step.
        step: StepId,
        /// Its kind.
        uses: String,
    },
    /// The type of a system that an open step talks to.
    #[error("system `{system}`: the type `{kind}` is not supported yet")]
    System {
        /// The system.
        system: SystemName,
        /// Its type.
        kind: String,
    },
}

/// What of the open phases this version cannot do, in the order of the plan; `supported` says which types of systems it has.
///
/// Closed phases are over: what they asked for does not matter any more, except when they are rolled back.
pub fn not_supported(
    program: &Program,
    state: Option<&RunState>,
    supported: impl Fn(&str) -> bool,
) -> Vec<NotSupported> {
    let closed = |phase: &PhaseId| {
        state
            .and_then(|state| state.phase(phase))
            .is_some_and(crate::journal::PhaseState::is_closed)
    };
    let mut found = Vec::new();
    let mut talked_to = BTreeSet::new();
    for phase in program.plan.phases.iter().filter(|phase| !closed(&phase.id)) {
        found.extend(phase.gates.names().into_iter().map(|gate| NotSupported::Gate {
            phase: phase.id.clone(),
            gate,
        }));
        for step in phase.steps.iter().chain(phase.rollback.iter().flatten()) {
            match program.behaviour(&step.id) {
                Some(behaviour) => talked_to.extend(behaviour.touches().systems),
                None => found.push(NotSupported::Kind {
                    step: step.id.clone(),
                    uses: step.uses.clone(),
                }),
            }
        }
    }
    for system in talked_to {
        if let Some(declared) = program.plan.systems.get(&system)
            && !supported(&declared.kind)
        {
            found.push(NotSupported::System {
                system,
                kind: declared.kind.clone(),
            });
        }
    }
    found
}
