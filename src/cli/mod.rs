//! The command line: the one home of clap, of terminals and of exit codes.
//!
//! Data goes to stdout, progress and diagnostics go to stderr; nobody below this module prints.

mod args;
mod exit;

pub use exit::Exit;

use std::ffi::OsString;

use clap::Parser as _;

/// Does what the arguments say and returns how the process ends.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match args::Cli::try_parse_from(arguments) {
        Ok(_cli) => Exit::Error,
        Err(error) => usage(&error),
    }
}

fn usage(error: &clap::Error) -> Exit {
    let asked = !error.use_stderr();
    if error.print().is_err() {
        return Exit::Error;
    }
    if asked { Exit::Done } else { Exit::Usage }
}
