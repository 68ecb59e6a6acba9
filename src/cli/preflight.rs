use super::{Exit, args::Preflight, error::CliError, runtime, side::Place, terminal::Terminal};
use crate::{
    registry::preflight::{self, PreflightReport, Target},
    report,
    resource::Ask,
    system::write_atomically,
};

/// `preflight`: what moving a registry or an export would lose, hit or change; writes nothing there.
pub(super) fn run(arguments: &Preflight, terminal: &Terminal) -> Result<Exit, CliError> {
    let spool = tempfile::tempdir().map_err(|source| CliError::Io {
        doing: "make a temporary directory".to_owned(),
        source,
    })?;
    let place = Place::open(
        &arguments.source,
        "the registry",
        arguments.auth.as_ref(),
        &arguments.side,
        spool.path(),
    )?;
    let side = runtime::start()?.block_on(place.read(Ask::Counts, terminal))?;
    let target = Target {
        version: arguments.to_version.clone(),
        storage: arguments.storage.map(Into::into),
    };
    let found = preflight::preflight(&side.snapshot, &target, &side.facts, &arguments.accept);
    let document = PreflightReport::new(&side.identity, &target, &found);
    if let Some(file) = &arguments.output.report {
        let text = match file.extension().is_some_and(|extension| extension == "md") {
            true => document.markdown(),
            false => report::json::document("the preflight", &document)?,
        };
        write_atomically(file, |out| std::io::Write::write_all(out, text.as_bytes()))
            .map_err(|source| CliError::side(&file.display().to_string(), source))?;
    }
    let text = match arguments.output.format() {
        super::args::ReportFormat::Json => report::json::document("the preflight", &document)?,
        super::args::ReportFormat::Markdown => document.markdown(),
        super::args::ReportFormat::Human => report::preflight(&document, &terminal.look()),
    };
    terminal.data(&text)?;
    Ok(if found.is_clean() {
        Exit::Done
    } else {
        Exit::CheckpointFailed
    })
}
