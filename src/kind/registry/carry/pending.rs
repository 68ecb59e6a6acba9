//! A request that may still be running on the server although nobody waits for its answer any more.
//!
//! A 3.x goes on to the end when its client is gone (`reference/apicurio.md` §2.3), and a second import beside the first one
//! loses data. So a note is made durable before a chunk is sent, and removed when its answer has come: who finds one waits.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    kind::ApplyError,
    resource::take_snapshot,
    system::{Note, Progress, Spool, SystemError, apicurio::RegistryReader},
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Contents and versions that stay as many for this long are all there are: the slowest storage, KafkaSQL, takes 44 ms for a
/// version and its content (`reference/apicurio.md` §2.3), and an export shows both.
const QUIET: Duration = Duration::from_secs(5);
/// A chunk of 1,000 versions takes 44 s on KafkaSQL, some minutes on a busy machine; a longer unrest is somebody who writes.
const UNREST: Duration = Duration::from_secs(15 * 60);

/// The note of one registry.
pub(super) struct Pending {
    note: Note<String>,
}

impl Pending {
    /// Of that registry.
    pub(super) fn of(registry: &RegistryReader<'_>, spool: &Spool) -> Self {
        Self {
            note: Note::of(&registry.url(), spool, "import", "pending"),
        }
    }

    /// Says that a request is about to be sent.
    pub(super) fn begin(&self, what: &str) -> Result<(), SystemError> {
        self.note.write(&what.to_owned())
    }

    /// Says that its answer has come.
    pub(super) fn end(&self) -> Result<(), SystemError> {
        self.note.remove()
    }

    /// Waits until nothing that was sent can still be running; says whether it had to.
    pub(super) async fn settle(
        &self,
        registry: &RegistryReader<'_>,
        spool: &Spool,
        log: &Progress,
    ) -> Result<bool, ApplyError> {
        if !self.note.exists() {
            return Ok(false);
        }
        log.say("an earlier request may still be running on the server; waiting until nothing moves there");
        let began = Instant::now();
        let mut last = None;
        let mut since = Instant::now();
        while began.elapsed() < UNREST {
            let taken = take_snapshot(registry, spool).await?;
            spool.forget(&taken.spooled.sha256)?;
            let counts = taken.snapshot.counts();
            if last != Some(counts) {
                log.say(format!(
                    "{} contents, {} versions there",
                    counts.contents, counts.versions
                ));
                last = Some(counts);
                since = Instant::now();
            } else if since.elapsed() >= QUIET {
                self.end()?;
                return Ok(true);
            }
            sleep(LOOK).await;
        }
        Err(ApplyError::NotDone(format!(
            "{} did not come to rest within {} minutes: an import still runs there, or somebody writes to it",
            registry.name(),
            UNREST.as_secs() / 60
        )))
    }
}
