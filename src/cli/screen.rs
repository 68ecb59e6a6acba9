use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{error::CliError, terminal::Terminal};

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// stderr during a run: lines that stay, and on a terminal one line at the bottom that is redrawn.
pub(super) struct Screen {
    terminal: Terminal,
    bar: Option<ProgressBar>,
    asking: AtomicBool,
}

impl Screen {
    /// With a spinner where a line can be redrawn.
    pub(super) fn new(terminal: &Terminal) -> Self {
        let bar = terminal.can_redraw().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is ours and constant: if it cannot be read, indicatif's own spinner is as good.
            let style = ProgressStyle::with_template("{spinner} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            bar
        });
        Self {
            terminal: terminal.clone(),
            bar,
            asking: AtomicBool::new(false),
        }
    }

    /// Whether a line is redrawn, so that no heartbeat is needed.
    pub(super) fn is_live(&self) -> bool {
        self.bar.is_some()
    }

    /// Writes a line that stays.
    pub(super) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) if !self.asking.load(Ordering::Acquire) => bar.suspend(|| self.terminal.note(text)),
            _ => self.terminal.note(text),
        }
    }

    /// Says what goes on; `None` = nothing does.
    pub(super) fn pending(&self, text: Option<String>) {
        let Some(bar) = &self.bar else { return };
        if self.asking.load(Ordering::Acquire) {
            return;
        }
        match text {
            Some(text) => {
                bar.set_message(text);
                bar.enable_steady_tick(TURN);
            }
            None => self.clear(),
        }
    }

    /// Takes the redrawn line away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.disable_steady_tick();
            bar.set_message("");
            bar.reset();
            bar.set_draw_target(ProgressDrawTarget::hidden());
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// Asks a person and waits for a line. Nothing is redrawn meanwhile: a lock held here would stop the whole run.
    pub(super) fn ask(&self, question: &str) -> Result<String, CliError> {
        self.clear();
        self.asking.store(true, Ordering::Release);
        let answer = Terminal::ask(question);
        self.asking.store(false, Ordering::Release);
        answer
    }
}
