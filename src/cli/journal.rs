use super::{Exit, args::Journal, error::CliError, project::Project, terminal::Terminal};
use crate::{
    journal::{Record, Store as _},
    report,
};

/// `journal`: everything that was intended, done and seen, in order.
pub(super) fn run(arguments: &Journal, terminal: &Terminal) -> Result<Exit, CliError> {
    let project = Project::new(&arguments.plan, Some(&arguments.state))?;
    let program = project.load(terminal)?.program;
    let mut records: Vec<Record> = Vec::new();
    if let Some(store) = project.open_existing()?
        && let Some(run) = store.find_run(&program.plan.name, project.environment())?
    {
        records = store.read(&run)?;
    }
    if arguments.format.is_json() {
        for record in &records {
            terminal.data(&report::json::record(record)?)?;
        }
    } else if records.is_empty() {
        terminal.note("The journal is empty: the plan was never applied in this environment.");
    } else {
        terminal.data(&report::table(&records, &terminal.look()))?;
    }
    Ok(Exit::Done)
}
