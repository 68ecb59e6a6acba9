//! A constant reader and writer against a public address, who keep count of what clients would notice.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinSet};

use crate::{
    model::SystemName,
    registry::{Snapshot, VersionState},
    system::{SystemError, Visit, VisitError, Visitor},
};

/// The group that the writer writes to: its own, so that what it wrote can be told from the rest.
pub const GROUP: &str = "rehearsal";
/// Where the writer writes: that group.
pub(super) const WRITES: &str = "/apis/registry/v2/groups/rehearsal/artifacts";
/// What is read when nothing is known: it answers on an empty registry too.
const ANYTHING: &str = "/apis/registry/v2/search/artifacts?limit=1";
/// Problems kept as text; the counts go on without limit.
const PROBLEMS: usize = 20;
/// Acknowledged writes kept by id: a rehearsal of an hour at the default pace. The writer rests when it is reached.
const WRITTEN: usize = 200_000;
/// The shortest pause: no spinning against an address where nobody listens.
const BREATH: Duration = Duration::from_millis(1);

/// How much load, and on what.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Paths that answer 200, encoded, beginning with a slash; see [`paths_of`]. Anything at all when empty.
    pub reads: Vec<String>,
    /// Readers at the same time.
    pub readers: usize,
    /// Writers at the same time.
    pub writers: usize,
    /// Pause of each reader between two reads.
    pub read_pause: Duration,
    /// Pause of each writer between two writes.
    pub write_pause: Duration,
    /// A read that takes longer has failed.
    pub read_limit: Duration,
    /// A write that takes longer has failed; longer than a balancer may hold writes.
    pub write_limit: Duration,
    /// Begins the ids of the written artifacts, so that two loads never write the same one.
    pub prefix: String,
    /// PEM certificates trusted besides the platform's.
    pub ca: Option<PathBuf>,
}

impl Default for LoadOptions {
    /// Two readers and a writer: some hundred requests a second, which leaves a small machine free for the migration.
    fn default() -> Self {
        Self {
            reads: Vec::new(),
            readers: 2,
            writers: 1,
            read_pause: Duration::from_millis(5),
            write_pause: Duration::from_millis(20),
            read_limit: Duration::from_secs(5),
            write_limit: Duration::from_secs(60),
            prefix: "w".to_owned(),
            ca: None,
        }
    }
}

/// Paths of versions that every client may read before, during and after a migration: by globalId, which must stay the same.
///
/// Takes at most `limit`, spread over the whole; versions that are disabled are left out, for nobody can read them.
pub fn paths_of(snapshot: &Snapshot, limit: usize) -> Vec<String> {
    let served: Vec<u64> = snapshot
        .own_versions()
        .filter(|(_, version)| matches!(version.state, VersionState::Enabled | VersionState::Deprecated))
        .map(|(id, _)| id)
        .collect();
    let stride = served.len().div_ceil(limit.max(1)).max(1);
    served
        .iter()
        .step_by(stride)
        .map(|id| format!("/apis/registry/v2/ids/globalIds/{id}"))
        .collect()
}

/// What was seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Reads that were answered well.
    pub reads: u64,
    /// Reads that were not.
    pub reads_failed: u64,
    /// Reads sent again because a kept connection had closed without a byte; no failures by themselves.
    pub reads_resent: u64,
    /// The longest time without a successful read, also up to now.
    pub read_gap: Duration,
    /// Writes acknowledged.
    pub writes: u64,
    /// Writes refused by a 405, as a frozen balancer does.
    pub writes_refused: u64,
    /// Writes that failed otherwise.
    pub writes_failed: u64,
    /// The longest that a write took, whatever became of it.
    pub longest_write: Duration,
}

/// A write that was acknowledged. Times are since the load began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The artifact's id, in the group `rehearsal`.
    pub artifact: String,
    /// When it was sent.
    pub sent: Duration,
    /// When it was acknowledged.
    pub acknowledged: Duration,
}

