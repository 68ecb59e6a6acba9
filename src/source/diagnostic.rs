use serde_json::{Value, json};

use super::Document;
use crate::model::Findings;

/// At most 20 findings as reports with the place underlined, then how many more there are.
pub fn diagnostics(_findings: &Findings, _document: &Document) -> Vec<miette::Report> {
    Vec::new()
}

/// All findings for machines: the body of `validate --json`.
pub fn findings_json(findings: &Findings, _document: &Document) -> Value {
    json!({"format_version": 1, "valid": !findings.has_errors(), "findings": []})
}
