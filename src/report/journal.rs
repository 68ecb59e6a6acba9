use super::{
    Look,
    layout::{Line, Page, wrap},
    words,
};
use crate::{
    journal::{Body, Part, Record, SettledBy},
    model::{PhaseId, StepId},
};

/// Fewest columns for words.
const WORDS: usize = 24;

/// Records for people: number, time, place and what happened.
pub fn table(records: &[Record], look: &Look) -> String {
    let mut page = Page::default();
    let rows: Vec<(&Record, String, String)> = records
        .iter()
        .map(|record| (record, place(&record.body), words::one_line(&what(&record.body))))
        .collect();
    let places = rows
        .iter()
        .map(|(_, place, _)| place.chars().count())
        .max()
        .unwrap_or(0);
    // Seven for the number, two blanks, nineteen for the time, two blanks.
    let at = 30;
    let column = at + places + 2;
    for (record, place, what) in &rows {
        let time = record
            .time
            .to_zoned(look.zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string();
        let mut line = Line::default()
            .plain(&format!("{:>7}  ", record.sequence))
            .painted(&time, &look.paint.dim(&time))
            .plain("  ")
            .plain(place);
        for text in wrap(what, look.width.saturating_sub(column).max(WORDS)) {
            page.push(std::mem::take(&mut line).pad_to(column).plain(&text));
        }
    }
    page.finish()
}

fn place(body: &Body) -> String {
    let of_step = |phase: &PhaseId, attempt: u32, step: &StepId| format!("{}/{step}", of_phase(phase, attempt));
    match body {
        Body::PhaseStarted { phase, attempt, .. }
        | Body::PhaseClosed { phase, attempt }
        | Body::PhaseRolledBack { phase, attempt } => of_phase(phase, *attempt),
        Body::StepIntended {
            phase, attempt, step, ..
        }
        | Body::StepNoted {
            phase, attempt, step, ..
        }
        | Body::StepSettled {
            phase, attempt, step, ..
        }
        | Body::StepFailed {
            phase, attempt, step, ..
        }
        | Body::StepSkipped {
            phase, attempt, step, ..
        }
        | Body::Standby {
            phase, attempt, step, ..
        } => of_step(phase, *attempt, step),
        Body::CheckpointJudged {
            phase, attempt, step, ..
        } => match step {
            Some(step) => of_step(phase, *attempt, step),
            None => of_phase(phase, *attempt),
        },
        Body::RunStarted { .. }
        | Body::SessionStarted { .. }
        | Body::FreezeMeasured { .. }
        | Body::RollbackStarted { .. }
        | Body::RollbackFinished { .. }
        | Body::RollbackFailed { .. }
        | Body::Interrupted { .. }
        | Body::RunFinished => String::new(),
    }
}

fn of_phase(phase: &PhaseId, attempt: u32) -> String {
    if attempt > 1 {
        format!("{phase}#{attempt}")
    } else {
        phase.to_string()
    }
}

fn what(body: &Body) -> String {
    match body {
        Body::RunStarted {
            plan,
            environment,
            program,
            ..
        } => format!("run of {plan} ({environment}) started by regplan {program}"),
        Body::SessionStarted { holder } => format!("{holder} goes on"),
        Body::PhaseStarted { steps, .. } => format!("phase started, {}", words::counted(steps.len(), "step")),
        Body::PhaseClosed { .. } => "phase closed".to_owned(),
        Body::FreezeMeasured { milliseconds } => {
            let took = std::time::Duration::from_millis(*milliseconds);
            format!("writes were frozen for {}", words::took(took))
        }
        Body::RollbackStarted { phases, reason, .. } => {
            let phases: Vec<&str> = phases.iter().map(PhaseId::as_str).collect();
            format!("rollback of {} started: {reason}", phases.join(", "))
        }
        Body::PhaseRolledBack { .. } => "phase rolled back".to_owned(),
        Body::RollbackFinished { left } if left.is_empty() => "rollback finished".to_owned(),
        Body::RollbackFinished { left } => format!("rollback finished; left as it is: {}", left.join("; ")),
        Body::RollbackFailed { error } => format!("rollback failed: {error}"),
        Body::Interrupted { signal } => format!("{signal} was heard and obeyed"),
        Body::RunFinished => "run finished".to_owned(),
        Body::CheckpointJudged { passed, seen, .. } => checkpoint(*passed, seen),
        Body::StepIntended { part, uses, change, .. } => {
            let summary = change.as_ref().and_then(|change| change.summary.as_deref());
            format!("{}intended, {uses}{}", way(*part), after_colon(&[summary]))
        }
        Body::StepNoted { note, .. } => format!("noted {note}"),
        Body::StepSettled {
            part,
            by,
            summary,
            reason,
            ..
        } => {
            let why = after_colon(&[Some(summary), reason.as_deref()]);
            format!("{}{}{why}", way(*part), settled_by(*by))
        }
        Body::StepFailed { part, failure, .. } => {
            let doubt = if failure.in_doubt { ", in doubt" } else { "" };
            format!("{}failed{doubt}: {}", way(*part), failure.error)
        }
        Body::StepSkipped { part, reason, .. } => format!("{}skipped: {reason}", way(*part)),
        Body::Standby { .. } => "the way to thaw is ready".to_owned(),
    }
}

fn settled_by(by: SettledBy) -> &'static str {
    match by {
        SettledBy::Done => "done",
        SettledBy::AlreadySo => "already so",
        SettledBy::Probe => "found done",
        SettledBy::Adopted => "adopted",
    }
}

/// What there is to add: `: a; b`, or nothing.
fn after_colon(parts: &[Option<&str>]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(": {}", parts.join("; "))
    }
}

fn way(part: Part) -> &'static str {
    match part {
        Part::Forward => "",
        Part::Rollback => "way back: ",
    }
}

fn checkpoint(passed: bool, seen: &[(String, String)]) -> String {
    let verdict = if passed {
        "checkpoint passed"
    } else {
        "checkpoint failed"
    };
    let seen: Vec<String> = seen
        .iter()
        .map(|(expression, values)| format!("{expression} [{values}]"))
        .collect();
    if seen.is_empty() {
        verdict.to_owned()
    } else {
        format!("{verdict}: {}", seen.join("; "))
    }
}

#[cfg(test)]
#[path = "tests/journal.rs"]
mod tests;
