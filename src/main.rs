//! Argv in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    regplan::cli::run(std::env::args_os()).into()
}
