//! Kinds that run programs of the plan's author.

mod check;
mod command;
#[cfg(test)]
pub(super) mod tests;

pub use check::RunCheck;
pub use command::RunCommand;

use crate::{
    model::{DocPath, Finding, Findings},
    system::{CommandLine, Ended, SystemError},
};

/// How many lines of a program's end are shown with an error; the record has more.
const LAST_WORDS: usize = 20;

/// A finding when a command has no program.
fn not_empty(field: &str, command: Option<&CommandLine>, out: &mut Findings) {
    if command.is_some_and(|command| command.0.first().is_none_or(String::is_empty)) {
        let at = DocPath::root().key("with").key(field);
        out.push(
            Finding::error("plan::empty", at, "the command names no program")
                .help("Write a list, such as [systemctl, start, registry-v3]."),
        );
    }
}

/// The error of a command that ended otherwise than with 0.
fn failed(command: &CommandLine, ended: &Ended) -> SystemError {
    SystemError::Program {
        program: command.shown(),
        how: ended.how(),
        output: ended.last_words(LAST_WORDS),
    }
}