/// All that a load has seen. Times are since the load began.
#[derive(Debug, Clone)]
pub struct Report {
    /// The counts.
    pub seen: Seen,
    /// When the load began, so that its times can be set against others.
    pub began: Instant,
    /// How long it lasted.
    pub lasted: Duration,
    /// Every acknowledged write, in the order of the answers.
    pub written: Vec<Written>,
    /// When the first and the last write were refused by a 405.
    pub refused: Option<(Duration, Duration)>,
    /// The longest gap without a successful read: when it began.
    pub gap_began: Duration,
    /// The first problems, with their times.
    pub problems: Vec<(Duration, String)>,
}

impl Report {
    /// The first write that was sent after a moment and acknowledged, say the switch to 3.x.
    pub fn first_written_after(&self, moment: Instant) -> Option<&Written> {
        let since = moment.saturating_duration_since(self.began);
        self.written.iter().find(|written| written.sent >= since)
    }
}

/// How many of the acknowledged writes that address does not serve now.
///
/// # Errors
/// When it cannot be asked.
pub async fn lost(url: &str, report: &Report) -> Result<u64, SystemError> {
    let visitor = Visitor::new(&SystemName::new("public"), url, None, LoadOptions::default().read_limit)?;
    let mut lost = 0;
    for written in &report.written {
        let there = visitor.get(&format!("{WRITES}/{}", written.artifact)).await;
        if !matches!(there, Ok(Visit { status: 200, .. })) {
            lost += 1;
        }
    }
    Ok(lost)
}

/// Readers and writers at work; they end when it is stopped or dropped.
pub struct Load {
    notes: Arc<Notes>,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
    patience: Duration,
}

impl Load {
    /// Begins at once; must be called on a runtime.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub fn start(url: &str, mut options: LoadOptions) -> Result<Self, SystemError> {
        let public = SystemName::new("public");
        let visitor = |limit| Visitor::new(&public, url, options.ca.as_deref(), limit);
        let (reading, writing) = (visitor(options.read_limit)?, visitor(options.write_limit)?);
        if options.reads.is_empty() {
            options.reads.push(ANYTHING.to_owned());
        }
        let patience = options.read_limit.max(options.write_limit);
        let notes = Arc::new(Notes::new());
        let (stop, stopped) = watch::channel(false);
        let options = Arc::new(options);
        let mut workers = JoinSet::new();
        for number in 0..options.readers {
            let worker = Worker::new(&reading, &options, &notes, &stopped, number);
            workers.spawn(worker.read());
        }
        for number in 0..options.writers {
            let worker = Worker::new(&writing, &options, &notes, &stopped, number);
            workers.spawn(worker.write());
        }
        Ok(Self {
            notes,
            stop,
            workers,
            patience,
        })
    }

    /// What was seen up to now.
    pub fn so_far(&self) -> Seen {
        let now = self.notes.now();
        self.notes.locked().seen_at(now)
    }

    /// When it began.
    pub fn began(&self) -> Instant {
        self.notes.began
    }

    /// Ends it when the requests under way are answered, at the latest after their own limits.
    pub async fn stop(mut self) -> Report {
        self.stop.send_replace(true);
        let all = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(self.patience, all).await.is_err() {
            self.workers.abort_all();
        }
        let lasted = self.notes.now();
        let book = self.notes.locked();
        let mut book = book.clone();
        book.seen = book.seen_at(lasted);
        if book.seen.read_gap > book.gap {
            book.gap_began = book.last_read;
        }
        Report {
            seen: book.seen,
            began: self.notes.began,
            lasted,
            written: book.written,
            refused: book.refused,
            gap_began: book.gap_began,
            problems: book.problems,
        }
    }
}

/// What the workers write down together.
struct Notes {
    began: Instant,
    book: Mutex<Book>,
    next: AtomicU64,
}

#[derive(Clone, Default)]
struct Book {
    seen: Seen,
    last_read: Duration,
    gap: Duration,
    gap_began: Duration,
    written: Vec<Written>,
    refused: Option<(Duration, Duration)>,
    problems: Vec<(Duration, String)>,
}

