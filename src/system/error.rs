use std::{error::Error, io, path::PathBuf};

use crate::model::SystemName;

/// Why the outside could not be looked at or moved.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The plan has no system of that name and type.
    #[error("the plan has no {kind} system `{system}`")]
    NoSuchSystem {
        /// The name.
        system: SystemName,
        /// The type that was needed.
        kind: &'static str,
    },
    /// The `systems:` entry cannot be used as it is written.
    #[error("system `{system}` is not set up right: {reason}")]
    Setup {
        /// The system.
        system: SystemName,
        /// What is wrong.
        reason: String,
    },
    /// Nobody answered.
    #[error("{system} does not answer at {endpoint}")]
    Unreachable {
        /// The system.
        system: SystemName,
        /// The address, without secrets.
        endpoint: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It answered, and not as it should.
    #[error("{system}: {request} answered {status}{}", if detail.is_empty() { String::new() } else { format!(": {detail}") })]
    Status {
        /// The system.
        system: SystemName,
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        detail: String,
    },
    /// The answer was cut or has another shape than documented.
    #[error("{system}: the answer to {request} cannot be used: {reason}")]
    Answer {
        /// The system.
        system: SystemName,
        /// Method and path.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another run, person or program is in the way.
    #[error("{system}: {reason}")]
    Foreign {
        /// The system.
        system: SystemName,
        /// Who or what.
        reason: String,
    },
    /// A change was made and is not in force.
    #[error("{system}: {reason}")]
    NotInForce {
        /// The system.
        system: SystemName,
        /// What was found instead.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// `read`, `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot run `{program}`")]
    Spawn {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A program ended otherwise than it should.
    #[error("`{program}` {how}{}", if output.is_empty() { String::new() } else { format!("\n{output}") })]
    Program {
        /// The program.
        program: String,
        /// `ended with rc 1`, `was killed by signal 9`.
        how: String,
        /// The end of its output, redacted.
        output: String,
    },
    /// A secret could not be had.
    #[error("secret `{name}` cannot be read: {reason}")]
    Secret {
        /// The variable.
        name: String,
        /// Why, without the value.
        reason: String,
    },
    /// Something took longer than it may.
    #[error("{what} took longer than {limit}")]
    Timeout {
        /// What.
        what: String,
        /// The limit.
        limit: crate::model::PlanDuration,
    },
}

/// An error and all its causes in one line: `a: b: c`.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
