//! The nginx program: testing and reloading its configuration, and what it says.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use super::spec::Places;
use crate::{
    model::{PlanDuration, SystemName},
    system::{Ended, SystemError, process::Call},
};

/// A whole configuration as `-T` prints it; one that is larger is no gateway's.
const DUMP_LIMIT: usize = 16 * 1024 * 1024;

/// Loading a configuration resolves upstream names, and a resolver may be slow.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Where Debian and others keep it, outside the `PATH` of ordinary users.
const ALSO_SEARCHED: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The program with the options that name its instance.
pub(super) struct Program<'a> {
    /// The system, for errors.
    pub system: &'a SystemName,
    /// As the plan says it.
    pub binary: &'a Path,
    /// Its files.
    pub places: &'a Places,
}

/// What a configuration says where it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dump {
    /// The files that nginx read, as it names them.
    pub files: Vec<PathBuf>,
    /// `pid` of the main file.
    pub pid: Option<PathBuf>,
    /// `error_log` of the main file.
    pub error_log: Option<String>,
    /// `worker_shutdown_timeout` of the main file: after it old workers cut what they still serve.
    pub shutdown_timeout: Option<Duration>,
}

/// What `-V` says where it matters here.
pub(super) struct Built {
    /// Relative paths of the configuration start here.
    pub prefix: PathBuf,
    /// The PID file without a `pid` directive.
    pub pid: PathBuf,
}

impl Program<'_> {
    async fn call(&self, args: &[&str]) -> Result<Ended, SystemError> {
        let mut call = Call::new(found(self.binary), Path::new("/"));
        if let Some(prefix) = &self.places.prefix {
            call.command.arg("-p").arg(prefix);
        }
        call.command.arg("-c").arg(&self.places.config).args(args);
        match tokio::time::timeout(CALL_LIMIT, call.run(DUMP_LIMIT, &[])).await {
            Ok(ended) => ended,
            Err(_) => Err(SystemError::Timeout {
                what: format!("`nginx {}` of {}", args.join(" "), self.system),
                limit: PlanDuration::new(CALL_LIMIT),
            }),
        }
    }

    fn refused(&self, args: &str, ended: &Ended) -> SystemError {
        let said = messages(&ended.stderr);
        let why = if said.is_empty() {
            ended.last_words(3)
        } else {
            said.join("; ")
        };
        SystemError::NotInForce {
            system: self.system.clone(),
            reason: format!("`nginx {args}` {}: {why}", ended.how()),
        }
    }

    /// Tests the configuration on disk and prints it (`-T`, which does all that `-t` does).
    ///
    /// # Errors
    /// When nginx refuses it, with its words and the place.
    pub async fn test(&self) -> Result<Dump, SystemError> {
        let ended = self.call(&["-T"]).await?;
        if !ended.success() {
            return Err(self.refused("-t", &ended));
        }
        Ok(Dump::read(&ended.stdout))
    }

    /// Asks the running nginx to load the configuration on disk. Its rc 0 proves nothing (`reference/lab.md` §0.4).
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn reload(&self) -> Result<(), SystemError> {
        let ended = self.call(&["-s", "reload"]).await?;
        if ended.success() {
            Ok(())
        } else {
            Err(self.refused("-s reload", &ended))
        }
    }

    /// What the program was built with, and the prefix in force.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub async fn built(&self) -> Result<Built, SystemError> {
        let version = self.call(&["-V"]).await?.stderr;
        let with = |option: &str, usual: &str| PathBuf::from(built_with(&version, option).unwrap_or(usual));
        Ok(Built {
            prefix: self
                .places
                .prefix
                .clone()
                .unwrap_or_else(|| with("--prefix=", "/usr/local/nginx")),
            pid: with("--pid-path=", "logs/nginx.pid"),
        })
    }
}

/// A program without a directory is searched where system programs are, too.
fn found(binary: &Path) -> PathBuf {
    if binary.components().count() > 1 {
        return binary.to_owned();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(ALSO_SEARCHED.into_iter().map(PathBuf::from))
        .map(|directory| directory.join(binary))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| binary.to_owned())
}

fn built_with<'a>(version: &'a str, option: &str) -> Option<&'a str> {
    version
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix(option))
}

