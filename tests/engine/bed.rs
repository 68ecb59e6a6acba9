//! A directory to work in, a plan, and a journal that survives its runner.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use regplan::{
    engine::{ApplyRequest, EngineError, Outcome, apply},
    journal::{Body, RECORD_FORMAT, Record, RunState, Store, StoreError, fold},
    kind::Program,
    model::{Digest, Event, RunId},
    source::{LoadOptions, load_text},
    system::{Answer, Observe, People, World, WorldOptions},
};
use tokio::sync::mpsc;

/// A journal in memory; it refuses the append after `room` records, as a killed runner would have.
#[derive(Clone, Default)]
pub struct MemoryStore {
    records: Arc<Mutex<Vec<Record>>>,
    room: Option<usize>,
}

impl Store for MemoryStore {
    fn find_run(&self, _plan: &str, _environment: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.records.lock().unwrap().first().map(|record| record.run.clone()))
    }

    fn read(&self, _run: &RunId) -> Result<Vec<Record>, StoreError> {
        Ok(self.records.lock().unwrap().clone())
    }

    fn append(&mut self, run: &RunId, fence: u64, body: Body) -> Result<Record, StoreError> {
        let mut records = self.records.lock().unwrap();
        if self.room.is_some_and(|room| records.len() >= room) {
            // Fenced is the one refusal after which the executor touches nothing more: like kill -9.
            return Err(StoreError::Fenced {
                ours: fence,
                theirs: fence + 1,
            });
        }
        let record = Record {
            format_version: RECORD_FORMAT,
            sequence: records.len() as u64 + 1,
            time: jiff::Timestamp::now(),
            run: run.clone(),
            fence,
            previous: records.last().map_or(Digest::from(""), |record| record.hash.clone()),
            hash: Digest::new(format!("h{}", records.len() + 1)),
            body,
        };
        records.push(record.clone());
        Ok(record)
    }

    fn next_fence(&mut self) -> Result<u64, StoreError> {
        Ok(self
            .records
            .lock()
            .unwrap()
            .iter()
            .map(|record| record.fence)
            .max()
            .unwrap_or(0)
            + 1)
    }
}

/// Somebody who always answers the same.
pub struct Always(pub Answer);

impl People for Always {
    fn confirm(&self, _step: &str, _text: &str) -> Answer {
        self.0.clone()
    }
}

pub struct Bed {
    directory: tempfile::TempDir,
    pub plan: String,
    pub journal: MemoryStore,
    pub answer: Answer,
}

/// How one apply went.
pub struct Went {
    pub outcome: Result<Outcome, EngineError>,
    pub events: Vec<Event>,
}

impl Bed {
    pub fn new(plan: &str) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            plan: plan.to_owned(),
            journal: MemoryStore::default(),
            answer: Answer::Nobody,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn put(&self, name: &str, text: &str) {
        // A test's own directory: nobody reads the file half-written.
        #[expect(clippy::disallowed_methods, reason = "nobody reads it half-written")]
        fs::write(self.path(name), text).unwrap();
    }

    /// Every file with its text, by name: the world that must end the same.
    pub fn world(&self) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read_to_string(&path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub fn records(&self) -> Vec<Record> {
        self.journal.records.lock().unwrap().clone()
    }

    pub fn state(&self) -> Option<RunState> {
        fold(&self.records()).unwrap()
    }

    /// From now on the journal takes only this many records.
    pub fn cut_after(&mut self, records: Option<usize>) {
        self.journal.room = records;
    }

    pub fn program(&self) -> Program {
        let options = LoadOptions {
            environment: "test".to_owned(),
            ..LoadOptions::default()
        };
        let loaded = load_text("plan.yaml", self.plan.clone(), &options);
        loaded.program.unwrap_or_else(|| panic!("{:#?}", loaded.findings))
    }

    pub async fn apply(&self) -> Went {
        let (_send, signals) = mpsc::unbounded_channel();
        self.apply_with(signals).await
    }

    pub async fn apply_with(&self, signals: mpsc::UnboundedReceiver<&'static str>) -> Went {
        self.apply_program(self.program(), signals).await
    }

    /// Applies a program that a test put together itself.
    pub async fn apply_program(&self, program: Program, signals: mpsc::UnboundedReceiver<&'static str>) -> Went {
        provider();
        let options = WorldOptions {
            base: self.directory.path().to_owned(),
            spool: self.path(".spool"),
            no_exec: false,
        };
        let world = World::open(&program.plan, &options).unwrap();
        let (events, mut heard) = mpsc::unbounded_channel();
        let mut store = self.journal.clone();
        let fence = store.next_fence().unwrap();
        let outcome = apply(ApplyRequest {
            program,
            environment: "test".to_owned(),
            world: Observe::new(Arc::new(world)),
            store: Box::new(store),
            run: RunId::from("r1"),
            state: self.state(),
            fence,
            holder: "test".to_owned(),
            people: Arc::new(Always(self.answer.clone())),
            events,
            signals,
            until: None,
        })
        .await;
        let mut all = Vec::new();
        while let Ok(event) = heard.try_recv() {
            all.push(event);
        }
        Went { outcome, events: all }
    }
}

impl Went {
    pub fn outcome(self) -> Outcome {
        self.outcome.unwrap()
    }
}

/// Tests share a process: only the first call installs it.
fn provider() {
    let _already = rustls::crypto::ring::default_provider().install_default();
}

/// A step that makes a file, guarded by it, and counts its runs in `log`.
pub fn makes(file: &str) -> String {
    format!(
        "      - id: make_{file}\n        uses: run.command\n        with:\n          command: [sh, -c, \"echo {file} >> log.{file} && touch {file}\"]\n          creates: {file}\n          undo: [rm, -f, {file}]\n"
    )
}

/// Lines of a file; none when it is not there.
pub fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}
