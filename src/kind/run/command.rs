use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Effect, Inputs, KindError, Receipt, Undo},
    model::{Action, Change, Step, Touches},
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
    /// How to take it back; without it the work is left as it is.
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

    fn diff(_spec: &RunCommandSpec, now: &GuardState, _inputs: &Inputs) -> Result<Change, KindError> {
        Ok(if now.done == Some(true) {
            Change::none()
        } else {
            Change::new(Action::Create)
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
        _spec: &RunCommandSpec,
        _step: &Step,
        _change: &Change,
        _inputs: &Inputs,
        _world: &Act,
        _log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        Err(ApplyError::NotDone("run.command is not built yet".to_owned()))
    }

    fn output(_spec: &RunCommandSpec, settled: &GuardState, _receipt: Option<&Receipt>) -> RunCommandOutput {
        RunCommandOutput {
            done: settled.done.unwrap_or(true),
            code: None,
            stdout: None,
        }
    }

    fn undo(_spec: &RunCommandSpec, _before: &GuardState) -> Undo {
        Undo::Left("a command has no derived way back; write one in `undo:` or `rollback:`".to_owned())
    }
}
