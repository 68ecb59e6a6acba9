use super::{Look, layout::wrap, words};
use crate::registry::preflight::{Finding, PreflightReport, Severity};

/// What a finding is about, shown unless more is asked for.
const FIRST: usize = 5;

/// A preflight for people: what blocks with its reasons and repairs first, what is only good to know in a line each.
pub fn preflight(report: &PreflightReport<'_>, look: &Look) -> String {
    let mut text = String::new();
    push(&mut text, &look.paint.bold(&words::one_line(&format!("Preflight: {}", report.title()))));
    let mut last = None;
    for finding in &report.found.findings {
        if last != Some(finding.severity) || finding.severity != Severity::Info {
            push(&mut text, "");
        }
        last = Some(finding.severity);
        one(&mut text, finding, look);
    }
    if !report.found.accepted.is_empty() {
        push(&mut text, "");
    }
    for finding in &report.found.accepted {
        let reason = words::one_line(finding.reason.as_deref().unwrap_or_default());
        let line = format!("accepted {} ({}): {reason}", finding.code, finding.concerned.len());
        push(&mut text, &look.paint.dim(&line));
    }
    push(&mut text, "");
    push(&mut text, &format!("{}.", report.found.summary()));
    if !report.found.is_clean() {
        push(
            &mut text,
            "Repair what blocks, or accept it: regplan preflight … --accept CODE=REASON, or `accept:` in the plan.",
        );
    }
    text
}

fn one(text: &mut String, finding: &Finding, look: &Look) {
    let (sign, painted) = match finding.severity {
        Severity::Blocking => ("✗ blocks ", look.paint.red("✗ blocks ")),
        Severity::Warning => ("! warning", look.paint.yellow("! warning")),
        Severity::Info => ("· info   ", look.paint.dim("· info   ")),
    };
    let head = format!("{}: {}", finding.code, finding.about);
    let margin = sign.chars().count() + 2;
    let mut lines = wrap(&head, look.width.saturating_sub(margin)).into_iter();
    push(text, &format!("{painted}  {}", lines.next().unwrap_or_default()));
    lines.for_each(|line| push(text, &format!("{:margin$}{line}", "")));
    if finding.severity == Severity::Info && !look.verbose {
        return;
    }
    let shown = if look.verbose { finding.concerned.len() } else { FIRST };
    for concern in finding.concerned.iter().take(shown) {
        let line = words::one_line(&concern.to_string());
        push(text, &format!("{:margin$}{}", "", cut(&line, look.width.saturating_sub(margin))));
    }
    let more = finding.concerned.len().saturating_sub(shown);
    if more > 0 {
        push(text, &look.paint.dim(&format!("{:margin$}and {} more (-v shows all)", "", words::count(more))));
    }
    for (title, words) in [("why: ", finding.why), ("do:  ", finding.repair)] {
        for (index, line) in wrap(words, look.width.saturating_sub(margin + title.len())).iter().enumerate() {
            let title = if index == 0 { title } else { "     " };
            push(text, &format!("{:margin$}{}{line}", "", look.paint.dim(title)));
        }
    }
}

/// Ids may have 512 characters; the report file has them whole.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn push(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}
