use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret as _, SecretString};

use super::SystemError;
use crate::model::{SecretSource, SecretText};

/// A secret is a password, a token or a key; more than this is a wrong file.
const LIMIT: u64 = 64 * 1024;

/// A vault that needs longer is not answering.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Reads secrets where they are used; nothing of it can be printed.
pub struct Secrets {
    sources: BTreeMap<String, SecretSource>,
    base: PathBuf,
}

impl Secrets {
    /// The secret variables of a plan; relative files start at `base`, and programs run there.
    pub fn new(sources: BTreeMap<String, SecretSource>, base: PathBuf) -> Self {
        Self { sources, base }
    }

    /// The value of a text with its secrets in place. Blocks while a source is read (a program: at most 30 s).
    ///
    /// `${vars.NAME}` is a secret variable, `$${` a literal `${`; one line break at the end of a secret is cut.
    ///
    /// # Errors
    /// When a secret cannot be had; the error names the variable and never the value.
    pub fn resolve(&self, text: &SecretText) -> Result<SecretString, SystemError> {
        self.resolve_and_note(text, &mut Vec::new())
    }

    /// As [`Self::resolve`], and adds every value that must not be shown to `hidden`, longest first.
    pub(super) fn resolve_and_note(
        &self,
        text: &SecretText,
        hidden: &mut Vec<SecretString>,
    ) -> Result<SecretString, SystemError> {
        if !text.has_secrets() {
            return Ok(SecretString::from(text.as_template().to_owned()));
        }
        let mut whole = String::new();
        for part in parts(text.as_template()) {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Variable(name) => {
                    let value = self.read(name)?;
                    whole.push_str(value.expose_secret());
                    hidden.push(value);
                }
            }
        }
        let whole = SecretString::from(whole);
        hidden.push(whole.clone());
        // A value that contains another one must be replaced first.
        hidden.sort_by_key(|value| std::cmp::Reverse(value.expose_secret().len()));
        Ok(whole)
    }

    fn read(&self, name: &str) -> Result<SecretString, SystemError> {
        let failed = |reason: String| SystemError::Secret {
            name: name.to_owned(),
            reason,
        };
        let source = self
            .sources
            .get(name)
            .ok_or_else(|| failed("the plan has no secret variable of that name".to_owned()))?;
        let bytes = match source {
            SecretSource {
                env: Some(variable), ..
            } => std::env::var_os(variable)
                .map(std::ffi::OsString::into_encoded_bytes)
                .ok_or_else(|| failed(format!("the environment variable {variable} is not set")))?,
            SecretSource { file: Some(file), .. } => {
                read_file(&self.base.join(file)).map_err(|error| failed(format!("{file}: {error}")))?
            }
            SecretSource {
                command: Some(command), ..
            } => run(command, &self.base).map_err(failed)?,
            SecretSource { .. } => return Err(failed("it has no source: give env, file or command".to_owned())),
        };
        if bytes.len() as u64 > LIMIT {
            return Err(failed(format!("it is longer than {LIMIT} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
        Ok(SecretString::from(without_line_break(text)))
    }
}

fn without_line_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs a program that prints a secret. It inherits the whole environment, as tools that fetch secrets find their own
/// credentials there (`VAULT_ADDR`, `VAULT_TOKEN`); what it says on standard error is not kept.
fn run(command: &[String], directory: &Path) -> Result<Vec<u8>, String> {
    let (program, args) = command.split_first().ok_or("its command is empty")?;
    let mut child = Command::new(program)
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot run `{program}`: {error}"))?;
    let stdout = child.stdout.take().ok_or("its output cannot be read")?;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(LIMIT + 1).read_to_end(&mut bytes).map(|_| bytes);
        // The receiver is gone only after the time limit.
        drop(send.send(read));
    });
    let end = Instant::now() + COMMAND_LIMIT;
    let output = receive.recv_timeout(COMMAND_LIMIT);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => break Err(format!("`{program}` took longer than {} s", COMMAND_LIMIT.as_secs())),
            Err(error) => break Err(format!("cannot wait for `{program}`: {error}")),
        }
    };
    if status.is_err() {
        // Both fail only when it has ended in the meantime.
        drop(child.kill().and_then(|()| child.wait()));
    }
    let status = status?;
    if !status.success() {
        return Err(format!("`{program}` ended with {status}"));
    }
    output
        .map_err(|_| format!("`{program}` did not close its output"))?
        .map_err(|error| format!("cannot read from `{program}`: {error}"))
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// Cuts a template at its `${vars.NAME}`; anything else in `${…}` was refused when the plan was read and stays as it is.
fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        // `$${`: one dollar is the escape, so the text keeps `${`.
        if let Some(text) = before.strip_suffix('$') {
            parts.push(Part::Text(text));
            parts.push(Part::Text("${"));
            rest = after;
            continue;
        }
        parts.push(Part::Text(before));
        match after.split_once('}') {
            Some((path, tail)) => {
                let path = path.trim();
                parts.push(Part::Variable(path.strip_prefix("vars.").unwrap_or(path)));
                rest = tail;
            }
            None => {
                parts.push(Part::Text("${"));
                rest = after;
            }
        }
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| *part != Part::Text(""));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: &str, value: &[&str]) -> SecretSource {
        let first = value.first().map(|text| (*text).to_owned());
        SecretSource {
            env: first.clone().filter(|_| kind == "env"),
            file: first.filter(|_| kind == "file"),
            command: (kind == "command").then(|| value.iter().map(|text| (*text).to_owned()).collect()),
        }
    }

    fn value(source: SecretSource, base: &Path) -> Result<String, SystemError> {
        Secrets::new([("s".to_owned(), source)].into(), base.to_owned())
            .resolve(&SecretText::template("${vars.s}"))
            .map(|value| value.expose_secret().to_owned())
    }

    fn file(bytes: &[u8]) -> (tempfile::TempDir, SecretSource) {
        let directory = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(directory.path().join("secret")).unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        (directory, source("file", &["secret"]))
    }

    #[test]
    fn each_source_is_read_and_one_line_break_is_cut() {
        let (directory, from_file) = file(b"two\n\n");
        assert_eq!(value(from_file, directory.path()).unwrap(), "two\n");
        assert_eq!(
            value(source("command", &["printf", "x\\r\\n"]), directory.path()).unwrap(),
            "x"
        );
        assert_eq!(
            value(source("env", &["PATH"]), directory.path()).unwrap(),
            std::env::var("PATH").unwrap()
        );
    }

    #[test]
    fn a_failure_names_the_variable_and_never_the_value() {
        let base = Path::new("/");
        let failed = |source| value(source, base).unwrap_err().to_string();
        assert_eq!(
            failed(source("env", &["REGPLAN_NOT_SET"])),
            "secret `s` cannot be read: the environment variable REGPLAN_NOT_SET is not set"
        );
        let command = failed(source("command", &["sh", "-c", "echo canary; echo canary >&2; exit 2"]));
        assert!(
            command.contains("`sh` ended with exit status: 2") && !command.contains("canary"),
            "{command}"
        );
        assert!(failed(source("file", &["no/such/file"])).contains("no/such/file: No such file"));
    }

    #[test]
    fn a_secret_that_is_too_long_or_no_text_is_refused() {
        let (directory, long) = file(&[b'x'; 70_000]);
        assert!(
            value(long, directory.path())
                .unwrap_err()
                .to_string()
                .contains("longer than 65536 bytes")
        );
        let (directory, binary) = file(&[0xff, 0xfe]);
        assert!(
            value(binary, directory.path())
                .unwrap_err()
                .to_string()
                .contains("not UTF-8")
        );
    }

    #[test]
    fn a_template_keeps_its_text_and_the_escape_is_literal() {
        let (directory, from_file) = file(b"pass");
        let secrets = Secrets::new([("p".to_owned(), from_file)].into(), directory.path().to_owned());
        let mut hidden = Vec::new();
        let whole = secrets
            .resolve_and_note(&SecretText::template("a:${vars.p}@$${x} ${vars.p}"), &mut hidden)
            .unwrap();
        assert_eq!(whole.expose_secret(), "a:pass@${x} pass");
        let hidden: Vec<&str> = hidden.iter().map(SecretString::expose_secret).collect();
        assert_eq!(hidden, ["a:pass@${x} pass", "pass", "pass"]);
    }

    #[test]
    fn plain_text_is_never_scanned() {
        let secrets = Secrets::new(BTreeMap::new(), PathBuf::new());
        let plain = secrets.resolve(&SecretText::plain("${vars.p}")).unwrap();
        assert_eq!(plain.expose_secret(), "${vars.p}");
    }
}
