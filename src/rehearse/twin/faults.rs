use std::time::Duration;

use super::TwinVersion;

/// A request as faults see it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'r> {
    /// Of which registry the twin is.
    pub version: TwinVersion,
    /// `GET`, `POST`, …
    pub method: &'r str,
    /// As it was sent, still encoded, without the query.
    pub path: &'r str,
    /// How many requests this twin had before it.
    pub number: u64,
    /// Whether it came by the balancer of the rehearsal: from a client, not from the runner.
    pub by_balancer: bool,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// How long the answer waits before the request is looked at.
    pub delay: Duration,
    /// What then becomes of it.
    pub outcome: Outcome,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It is served.
    #[default]
    Serve,
    /// It is answered with that status and changes nothing.
    Refuse(u16),
    /// The connection ends without a byte, and nothing was changed.
    CutBefore,
    /// It is served to the end, and then the connection ends without a byte.
    CutAfter,
    /// It is served, and the connection ends in the middle of the answer's body.
    CutInBody,
}

/// Decides about each request and each imported entity; asked on the twin's own tasks, so it must not wait.
pub trait Faults: Send + Sync {
    /// What happens to a request.
    fn request(&self, _seen: &Seen<'_>) -> Turn {
        Turn::default()
    }

    /// A request whose connection is to be cut after it ([`Outcome::CutAfter`]) has been served.
    fn served(&self) {}

    /// Whether an import loses this entity without a word: its kind as the entry names say it (`ArtifactVersion`), and its
    /// globalId, contentId, or address.
    fn loses(&self, _kind: &str, _id: &str) -> bool {
        false
    }
}

/// Everything is served.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {}
