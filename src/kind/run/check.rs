use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Check, Inputs, PlanView, Verdict},
    model::{Findings, Step, Touches},
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

    fn check(spec: &RunCheckSpec, _step: &Step, _plan: &PlanView<'_>, out: &mut Findings) {
        super::not_empty("command", Some(&spec.command), out);
    }

    async fn run(
        spec: &RunCheckSpec,
        _step: &Step,
        _inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Verdict<RunCheckOutput>, ApplyError> {
        log.say(spec.command.shown());
        let ended = world.run_command(&spec.command, &spec.env).await?;
        let said = ended.last_words(super::LAST_WORDS);
        Ok(Verdict {
            passed: ended.success(),
            summary: format!("`{}` {}", spec.command.shown(), ended.how()),
            findings: if ended.success() {
                Vec::new()
            } else {
                said.lines().map(str::to_owned).collect()
            },
            output: RunCheckOutput {
                code: ended.code,
                stdout: ended.stdout,
                stderr: ended.stderr,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::run::tests::{World, line};

    async fn verdict(script: &str) -> Verdict<RunCheckOutput> {
        let (world, step) = (World::new(false), crate::kind::run::tests::step());
        let spec = RunCheckSpec {
            command: CommandLine(line(script)),
            env: Environment::default(),
        };
        RunCheck::run(&spec, &step, &Inputs::default(), &world.act(), &Progress::silent())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn rc_is_the_verdict() {
        let good = verdict("echo fine").await;
        assert!(good.passed && good.findings.is_empty());
        assert_eq!(good.output.stdout, "fine\n");
        let bad = verdict("echo one >&2; echo two >&2; exit 7").await;
        assert!(!bad.passed);
        assert_eq!(
            (bad.output.code, bad.findings),
            (Some(7), vec!["one".to_owned(), "two".to_owned()])
        );
    }

    #[tokio::test]
    async fn a_program_that_cannot_run_is_no_verdict() {
        let (world, step) = (World::new(false), crate::kind::run::tests::step());
        let spec = RunCheckSpec {
            command: CommandLine(vec!["no-such-program-here".to_owned()]),
            env: Environment::default(),
        };
        assert!(
            RunCheck::run(&spec, &step, &Inputs::default(), &world.act(), &Progress::silent())
                .await
                .is_err()
        );
    }
}
