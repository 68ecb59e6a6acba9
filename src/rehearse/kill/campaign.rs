use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    End, Failed, Kill, KillSummary, RecordKill,
    point::Kills,
    summary::{Mode, Replay},
    world::{KillError, Session, Setup, World},
};

/// Kills in one world at random: later ones hit runners that resume, and worlds with many tell less of each.
const KILLS_PER_WORLD: u32 = 4;

/// Worlds at the same time for each processor: a world waits half of its time.
const WORLDS_PER_CPU: usize = 2;

/// Worlds at the same time at most: each has four servers and their clients.
const MOST_AT_ONCE: usize = 16;

/// Many worlds of one plan, whose runners are killed, each compared with the one whose runner was not.
pub struct Campaign {
    setup: Arc<Setup>,
    undisturbed: Arc<End>,
    at_once: usize,
}

/// What there is to tell while it goes on.
#[derive(Debug)]
pub enum Told<'t> {
    /// The undisturbed world has ended.
    Undisturbed {
        /// With this exit code.
        exit: u8,
        /// After so many records.
        records: usize,
    },
    /// One more world has ended.
    World {
        /// So far.
        summary: &'t KillSummary,
        /// It did not end as the undisturbed one.
        failed: Option<&'t Failed>,
    },
}

/// What came of one world.
struct Ended {
    replay: Replay,
    kills: Vec<String>,
    sessions: u32,
    differences: Vec<String>,
}

/// A way to tell.
type Tell<'t> = dyn FnMut(Told<'_>) + Send + 't;

impl Campaign {
    /// Runs the undisturbed world.
    ///
    /// # Errors
    /// When it cannot be held, or does not end as any world must.
    pub async fn begin(setup: Setup, tell: &mut Tell<'_>) -> Result<Self, KillError> {
        let setup = Arc::new(setup);
        let mut world = World::open(Arc::clone(&setup)).await?;
        let undisturbed = match world.session(None).await? {
            Session::Ended(exit, words) => {
                let end = world.end(exit).await?;
                match end.violations.is_empty() {
                    true => end,
                    false => {
                        return Err(KillError::Undisturbed(format!(
                            "{} ({words})",
                            end.violations.join("; ")
                        )));
                    }
                }
            }
            Session::Killed(what) | Session::Broken(what) => return Err(KillError::Undisturbed(what)),
        };
        tell(Told::Undisturbed {
            exit: undisturbed.exit,
            records: undisturbed.records.len(),
        });
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            setup,
            undisturbed: Arc::new(undisturbed),
            at_once: (cpus * WORLDS_PER_CPU).min(MOST_AT_ONCE),
        })
    }

    /// Kills at one boundary of the journal.
    ///
    /// # Errors
    /// When a world cannot be held.
    pub async fn at(&self, kill: RecordKill, tell: &mut Tell<'_>) -> Result<KillSummary, KillError> {
        let summary = self.summary(Mode::At, None);
        self.drive(summary, std::iter::once(Replay::At(kill)), |_, _| false, tell)
            .await
    }

    /// Kills at each boundary of the journal in a world of its own, until one is never reached.
    ///
    /// # Errors
    /// When a world cannot be held.
    pub async fn everywhere(&self, tell: &mut Tell<'_>) -> Result<KillSummary, KillError> {
        let summary = self.summary(Mode::Everywhere, None);
        let never_reached = |_: &KillSummary, ended: &Ended| ended.kills.is_empty();
        self.drive(summary, RecordKill::all().map(Replay::At), never_reached, tell)
            .await
    }

    /// Kills at random, several times in each world, until there were so many; world by world from the seed on.
    ///
    /// # Errors
    /// When a world cannot be held.
    pub async fn random(&self, kills: u64, seed: u64, tell: &mut Tell<'_>) -> Result<KillSummary, KillError> {
        let summary = self.summary(Mode::Random, Some(seed));
        let seeds = (0..kills.max(1)).map(|n| Replay::Seed(seed.wrapping_add(n)));
        let enough = |summary: &KillSummary, _: &Ended| summary.kills >= kills;
        self.drive(summary, seeds, enough, tell).await
    }

    fn summary(&self, mode: Mode, seed: Option<u64>) -> KillSummary {
        KillSummary::new(mode, seed, self.undisturbed.exit, self.undisturbed.records.len())
    }

    async fn drive(
        &self,
        mut summary: KillSummary,
        mut all: impl Iterator<Item = Replay>,
        enough: impl Fn(&KillSummary, &Ended) -> bool,
        tell: &mut Tell<'_>,
    ) -> Result<KillSummary, KillError> {
        let mut worlds = JoinSet::new();
        let mut over = false;
        loop {
            while !over && worlds.len() < self.at_once {
                match all.next() {
                    Some(replay) => {
                        let (setup, undisturbed) = (Arc::clone(&self.setup), Arc::clone(&self.undisturbed));
                        worlds.spawn(lived(setup, undisturbed, replay));
                    }
                    None => over = true,
                }
            }
            let Some(ended) = worlds.join_next().await else {
                break;
            };
            let ended = ended??;
            summary.count(ended.kills.len(), ended.sessions);
            over |= enough(&summary, &ended);
            let failed = self.failed(ended);
            tell(Told::World {
                summary: &summary,
                failed: failed.as_ref(),
            });
            summary.failed.extend(failed);
        }
        summary.failed.sort_by_key(|failed| failed.replay);
        Ok(summary)
    }

    fn failed(&self, ended: Ended) -> Option<Failed> {
        if ended.differences.is_empty() {
            return None;
        }
        let record = match ended.replay {
            Replay::At(kill) => usize::try_from(kill.record)
                .ok()
                .and_then(|n| self.undisturbed.records.get(n - 1)),
            Replay::Seed(_) => None,
        };
        Some(Failed {
            replay: ended.replay,
            record: record.cloned(),
            kills: ended.kills,
            differences: ended.differences,
            command: None,
        })
    }
}

/// One world from its beginning to its end.
async fn lived(setup: Arc<Setup>, undisturbed: Arc<End>, replay: Replay) -> Result<Ended, KillError> {
    let mut world = World::open(setup).await?;
    let reach = u64::try_from(undisturbed.records.len()).unwrap_or(1).max(1);
    let mut drawn = match replay {
        Replay::At(_) => None,
        Replay::Seed(seed) => Some(Kills::new(seed)),
    };
    let mut kills = Vec::new();
    let (exit, words) = loop {
        let next = match (&mut drawn, replay) {
            (None, Replay::At(kill)) if kills.is_empty() => Some(Kill::Record(kill)),
            (Some(drawn), _) if kills.len() < usize::try_from(KILLS_PER_WORLD).unwrap_or(1) => {
                // A session that resumes has less before it.
                let reach = if kills.is_empty() { reach } else { reach.div_ceil(2) };
                Some(drawn.next(reach))
            }
            (Some(_) | None, _) => None,
        };
        match world.session(next).await? {
            Session::Killed(at) => kills.push(at),
            Session::Ended(exit, words) => break (exit, words),
            Session::Broken(how) => {
                return Ok(Ended {
                    replay,
                    kills,
                    sessions: world.sessions(),
                    differences: vec![how],
                });
            }
        }
    };
    let sessions = world.sessions();
    let mut differences = world.end(exit).await?.differences(&undisturbed);
    if exit != undisturbed.exit && !words.is_empty() {
        differences.push(format!("the last session said: {words}"));
    }
    Ok(Ended {
        replay,
        kills,
        sessions,
        differences,
    })
}
