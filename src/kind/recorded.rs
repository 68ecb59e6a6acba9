//! Steps that are recorded and not done: what a rehearsal does with what this version does not have.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{ApplyError, Behaviour, DynCheck, Inputs, PlanView, Verdict};
use crate::{
    model::{Findings, Touches},
    system::{Act, Progress},
};

/// A step that touches nothing, gives no outputs, and says so.
struct Recorded {
    says: String,
}

/// A behaviour that only says that.
pub(super) fn recorded(says: String) -> Behaviour {
    Behaviour::Check(Box::new(Recorded { says }))
}

#[async_trait]
impl DynCheck for Recorded {
    fn touches(&self) -> Touches {
        Touches::default()
    }

    fn check(&self, _: &PlanView<'_>, _: &mut Findings) {}

    async fn run(&self, _: &Inputs, _: &Act, _: &Progress) -> Result<Verdict<Value>, ApplyError> {
        Ok(Verdict {
            passed: true,
            summary: self.says.clone(),
            findings: Vec::new(),
            output: json!({}),
        })
    }
}
