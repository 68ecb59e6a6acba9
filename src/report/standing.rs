use super::{diff, words};
use crate::model::{Change, ClosedDrift, Standing, StepChange};

/// The words of a step's line: what moves, what it brings up, and what a reviewer should know.
pub(super) fn words_of(step: &StepChange) -> String {
    let mut parts = Vec::new();
    let first = standing(&step.standing);
    let notes: Vec<String> = step.notes.iter().map(|note| words::one_line(note)).collect();
    let waits = matches!(step.standing, Standing::Unknown { .. });
    if waits && !notes.is_empty() {
        parts.push(format!("{first} ({})", notes.join("; ")));
    } else if !first.is_empty() {
        parts.push(first);
    }
    if !step.provides.is_empty() && !step.standing.is_settled() {
        let systems: Vec<&str> = step.provides.iter().map(crate::model::SystemName::as_str).collect();
        parts.push(format!("provides {}", systems.join(", ")));
    }
    if !waits && !step.standing.is_settled() {
        parts.extend(notes);
    }
    parts.join("; ")
}

/// What no longer holds of a step of a closed phase.
pub(super) fn drift_words(drift: &ClosedDrift) -> String {
    match drift {
        ClosedDrift::Changed { change } => format!("drifted since; to be as it was: {}", change.in_words()),
        ClosedDrift::Unknown { reason } => format!("whether it drifted is not known: {reason}"),
    }
}

fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Closed | Standing::Done => "done".to_owned(),
        Standing::Superseded => "done, and moved on since".to_owned(),
        Standing::Skipped => "skipped: its condition was false".to_owned(),
        Standing::Drift { change } => format!("drifted: {}", change_words(change)),
        Standing::InDoubt { change: Some(change) } if change.is_none() => "in doubt: looks done".to_owned(),
        Standing::InDoubt { change: Some(change) } => format!("in doubt: {}", change_words(change)),
        Standing::InDoubt { change: None } => "in doubt: cannot be told by looking".to_owned(),
        Standing::AlreadySo => "already so".to_owned(),
        Standing::Pending { change } => change_words(change),
        Standing::Regress { reason } => format!("refused: {}", words::one_line(reason)),
        Standing::Unknown { after } => format!("after {after}"),
        Standing::Takes => "is taken".to_owned(),
        Standing::Checks => "is checked".to_owned(),
        Standing::Waits => "waits".to_owned(),
        Standing::Unreachable { reason } => words::one_line(reason),
        Standing::NotSupported => "not supported yet: `apply` refuses this plan".to_owned(),
    }
}

/// The deltas of a change on one line, then its summary; texts of several lines are shown below instead.
fn change_words(change: &Change) -> String {
    let mut parts: Vec<String> = change
        .deltas
        .iter()
        .filter(|delta| !diff::is_text(delta))
        .map(|delta| {
            let field = words::one_line(&delta.field);
            let after = words::value(&delta.after);
            if delta.before.is_null() {
                format!("{field}: {after}")
            } else {
                format!("{field}: {} → {after}", words::value(&delta.before))
            }
        })
        .collect();
    parts.extend(change.summary.as_deref().map(words::one_line));
    parts.join(" · ")
}
