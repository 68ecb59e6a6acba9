use std::{error::Error, fmt, path::PathBuf};

use super::Exit;
use crate::{
    engine::EngineError,
    init::InitError,
    journal::{FoldError, LockError, StoreError},
    kind::ApplyError,
    registry::CertificateError,
    report::json::JsonError,
    source::LoadError,
    system::SystemError,
};

/// Why a verb could not do what it should; printed once, at the edge, with its causes.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// A rehearsal could not be held.
    #[error("the rehearsal cannot be held")]
    Rehearsal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No plan could be written.
    #[error("no plan was written")]
    Init(#[from] InitError),
    /// What was typed cannot be done.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to type instead.
        help: Option<String>,
    },
    /// The plan has errors, which were printed.
    #[error("the plan is not valid: {errors}")]
    InvalidPlan {
        /// How many.
        errors: String,
    },
    /// The plan cannot be read.
    #[error("the plan cannot be used")]
    Load(#[from] LoadError),
    /// The journal cannot be opened, read or written.
    #[error("the journal cannot be used")]
    Store(#[from] StoreError),
    /// The journal says something that cannot be.
    #[error("the journal cannot be understood")]
    Fold(#[from] FoldError),
    /// The lock cannot be had.
    #[error("the run cannot be locked")]
    Lock(#[from] LockError),
    /// A system of the plan cannot be used.
    #[error("the systems of the plan cannot be used")]
    System(#[from] SystemError),
    /// A registry or an export file that was named cannot be read, or a report cannot be written.
    #[error("cannot use {place}")]
    Side {
        /// How it was named.
        place: String,
        /// The cause.
        #[source]
        source: SystemError,
    },
    /// A certificate that was named cannot be checked.
    #[error("cannot use {}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: CertificateError,
    },
    /// The engine could not go on.
    #[error("the run had to stop")]
    Engine(#[from] EngineError),
    /// Texts that a step would change cannot be had.
    #[error("the texts that would change cannot be shown")]
    Texts(#[from] ApplyError),
    /// Data cannot be printed as JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Standard output or the machine below us failed.
    #[error("cannot {doing}")]
    Io {
        /// What was tried.
        doing: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A directory cannot be entered.
    #[error("cannot work in {}", path.display())]
    Chdir {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl CliError {
    /// A usage error.
    pub(super) fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        CliError::Usage {
            what: what.into(),
            help: Some(help.into()),
        }
    }

    /// A rehearsal that could not be held.
    pub(super) fn rehearsal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        CliError::Rehearsal(Box::new(error))
    }

    /// Of a registry or file that was named.
    pub(super) fn side(place: &str, source: SystemError) -> Self {
        CliError::Side {
            place: place.to_owned(),
            source,
        }
    }

    /// The exit code that it ends with.
    pub(super) fn exit(&self) -> Exit {
        match self {
            CliError::Usage { .. } | CliError::InvalidPlan { .. } | CliError::Load(_) | CliError::Chdir { .. } => {
                Exit::Usage
            }
            CliError::Init(InitError::WrongVersion { .. }) => Exit::Refused,
            CliError::Init(InitError::System(_) | InitError::Template(_)) => Exit::Error,
            CliError::Init(_) => Exit::Usage,
            CliError::Lock(LockError::Held { .. }) => Exit::Locked,
            CliError::Store(StoreError::Fenced { .. })
            | CliError::Engine(EngineError::Store(StoreError::Fenced { .. })) => Exit::Locked,
            CliError::Lock(LockError::Io { .. })
            | CliError::Store(_)
            | CliError::Fold(_)
            | CliError::System(_)
            | CliError::Side { .. }
            | CliError::Certificate { .. }
            | CliError::Engine(_)
            | CliError::Texts(_)
            | CliError::Json(_)
            | CliError::Rehearsal(_)
            | CliError::Io { .. } => Exit::Error,
        }
    }
}

impl miette::Diagnostic for CliError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = match self {
            CliError::Usage { help, .. } => help.clone()?,
            CliError::Init(error) => error.help()?,
            CliError::Lock(LockError::Held { .. }) => {
                "Wait for it to end (--lock-timeout 10m), or look at it with `regplan status`.".to_owned()
            }
            CliError::Load(LoadError::Unreadable { .. }) => {
                "Name the plan file: regplan plan plans/guide.yaml".to_owned()
            }
            CliError::System(_) => "Set the system right under `systems:` in the plan, or its variables.".to_owned(),
            CliError::Fold(_) => {
                "Keep the journal file as it is and report this: regplan journal --json shows it.".to_owned()
            }
            CliError::InvalidPlan { .. }
            | CliError::Side { .. }
            | CliError::Certificate { .. }
            | CliError::Load(_)
            | CliError::Store(_)
            | CliError::Lock(_)
            | CliError::Engine(_)
            | CliError::Texts(_)
            | CliError::Json(_)
            | CliError::Rehearsal(_)
            | CliError::Io { .. }
            | CliError::Chdir { .. } => return None,
        };
        Some(Box::new(help))
    }
}

/// Whether an error is nothing but a reader of ours that went away (`regplan plan | head`).
pub(super) fn is_broken_pipe(error: &CliError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::BrokenPipe;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: std::io::ErrorKind) -> std::io::Error {
        std::io::Error::from(kind)
    }

    #[test]
    fn errors_end_with_the_code_that_the_design_promises() {
        let held = LockError::Held {
            path: "p".to_owned(),
            holder: "h".to_owned(),
        };
        let not_ours = StoreError::Fenced { ours: 1, theirs: 2 };
        let cases = [
            (CliError::usage("a", "b"), Exit::Usage),
            (
                CliError::InvalidPlan {
                    errors: "1 error".to_owned(),
                },
                Exit::Usage,
            ),
            (CliError::Lock(held), Exit::Locked),
            (CliError::Store(not_ours), Exit::Locked),
            (
                CliError::Io {
                    doing: "x".to_owned(),
                    source: io(std::io::ErrorKind::Other),
                },
                Exit::Error,
            ),
        ];
        for (error, exit) in cases {
            assert_eq!(error.exit(), exit, "{error}");
        }
    }

    #[test]
    fn a_reader_that_went_away_is_told_from_other_errors() {
        let write = |kind| CliError::Io {
            doing: "write to stdout".to_owned(),
            source: io(kind),
        };
        assert!(is_broken_pipe(&write(std::io::ErrorKind::BrokenPipe)));
        assert!(!is_broken_pipe(&write(std::io::ErrorKind::StorageFull)));
    }
}