impl Notes {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            book: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Every note is whole by itself, so one left by a thread that panicked is fine.
    fn locked(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn seen_at(&self, now: Duration) -> Seen {
        Seen {
            read_gap: self.gap.max(now.saturating_sub(self.last_read)),
            ..self.seen.clone()
        }
    }

    fn read_well(&mut self, now: Duration) {
        self.seen.reads += 1;
        let gap = now.saturating_sub(self.last_read);
        if gap > self.gap {
            (self.gap, self.gap_began) = (gap, self.last_read);
        }
        self.last_read = self.last_read.max(now);
    }

    fn problem(&mut self, now: Duration, text: String) {
        if self.problems.len() < PROBLEMS {
            self.problems.push((now, text));
        }
    }

    fn settle(&mut self, artifact: String, sent: Duration, now: Duration, fate: Fate) {
        self.seen.longest_write = self.seen.longest_write.max(now.saturating_sub(sent));
        match fate {
            Fate::Acknowledged => {
                self.seen.writes += 1;
                self.written.push(Written {
                    artifact,
                    sent,
                    acknowledged: now,
                });
            }
            Fate::Refused => {
                self.seen.writes_refused += 1;
                let first = self.refused.map_or(now, |(first, _)| first);
                self.refused = Some((first, now));
            }
            Fate::Failed(why) => {
                self.seen.writes_failed += 1;
                self.problem(now, format!("write of {artifact}: {why}"));
            }
        }
    }
}

/// What became of a write.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    Refused,
    Failed(String),
}

