use super::{env_file::EnvFileError, questions::Lacking};
use crate::system::SystemError;

/// Why no plan was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Something must be said and was not, or cannot be used.
    #[error("{}", lacking(.0))]
    Lacking(Vec<Lacking>),
    /// The environment file cannot be read.
    #[error("the environment file cannot be used")]
    EnvFile(#[from] EnvFileError),
    /// The registry is not one that is moved.
    #[error("the registry at {url} is {version}")]
    WrongVersion {
        /// Its address.
        url: String,
        /// What it says it is.
        version: String,
        /// What to do.
        help: String,
    },
    /// The registry wants to know who asks.
    #[error("the registry at {url} answered {status}: it wants a login")]
    NeedsLogin {
        /// Its address.
        url: String,
        /// 401 or 403.
        status: u16,
        /// What to do.
        help: String,
    },
    /// The registry cannot be asked.
    #[error("the registry cannot be asked")]
    System(#[from] SystemError),
    /// The template does not fit its values: a mistake of this program.
    #[error("the plan cannot be written down")]
    Template(#[from] minijinja::Error),
    /// What would be written is no plan.
    #[error("with these values the plan would not be valid: {0}")]
    NotValid(String),
}

fn lacking(all: &[Lacking]) -> String {
    let lines = all.iter().map(|one| format!("\n  {}  {}", one.flag, one.what));
    format!("not everything is known{}", lines.collect::<String>())
}

impl InitError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Lacking(_) => Some("Add these flags, or run it in a terminal, where it asks.".to_owned()),
            Self::WrongVersion { help, .. } | Self::NeedsLogin { help, .. } => Some(help.clone()),
            Self::System(_) => Some("Name the registry itself, not the balancer, with --v2.".to_owned()),
            Self::NotValid(_) => Some("Change the flag that says it; nothing was written.".to_owned()),
            Self::EnvFile(_) | Self::Template(_) => None,
        }
    }
}
