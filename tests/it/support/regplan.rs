use std::{
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// Longest time that one call of the program may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// The program while it runs.
pub struct Running {
    what: String,
    child: Child,
    pid: Pid,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    pumps: Vec<JoinHandle<()>>,
}

/// How the program ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    what: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Running {
    /// Starts the built program in a directory; no terminal, no standard input.
    pub fn start(directory: &Path, arguments: &[String], environment: &[(&str, String)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_regplan"))
            .args(arguments)
            .current_dir(directory)
            .env("NO_COLOR", "1")
            .env_remove("CI")
            .env_remove("REGPLAN_STATE")
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let pumps = vec![
            pump(child.stdout.take().unwrap(), &stdout),
            pump(child.stderr.take().unwrap(), &stderr),
        ];
        Self {
            what: arguments.first().cloned().unwrap_or_default(),
            child,
            pid,
            stdout,
            stderr,
            pumps,
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Ended {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let Ok(status) = status else {
            panic!("{} did not end within {PATIENCE:?}\n{}", self.what, self.said());
        };
        for pump in self.pumps.drain(..) {
            pump.await.unwrap();
        }
        let ended = Ended {
            what: self.what.clone(),
            code: status.unwrap().code(),
            stdout: self.stdout.lock().unwrap().clone(),
            stderr: self.stderr.lock().unwrap().clone(),
        };
        if std::env::var("REGPLAN_IT_SHOW").is_ok() {
            eprintln!("{ended}");
        }
        ended
    }

    /// Waits until a file is there; panics when the program ends before.
    pub async fn until_file(&mut self, file: &Path) {
        let end = Instant::now() + PATIENCE;
        while !file.exists() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "{} ended ({status}) before {}\n{}",
                    self.what,
                    file.display(),
                    self.said()
                );
            }
            assert!(
                Instant::now() < end,
                "no {} within {PATIENCE:?}\n{}",
                file.display(),
                self.said()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until one line on its standard output holds all of that; panics when the program ends before.
    pub async fn until_said(&mut self, all: &[&str]) {
        let end = Instant::now() + PATIENCE;
        let said = |text: &str| text.lines().any(|line| all.iter().all(|part| line.contains(part)));
        while !said(&self.stdout.lock().unwrap()) {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended ({status}) before it said {all:?}\n{}", self.what, self.said());
            }
            assert!(
                Instant::now() < end,
                "not said within {PATIENCE:?}: {all:?}\n{}",
                self.said()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        format!(
            "stdout: {}\nstderr: {}",
            self.stdout.lock().unwrap(),
            self.stderr.lock().unwrap()
        )
    }
}

impl Ended {
    /// Panics with everything it said when the exit code is another one.
    #[track_caller]
    pub fn must_exit(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code of {self}");
        self
    }

    /// Standard output and standard error together.
    pub fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or("a signal".to_owned(), |code| code.to_string());
        write!(
            f,
            "regplan {} (ended with {code})\nstdout: {}\nstderr: {}",
            self.what, self.stdout, self.stderr
        )
    }
}

fn pump(stream: impl AsyncRead + Unpin + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut text = into.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    })
}
