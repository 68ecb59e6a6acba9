use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::task::JoinHandle;

use super::http::{Answer, Connection, Fault, segment};

/// Kept connections that read, one after the other.
const READERS: usize = 4;
/// Time between two reads of one reader.
const READ_PAUSE: Duration = Duration::from_millis(25);
/// Tasks that write.
const WRITERS: usize = 2;
/// Time between two writes of one writer: enough writes in a freeze, and few enough for a quick import.
const WRITE_PAUSE: Duration = Duration::from_millis(200);

/// Readers and writers that use the registry through the balancer until they are stopped.
pub struct Clients {
    stop: Arc<AtomicBool>,
    log: Arc<Log>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Log {
    report: Mutex<Report>,
    read: AtomicU64,
    resent: AtomicU64,
}

/// What the clients saw.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Reads that answered as they should.
    pub reads: u64,
    /// Reads that were sent again because a kept connection had been closed without a byte; no failures.
    pub resent: u64,
    /// Reads that failed, as text.
    pub failed_reads: Vec<String>,
    /// Longest time between two good reads of all readers together.
    pub read_gap: Duration,
    /// When each version served a read for the last time.
    pub served: Vec<Served>,
    /// Writes that were acknowledged.
    pub acknowledged: Vec<Written>,
    /// When the balancer refused a write with its own 405.
    pub refused: Vec<Instant>,
    /// Writes that ended in another way.
    pub failed_writes: Vec<String>,
    last_read: Option<Instant>,
}

/// A version that answered reads.
#[derive(Debug, Clone)]
pub struct Served {
    pub version: String,
    pub last: Instant,
}

/// An acknowledged write.
#[derive(Debug, Clone)]
pub struct Written {
    pub at: Instant,
    pub group: String,
    pub artifact: String,
    pub version: String,
    pub global_id: i64,
    pub content: String,
}

impl Report {
    /// Whether a read was ever answered by a version that begins so.
    pub fn was_served_by(&self, version: &str) -> bool {
        self.served.iter().any(|served| served.version.starts_with(version))
    }

    /// Acknowledged writes before that moment.
    pub fn acknowledged_before(&self, moment: Instant) -> usize {
        self.acknowledged.iter().filter(|written| written.at < moment).count()
    }
}

impl Clients {
    /// Starts them; `host` is the balancer's `host:port`.
    pub fn start(host: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let log = Arc::new(Log::default());
        let mut tasks = Vec::new();
        for number in 0..READERS {
            let (host, stop, log) = (host.to_owned(), Arc::clone(&stop), Arc::clone(&log));
            tasks.push(tokio::spawn(async move { read(&host, number, &stop, &log).await }));
        }
        for number in 0..WRITERS {
            let (host, stop, log) = (host.to_owned(), Arc::clone(&stop), Arc::clone(&log));
            tasks.push(tokio::spawn(async move { write(&host, number, &stop, &log).await }));
        }
        Self { stop, log, tasks }
    }

    /// What they have seen so far.
    pub fn so_far(&self) -> Report {
        let mut report = self.log.report.lock().unwrap().clone();
        report.reads = self.log.read.load(Ordering::SeqCst);
        report.resent = self.log.resent.load(Ordering::SeqCst);
        report
    }

