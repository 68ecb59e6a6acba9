use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Wait, WaitStatus},
    model::{Step, Touches},
    system::{Act, Answer, Progress},
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
        spec: &ManualConfirmSpec,
        step: &Step,
        world: &Act,
        log: &Progress,
    ) -> Result<WaitStatus<ManualConfirmOutput>, ApplyError> {
        log.say("waits for a person");
        let (people, id, text) = (world.people_shared(), step.id.clone(), spec.text.clone());
        // Asking blocks for as long as a person thinks.
        let answer = tokio::task::spawn_blocking(move || people.confirm(id.as_str(), &text)).await;
        let answer = answer.map_err(|_| ApplyError::NotDone("the question was not answered".to_owned()))?;
        Ok(match answer {
            Answer::Yes { by } => WaitStatus::Over(ManualConfirmOutput { by }),
            Answer::No => return Err(ApplyError::NotDone(format!("it was not confirmed: {}", spec.text))),
            Answer::Nobody => WaitStatus::Pending {
                reason: format!("a person has to confirm: {}", spec.text),
                command: Some(format!("regplan apply … --confirm {}", step.id)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{kind::run::tests::World, system::People};

    struct Says(Answer);

    impl People for Says {
        fn confirm(&self, _step: &str, _text: &str) -> Answer {
            self.0.clone()
        }
    }

    async fn sample(answer: Answer) -> Result<WaitStatus<ManualConfirmOutput>, ApplyError> {
        let (world, step) = (World::new(false), crate::kind::run::tests::step());
        let spec = ManualConfirmSpec {
            text: "runbooks name v3".to_owned(),
        };
        ManualConfirm::sample(
            &spec,
            &step,
            &world.act_with(Arc::new(Says(answer))),
            &Progress::silent(),
        )
        .await
    }

    #[tokio::test]
    async fn a_yes_ends_the_wait_and_says_whose_it_was() {
        let over = sample(Answer::Yes { by: "ada".to_owned() }).await.unwrap();
        assert_eq!(over, WaitStatus::Over(ManualConfirmOutput { by: "ada".to_owned() }));
    }

    #[tokio::test]
    async fn nobody_there_waits_and_says_what_to_type_and_a_no_fails() {
        let WaitStatus::Pending { reason, command } = sample(Answer::Nobody).await.unwrap() else {
            panic!("it must wait")
        };
        assert_eq!(reason, "a person has to confirm: runbooks name v3");
        assert_eq!(command.as_deref(), Some("regplan apply … --confirm any"));
        let error = sample(Answer::No).await.unwrap_err();
        assert_eq!(error.to_string(), "it was not confirmed: runbooks name v3");
    }
}
