use super::{Look, texts, words};
use crate::registry::{CertificateCheck, Identity, Row, VerifyReport};

/// Rows of a class, shown unless more is asked for.
const FIRST: usize = 20;

/// A comparison for people: who was compared, the differences, then what is expected or accepted in a line each.
pub fn verify(report: &VerifyReport<'_>, look: &Look) -> String {
    let mut text = String::new();
    side(&mut text, "left ", report.left, look);
    side(&mut text, "right", report.right, look);
    let comparison = report.comparison;
    let classes = [
        ("✗", "differences", &comparison.differences, FIRST),
        ("·", "accepted", &comparison.accepted, 3),
        ("·", "expected", &comparison.expected, 3),
    ];
    for (sign, title, rows, first) in classes {
        section(
            &mut text,
            (sign, title),
            rows,
            if look.verbose { rows.len() } else { first },
            look,
        );
    }
    let other: Vec<&str> = report.other_groups().collect();
    if !other.is_empty() {
        let names: Vec<String> = other.iter().take(FIRST).map(|name| words::one_line(name)).collect();
        let more = match other.len().saturating_sub(FIRST) {
            0 => String::new(),
            more => format!(" and {} more", words::count(more)),
        };
        push(&mut text, "");
        push(
            &mut text,
            &format!("groups whose digests differ: {}{more}", names.join(", ")),
        );
    }
    if let Some(diffs) = &report.texts {
        push(&mut text, "");
        for line in texts::lines(diffs, "", look.width, look.paint) {
            push(&mut text, line.finish());
        }
    }
    push(&mut text, "");
    let verdict = match report.equal {
        true => look.paint.green("✓ equal"),
        false => look.paint.red("✗ not equal"),
    };
    let groups = words::counted(report.groups.len(), "group");
    push(&mut text, &format!("{verdict}: {}, {groups}.", comparison.summary()));
    text
}

/// The check of a saved export against a certificate, for people.
pub fn certificate(check: &CertificateCheck, export: &Identity, made: &str, look: &Look) -> String {
    let name = words::one_line(&export.source);
    let made = words::one_line(made);
    if check.equal {
        let how = if check.same_file {
            "it is the same file"
        } else {
            "another file with the same content"
        };
        let verdict = look.paint.green("✓ equal");
        return format!(
            "{verdict}: {name} is what the {} side held at {made} ({how}).\n",
            check.side
        );
    }
    let mut text = format!(
        "{}: {name} is not what the {} side held at {made}.\n",
        look.paint.red("✗ not equal"),
        check.side
    );
    if check.global_rules_differ {
        push(&mut text, "  the global rules are others");
    }
    if check.rest_differs {
        push(
            &mut text,
            "  descriptions, labels, owners or rules of groups are others, or rows of artifacts or branches",
        );
    }
    let shown = if look.verbose { check.groups.len() } else { FIRST };
    for group in check.groups.iter().take(shown) {
        push(
            &mut text,
            &format!("  group {} holds something else", words::one_line(group)),
        );
    }
    let more = check.groups.len().saturating_sub(shown);
    if more > 0 {
        push(&mut text, &format!("  and {} more (-v shows all)", words::count(more)));
    }
    text
}

fn side(text: &mut String, name: &str, identity: &Identity, look: &Look) {
    let line = format!(
        "{name}  {} ({})",
        words::one_line(&identity.source),
        words::one_line(&identity.version)
    );
    push(text, &look.paint.bold(&line));
}

fn section(text: &mut String, (sign, title): (&str, &str), rows: &[Row], shown: usize, look: &Look) {
    if rows.is_empty() {
        return;
    }
    push(text, "");
    for row in rows.iter().take(shown) {
        let sign = if sign == "✗" {
            look.paint.red(sign)
        } else {
            look.paint.dim(sign)
        };
        push(text, &format!("{sign} {}", words::one_line(&row.to_string())));
    }
    let more = rows.len().saturating_sub(shown);
    if more > 0 {
        let line = format!("  and {} more {title} (-v shows all)", words::count(more));
        push(text, &look.paint.dim(&line));
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
