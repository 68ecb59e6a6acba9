use serde_json::json;

use super::{Exit, args::Explain, error::CliError, terminal::Terminal};
use crate::{kind, model::suggest, report, source};

/// Raised when a field of `explain --json` changes its meaning or goes.
const EXPLAIN_FORMAT: u32 = 1;

/// `explain`: the kinds, or the fields and outputs of one.
pub(super) fn run(arguments: &Explain, terminal: &Terminal) -> Result<Exit, CliError> {
    let text = match (&arguments.kind, arguments.format.is_json()) {
        (None, false) => list(terminal),
        (None, true) => all_as_json()?,
        (Some(name), as_json) => one(name, as_json, terminal)?,
    };
    terminal.data(&text)?;
    Ok(Exit::Done)
}

fn list(terminal: &Terminal) -> String {
    let kinds: Vec<(&str, &str)> = kind::KINDS.iter().map(|kind| (kind.name, kind.about)).collect();
    report::explain::list(&kinds, kind::KNOWN_LATER_KINDS, &terminal.look())
}

fn all_as_json() -> Result<String, CliError> {
    let kinds: Vec<_> = kind::KINDS
        .iter()
        .map(|kind| json!({"name": kind.name, "about": kind.about, "class": kind.class}))
        .collect();
    let document = json!({"format_version": EXPLAIN_FORMAT, "kinds": kinds});
    Ok(report::json::document("the kinds", &document)?)
}

fn one(name: &str, as_json: bool, terminal: &Terminal) -> Result<String, CliError> {
    let explained = source::explain(name).ok_or_else(|| unknown(name))?;
    if as_json {
        let document = json!({
            "format_version": EXPLAIN_FORMAT,
            "name": explained.name,
            "about": explained.about,
            "class": explained.class,
            "spec": explained.spec,
            "output": explained.output,
        });
        return Ok(report::json::document("the kind", &document)?);
    }
    Ok(report::explain::kind(
        &report::explain::KindText {
            name: explained.name,
            about: explained.about,
            class: explained.class,
            spec: &explained.spec,
            output: &explained.output,
        },
        &terminal.look(),
    ))
}

fn unknown(name: &str) -> CliError {
    if kind::is_later_kind(name) {
        return CliError::usage(
            format!("the kind `{name}` is not supported yet"),
            "A plan may name it; `apply` refuses such a plan.",
        );
    }
    let help = match suggest::nearest(name, &kind::names().collect::<Vec<_>>()) {
        Some(close) => format!("Did you mean `{close}`? `regplan explain` lists all kinds."),
        None => "`regplan explain` lists all kinds.".to_owned(),
    };
    CliError::usage(format!("there is no kind `{name}`"), help)
}
