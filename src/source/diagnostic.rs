//! Findings at the edge: with lines, columns and underlined text. The one home of `miette` besides the command line.

use std::sync::Arc;

use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};
use serde_json::{Value, json};

use super::Document;
use crate::model::{Finding, Findings, Severity};

/// Most findings that are shown to people: each label walks the text from its top.
const MOST_SHOWN: usize = 20;

/// Raised when a field of [`findings_json`] changes its meaning or goes; new fields do not raise it.
const FORMAT_VERSION: u32 = 1;

/// At most 20 findings as reports with the place underlined, errors first, then how many more there are.
pub fn diagnostics(findings: &Findings, document: &Document) -> Vec<Report> {
    let source = Arc::new(NamedSource::new(document.name(), document.text().to_owned()));
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.severity == Severity::Error);
    let mut reports: Vec<Report> = errors
        .into_iter()
        .chain(warnings)
        .take(MOST_SHOWN)
        .map(|finding| Report::new(diagnostic(finding, document)).with_source_code(Arc::clone(&source)))
        .collect();
    if let Some(more) = findings.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        let severity = miette::Severity::Advice;
        let text = format!("and {more} more; `regplan validate --json` lists all of them");
        reports.push(Report::new(MietteDiagnostic::new(text).with_severity(severity)));
    }
    reports
}

fn diagnostic(finding: &Finding, document: &Document) -> MietteDiagnostic {
    let mut labels = vec![LabeledSpan::new_primary_with_span(
        Some("here".to_owned()),
        document.range(finding),
    )];
    for related in &finding.related {
        labels.push(LabeledSpan::new_with_span(
            Some(related.note.clone()),
            document.place(&related.at),
        ));
    }
    let diagnostic = MietteDiagnostic::new(&finding.what)
        .with_code(finding.code)
        .with_labels(labels)
        .with_severity(match finding.severity {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        });
    match &finding.help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// All findings for machines: the body of `validate --json`.
///
/// `{format_version, valid, findings: [{severity, code, file, line, column, end_line, end_column, path, message, help,
/// related: [{path, line, column, end_line, end_column, message}]}]}`; lines and columns count from 1, columns in
/// characters, the end is behind the last character; `path` is a JSON pointer, empty for the whole file.
pub fn findings_json(findings: &Findings, document: &Document) -> Value {
    let all: Vec<Value> = findings.iter().map(|finding| finding_json(finding, document)).collect();
    json!({"format_version": FORMAT_VERSION, "valid": !findings.has_errors(), "findings": all})
}

fn finding_json(finding: &Finding, document: &Document) -> Value {
    let related: Vec<Value> = finding
        .related
        .iter()
        .map(|related| {
            let mut value = place_json(document, &document.place(&related.at));
            value["path"] = related.at.to_string().into();
            value["message"] = related.note.as_str().into();
            value
        })
        .collect();
    let mut value = place_json(document, &document.range(finding));
    value["severity"] = match finding.severity {
        Severity::Warning => "warning".into(),
        Severity::Error => "error".into(),
    };
    value["code"] = finding.code.into();
    value["file"] = document.name().into();
    value["path"] = finding.at.to_string().into();
    value["message"] = finding.what.as_str().into();
    value["help"] = finding.help.as_deref().into();
    value["related"] = related.into();
    value
}

fn place_json(document: &Document, range: &std::ops::Range<usize>) -> Value {
    let (start, end) = (document.location(range.start), document.location(range.end));
    json!({"line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column})
}
