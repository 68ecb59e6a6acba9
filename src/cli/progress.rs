use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tokio::{sync::mpsc, time::Instant};

use super::{error::CliError, outcome::typed, screen::Screen, terminal::Terminal};
use crate::{
    model::Event,
    report::{self, Lines},
};

/// How often the redrawn line is brought up to date, and heartbeats are thought about.
const TICK: Duration = Duration::from_millis(500);

/// Silence before the first heartbeat; it doubles up to the longest, so that a log of hours stays readable.
const FIRST_HEARTBEAT: Duration = Duration::from_secs(5);
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// Shows the events of a run: lines on stderr for people, or one JSON object per line on stdout.
pub(super) struct Show {
    lines: Lines,
    screen: Arc<Screen>,
    terminal: Terminal,
    apply: String,
    as_json: bool,
    reader_left: bool,
    silent_since: Instant,
    patience: Duration,
}

impl Show {
    /// Nothing shown yet; `apply` is what to type for the same plan.
    pub(super) fn new(screen: Arc<Screen>, terminal: &Terminal, apply: String, as_json: bool) -> Self {
        Self {
            lines: Lines::new(terminal.paint_err(), TimeZone::system(), terminal.verbose > 0),
            screen,
            terminal: terminal.clone(),
            apply,
            as_json,
            reader_left: false,
            silent_since: Instant::now(),
            patience: FIRST_HEARTBEAT,
        }
    }

    /// Shows events until nobody can send any more.
    pub(super) async fn follow(&mut self, events: &mut mpsc::UnboundedReceiver<Event>) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => self.event(&with_commands(event, &self.apply)),
                    None => break,
                },
                _ = tick.tick() => self.tick(),
            }
        }
        self.screen.clear();
    }

    fn event(&mut self, event: &Event) {
        let now = Timestamp::now();
        let lines = self.lines.event(now, event);
        if self.as_json {
            self.json(now, event);
            return;
        }
        if self.terminal.quiet && is_routine(event) {
            return;
        }
        for line in &lines {
            self.screen.line(line);
        }
        if !lines.is_empty() {
            self.silent_since = Instant::now();
            self.patience = FIRST_HEARTBEAT;
        }
        self.screen.pending(self.lines.pending(now));
    }

    /// A reader that goes away must not end a run that has begun.
    fn json(&mut self, now: Timestamp, event: &Event) {
        if self.reader_left {
            return;
        }
        let written = report::json::event(now, event)
            .map_err(CliError::from)
            .and_then(|line| self.terminal.data(&line));
        if let Err(error) = written {
            self.reader_left = true;
            self.screen
                .line(&format!("events are shown no more, the run goes on: {error}"));
        }
    }

    fn tick(&mut self) {
        if self.as_json || self.terminal.quiet {
            return;
        }
        let now = Timestamp::now();
        if self.screen.is_live() {
            self.screen.pending(self.lines.pending(now));
        } else if self.silent_since.elapsed() >= self.patience
            && let Some(line) = self.lines.heartbeat(now)
        {
            self.screen.line(&line);
            self.silent_since = Instant::now();
            self.patience = (self.patience * 2).min(LONGEST_SILENCE);
        }
    }
}

/// The event with commands that can be typed as they stand.
fn with_commands(mut event: Event, apply: &str) -> Event {
    if let Event::Waiting {
        command: Some(command), ..
    } = &mut event
    {
        *command = typed(command, apply);
    }
    if let Event::RollbackFailed { commands, .. } = &mut event {
        for command in commands {
            *command = typed(command, apply);
        }
    }
    event
}

/// Whether an event only says that all goes well.
fn is_routine(event: &Event) -> bool {
    match event {
        Event::RunStarted { .. }
        | Event::PhaseStarted { .. }
        | Event::PhaseClosed { .. }
        | Event::StepStarted { .. }
        | Event::StepProgress { .. }
        | Event::StepSettled { .. }
        | Event::StepSkipped { .. }
        | Event::CheckpointWaiting { .. }
        | Event::Frozen
        | Event::Thawed { .. }
        | Event::Finished => true,
        Event::StepRetried { .. }
        | Event::StepFailed { .. }
        | Event::CheckpointFailed { .. }
        | Event::RollbackStarted { .. }
        | Event::RolledBack { .. }
        | Event::RollbackFailed { .. }
        | Event::Interrupted { .. }
        | Event::Waiting { .. } => false,
    }
}
