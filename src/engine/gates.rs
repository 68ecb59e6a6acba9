use crate::{
    journal::RunState,
    kind::Program,
    model::{PhaseId, StepId},
};

/// Something that the plan asks for and this version cannot do: `apply` refuses before its first effect (exit 64).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSupported {
    /// A gate before a phase.
    Gate {
        /// The phase.
        phase: PhaseId,
        /// `window`, `approval`, `not_before`.
        gate: &'static str,
    },
    /// The kind of a step.
    Kind {
        /// The step.
        step: StepId,
        /// Its kind.
        uses: String,
    },
    /// The type of a system that an open step talks to.
    System {
        /// The system.
        system: String,
        /// Its type.
        kind: String,
    },
}

/// What of the open phases this version cannot do, in the order of the plan; `supported` says which types of systems it has.
///
/// Closed phases are over: what they asked for does not matter any more.
pub fn not_supported(
    _program: &Program,
    _state: Option<&RunState>,
    _supported: impl Fn(&str) -> bool,
) -> Vec<NotSupported> {
    Vec::new()
}
