use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Wait, WaitStatus},
    model::{Step, Touches},
    system::{Act, Progress},
};

/// Waits until a person says that something is so.
pub struct ManualConfirm;

/// What a person has to confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManualConfirmSpec {
    /// The statement that must be true.
    pub text: String,
}

/// Who confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ManualConfirmOutput {
    /// The person, as far as the terminal knows.
    pub by: String,
}

impl Wait for ManualConfirm {
    const NAME: &'static str = "manual.confirm";
    const ABOUT: &'static str = "Waits until a person says that something is so.";
    type Spec = ManualConfirmSpec;
    type Output = ManualConfirmOutput;

    fn touches(_spec: &ManualConfirmSpec, _step: &Step) -> Touches {
        Touches {
            needs_person: true,
            ..Touches::default()
        }
    }

    async fn sample(
        _spec: &ManualConfirmSpec,
        _step: &Step,
        _world: &Act,
        _log: &Progress,
    ) -> Result<WaitStatus<ManualConfirmOutput>, ApplyError> {
        Err(ApplyError::NotDone("manual.confirm is not built yet".to_owned()))
    }
}
