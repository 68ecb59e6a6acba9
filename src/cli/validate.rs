use super::{
    Exit,
    args::Validate,
    error::CliError,
    project::{Project, counted},
    terminal::Terminal,
};
use crate::{kind::Program, report, source};

/// `validate`: says everything that is wrong with a plan; no system is asked.
pub(super) fn run(arguments: &Validate, terminal: &Terminal) -> Result<Exit, CliError> {
    let project = Project::new(&arguments.plan, None)?;
    let loaded = project.look()?;
    let valid = loaded.program.is_some();
    if arguments.format.is_json() {
        let findings = source::findings_json(&loaded.findings, &loaded.document);
        terminal.data(&report::json::document("the findings", &findings)?)?;
        return Ok(if valid { Exit::Done } else { Exit::Usage });
    }
    for report in source::diagnostics(&loaded.findings, &loaded.document) {
        terminal.report(&report);
    }
    let Some(program) = loaded.program else {
        return Err(CliError::InvalidPlan {
            errors: counted(&loaded.findings),
        });
    };
    terminal.data(&summary(&project, &program, &counted(&loaded.findings)))?;
    Ok(Exit::Done)
}

fn summary(project: &Project, program: &Program, findings: &str) -> String {
    let steps: usize = program.plan.phases.iter().map(|phase| phase.steps.len()).sum();
    let mut parts = vec![
        report::counted(program.plan.phases.len(), "phase"),
        report::counted(steps, "step"),
        report::counted(program.regions.len(), "frozen region"),
    ];
    if !findings.is_empty() {
        parts.push(findings.to_owned());
    }
    format!("{} is valid: {}.\n", project.file().display(), parts.join(", "))
}
