use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    cli::{
        Exit, apply::refusal, args::PlanArgs, error::CliError, outcome::ending, project::Project, runtime, signals,
        terminal::Terminal,
    },
    engine::{self, Outcome, PlanInput},
    rehearse::kill::{Order, Runner},
    resource::Depth,
};

/// How the runner finds the plan: what was typed for it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Source {
    file: Option<PathBuf>,
    environment: String,
    vars: Vec<(String, String)>,
    var_files: Vec<PathBuf>,
}

impl Source {
    pub(super) fn of(arguments: &PlanArgs) -> Self {
        Self {
            file: arguments.plan.clone().or_else(|| arguments.file.clone()),
            environment: arguments.env.clone(),
            vars: arguments.var.clone(),
            var_files: arguments.var_file.clone(),
        }
    }

    fn arguments(self) -> PlanArgs {
        PlanArgs {
            plan: self.file,
            file: None,
            env: self.environment,
            var: self.vars,
            var_file: self.var_files,
        }
    }
}

/// The runner of a rehearsal in a process of its own, as `apply --auto-approve` would do it.
pub(super) fn run(order: &Path, terminal: &Terminal) -> Result<Exit, CliError> {
    let order = Order::read(order)?;
    let source: Source = serde_json::from_value(order.plan.clone()).map_err(CliError::rehearsal)?;
    let project = Project::new(&source.arguments(), None)?;
    let program = project.load_to_rehearse(terminal)?.program;
    let runtime = runtime::start()?;
    let outcome = runtime.block_on(async {
        let runner = Runner::prepare(program, &order, |store| store).map_err(CliError::rehearsal)?;
        match refused(&runner).await {
            Some(outcome) => Ok(outcome),
            None => runner.apply(signals::listen()?).await.map_err(CliError::rehearsal),
        }
    })?;
    runtime.shutdown_background();
    let ending = ending(&outcome, &project.command("apply"), &project.command("status"));
    terminal.note(&ending.lines.join("\n"));
    Ok(ending.exit)
}

/// What `apply` would refuse after its plan.
async fn refused(runner: &Runner) -> Option<Outcome> {
    let (program, state) = (&runner.program, runner.state.as_ref());
    let observations = engine::refresh(program, state, &runner.world, Depth::Shallow).await;
    let set = engine::plan(&PlanInput {
        program,
        state,
        observations: &observations,
        environment: "rehearsal",
        drift: false,
    });
    refusal(program, state, &set)
}
