use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    time::timeout,
};

use super::{
    Secrets, SystemError,
    lookup::{find_program, path_of},
};
use crate::model::SecretText;

/// What a program may inherit: enough to find and run things. All else, credentials above all, must be declared.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TMPDIR", "USER"];

/// How much of the end of each stream is kept: the most that a record may hold.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// How long a program may tidy up between TERM and KILL.
const GRACE: Duration = Duration::from_secs(3);

/// How long to read on after the program has ended: something that it left running may hold its output open for ever.
const LINGER: Duration = Duration::from_millis(200);

/// What stands in an output in place of a secret.
const REDACTED: &str = "[redacted]";

/// A program and its arguments, as a list: no shell is between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CommandLine(pub Vec<String>);

/// Variables that a command gets on top of the few it inherits; the only place of a command that takes secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Environment(pub BTreeMap<String, SecretText>);

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The end of its standard output, redacted, at most 64 KiB.
    pub stdout: String,
    /// The end of its standard error, redacted, at most 64 KiB.
    pub stderr: String,
}

impl Ended {
    /// Whether it ended with 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, for people: `ended with rc 1`, `was killed by a signal`.
    pub fn how(&self) -> String {
        self.code.map_or_else(
            || "was killed by a signal".to_owned(),
            |code| format!("ended with rc {code}"),
        )
    }

    /// The last `lines` of what it said, standard error first choice; for error texts.
    pub fn last_words(&self, lines: usize) -> String {
        let said = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        let all: Vec<&str> = said.trim_end().lines().collect();
        all.iter()
            .skip(all.len().saturating_sub(lines))
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl CommandLine {
    /// The command as one line, for people.
    pub fn shown(&self) -> String {
        self.0.join(" ")
    }

    /// Runs it in `directory`, in a process group of its own that is ended when the future is dropped.
    ///
    /// It inherits `PATH`, `HOME`, `LANG`, `TMPDIR` and `USER`, gets `environment` on top, and reads nothing. What it
    /// leaves running in the background lives on when it ends by itself.
    ///
    /// # Errors
    /// When it cannot be started or a secret it needs cannot be had.
    pub async fn run(
        &self,
        directory: &Path,
        environment: &Environment,
        secrets: &Secrets,
    ) -> Result<Ended, SystemError> {
        let (program, args) = self.0.split_first().ok_or_else(|| SystemError::Spawn {
            program: String::new(),
            source: std::io::Error::new(std::io::ErrorKind::InvalidInput, "the command is empty"),
        })?;
        let mut hidden = Vec::new();
        let mut variables = Vec::new();
        for (name, text) in &environment.0 {
            variables.push((name.as_str(), secrets.resolve_and_note(text, &mut hidden)?));
        }
        let exposed = variables.iter().map(|(name, value)| (*name, value.expose_secret()));
        let mut call = Call::found_by(program.as_ref(), directory, path_of(exposed).as_deref());
        call.command.args(args);
        for (name, value) in &variables {
            call.command.env(name, value.expose_secret());
        }
        call.run(OUTPUT_LIMIT, &hidden).await
    }
}

/// A program about to be run with the few inherited variables, standard input closed, in a group of its own.
pub(super) struct Call {
    /// More arguments and variables may be added.
    pub command: Command,
    program: OsString,
}

impl Call {
    /// Prepares `program` to run in `directory`.
    pub fn new(program: impl AsRef<OsStr>, directory: &Path) -> Self {
        Self::found_by(program.as_ref(), directory, path_of([]).as_deref())
    }

    /// The same with the `PATH` that the program gets.
    fn found_by(program: &OsStr, directory: &Path, path: Option<&OsStr>) -> Self {
        let found = find_program(program, directory, path);
        let mut command = Command::new(found.as_deref().map_or(program, Path::as_os_str));
        command
            .arg0(program)
            .env_clear()
            .envs(
                INHERITED
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .current_dir(directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            program: program.to_owned(),
        }
    }

    /// Runs it and keeps the last `limit` bytes of each stream, with every value of `hidden` replaced.
    ///
    /// # Errors
    /// When it cannot be started or waited for.
    pub async fn run(mut self, limit: usize, hidden: &[SecretString]) -> Result<Ended, SystemError> {
        let failed = |source| SystemError::Spawn {
            program: self.program.to_string_lossy().into_owned(),
            source,
        };
        let mut running = Running::start(&mut self.command).map_err(failed)?;
        let longest = hidden
            .iter()
            .map(|value| value.expose_secret().len())
            .max()
            .unwrap_or(0);
        // A secret that the cut would split must still be found whole: the spare room is cut off after redaction.
        let (mut out, mut err) = (Tail::new(limit + longest), Tail::new(limit + longest));
        let status = running.drive(&mut out, &mut err).await.map_err(failed)?;
        Ok(Ended {
            code: status.code(),
            stdout: out.redacted(limit, hidden),
            stderr: err.redacted(limit, hidden),
        })
    }
}

/// A started child; ended with its whole group when dropped before its end.
struct Running {
    child: Option<Child>,
    group: Option<Pid>,
}

impl Running {
    fn start(command: &mut Command) -> std::io::Result<Self> {
        let child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self {
            child: Some(child),
            group,
        })
    }

    async fn drive(&mut self, out: &mut Tail, err: &mut Tail) -> std::io::Result<ExitStatus> {
        let Some(child) = self.child.as_mut() else {
            return Err(std::io::Error::other("it was already waited for"));
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let reads = async { tokio::join!(out.fill(stdout), err.fill(stderr)) };
        tokio::pin!(reads);
        let mut read = false;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                _ = &mut reads, if !read => read = true,
            }
        };
        self.child = None;
        if !read && timeout(LINGER, reads).await.is_err() {
            tracing::debug!("a program ended and left its output open to something that lives on");
        }
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (Some(child), Some(group)) = (self.child.take(), self.group) else {
            return;
        };
        let doomed = Doomed { group: Some(group) };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(doomed.end(child))),
            Err(_) => drop(doomed),
        }
    }
}