    /// Waits until something is true of what they saw; panics after the patience is over.
    pub async fn until(&self, what: &str, patience: Duration, holds: impl Fn(&Report) -> bool) -> Report {
        let end = Instant::now() + patience;
        loop {
            let report = self.so_far();
            if holds(&report) {
                return report;
            }
            assert!(
                Instant::now() < end,
                "not within {patience:?}: {what}; {}",
                report.summary()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops them and says what they saw.
    pub async fn stop(self) -> Report {
        self.stop.store(true, Ordering::SeqCst);
        let report_of = Arc::clone(&self.log);
        for task in self.tasks {
            task.await.unwrap();
        }
        let mut report = report_of.report.lock().unwrap().clone();
        report.reads = report_of.read.load(Ordering::SeqCst);
        report.resent = report_of.resent.load(Ordering::SeqCst);
        report
    }
}

impl Report {
    /// One line for a failed assertion.
    pub fn summary(&self) -> String {
        format!(
            "{} reads ({} sent again, {} failed, longest gap {:?}), {} writes acknowledged, {} refused, {} failed",
            self.reads,
            self.resent,
            self.failed_reads.len(),
            self.read_gap,
            self.acknowledged.len(),
            self.refused.len(),
            self.failed_writes.len()
        )
    }

    fn good_read(&mut self, version: Option<&str>) {
        let now = Instant::now();
        if let Some(last) = self.last_read.replace(now) {
            self.read_gap = self.read_gap.max(now - last);
        }
        let Some(version) = version else { return };
        match self.served.iter_mut().find(|served| served.version == version) {
            Some(served) => served.last = now,
            None => self.served.push(Served {
                version: version.to_owned(),
                last: now,
            }),
        }
    }
}

/// What a reader asks for, and whose bytes must never change.
const READS: &[&str] = &[
    "/apis/registry/v2/system/info",
    "/apis/registry/v2/ids/globalIds/1",
    "/apis/registry/v2/groups/default/artifacts/orders-value/versions/7",
    "/apis/registry/v2/groups/refs/artifacts/pair",
];

async fn read(host: &str, number: usize, stop: &AtomicBool, log: &Log) {
    let mut connection = Connection::new(host);
    let mut known: Vec<Option<Vec<u8>>> = vec![None; READS.len()];
    let mut turn = number;
    while !stop.load(Ordering::SeqCst) {
        let which = turn % READS.len();
        turn += 1;
        match once(&mut connection, READS[which], log).await {
            Ok(answer) if answer.status == 200 => {
                let version = (which == 0).then(|| answer.json()["version"].as_str().unwrap_or_default().to_owned());
                let same = which == 0 || *known[which].get_or_insert_with(|| answer.body.clone()) == answer.body;
                let mut report = log.report.lock().unwrap();
                if same {
                    log.read.fetch_add(1, Ordering::SeqCst);
                    report.good_read(version.as_deref());
                } else {
                    report
                        .failed_reads
                        .push(format!("{}: other bytes than before: {}", READS[which], answer.text()));
                }
            }
            Ok(answer) => failed(log, READS[which], &format!("{} {}", answer.status, answer.text())),
            Err(fault) => failed(log, READS[which], &format!("{fault}")),
        }
        tokio::time::sleep(READ_PAUSE).await;
    }
}

/// A read; sent again on a new connection when the kept one was closed before a byte came.
async fn once(connection: &mut Connection, path: &str, log: &Log) -> Result<Answer, Fault> {
    match connection.request("GET", path, &[], b"").await {
        Err(Fault::Stale) => {
            log.resent.fetch_add(1, Ordering::SeqCst);
            connection.request("GET", path, &[], b"").await
        }
        other => other,
    }
}

fn failed(log: &Log, path: &str, how: &str) {
    log.report.lock().unwrap().failed_reads.push(format!("{path}: {how}"));
}

async fn write(host: &str, number: usize, stop: &AtomicBool, log: &Log) {
    let mut count = 0;
    let mut last = None;
    while !stop.load(Ordering::SeqCst) {
        count += 1;
        // Two of three writes are a further version of the last new artifact.
        let further = last.clone().filter(|_| count % 3 != 0);
        let artifact = further.clone().unwrap_or_else(|| format!("written-{number}-{count}"));
        let content = format!(r#"{{"type":"object","title":"write {number}-{count}"}}"#);
        let headers: [(&str, &[u8]); 4] = [
            ("Content-Type", b"application/json"),
            ("Connection", b"close"),
            ("X-Registry-ArtifactType", b"JSON"),
            ("X-Registry-ArtifactId", artifact.as_bytes()),
        ];
        let (path, headers) = match &further {
            Some(artifact) => (format!("{ARTIFACTS}/{}/versions", segment(artifact)), &headers[..2]),
            None => (ARTIFACTS.to_owned(), &headers[..]),
        };
        // A write goes on a connection of its own: one that was closed without a byte could not be sent again.
        let answer = Connection::new(host)
            .request("POST", &path, headers, content.as_bytes())
            .await;
        if note(log, &artifact, &content, answer) {
            last = Some(artifact);
        }
        tokio::time::sleep(WRITE_PAUSE).await;
    }
}

/// Where the writers write.
const ARTIFACTS: &str = "/apis/registry/v2/groups/writers/artifacts";

/// Notes how a write ended; true when it was acknowledged.
fn note(log: &Log, artifact: &str, content: &str, answer: Result<Answer, Fault>) -> bool {
    let now = Instant::now();
    let mut report = log.report.lock().unwrap();
    match answer {
        Ok(answer) if answer.status == 200 => {
            let body = answer.json();
            report.acknowledged.push(Written {
                at: now,
                group: "writers".to_owned(),
                artifact: artifact.to_owned(),
                version: text(&body, "version"),
                global_id: body["globalId"].as_i64().unwrap_or_default(),
                content: content.to_owned(),
            });
            return true;
        }
        Ok(answer) if answer.status == 405 && answer.header("retry-after").is_some() => report.refused.push(now),
        Ok(answer) => report
            .failed_writes
            .push(format!("{artifact}: {} {}", answer.status, answer.text())),
        Err(fault) => report.failed_writes.push(format!("{artifact}: {fault}")),
    }
    false
}

fn text(body: &Value, key: &str) -> String {
    body[key].as_str().unwrap_or_default().to_owned()
}
