use std::{future::Future, time::Duration};

use tokio::{sync::mpsc, time::Instant};

/// The signals that were heard.
pub(crate) struct Signals {
    heard: mpsc::UnboundedReceiver<&'static str>,
    first: Option<&'static str>,
    closed: bool,
}

/// What may end an act before its own end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Guard {
    /// Whether the first signal cancels it; else it finishes, and the run ends after it.
    pub(crate) cancel_on_signal: bool,
    /// When the frozen region must start to go back.
    pub(crate) deadline: Option<Instant>,
    /// `timeout:` of the step.
    pub(crate) timeout: Option<Duration>,
}

/// Why an act was ended before its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It took longer than its `timeout:`.
    Timeout(Duration),
    /// What is left of the freeze is needed for the way back.
    Deadline,
    /// A signal that cancels.
    Signal(&'static str),
    /// A second signal: leave at once.
    Twice(&'static str),
}

impl Signals {
    /// Over a receiver that gets the name of each signal.
    pub(super) fn new(heard: mpsc::UnboundedReceiver<&'static str>) -> Self {
        Self {
            heard,
            first: None,
            closed: false,
        }
    }

    /// The first signal that was heard and not yet obeyed.
    pub(crate) fn pending(&mut self) -> Option<&'static str> {
        if self.first.is_none() {
            self.first = self.heard.try_recv().ok();
        }
        self.first
    }

    /// Forgets what was heard: it has been obeyed, and the way back must not be cancelled by it again.
    pub(crate) fn obeyed(&mut self) {
        self.first = None;
    }

    async fn next(&mut self) -> &'static str {
        if !self.closed {
            if let Some(signal) = self.heard.recv().await {
                return signal;
            }
            self.closed = true;
        }
        std::future::pending().await
    }

    /// Runs an act until its end or until something stops it; a stopped act is dropped.
    ///
    /// # Errors
    /// What stopped it.
    pub(crate) async fn run<F: Future>(&mut self, act: F, guard: Guard) -> Result<F::Output, Stopped> {
        tokio::pin!(act);
        let started = Instant::now();
        let timeout_at = guard.timeout.map(|limit| started + limit);
        loop {
            if guard.cancel_on_signal
                && let Some(signal) = self.first
            {
                return Err(Stopped::Signal(signal));
            }
            tokio::select! {
                biased;
                output = &mut act => return Ok(output),
                signal = self.next() => {
                    if self.first.is_some() {
                        return Err(Stopped::Twice(signal));
                    }
                    self.first = Some(signal);
                }
                () = at(timeout_at) => return Err(Stopped::Timeout(guard.timeout.unwrap_or_default())),
                () = at(guard.deadline) => return Err(Stopped::Deadline),
            }
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals() -> (mpsc::UnboundedSender<&'static str>, Signals) {
        let (send, receive) = mpsc::unbounded_channel();
        (send, Signals::new(receive))
    }

    #[tokio::test]
    async fn an_act_without_cancelling_finishes_and_the_signal_is_remembered() {
        let (send, mut signals) = signals();
        let act = async {
            send.send("SIGINT").unwrap();
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(signals.run(act, Guard::default()).await, Ok(7));
        assert_eq!(signals.pending(), Some("SIGINT"));
    }

    #[tokio::test]
    async fn a_cancelling_guard_drops_the_act_at_the_first_signal() {
        let (send, mut signals) = signals();
        send.send("SIGTERM").unwrap();
        let guard = Guard {
            cancel_on_signal: true,
            ..Guard::default()
        };
        let never = std::future::pending::<()>();
        assert_eq!(signals.run(never, guard).await, Err(Stopped::Signal("SIGTERM")));
    }

    #[tokio::test]
    async fn a_second_signal_leaves_at_once() {
        let (send, mut signals) = signals();
        send.send("SIGINT").unwrap();
        send.send("SIGINT").unwrap();
        let never = std::future::pending::<()>();
        assert_eq!(
            signals.run(never, Guard::default()).await,
            Err(Stopped::Twice("SIGINT"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_is_past_stops_before_a_later_timeout() {
        let (_send, mut signals) = signals();
        let guard = Guard {
            deadline: Some(Instant::now()),
            timeout: Some(Duration::from_secs(60)),
            ..Guard::default()
        };
        let never = std::future::pending::<()>();
        assert_eq!(signals.run(never, guard).await, Err(Stopped::Deadline));
    }
}