impl Fate {
    fn of(answer: Result<Visit, VisitError>, resent: bool) -> Self {
        match answer {
            Ok(Visit { status: 200 | 201, .. }) => Self::Acknowledged,
            // The first sending had arrived after all, and now its client knows.
            Ok(Visit { status: 409, .. }) if resent => Self::Acknowledged,
            Ok(Visit { status: 405, .. }) => Self::Refused,
            Ok(Visit { status, .. }) => Self::Failed(format!("status {status}")),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// One reader or writer.
struct Worker {
    visitor: Visitor,
    options: Arc<LoadOptions>,
    notes: Arc<Notes>,
    stopped: watch::Receiver<bool>,
    number: usize,
}

impl Worker {
    fn new(
        visitor: &Visitor,
        options: &Arc<LoadOptions>,
        notes: &Arc<Notes>,
        stopped: &watch::Receiver<bool>,
        number: usize,
    ) -> Self {
        Self {
            visitor: visitor.clone(),
            options: Arc::clone(options),
            notes: Arc::clone(notes),
            stopped: stopped.clone(),
            number,
        }
    }

    async fn read(mut self) {
        let options = Arc::clone(&self.options);
        // Each reader begins elsewhere and goes through all.
        let start = self.number * options.reads.len() / options.readers.max(1);
        let mut paths = options.reads.iter().cycle().skip(start);
        while let Some(path) = paths.next().filter(|_| !*self.stopped.borrow()) {
            let mut answer = self.visitor.get(path).await;
            if matches!(answer, Err(VisitError::Unanswered(_))) {
                self.notes.locked().seen.reads_resent += 1;
                answer = self.visitor.get(path).await;
            }
            let now = self.notes.now();
            {
                let mut book = self.notes.locked();
                match answer {
                    Ok(Visit { status: 200, .. }) => book.read_well(now),
                    other => {
                        book.seen.reads_failed += 1;
                        let why =
                            other.map_or_else(|error| error.to_string(), |visit| format!("status {}", visit.status));
                        book.problem(now, format!("read of {path}: {why}"));
                    }
                }
            }
            self.rest(options.read_pause).await;
        }
    }

    async fn write(mut self) {
        let options = Arc::clone(&self.options);
        while !*self.stopped.borrow() && self.notes.locked().written.len() < WRITTEN {
            let number = self.notes.next.fetch_add(1, Ordering::Relaxed);
            let artifact = format!("{}-{number:06}", options.prefix);
            let sent = self.notes.now();
            let mut answer = self.send(&artifact).await;
            let resent = matches!(answer, Err(VisitError::Unanswered(_)));
            if resent {
                answer = self.send(&artifact).await;
            }
            let now = self.notes.now();
            self.notes
                .locked()
                .settle(artifact, sent, now, Fate::of(answer, resent));
            self.rest(options.write_pause).await;
        }
    }

    async fn send(&self, artifact: &str) -> Result<Visit, VisitError> {
        let body = format!(r#"{{"title":"{artifact}","type":"object"}}"#);
        let headers = [
            ("content-type", "application/json"),
            ("x-registry-artifactid", artifact),
            ("x-registry-artifacttype", "JSON"),
        ];
        self.visitor.post(WRITES, &headers, body.into_bytes()).await
    }

    /// The pause, or less when it ends.
    async fn rest(&mut self, pause: Duration) {
        let ended = self.stopped.wait_for(|stop| *stop);
        // Either way the loop looks for itself; a sender that is gone is about to abort this task.
        let _woken = tokio::time::timeout(pause.max(BREATH), ended).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearse::twin::{Faults, Outcome, Seen as Request, Turn, Twin, TwinOptions, TwinVersion};

    /// Decides by a function of method and number.
    struct By(fn(&Request<'_>) -> Outcome);

    impl Faults for By {
        fn request(&self, seen: &Request<'_>) -> Turn {
            Turn {
                outcome: (self.0)(seen),
                ..Turn::default()
            }
        }
    }

    async fn twin(version: TwinVersion, faults: fn(&Request<'_>) -> Outcome) -> Twin {
        let mut options = TwinOptions::new(version);
        options.faults = Arc::new(By(faults));
        Twin::start(options).await.unwrap()
    }

    fn fast() -> LoadOptions {
        LoadOptions {
            read_pause: Duration::from_millis(1),
            write_pause: Duration::from_millis(1),
            ..LoadOptions::default()
        }
    }

    /// Until that much was seen; a test that never gets there ends all the same.
    async fn until(load: &Load, enough: impl Fn(&Seen) -> bool) {
        for _ in 0..10_000 {
            if enough(&load.so_far()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("not seen: {:?}", load.so_far());
    }

    #[tokio::test]
    async fn on_a_well_registry_all_is_read_and_written_on_either_version() {
        for version in [TwinVersion::V2_6_13, TwinVersion::V3_3_3] {
            let twin = twin(version, |_| Outcome::Serve).await;
            let load = Load::start(twin.url(), fast()).unwrap();
            until(&load, |seen| seen.reads > 20 && seen.writes > 20).await;
            let report = load.stop().await;
            assert_eq!(
                (report.seen.reads_failed, report.seen.writes_failed),
                (0, 0),
                "{report:?}"
            );
            assert_eq!(usize::try_from(report.seen.writes).unwrap(), report.written.len());
            assert!(
                report
                    .written
                    .iter()
                    .all(|written| written.sent <= written.acknowledged)
            );
            assert!(report.seen.read_gap <= report.lasted);
            let first = report.first_written_after(report.began).unwrap();
            assert_eq!(first.artifact, "w-000000");
            assert_eq!(report.first_written_after(report.began + report.lasted), None);
            let read = LoadOptions {
                reads: vec![format!(
                    "/apis/registry/v2/groups/rehearsal/artifacts/{}",
                    first.artifact
                )],
                writers: 0,
                ..fast()
            };
            let load = Load::start(twin.url(), read).unwrap();
            until(&load, |seen| seen.reads > 5).await;
            assert_eq!(load.stop().await.seen.reads_failed, 0);
            twin.stop().await;
        }
    }

    #[tokio::test]
    async fn refusals_by_405_are_told_from_failures() {
        let twin = twin(TwinVersion::V2_6_13, |seen| match (seen.method, seen.number % 3) {
            ("POST", 0) => Outcome::Refuse(405),
            ("POST", 1) => Outcome::Refuse(503),
            ("GET", 0) => Outcome::Refuse(502),
            _ => Outcome::Serve,
        })
        .await;
        let load = Load::start(twin.url(), fast()).unwrap();
        until(&load, |seen| {
            seen.writes_refused > 1 && seen.writes_failed > 0 && seen.writes > 0 && seen.reads_failed > 0
        })
        .await;
        let report = load.stop().await;
        let (first, last) = report.refused.unwrap();
        assert!(first < last && last <= report.lasted);
        assert!(
            report.problems.iter().any(|(_, text)| text.contains("status 503")),
            "{report:?}"
        );
        assert!(report.problems.iter().all(|(_, text)| !text.contains("status 405")));
        assert!(report.problems.len() <= PROBLEMS);
    }

    #[tokio::test]
    async fn a_connection_that_closes_without_a_byte_is_tried_once_more() {
        // Every seventh request: two in a row never.
        let twin = twin(TwinVersion::V2_6_13, |seen| match seen.number % 7 {
            3 => Outcome::CutAfter,
            _ => Outcome::Serve,
        })
        .await;
        let one = LoadOptions {
            readers: 1,
            writers: 0,
            ..fast()
        };
        let load = Load::start(twin.url(), one).unwrap();
        until(&load, |seen| seen.reads_resent > 3).await;
        assert_eq!(load.stop().await.seen.reads_failed, 0);
        let one = LoadOptions {
            readers: 0,
            writers: 1,
            ..fast()
        };
        let load = Load::start(twin.url(), one).unwrap();
        until(&load, |seen| seen.writes > 30).await;
        let report = load.stop().await;
        assert_eq!(report.seen.writes_failed, 0, "{report:?}");
    }

    #[tokio::test]
    async fn a_dead_address_is_all_gap() {
        let twin = twin(TwinVersion::V2_6_13, |_| Outcome::Serve).await;
        let url = twin.url().to_owned();
        twin.stop().await;
        let load = Load::start(&url, fast()).unwrap();
        until(&load, |seen| seen.reads_failed > 3 && seen.writes_failed > 3).await;
        let report = load.stop().await;
        assert_eq!((report.seen.reads, report.seen.writes), (0, 0));
        assert_eq!(
            (report.seen.read_gap, report.gap_began),
            (report.lasted, Duration::ZERO)
        );
    }

    #[tokio::test]
    async fn a_load_that_is_dropped_asks_no_more() {
        let twin = twin(TwinVersion::V2_6_13, |_| Outcome::Serve).await;
        let load = Load::start(twin.url(), fast()).unwrap();
        until(&load, |seen| seen.reads > 3).await;
        let notes = Arc::downgrade(&load.notes);
        drop(load);
        for _ in 0..10_000 {
            if notes.strong_count() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("a worker lives on");
    }

    #[test]
    fn the_longest_gap_is_found_between_reads_and_up_to_now() {
        let ms = Duration::from_millis;
        let mut book = Book::default();
        for at in [2, 5, 50, 51] {
            book.read_well(ms(at));
        }
        assert_eq!((book.gap, book.gap_began), (ms(45), ms(5)));
        assert_eq!(book.seen_at(ms(60)).read_gap, ms(45));
        assert_eq!(book.seen_at(ms(100)).read_gap, ms(49));
    }

    #[test]
    fn a_conflict_acknowledges_only_what_was_sent_again() {
        let conflict = || {
            Ok(Visit {
                status: 409,
                body: Vec::new(),
            })
        };
        assert_eq!(Fate::of(conflict(), true), Fate::Acknowledged);
        assert_eq!(Fate::of(conflict(), false), Fate::Failed("status 409".to_owned()));
    }

    #[test]
    fn paths_are_spread_over_all_that_is_served() {
        let zip = crate::rehearse::data::generate(1_000, 5).unwrap();
        let limits = crate::registry::ReadLimits::default();
        let snapshot = crate::registry::read_export(std::io::Cursor::new(zip), &limits).unwrap();
        let paths = paths_of(&snapshot, 100);
        assert!(paths.len() <= 100 && paths.len() > 50, "{}", paths.len());
        let disabled = snapshot
            .versions
            .iter()
            .filter(|(_, version)| version.state == VersionState::Disabled);
        let all = paths_of(&snapshot, usize::MAX);
        for (id, _) in disabled {
            assert!(!all.contains(&format!("/apis/registry/v2/ids/globalIds/{id}")));
        }
    }
}
