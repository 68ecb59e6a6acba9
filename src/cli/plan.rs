use super::{Exit, args::Plan, error::CliError, project::Project, runtime, terminal::Terminal};
use crate::{
    engine::{self, PlanInput},
    model::{ChangeSet, Standing},
    report,
    resource::Depth,
};

/// `plan`: looks at everything once and shows what `apply` would do; writes nothing.
pub(super) fn run(arguments: &Plan, terminal: &Terminal) -> Result<Exit, CliError> {
    let project = Project::new(&arguments.plan, Some(&arguments.state))?;
    let checked = project.load(terminal)?;
    let known = project.known(&checked.program)?;
    let program = match &known.run {
        Some(run) => project.load_for(run, checked, terminal)?,
        None => checked.program,
    };
    let world = project.world(&program, arguments.no_exec)?;
    let depth = if arguments.deep { Depth::Deep } else { Depth::Shallow };
    let state = known.state.as_ref();
    let closed_by = state.filter(|_| !arguments.drift);
    let runtime = runtime::start()?;
    let observations = runtime.block_on(engine::refresh(&program, closed_by, &world, depth));
    let mut set = engine::plan(&PlanInput {
        program: &program,
        state,
        observations: &observations,
        environment: project.environment(),
        drift: arguments.drift,
    });
    if arguments.diff {
        let texts = runtime.block_on(engine::texts(&program, &observations, &set, &world))?;
        for step in set.phases.iter_mut().flat_map(|phase| &mut phase.steps) {
            step.texts = texts.get(&step.id).map(report::text_diffs);
        }
    }
    let text = if arguments.format.is_json() {
        report::json::change_set(&set)?
    } else {
        report::change_set(&set, Some(&project.command("apply")), &terminal.look())
    };
    terminal.data(&text)?;
    Ok(exit(&set, arguments.detailed_exitcode))
}

/// A regress is refused (4), a system that should answer and does not is an error (1); then whether there is something to do.
fn exit(set: &ChangeSet, detailed: bool) -> Exit {
    let any = |test: fn(&Standing) -> bool| {
        let mut steps = set.phases.iter().flat_map(|phase| &phase.steps);
        steps.any(|step| test(&step.standing))
    };
    if !set.refusals.is_empty() || any(|standing| matches!(standing, Standing::Regress { .. })) {
        Exit::Refused
    } else if any(|standing| matches!(standing, Standing::Unreachable { .. })) {
        Exit::Error
    } else if detailed && (has_work(set) || set.counts.drifted > 0) {
        Exit::Changes
    } else {
        Exit::Done
    }
}

/// Whether `apply` would do something.
pub(super) fn has_work(set: &ChangeSet) -> bool {
    set.counts.to_do + set.counts.decided_later > 0
}

#[cfg(test)]
#[path = "tests/plan.rs"]
mod tests;
