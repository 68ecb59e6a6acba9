use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    Kill, ORDER, Order, RecordKill, When,
    control::Control,
    end::{End, look},
    executioner::Executioner,
    order::journal,
};
use crate::{
    journal::{FoldError, Record, SqliteStore, Store as _, StoreError},
    model::{Plan, RunId, StepId, SystemName},
    registry::Snapshot,
    rehearse::{
        StageError,
        load::{Load, LoadOptions, Report, paths_of},
        run::RUN,
        stage::Stage,
        twin::Faults,
        witness::WitnessError,
    },
    system::{Death, Mortal, SystemError},
};

/// A session takes a second; one that takes this long hangs.
const SESSION_LIMIT: Duration = Duration::from_secs(180);

/// How long clients go on after the last session: long enough that a change is seen from outside.
const AFTERWARDS: Duration = Duration::from_millis(100);

/// Between two requests of the reader, and of the writer: several worlds share the machine.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(60));

/// Versions that the reader goes through.
const READ_PATHS: usize = 50;

/// Of what a runner says when it fails, as much as a person reads; bytes.
const LAST_WORDS: usize = 600;

/// How a runner is started: this program, or one that stands in for it in tests.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// Its arguments; the order comes by [`ORDER`].
    pub arguments: Vec<OsString>,
}

/// What is the same in all worlds of a campaign.
pub struct Setup {
    /// The plan as its file says it.
    pub plan: Plan,
    /// How the runner finds that plan.
    pub source: Value,
    /// How a runner is started.
    pub program: Program,
    /// What the 2.6 begins with.
    pub data: PathBuf,
    /// The same, read.
    pub held: Snapshot,
    /// The step that fails.
    pub fail: Option<StepId>,
}

