use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    kind::{ApplyError, Effect, Inputs, KindError, PlanView, Receipt, Undo},
    model::{Action, Change, Findings, Step, Touches},
    resource::{Guard, GuardKey, GuardState},
    system::{Act, CommandLine, Environment, Progress},
};

/// Runs a program of the plan's author, once.
pub struct RunCommand;

/// What to run, and how to tell that it has already done its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunCommandSpec {
    /// The program and its arguments; no shell is between. It runs in the directory of the plan file.
    pub command: CommandLine,
    /// A program that changes nothing: rc 0 means that the work is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<CommandLine>,
    /// A file whose existence means that the work is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creates: Option<String>,
    /// Variables for the program; the only place of it that takes secrets.
    #[serde(default)]
    pub env: Environment,
    /// How to take it back; without it the work is left as it is. It may be run more than once, so it must be repeatable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<CommandLine>,
}

/// What the program said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunCommandOutput {
    /// Whether the work is done.
    pub done: bool,
    /// Its exit code (only known when this run started it).
    pub code: Option<i32>,
    /// The end of its standard output (only known when this run started it).
    pub stdout: Option<String>,
}

impl Effect for RunCommand {
    const NAME: &'static str = "run.command";
    const ABOUT: &'static str = "Runs a program of the plan's author, once.";
    type Spec = RunCommandSpec;
    type On = Guard;
    type Output = RunCommandOutput;

    fn on(spec: &RunCommandSpec, step: &Step) -> GuardKey {
        GuardKey {
            step: step.id.clone(),
            unless: spec.unless.clone(),
            creates: spec.creates.clone(),
        }
    }

    fn touches(_spec: &RunCommandSpec, step: &Step) -> Touches {
        Touches {
            reads: step.reads.clone(),
            writes: step.writes.clone(),
            ..Touches::default()
        }
    }

    fn check(spec: &RunCommandSpec, _step: &Step, _plan: &PlanView<'_>, out: &mut Findings) {
        for (field, command) in [
            ("command", Some(&spec.command)),
            ("unless", spec.unless.as_ref()),
            ("undo", spec.undo.as_ref()),
        ] {
            super::not_empty(field, command, out);
        }
    }

    fn diff(spec: &RunCommandSpec, now: &GuardState, _inputs: &Inputs) -> Result<Change, KindError> {
        Ok(if now.done == Some(true) {
            Change::none()
        } else {
            Change::new(Action::Create).summary(spec.command.shown())
        })
    }

    fn after(_spec: &RunCommandSpec, now: &GuardState, _inputs: &Inputs) -> Result<GuardState, KindError> {
        Ok(GuardState {
            done: now.done.map(|_| true),
        })
    }

    fn observable(spec: &RunCommandSpec) -> bool {
        spec.unless.is_some() || spec.creates.is_some()
    }

    async fn apply(
        spec: &RunCommandSpec,
        _step: &Step,
        _change: &Change,
        _inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        log.say(spec.command.shown());
        let ended = world.run_command(&spec.command, &spec.env).await?;
        if !ended.success() {
            return Err(ApplyError::System(super::failed(&spec.command, &ended)));
        }
        Ok(Receipt(json!({"code": ended.code, "stdout": ended.stdout})))
    }

