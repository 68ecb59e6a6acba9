use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Kill, When};
use crate::{
    rehearse::twin::{Faults, Outcome, Seen, Turn},
    system::Mortal,
};

/// Counts the runner's requests of a session, and kills it at one of them.
#[derive(Default)]
pub(super) struct Executioner(Mutex<Session>);

#[derive(Default)]
struct Session {
    runner: Option<Arc<Mortal>>,
    kill: Option<(u64, When, Duration)>,
    requests: u64,
    /// What it was killed at.
    struck: Option<String>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is served.
    Served,
    /// Nothing comes of it: whoever asked is dead.
    Dropped,
    /// It is served, and then [`Executioner::strike`] must be called before it is answered.
    ServedThenStrike,
    /// It is served after that pause: whoever asked is dead.
    ServedLate(Duration),
}

impl Executioner {
    /// Starts a runner for a session; its first request waits until it can be killed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, kill: Option<Kill>, start: impl FnOnce() -> io::Result<Mortal>) -> io::Result<Arc<Mortal>> {
        let mut session = self.session();
        let kill = match kill {
            Some(Kill::Request { number, when, late_ms }) => Some((number, when, Duration::from_millis(late_ms))),
            Some(Kill::Record(_)) | None => None,
        };
        let runner = Arc::new(start()?);
        *session = Session {
            runner: Some(Arc::clone(&runner)),
            kill,
            ..Session::default()
        };
        Ok(runner)
    }

    /// Ends the session; says at what request it killed the runner, if it did.
    pub fn ended(&self) -> Option<String> {
        std::mem::take(&mut *self.session()).struck
    }

    /// Decides about a request of the runner.
    pub fn request(&self, what: &str) -> Fate {
        let mut session = self.session();
        session.requests += 1;
        let Some((number, when, late)) = session.kill else {
            return Fate::Served;
        };
        if session.requests != number || session.runner.is_none() {
            return Fate::Served;
        }
        let word = match when {
            When::Before => "before it was served",
            When::After => "after it was served, before it was answered",
            When::Late => "while it was on its way, and it was served afterwards",
        };
        session.struck = Some(format!("at its request {number} ({what}), {word}"));
        match when {
            When::Before => {
                strike(&session);
                Fate::Dropped
            }
            When::After => Fate::ServedThenStrike,
            When::Late => {
                strike(&session);
                Fate::ServedLate(late)
            }
        }
    }

    /// Kills the runner now.
    pub fn strike(&self) {
        strike(&self.session());
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn strike(session: &Session) {
    if let Some(runner) = &session.runner
        && let Err(error) = runner.kill()
    {
        tracing::error!(%error, "the runner of the rehearsal cannot be killed");
    }
}

/// At the twins of the registries. What comes by the balancer is a client's.
impl Faults for Executioner {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        if seen.by_balancer {
            return Turn::default();
        }
        let (delay, outcome) = match self.request(&format!("{} {}", seen.method, seen.path)) {
            Fate::Served => return Turn::default(),
            Fate::Dropped => (Duration::ZERO, Outcome::CutBefore),
            Fate::ServedThenStrike => (Duration::ZERO, Outcome::CutAfter),
            Fate::ServedLate(late) => (late, Outcome::Serve),
        };
        Turn { delay, outcome }
    }

    fn served(&self) {
        self.strike();
    }
}
