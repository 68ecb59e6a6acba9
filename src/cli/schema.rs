use super::{Exit, error::CliError, terminal::Terminal};
use crate::{report, source};

/// `schema`: the JSON Schema of the plan language, for editors.
pub(super) fn run(terminal: &Terminal) -> Result<Exit, CliError> {
    terminal.data(&report::json::document("the schema", &source::plan_schema())?)?;
    Ok(Exit::Done)
}