    fn output(_spec: &RunCommandSpec, settled: &GuardState, receipt: Option<&Receipt>) -> RunCommandOutput {
        let known = |field: &str| receipt.and_then(|receipt| receipt.0.get(field));
        RunCommandOutput {
            done: settled.done.unwrap_or(true),
            code: known("code")
                .and_then(Value::as_i64)
                .and_then(|code| i32::try_from(code).ok()),
            stdout: known("stdout").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// The guard is the guard of doing, not of undoing: after the undo nobody can tell from outside, so rc 0 settles it.
    fn undo(spec: &RunCommandSpec, before: &GuardState) -> Undo {
        if before.done == Some(true) {
            return Undo::Nothing;
        }
        match &spec.undo {
            Some(undo) => Undo::Same {
                with: json!({"command": undo, "env": spec.env}),
                what: undo.shown(),
            },
            None => Undo::Left(format!(
                "`{}` has no way back: write one in its `undo:` or in `rollback:`",
                spec.command.shown()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kind::run::tests::{World, line},
        resource::{Depth, Probed, Resource as _},
    };

    fn spec(with: Value) -> RunCommandSpec {
        serde_json::from_value(with).unwrap()
    }

    async fn apply(world: &World, spec: &RunCommandSpec) -> Result<Receipt, ApplyError> {
        let change = Change::new(Action::Create);
        let (step, act) = (crate::kind::run::tests::step(), world.act());
        RunCommand::apply(spec, &step, &change, &Inputs::default(), &act, &Progress::silent()).await
    }

    async fn probe(world: &World, spec: &RunCommandSpec) -> Probed<GuardState> {
        let key = RunCommand::on(spec, &crate::kind::run::tests::step());
        Guard::probe(&key, &world.act(), Depth::Deep).await.unwrap()
    }

    #[tokio::test]
    async fn a_guarded_command_is_settled_by_its_guard_and_twice_is_once() {
        let world = World::new(false);
        for guard in [json!({"creates": "done"}), json!({"unless": line("test -e done")})] {
            let mut with = json!({"command": line("touch done")});
            with.as_object_mut().unwrap().extend(guard.as_object().unwrap().clone());
            let spec = spec(with);
            assert!(RunCommand::observable(&spec));
            assert_eq!(
                probe(&world, &spec).await,
                Probed::Seen(GuardState { done: Some(false) })
            );
            apply(&world, &spec).await.unwrap();
            let after = GuardState { done: Some(true) };
            assert_eq!(probe(&world, &spec).await, Probed::Seen(after.clone()));
            assert!(RunCommand::diff(&spec, &after, &Inputs::default()).unwrap().is_none());
            std::fs::remove_file(world.directory().join("done")).unwrap();
        }
    }

    #[tokio::test]
    async fn without_a_guard_nobody_can_tell_and_the_receipt_has_what_it_said() {
        let world = World::new(false);
        let spec = spec(json!({"command": line("echo hello")}));
        assert!(!RunCommand::observable(&spec));
        let unknown = GuardState { done: None };
        assert_eq!(probe(&world, &spec).await, Probed::Seen(unknown.clone()));
        let receipt = apply(&world, &spec).await.unwrap();
        let output = RunCommand::output(&spec, &unknown, Some(&receipt));
        assert_eq!(
            (output.done, output.code, output.stdout.as_deref()),
            (true, Some(0), Some("hello\n"))
        );
        assert_eq!(RunCommand::output(&spec, &unknown, None).code, None);
    }

    #[tokio::test]
    async fn a_failed_command_says_how_and_its_last_words() {
        let world = World::new(false);
        let error = apply(&world, &spec(json!({"command": line("echo broken >&2; exit 3")})))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c echo broken >&2; exit 3` ended with rc 3\nbroken"
        );
    }

    #[tokio::test]
    async fn a_guard_command_does_not_run_when_none_may() {
        let world = World::new(true);
        let spec = spec(json!({"command": line("true"), "unless": line("touch ran")}));
        assert!(matches!(probe(&world, &spec).await, Probed::NotLooked(_)));
        assert!(!world.directory().join("ran").exists());
    }

    #[tokio::test]
    async fn a_guard_that_was_killed_or_cannot_run_is_an_error_and_not_a_no() {
        let world = World::new(false);
        for guard in [line("kill -9 $$"), vec!["no-such-program-here".to_owned()]] {
            let spec = spec(json!({"command": line("true"), "unless": guard}));
            let key = RunCommand::on(&spec, &crate::kind::run::tests::step());
            assert!(Guard::probe(&key, &world.act(), Depth::Deep).await.is_err());
        }
    }

    #[test]
    fn the_undo_is_the_other_command_with_the_same_variables() {
        let spec = spec(json!({"command": ["start"], "undo": ["stop"], "env": {"A": "b"}}));
        let Undo::Same { with, what } = RunCommand::undo(&spec, &GuardState { done: Some(false) }) else {
            panic!("it has an undo")
        };
        assert_eq!(
            (with, what.as_str()),
            (json!({"command": ["stop"], "env": {"A": "b"}}), "stop")
        );
        assert_eq!(RunCommand::undo(&spec, &GuardState { done: Some(true) }), Undo::Nothing);
    }
}
