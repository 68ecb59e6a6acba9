use std::io::{IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use jiff::tz::TimeZone;

use super::{args::Global, error::CliError};
use crate::report::{Look, Paint, seen_lines};

/// Columns when neither `COLUMNS` nor a terminal says otherwise: a log or a pipe.
const WIDTH: usize = 100;

/// The two streams of the process and what they can show.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    colour_out: bool,
    colour_err: bool,
    err_is_tty: bool,
    in_is_tty: bool,
    width: usize,
    /// How much is said beyond the usual; negative numbers do not exist, `quiet` does.
    pub(super) verbose: u8,
    /// Say no progress.
    pub(super) quiet: bool,
}

impl Terminal {
    /// As the process finds it; honours `NO_COLOR`, `CLICOLOR_FORCE`, `COLUMNS`.
    pub(super) fn detect(global: &Global) -> Self {
        let colours = |choice: ColorChoice| !global.no_color && choice != ColorChoice::Never;
        Self {
            colour_out: colours(AutoStream::choice(&std::io::stdout())),
            colour_err: colours(AutoStream::choice(&std::io::stderr())),
            err_is_tty: std::io::stderr().is_terminal(),
            in_is_tty: std::io::stdin().is_terminal(),
            width: width(),
            verbose: global.verbose,
            quiet: global.quiet,
        }
    }

    /// How reports on stdout look.
    pub(super) fn look(&self) -> Look {
        Look {
            width: self.width,
            paint: Paint::new(self.colour_out),
            zone: TimeZone::system(),
            verbose: self.verbose > 0,
        }
    }

    /// Colours for stderr.
    pub(super) fn paint_err(&self) -> Paint {
        Paint::new(self.colour_err)
    }

    /// Whether a person can be asked: CI systems give some jobs a terminal with nobody behind it.
    pub(super) fn can_ask(&self) -> bool {
        self.in_is_tty && self.err_is_tty && std::env::var_os("CI").is_none()
    }

    /// Whether a line on stderr can be redrawn.
    pub(super) fn can_redraw(&self) -> bool {
        self.err_is_tty && !self.quiet && std::env::var_os("CI").is_none()
    }

    /// Writes data.
    ///
    /// # Errors
    /// When stdout cannot be written; a reader that went away is one of them.
    pub(super) fn data(&self, text: &str) -> Result<(), CliError> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|source| CliError::Io {
                doing: "write to stdout".to_owned(),
                source,
            })
    }

    /// Writes a diagnostic; there is nobody left to tell when that fails.
    pub(super) fn note(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        if writeln!(err, "{text}").is_ok() {
            err.flush().unwrap_or_default();
        }
    }

    /// Writes a last word on stdout after the work is done; a reader that went away changes nothing any more.
    pub(super) fn last_word(&self, text: &str) {
        if self.data(&format!("{text}\n")).is_err() {
            self.note(text);
        }
    }

    /// Writes a finding or an error with its place and causes.
    pub(super) fn report(&self, report: &miette::Report) {
        let render = |theme| {
            let handler = miette::GraphicalReportHandler::new_themed(theme);
            let mut text = String::new();
            let rendered = handler
                .with_width(self.width)
                .with_links(false)
                .render_report(&mut text, report.as_ref());
            rendered.map_or_else(|_| report.to_string(), |()| text)
        };
        let plain = render(miette::GraphicalTheme::unicode_nocolor());
        let safe = seen_lines(&plain);
        // Colours are commands too: a message that brings commands of its own is shown without any.
        let text = match self.colour_err && safe == plain {
            true => render(miette::GraphicalTheme::unicode()),
            false => safe,
        };
        self.note(text.trim_matches('\n'));
    }

    /// Writes a question on stderr and reads a line.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub(super) fn ask(question: &str) -> Result<String, CliError> {
        let io = |source| CliError::Io {
            doing: "ask".to_owned(),
            source,
        };
        let mut err = std::io::stderr().lock();
        write!(err, "{question} ").and_then(|()| err.flush()).map_err(io)?;
        drop(err);
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map_err(io)?;
        Ok(answer.trim().to_owned())
    }
}

fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let terminal = || {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        Some(usize::from(size.ws_col))
    };
    columns
        .or_else(terminal)
        .filter(|columns| *columns > 0)
        .unwrap_or(WIDTH)
}
