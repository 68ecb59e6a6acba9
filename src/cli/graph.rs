use super::{
    Exit,
    args::{Graph, GraphFormat},
    error::CliError,
    project::Project,
    terminal::Terminal,
};
use crate::{graph::StepGraph, model::StepId, report};

/// `graph`: the plan as a drawing; no system is asked and no journal is read.
pub(super) fn run(arguments: &Graph, terminal: &Terminal) -> Result<Exit, CliError> {
    let program = Project::new(&arguments.plan, None)?.load(terminal)?.program;
    let phases = &program.plan.phases;
    let lists = phases
        .iter()
        .filter_map(|phase| Some((&phase.id, phase.rollback.as_ref()?)));
    let back = lists.flat_map(|(phase, list)| StepGraph::of_list(phase, list).edges());
    let edges: Vec<(StepId, StepId)> = StepGraph::of(phases).edges().into_iter().chain(back).collect();
    let format = match arguments.format {
        GraphFormat::Mermaid => report::GraphFormat::Mermaid,
        GraphFormat::Dot => report::GraphFormat::Dot,
    };
    terminal.data(&report::graph(&program, &edges, format))?;
    Ok(Exit::Done)
}
