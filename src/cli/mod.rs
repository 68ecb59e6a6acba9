//! The command line: the one home of clap, of terminals and of exit codes.
//!
//! Data goes to stdout, progress and diagnostics go to stderr; nobody below this module prints.

mod apply;
mod args;
mod error;
mod exit;
mod explain;
mod graph;
mod init;
mod journal;
mod log;
mod manual;
mod outcome;
mod people;
mod plan;
mod progress;
mod project;
mod rehearse;
mod run_id;
mod runtime;
mod schema;
mod screen;
mod signals;
mod status;
mod terminal;
mod validate;

pub use exit::Exit;

use std::ffi::OsString;

use clap::Parser as _;

use args::{Cli, Verb};
use error::{CliError, is_broken_pipe};
use terminal::Terminal;

/// Does what the arguments say and returns how the process ends.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
    log::start(&cli.global);
    let terminal = Terminal::detect(&cli.global);
    match enter(&cli).and_then(|()| verb(&cli.verb, &terminal)) {
        Ok(exit) => exit,
        // `regplan plan | head`: the reader has what it wanted.
        Err(error) if is_broken_pipe(&error) => Exit::Done,
        Err(error) => {
            let exit = error.exit();
            terminal.report(&miette::Report::new(error));
            exit
        }
    }
}

fn verb(verb: &Verb, terminal: &Terminal) -> Result<Exit, CliError> {
    match verb {
        Verb::Init(arguments) => init::run(arguments, terminal),
        Verb::Validate(arguments) => validate::run(arguments, terminal),
        Verb::Plan(arguments) => plan::run(arguments, terminal),
        Verb::Apply(arguments) => apply::run(arguments, terminal),
        Verb::Rehearse(arguments) => rehearse::run(arguments, terminal),
        Verb::Status(arguments) => status::run(arguments, terminal),
        Verb::Journal(arguments) => journal::run(arguments, terminal),
        Verb::Graph(arguments) => graph::run(arguments, terminal),
        Verb::Schema(arguments) => schema::run(arguments, terminal),
        Verb::Explain(arguments) => explain::run(arguments, terminal),
        Verb::Completions(arguments) => manual::completions(arguments, terminal),
        Verb::Man(arguments) => manual::man(arguments, terminal),
    }
}

fn enter(cli: &Cli) -> Result<(), CliError> {
    match &cli.global.chdir {
        Some(path) => std::env::set_current_dir(path).map_err(|source| CliError::Chdir {
            path: path.clone(),
            source,
        }),
        None => Ok(()),
    }
}

/// Help and versions that were asked for go to stdout; everything else is a usage error on stderr.
fn not_parsed(error: &clap::Error) -> Exit {
    let asked = !error.use_stderr();
    match error.print() {
        Ok(()) if asked => Exit::Done,
        Err(failed) if asked && failed.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(_) if asked => Exit::Error,
        Ok(()) | Err(_) => Exit::Usage,
    }
}