/// Why kills could not be tried at all.
#[derive(Debug, thiserror::Error)]
pub enum KillError {
    /// The stage cannot be set.
    #[error("the stage cannot be set")]
    Stage(#[from] StageError),
    /// The runner, a port or a file.
    #[error("the runner cannot be started or followed")]
    Io(#[from] io::Error),
    /// A twin does not answer.
    #[error("the twins cannot be used")]
    System(#[from] SystemError),
    /// The journal of the rehearsal cannot be read.
    #[error("the journal of the rehearsal cannot be read")]
    Store(#[from] StoreError),
    /// The journal of the rehearsal makes no sense.
    #[error("the journal of the rehearsal cannot be understood")]
    Fold(#[from] FoldError),
    /// Nobody can look at the end.
    #[error("the end cannot be looked at")]
    Witness(#[from] WitnessError),
    /// The run without any kill is not as it must be: nothing can be compared with it.
    #[error("undisturbed, the rehearsal is not well: {0}")]
    Undisturbed(String),
    /// A part of the campaign panicked.
    #[error("a world could not be followed to its end")]
    Lost(#[from] tokio::task::JoinError),
}

/// How a session of the runner ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Session {
    /// It was killed there.
    Killed(String),
    /// By itself, with this code and these last words.
    Ended(u8, String),
    /// Otherwise, in words.
    Broken(String),
}

/// Twins, clients, and a runner that is started as often as it takes.
pub(super) struct World {
    setup: Arc<Setup>,
    directory: TempDir,
    stage: Stage,
    executioner: Arc<Executioner>,
    load: Option<Load>,
    order: Order,
    sessions: u32,
    records: u64,
    /// What a session did to the journal that it must not.
    undurable: Vec<String>,
    _control: Control,
}

/// What is looked at in the end.
pub(super) struct Place<'p> {
    pub stage: &'p Stage,
    pub balancers: Vec<&'p SystemName>,
    pub report: Option<&'p Report>,
    pub held: &'p Snapshot,
    pub records: &'p [Record],
}

impl World {
    /// A fresh one, with clients at work.
    pub async fn open(setup: Arc<Setup>) -> Result<Self, KillError> {
        let directory = tempfile::tempdir()?;
        let executioner = Arc::new(Executioner::default());
        let faults: Arc<dyn Faults> = Arc::clone(&executioner) as _;
        let mut plan = setup.plan.clone();
        let stage = Stage::set(&mut plan, Some(setup.data.clone()), &faults).await?;
        let control = Control::open(Arc::clone(&stage.stand_ins), Arc::clone(&executioner)).await?;
        let order = Order {
            plan: setup.source.clone(),
            systems: plan
                .systems
                .iter()
                .map(|(name, declared)| (name.clone(), declared.spec.clone()))
                .collect(),
            balancers: plan
                .systems
                .keys()
                .filter_map(|name| Some((name.clone(), stage.stand_ins.balancer(name)?.url().to_owned())))
                .collect(),
            control: control.url.clone(),
            token: control.token.clone(),
            fail: setup.fail.clone(),
            directory: directory.path().to_owned(),
            kill: None,
        };
        let load = stage.public.as_deref().map(|url| load(url, &setup.held)).transpose()?;
        Ok(Self {
            setup,
            directory,
            stage,
            executioner,
            load,
            order,
            sessions: 0,
            records: 0,
            undurable: Vec::new(),
            _control: control,
        })
    }

    /// Starts the runner, once more, to be killed there.
    pub async fn session(&mut self, kill: Option<Kill>) -> Result<Session, KillError> {
        self.sessions += 1;
        self.order.kill = match kill {
            Some(Kill::Record(kill)) => Some(kill),
            Some(Kill::Request { .. }) | None => None,
        };
        let order = self.directory.path().join("order.json");
        self.order.write(&order)?;
        let says = self.directory.path().join(format!("session-{}", self.sessions));
        let program = &self.setup.program;
        let environment: [(&str, &OsStr); 1] = [(ORDER, order.as_os_str())];
        let runner = (self.executioner).start(kill, || {
            Mortal::start(&program.path, &program.arguments, &environment, &says)
        })?;
        let death = tokio::time::timeout(SESSION_LIMIT, runner.ended()).await;
        let struck = self.executioner.ended();
        drop(runner);
        let written = self.written()?;
        Ok(match death.map_err(|_| ()) {
            Ok(death) => match (death?, self.order.kill, struck) {
                (Death::KILLED, Some(kill), _) => {
                    self.expect(kill, written);
                    Session::Killed(at_record(kill))
                }
                (Death::KILLED, None, Some(struck)) => Session::Killed(struck),
                (Death::Ended(code), _, _) => Session::Ended(u8::try_from(code).unwrap_or(u8::MAX), last_words(&says)),
                (Death::Signal(signal), _, _) => {
                    Session::Broken(format!("signal {signal} ended it: {}", last_words(&says)))
                }
            },
            Err(()) => Session::Broken(format!(
                "it did not end within {} s: {}",
                SESSION_LIMIT.as_secs(),
                last_words(&says)
            )),
        })
    }

    /// Records that the last session wrote.
    fn written(&mut self) -> Result<u64, KillError> {
        let all = u64::try_from(self.journal()?.len()).unwrap_or(u64::MAX);
        let written = all.saturating_sub(self.records);
        self.records = all;
        Ok(written)
    }

    /// What was acknowledged as durable is there, and nothing else.
    fn expect(&mut self, kill: RecordKill, written: u64) {
        let due = kill.record - u64::from(kill.when == When::Before);
        if written != due {
            let text = format!(
                "killed {}, the journal holds {written} records of that session",
                at_record(kill)
            );
            self.undurable.push(text);
        }
    }

    fn journal(&self) -> Result<Vec<Record>, KillError> {
        let store = SqliteStore::open(&journal(self.directory.path()))?;
        Ok(store.read(&RunId::from(RUN))?)
    }

    /// How many times the runner was started.
    pub fn sessions(&self) -> u32 {
        self.sessions
    }

    /// Stops the clients and looks at what there is.
    pub async fn end(mut self, exit: u8) -> Result<End, KillError> {
        tokio::time::sleep(AFTERWARDS).await;
        let report = match self.load.take() {
            Some(load) => Some(load.stop().await),
            None => None,
        };
        let records = self.journal()?;
        let place = Place {
            stage: &self.stage,
            balancers: self.order.balancers.keys().collect(),
            report: report.as_ref(),
            held: &self.setup.held,
            records: &records,
        };
        let mut end = look(&place, exit).await?;
        end.violations.append(&mut self.undurable);
        Ok(end)
    }
}

fn load(url: &str, held: &Snapshot) -> Result<Load, SystemError> {
    let options = LoadOptions {
        reads: paths_of(held, READ_PATHS),
        readers: 1,
        read_pause: PAUSES.0,
        write_pause: PAUSES.1,
        ..LoadOptions::default()
    };
    Load::start(url, options)
}

fn at_record(kill: RecordKill) -> String {
    let word = if kill.when == When::Before { "before" } else { "after" };
    format!("{word} its record {} was durable", kill.record)
}

/// The end of what it said, on one line.
fn last_words(says: &Path) -> String {
    let said = std::fs::read(says).unwrap_or_default();
    let end = said.get(said.len().saturating_sub(LAST_WORDS)..).unwrap_or_default();
    let lines: Vec<String> = String::from_utf8_lossy(end)
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" · ")
}