/// A group that must end; killed at once when nobody can wait for it any more (the runtime goes down).
struct Doomed {
    group: Option<Pid>,
}

impl Doomed {
    async fn end(self, mut child: Child) {
        signal(self.group, Signal::TERM);
        // What is left of the group when its leader has ended is killed at once: nobody would wait for it.
        let gone = async {
            while self
                .group
                .is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok())
            {
                if child.try_wait().is_ok_and(|status| status.is_some()) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(GRACE, gone).await.is_err() {
            tracing::warn!("a program did not end within {GRACE:?} of SIGTERM and is killed");
        }
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        signal(self.group.take(), Signal::KILL);
    }
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group
        && let Err(error) = kill_process_group(group, signal)
    {
        // ESRCH: all of it has already ended, which is what was wanted.
        tracing::debug!(%error, "a process group could not be signalled");
    }
}

/// The last bytes of a stream.
struct Tail {
    kept: Vec<u8>,
    limit: usize,
}

impl Tail {
    fn new(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit,
        }
    }

    /// Reads to the end; a stream that breaks ends there.
    async fn fill(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count) = stream.read(&mut buffer).await {
            if count == 0 {
                break;
            }
            self.kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
            // Cut rarely: each cut moves what is kept.
            if self.kept.len() > self.limit.saturating_mul(2) {
                self.cut(self.limit);
            }
        }
    }

    fn cut(&mut self, limit: usize) {
        let surplus = self.kept.len().saturating_sub(limit);
        self.kept.drain(..surplus);
    }

    fn redacted(mut self, limit: usize, hidden: &[SecretString]) -> String {
        self.cut(self.limit);
        let mut text = String::from_utf8_lossy(&self.kept).into_owned();
        for value in hidden
            .iter()
            .map(SecretString::expose_secret)
            .filter(|value| !value.is_empty())
        {
            text = text.replace(value, REDACTED);
        }
        let mut start = text.len().saturating_sub(limit);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        text.split_off(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecretSource;

    fn secrets(file: &Path) -> Secrets {
        let source = SecretSource {
            file: Some(file.to_string_lossy().into_owned()),
            env: None,
            command: None,
        };
        Secrets::new([("token".to_owned(), source)].into(), Path::new("/").to_owned())
    }

    fn none() -> Secrets {
        Secrets::new(BTreeMap::new(), Path::new("/").to_owned())
    }

    fn sh(script: &str) -> CommandLine {
        CommandLine(["sh", "-c", script].map(str::to_owned).into())
    }

    #[tokio::test]
    async fn code_and_both_streams_come_back() {
        let ended = sh("echo out; echo err >&2; exit 3")
            .run(Path::new("/"), &Environment::default(), &none())
            .await
            .unwrap();
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(3), "out\n", "err\n")
        );
    }

    #[tokio::test]
    async fn only_the_allowed_variables_are_inherited() {
        let ended = sh("env")
            .run(Path::new("/"), &Environment::default(), &none())
            .await
            .unwrap();
        for line in ended.stdout.lines() {
            let name = line.split('=').next().unwrap();
            // The shell makes these itself.
            let own = ["PWD", "_", "SHLVL", "OLDPWD"];
            assert!(INHERITED.contains(&name) || own.contains(&name), "{line}");
        }
    }

    #[tokio::test]
    async fn a_secret_reaches_the_program_and_not_its_output() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        std::io::Write::write_all(&mut std::fs::File::create(&file).unwrap(), b"canary-4711\n").unwrap();
        let environment = Environment([("URL".to_owned(), SecretText::template("http://u:${vars.token}@h"))].into());
        let ended = sh("test \"$URL\" = 'http://u:canary-4711@h' && echo \"$URL\" canary-4711")
            .run(Path::new("/"), &environment, &secrets(&file))
            .await
            .unwrap();
        assert_eq!(ended.stdout, "[redacted] [redacted]\n");
    }

    #[tokio::test]
    async fn a_secret_on_the_cut_is_not_shown_in_part() {
        let hidden = [SecretString::from("canary".to_owned())];
        let mut tail = Tail::new(10 + 6);
        tail.fill(Some(b"xxxxxxxxxxcanary12345678".as_slice())).await;
        assert_eq!(tail.redacted(10, &hidden), "d]12345678");
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_output_is_kept() {
        let ended = sh("head -c 300000 /dev/zero | tr '\\0' x; echo end")
            .run(Path::new("/"), &Environment::default(), &none())
            .await
            .unwrap();
        assert_eq!(ended.stdout.len(), OUTPUT_LIMIT);
        assert!(ended.stdout.ends_with("xend\n"));
    }

    #[tokio::test]
    async fn what_it_leaves_in_the_background_does_not_hold_it() {
        let ended = sh("sleep 30 & echo $!")
            .run(Path::new("/"), &Environment::default(), &none())
            .await
            .unwrap();
        let left = Pid::from_raw(ended.stdout.trim().parse().unwrap()).unwrap();
        assert!(rustix::process::kill_process(left, Signal::TERM).is_ok());
    }

    #[tokio::test]
    async fn dropping_it_ends_the_whole_group() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let line = sh(&format!("sleep 300 & echo $! > {}; wait", file.display()));
        let (variables, secrets) = (Environment::default(), none());
        let run = line.run(Path::new("/"), &variables, &secrets);
        let grandchild = tokio::select! {
            _ = run => panic!("it must not end by itself"),
            pid = async { loop {
                if let Ok(text) = std::fs::read_to_string(&file) && let Ok(pid) = text.trim().parse::<i32>() { break pid; }
                tokio::task::yield_now().await;
            } } => pid,
        };
        let state = || std::fs::read_to_string(format!("/proc/{grandchild}/stat")).map(|stat| stat.contains(") Z "));
        while state().is_ok_and(|zombie| !zombie) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = CommandLine(vec!["no-such-program-here".to_owned()])
            .run(Path::new("/"), &Environment::default(), &none())
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot run `no-such-program-here`");
    }
}
