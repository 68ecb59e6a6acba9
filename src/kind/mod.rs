//! Behaviour behind `uses:`: the four traits, and the table of all kinds.
//!
//! A new kind is one file, one line in [`KINDS`], and one example in `plans/`. Decoding, `explain`, schema, validation,
//! journal and rendering follow from the table. The engine matches on the class and never on a kind.

mod api;
mod behaviour;
mod effect;
mod erased;
mod failing;
mod lb;
mod manual;
mod others;
mod program;
mod recorded;
mod registry;
mod run;
mod table;

pub use behaviour::{Capture, Check, PlanView, Verdict, Wait, WaitStatus};
pub use effect::{Effect, Undo};
pub use erased::{Behaviour, DynCapture, DynCheck, DynEffect, DynWait};
pub use others::{KNOWN_LATER_KINDS, is_later_kind};
pub use program::Program;
pub use table::{DecodeError, KINDS, Kind, find, names};

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::StepId;

/// The recorded outputs of earlier steps of this attempt that a step named as its inputs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs(pub BTreeMap<StepId, Value>);

impl Inputs {
    /// The outputs of a step.
    ///
    /// # Errors
    /// When the step is not done in this attempt.
    pub fn of(&self, step: &StepId) -> Result<&Value, KindError> {
        self.0
            .get(step)
            .ok_or_else(|| KindError::MissingInput { step: step.clone() })
    }
}

/// Why a pure function of a kind has no answer.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// An earlier step has no outputs yet.
    #[error("step `{step}` has no recorded outputs in this attempt")]
    MissingInput {
        /// The earlier step.
        step: StepId,
    },
    /// An earlier step's outputs lack something.
    #[error("step `{step}` recorded no `{field}`")]
    MissingOutput {
        /// The earlier step.
        step: StepId,
        /// The missing field.
        field: String,
    },
    /// The observed state or an output has a shape that this version does not know.
    #[error("cannot read what was recorded for `{what}`")]
    Shape {
        /// What was to be read.
        what: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// What the plan asks cannot be done in this state.
    #[error("{0}")]
    Refused(String),
}

/// What only the act itself knows: a command's output, entities sent. Marked as such in the schema.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Receipt(pub Value);

/// Why an act failed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A system refused or did not answer.
    #[error(transparent)]
    System(#[from] crate::system::SystemError),
    /// A pure function of the kind has no answer.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The act ended, and what it should have done is not there.
    #[error("{0}")]
    NotDone(String),
    /// The registry content domain refused.
    #[error("{context}")]
    Content {
        /// What was tried.
        context: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