/// The `[emerg]` and `[alert]` messages of nginx's output or error log, without prefix, each once.
///
/// Two prefixes exist for the same message, depending on where the error log goes (`reference/lab.md` §1.3); the message
/// ends with ` in FILE:LINE` where nginx knows it.
pub(super) fn messages(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((_, said)) = ["[emerg] ", "[alert] "].iter().find_map(|level| line.split_once(level)) else {
            continue;
        };
        // In the log `PID#TID: ` comes first.
        let said = match said.split_once(": ") {
            Some((pid, rest)) if pid.contains('#') && pid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'#') => {
                rest
            }
            _ => said,
        };
        if !found.iter().any(|known| known == said) {
            found.push(said.to_owned());
        }
    }
    found
}

impl Dump {
    /// Reads what `-T` printed.
    pub(super) fn read(text: &str) -> Self {
        let mut dump = Self::default();
        let mut depth = 0_i32;
        for line in text.lines() {
            if let Some(file) = line.strip_prefix("# configuration file ") {
                dump.files.push(PathBuf::from(file.trim_end_matches(':')));
                depth = 0;
                continue;
            }
            // Only the first file, the main one, has these outside every block; one directive a line is how they are written.
            let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
            if dump.files.len() == 1 && depth == 0 {
                dump.directive(line);
            }
            let count = |brace| i32::try_from(line.matches(brace).count()).unwrap_or(0);
            depth += count('{') - count('}');
        }
        dump
    }

    fn directive(&mut self, line: &str) {
        for statement in line.split(';') {
            let mut words = statement
                .split_ascii_whitespace()
                .map(|word| word.trim_matches(['"', '\'']));
            match (words.next(), words.next()) {
                (Some("pid"), Some(file)) => self.pid = Some(PathBuf::from(file)),
                (Some("error_log"), Some(file)) if self.error_log.is_none() => self.error_log = Some(file.to_owned()),
                (Some("worker_shutdown_timeout"), Some(time)) => self.shutdown_timeout = nginx_time(time),
                _ => {}
            }
        }
    }
}

/// A time as nginx writes it: `30`, `30s`, `2m`, `1h`, `500ms`; a bare number is seconds.
fn nginx_time(text: &str) -> Option<Duration> {
    let seconds = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| format!("{text}s"));
    seconds
        .as_deref()
        .unwrap_or(text)
        .parse::<PlanDuration>()
        .ok()
        .map(PlanDuration::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_prefixes_give_the_same_message_with_its_place() {
        let text = "nginx: [emerg] unknown directive \"server_nam\" in /tmp/bad1.conf:13\n\
             2026/11/22 15:40:47 [emerg] 14179#14179: unknown directive \"server_nam\" in /tmp/bad1.conf:13\n\
             2026/11/22 15:40:47 [notice] 1#1: reconfiguring\n\
             2026/11/22 15:40:48 [emerg] 9#9: bind() to 127.0.0.1:80 failed (98: Address already in use)\n\
             nginx: configuration file /tmp/bad1.conf test failed\n";
        assert_eq!(
            messages(text),
            [
                "unknown directive \"server_nam\" in /tmp/bad1.conf:13",
                "bind() to 127.0.0.1:80 failed (98: Address already in use)"
            ]
        );
    }

    #[test]
    fn a_dump_tells_its_files_and_the_main_directives_only() {
        let dump = Dump::read(
            "# configuration file /etc/nginx/nginx.conf:\nworker_shutdown_timeout 2m; # pid no.pid;\npid logs/nginx.pid;\n\
             error_log logs/error.log notice;\nhttp {\n    error_log logs/other.log;\n}\n\
             # configuration file /etc/nginx/regplan/http.conf:\nerror_log elsewhere.log;\n",
        );
        assert_eq!(dump.files.len(), 2);
        assert_eq!(dump.pid.as_deref(), Some(Path::new("logs/nginx.pid")));
        assert_eq!(dump.error_log.as_deref(), Some("logs/error.log"));
        assert_eq!(dump.shutdown_timeout, Some(Duration::from_secs(120)));
    }

    #[test]
    fn nginx_times_are_read() {
        assert_eq!(nginx_time("30"), Some(Duration::from_secs(30)));
        assert_eq!(nginx_time("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(nginx_time("soon"), None);
    }
}
