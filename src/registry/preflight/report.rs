use serde::Serialize;

use super::{Finding, Preflight, Severity, Storage, Target};
use crate::registry::{Identity, markdown::plain};

/// A whole preflight, as files and `regplan preflight --json` have it.
#[derive(Serialize)]
pub struct PreflightReport<'a> {
    /// Raised when an old reader could misread it.
    format_version: u32,
    /// What was looked at.
    pub source: &'a Identity,
    /// The version that it shall move to.
    pub to_version: String,
    /// What that stores its data in.
    pub storage: Option<Storage>,
    /// Findings that are not accepted and mean loss.
    blocking: u64,
    /// Findings that somebody should read.
    warnings: u64,
    /// Findings for information.
    infos: u64,
    /// All of it.
    #[serde(flatten)]
    pub found: &'a Preflight,
}

impl<'a> PreflightReport<'a> {
    /// Of what was found.
    pub fn new(source: &'a Identity, target: &Target, found: &'a Preflight) -> Self {
        Self {
            format_version: 1,
            source,
            to_version: target.version.to_string(),
            storage: target.storage,
            blocking: found.count(Severity::Blocking),
            warnings: found.count(Severity::Warning),
            infos: found.count(Severity::Info),
            found,
        }
    }

    /// `v2.zip (2.6.13.Final) to 3.3.3 on postgresql`.
    pub fn title(&self) -> String {
        let on = self.storage.map(|storage| format!(" on {}", storage.as_str()));
        format!(
            "{} ({}) to {}{}",
            self.source.source,
            self.source.version,
            self.to_version,
            on.unwrap_or_default()
        )
    }

    /// As a Markdown document.
    pub fn markdown(&self) -> String {
        let mut text = format!("# Preflight: {}\n\n{}.\n", plain(&self.title()), self.found.summary());
        for finding in &self.found.findings {
            section(&mut text, finding);
        }
        if !self.found.accepted.is_empty() {
            text.push_str("\n## Accepted\n\n");
            for finding in &self.found.accepted {
                let reason = finding.reason.as_deref().unwrap_or_default();
                let line = format!(
                    "* `{}`, {} of them: {}\n",
                    finding.code,
                    finding.concerned.len(),
                    plain(reason)
                );
                text.push_str(&line);
            }
        }
        text
    }
}

fn section(text: &mut String, finding: &Finding) {
    let head = format!("\n## {}: `{}`\n\n", finding.severity.as_str(), finding.code);
    text.push_str(&head);
    let words = format!(
        "Found: {}.\n\n{}\n\nRepair: {}\n\n",
        finding.about, finding.why, finding.repair
    );
    text.push_str(&words);
    for concern in &finding.concerned {
        text.push_str(&format!("* {}\n", plain(&concern.to_string())));
    }
}
