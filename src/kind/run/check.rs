use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Check, Inputs, Verdict},
    model::{Step, Touches},
    system::{Act, CommandLine, Environment, Progress},
};

/// Runs a program of the plan's author; its exit code is the verdict.
pub struct RunCheck;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunCheckSpec {
    /// The program and its arguments; no shell is between. It runs in the directory of the plan file.
    pub command: CommandLine,
    /// Variables for the program; the only place of it that takes secrets.
    #[serde(default)]
    pub env: Environment,
}

/// What the program said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunCheckOutput {
    /// Its exit code; absent when a signal ended it.
    pub code: Option<i32>,
    /// The end of its standard output.
    pub stdout: String,
    /// The end of its standard error.
    pub stderr: String,
}

impl Check for RunCheck {
    const NAME: &'static str = "run.check";
    const ABOUT: &'static str = "Runs a program of the plan's author; its exit code is the verdict.";
    type Spec = RunCheckSpec;
    type Output = RunCheckOutput;

    fn touches(_spec: &RunCheckSpec, step: &Step) -> Touches {
        Touches {
            reads: step.reads.clone(),
            writes: step.writes.clone(),
            ..Touches::default()
        }
    }

    async fn run(
        _spec: &RunCheckSpec,
        _step: &Step,
        _inputs: &Inputs,
        _world: &Act,
        _log: &Progress,
    ) -> Result<Verdict<RunCheckOutput>, ApplyError> {
        Err(ApplyError::NotDone("run.check is not built yet".to_owned()))
    }
}
