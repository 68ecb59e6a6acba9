use std::{collections::BTreeMap, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::{Paint, words};
use crate::model::{Event, PhaseId, StepId};

/// Turns the events of a run into lines for people; it keeps what is going on, so that a long wait can be told about.
///
/// Time is given, never read: the same events make the same lines.
#[derive(Debug)]
pub struct Lines {
    paint: Paint,
    zone: TimeZone,
    verbose: bool,
    running: BTreeMap<StepId, Running>,
    checkpoint: Option<Checkpoint>,
    frozen: Option<Timestamp>,
}

#[derive(Debug)]
struct Running {
    since: Timestamp,
    progress: Option<String>,
}

#[derive(Debug)]
struct Checkpoint {
    of: String,
    expression: String,
    because: String,
    since: Timestamp,
}

/// Columns of the name of a step or checkpoint in a line.
const NAME: usize = 16;

impl Lines {
    /// Without anything going on; `verbose` also shows each progress.
    pub fn new(paint: Paint, zone: TimeZone, verbose: bool) -> Self {
        Self {
            paint,
            zone,
            verbose,
            running: BTreeMap::new(),
            checkpoint: None,
            frozen: None,
        }
    }

    /// The lines for an event that happened now; some events only change what [`Lines::pending`] says.
    pub fn event(&mut self, now: Timestamp, event: &Event) -> Vec<String> {
        let told = self.waits_already(event);
        self.follow(now, event);
        let texts = if told { Vec::new() } else { self.texts(event) };
        texts.into_iter().map(|text| self.stamped(now, &text)).collect()
    }

    /// What goes on now and since when, in one line; `None` when nothing does.
    pub fn pending(&self, now: Timestamp) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        for (step, running) in &self.running {
            let took = words::took(between(running.since, now));
            let progress = running
                .progress
                .as_deref()
                .map(|text| format!(": {text}"))
                .unwrap_or_default();
            parts.push(format!("{step} since {took}{progress}"));
        }
        if let Some(checkpoint) = &self.checkpoint {
            let took = words::took(between(checkpoint.since, now));
            let because = words::one_line(&checkpoint.because);
            parts.push(format!("checkpoint of {} since {took}: {because}", checkpoint.of));
        }
        if parts.is_empty() {
            return None;
        }
        if let Some(since) = self.frozen {
            parts.push(format!("writes frozen for {}", words::took(between(since, now))));
        }
        Some(parts.join(" · "))
    }

    /// A line that tells that something still goes on; `None` when nothing does.
    pub fn heartbeat(&self, now: Timestamp) -> Option<String> {
        let text = format!("  … {}", self.pending(now)?);
        Some(self.stamped(now, &self.paint.dim(&text)))
    }

    fn stamped(&self, now: Timestamp, text: &str) -> String {
        let clock = now.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string();
        format!("{} {text}", self.paint.dim(&clock))
    }

    /// Whether this wait was told already: that it goes on is the heartbeat's to say.
    fn waits_already(&self, event: &Event) -> bool {
        match (event, &self.checkpoint) {
            (Event::CheckpointWaiting { of, expression, .. }, Some(known)) => {
                &known.of == of && &known.expression == expression
            }
            _ => false,
        }
    }

    /// Keeps what is going on.
    fn follow(&mut self, now: Timestamp, event: &Event) {
        match event {
            Event::StepStarted { step, .. } => {
                let running = Running {
                    since: now,
                    progress: None,
                };
                self.running.insert(step.clone(), running);
            }
            Event::StepProgress { step, text, done } => {
                if let Some(running) = self.running.get_mut(step) {
                    running.progress = Some(progress(text, *done));
                }
            }
            Event::StepRetried { step, error, .. } => {
                if let Some(running) = self.running.get_mut(step) {
                    running.progress = Some(words::one_line(error));
                }
            }
            Event::StepSettled { step, .. } | Event::StepSkipped { step, .. } | Event::StepFailed { step, .. } => {
                self.running.remove(step);
                self.checkpoint = None;
            }
            Event::CheckpointWaiting { .. } | Event::CheckpointFailed { .. } | Event::PhaseClosed { .. } => {}
            Event::Frozen => self.frozen = Some(now),
            Event::Thawed { .. } => self.frozen = None,
            Event::RunStarted { .. }
            | Event::PhaseStarted { .. }
            | Event::RollbackStarted { .. }
            | Event::RolledBack { .. }
            | Event::RollbackFailed { .. }
            | Event::Interrupted { .. }
            | Event::Waiting { .. }
            | Event::Finished => self.checkpoint = None,
        }
        self.follow_checkpoint(now, event);
    }

    fn follow_checkpoint(&mut self, now: Timestamp, event: &Event) {
        if let Event::CheckpointWaiting {
            of,
            expression,
            because,
        } = event
        {
            let same = self
                .checkpoint
                .take()
                .filter(|c| &c.of == of && &c.expression == expression);
            self.checkpoint = Some(Checkpoint {
                of: of.clone(),
                expression: expression.clone(),
                because: because.clone(),
                since: same.map_or(now, |c| c.since),
            });
        } else if matches!(event, Event::CheckpointFailed { .. } | Event::PhaseClosed { .. }) {
            self.checkpoint = None;
        }
    }

    fn texts(&self, event: &Event) -> Vec<String> {
        match event {
            Event::RunStarted { run, resumed } => {
                let verb = if *resumed { "goes on" } else { "starts" };
                vec![self.paint.bold(&format!("run {run} {verb}"))]
            }
            Event::PhaseStarted { phase, attempt } => {
                let attempt = if *attempt > 1 {
                    format!(" (attempt {attempt})")
                } else {
                    String::new()
                };
                vec![self.paint.bold(&format!("{phase}{attempt}"))]
            }
            Event::PhaseClosed { phase } => vec![format!("{} {phase} closed", self.paint.sign('✓'))],
            Event::StepStarted { step, uses, what } => {
                vec![self.named('▸', step.as_str(), if what.is_empty() { uses } else { what })]
            }
            Event::StepProgress { step, text, done } => self.progressed(step, text, *done),
            Event::StepRetried { step, error, wait } => {
                vec![self.named('?', step.as_str(), &format!("{error}; again in {}", words::took(*wait)))]
            }
            Event::StepSettled { step, what, took } => vec![self.settled(step, what, *took)],
            Event::StepSkipped { step, reason } => vec![self.named('✓', step.as_str(), &format!("skipped: {reason}"))],
            Event::StepFailed { step, error } => self.failed(step, error),
            Event::CheckpointWaiting { of, expression, .. } => {
                vec![self.named('◷', of, &format!("until {expression}"))]
            }
            Event::CheckpointFailed {
                of,
                expression,
                because,
            } => vec![
                self.named('✗', of, &format!("checkpoint failed: {expression}")),
                below(&words::one_line(because)),
            ],
            Event::Frozen => vec![self.paint.cyan("  ❄ writes are frozen")],
            Event::Thawed { after } => {
                vec![
                    self.paint
                        .cyan(&format!("  ☀ writes flow again, after {}", words::took(*after))),
                ]
            }
            Event::RollbackStarted { phases, reason } => self.goes_back(phases, reason),
            Event::RolledBack { left } => self.went_back(left),
            Event::RollbackFailed { error, commands } => {
                let verdict = self
                    .paint
                    .red(&format!("the rollback failed: {}", words::one_line(error)));
                with_commands(verdict, commands)
            }
            Event::Interrupted { what } => vec![self.paint.yellow(&format!("interrupted: {}", words::one_line(what)))],
            Event::Waiting { reason, command } => {
                let verdict = self.paint.yellow(&format!("waits: {}", words::one_line(reason)));
                with_commands(verdict, command.as_slice())
            }
            Event::Finished => vec![self.paint.green("✓ all phases are closed")],
        }
    }

    /// A line of a step or checkpoint.
    fn named(&self, sign: char, name: &str, text: &str) -> String {
        format!("  {} {name:NAME$}  {}", self.paint.sign(sign), words::one_line(text))
    }

    fn progressed(&self, step: &StepId, text: &str, done: Option<(u64, u64)>) -> Vec<String> {
        if self.verbose {
            vec![self.named('…', step.as_str(), &progress(text, done))]
        } else {
            Vec::new()
        }
    }

    fn settled(&self, step: &StepId, what: &str, took: Duration) -> String {
        let took = self.paint.dim(&format!("({})", words::took(took)));
        let blank = if what.is_empty() { "" } else { " " };
        format!("{}{blank}{took}", self.named('✓', step.as_str(), what))
    }

    fn failed(&self, step: &StepId, error: &str) -> Vec<String> {
        let text = words::safe(error);
        let mut lines = text.lines();
        let mut out = vec![self.named('✗', step.as_str(), lines.next().unwrap_or_default())];
        out.extend(lines.map(below));
        out
    }

    fn goes_back(&self, phases: &[PhaseId], reason: &str) -> Vec<String> {
        let names: Vec<&str> = phases.iter().map(PhaseId::as_str).collect();
        let text = format!("rolls back {}: {}", names.join(", "), words::one_line(reason));
        vec![self.paint.yellow(&text)]
    }

    fn went_back(&self, left: &[String]) -> Vec<String> {
        let mut lines = vec![self.paint.yellow("rolled back")];
        lines.extend(
            left.iter()
                .map(|what| format!("  left as it is: {}", words::one_line(what))),
        );
        lines
    }
}

/// A line that belongs to the one above.
fn below(text: &str) -> String {
    format!("    {:NAME$}  {text}", "")
}

fn with_commands(verdict: String, commands: &[String]) -> Vec<String> {
    let mut lines = vec![verdict];
    lines.extend(
        commands
            .iter()
            .map(|command| format!("  type: {}", words::one_line(command))),
    );
    lines
}

fn progress(text: &str, done: Option<(u64, u64)>) -> String {
    let text = words::one_line(text);
    match done {
        Some((done, of)) => format!("{text} ({done} of {of})"),
        None => text,
    }
}

/// The time between two instants; none when the clock went backwards.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
#[path = "tests/events.rs"]
mod tests;
