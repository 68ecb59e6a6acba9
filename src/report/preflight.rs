use super::{Look, layout::wrap, words};
use crate::registry::preflight::{Finding, PreflightReport, Severity, Topic, codes};

/// What a finding is about, shown unless more is asked for.
const FIRST: usize = 5;

/// A preflight for people: what blocks with its reasons and repairs first, what is only good to know in a line each.
pub fn preflight(report: &PreflightReport<'_>, look: &Look) -> String {
    let mut text = String::new();
    push(
        &mut text,
        &look
            .paint
            .bold(&words::one_line(&format!("Preflight: {}", report.title()))),
    );
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

/// The page of all codes, as Markdown.
pub fn page() -> String {
    let mut text = String::from(FRONT);
    for topic in Topic::ALL {
        push(&mut text, &format!("\n## {}", topic.title()));
        for code in codes().filter(|code| code.topic == topic) {
            push(&mut text, &format!("\n### `{}`\n", code.name));
            let severity = code.severity.as_str();
            push(
                &mut text,
                &format!("*{severity}*, {}: {}.\n", code.applies_to(), code.about),
            );
            push(&mut text, &format!("{} **Do:** {}", code.why, code.repair));
        }
    }
    text
}

const FRONT: &str = "\
<!-- Written by `regplan schema --preflight` from the table of codes in the program: change that, then run the tests with
     UPDATE_SCHEMAS=1. -->

# What a preflight finds

A registry that imports drops what it cannot store and answers 204. A preflight reads everything that shall move and says
what would be lost, what hits a limit, and what clients would notice, before anything is written:

```sh
regplan preflight http://v2.example.com:8080 --to-version 3.3.3 --storage postgresql
regplan preflight v2.zip --to-version 3.3 --report preflight.md
regplan preflight http://v3.example.com:8080 --to-version 2.6
```

It exits with 6 when something blocks. In a plan it is the kind [`registry.preflight`](reference.md#registrypreflight).

* **blocking**: something is lost or wrong after the move, and no server says so. Repair it, or accept it with a reason:
  `--accept CODE=REASON`, `--accept CODE:GROUP/ARTIFACT=REASON`, or `accept: [{ code: CODE, reason: … }]` in a plan. An
  acceptance that covers nothing is the warning `accepted_nothing`.
* **warning**: clients or people will notice, or something has to be done.
* **info**: good to know.

What only some releases or storages do is looked for only where the target is one of them; while the storage is not named it
is a warning. `3.3` means every release of that line.
";

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
        push(
            text,
            &format!("{:margin$}{}", "", cut(&line, look.width.saturating_sub(margin))),
        );
    }
    let more = finding.concerned.len().saturating_sub(shown);
    if more > 0 {
        push(
            text,
            &look
                .paint
                .dim(&format!("{:margin$}and {} more (-v shows all)", "", words::count(more))),
        );
    }
    for (title, words) in [("why: ", finding.why), ("do:  ", finding.repair)] {
        for (index, line) in wrap(words, look.width.saturating_sub(margin + title.len()))
            .iter()
            .enumerate()
        {
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
