use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{error::CliError, terminal::Terminal};

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// stderr during a run: lines that stay, and on a terminal one line at the bottom that is redrawn.
pub(super) struct Screen {
    terminal: Terminal,
    bottom: Mutex<Bottom>,
}

/// The line at the bottom.
enum Bottom {
    /// Not drawn now.
    Free,
    /// Drawn.
    Drawn(ProgressBar),
    /// A person types there.
    Asking,
}

impl Screen {
    /// Nothing drawn yet.
    pub(super) fn new(terminal: &Terminal) -> Self {
        Self {
            terminal: terminal.clone(),
            bottom: Mutex::new(Bottom::Free),
        }
    }

    /// Whether a line is redrawn, so that no heartbeat is needed.
    pub(super) fn is_live(&self) -> bool {
        self.terminal.can_redraw()
    }

    /// Writes a line that stays.
    pub(super) fn line(&self, text: &str) {
        match &*self.bottom() {
            Bottom::Drawn(bar) => bar.suspend(|| self.terminal.note(text)),
            Bottom::Free | Bottom::Asking => self.terminal.note(text),
        }
    }

    /// Says what goes on; `None` = nothing does.
    pub(super) fn pending(&self, text: Option<String>) {
        let Some(text) = text.filter(|_| self.is_live()) else {
            self.clear();
            return;
        };
        let mut bottom = self.bottom();
        if matches!(*bottom, Bottom::Free) {
            *bottom = Bottom::Drawn(spinner());
        }
        if let Bottom::Drawn(bar) = &*bottom {
            bar.set_message(text);
        }
    }

    /// Takes the redrawn line away.
    pub(super) fn clear(&self) {
        let mut bottom = self.bottom();
        if let Bottom::Drawn(bar) = &*bottom {
            bar.finish_and_clear();
            *bottom = Bottom::Free;
        }
    }

    /// Asks a person and waits for a line. Nothing is redrawn meanwhile, and nothing is locked: the run must not wait for
    /// the answer where it need not.
    pub(super) fn ask(&self, question: &str) -> Result<String, CliError> {
        self.clear();
        *self.bottom() = Bottom::Asking;
        let answer = Terminal::ask(question);
        *self.bottom() = Bottom::Free;
        answer
    }

    /// A panic of another thread while it drew leaves nothing half done here.
    fn bottom(&self) -> MutexGuard<'_, Bottom> {
        self.bottom.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // The template is ours and constant: if it cannot be read, indicatif's own spinner is as good.
    let style =
        ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    bar.set_style(style);
    bar.enable_steady_tick(TURN);
    bar
}
