use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BackendName, PlanDuration};

/// An nginx in front of the registries.
///
/// regplan owns two whole files, `http.conf` and `server.conf` in `directory`; the operator includes them once, by their
/// exact names, in the `http` block and in the `server` block of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NginxSpec {
    /// The public address, as clients use it.
    pub url: String,
    /// Hosts over SSH (`user@host`); absent = this host. Not supported yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The main file of nginx (`-c`). Relative paths start at `prefix`, or at the plan file without one.
    pub config: PathBuf,
    /// nginx's own prefix (`-p`), where it is not the usual one. Relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<PathBuf>,
    /// The program; searched in `PATH` and then in `/usr/sbin`, `/usr/local/sbin`.
    #[serde(default = "default_binary")]
    pub binary: PathBuf,
    /// The directory of the files that regplan owns. Relative paths as in `config`.
    pub directory: PathBuf,
    /// The unix socket that answers the generation; never on the public port. Relative paths as in `config`.
    pub socket: PathBuf,
    /// nginx's error log, shown when a reload does not take hold; absent = what the main file says. Relative paths as in `config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_log: Option<PathBuf>,
    /// The backends by name, each with its servers as `host:port`.
    ///
    /// Ordered by name: a forward step never goes from a later one to an earlier one (`v3` to `v2`).
    pub backends: BTreeMap<BackendName, Vec<String>>,
    /// What `Retry-After` says while writes are denied.
    #[serde(default = "default_retry_after")]
    pub retry_after: PlanDuration,
    /// How long old workers may go on after a reload before the step fails. Nothing is cut by regplan.
    ///
    /// Absent: `worker_shutdown_timeout` of the main file and 10 s more, or 130 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_timeout: Option<PlanDuration>,
    /// A PEM file with the authorities of the public certificate, besides the usual ones. Relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

fn default_binary() -> PathBuf {
    PathBuf::from("nginx")
}

/// Half an hour: what the migration guide plans for its freeze (`reference/lab.md` §1.4).
const fn default_retry_after() -> PlanDuration {
    PlanDuration::new(Duration::from_secs(1_800))
}

/// Where the files of one nginx are, all absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// `-p`.
    pub prefix: Option<PathBuf>,
    /// `-c`.
    pub config: PathBuf,
    /// The owned files.
    pub directory: PathBuf,
    /// Answers the generation.
    pub socket: PathBuf,
    /// Where the plan says that errors go.
    pub error_log: Option<PathBuf>,
}

impl NginxSpec {
    /// The places of its files; relative ones start at the prefix, or at `base` (the directory of the plan file).
    pub(super) fn places(&self, base: &Path) -> Places {
        let prefix = self.prefix.as_ref().map(|prefix| base.join(prefix));
        let start = prefix.as_deref().unwrap_or(base);
        Places {
            config: start.join(&self.config),
            directory: start.join(&self.directory),
            socket: start.join(&self.socket),
            error_log: self.error_log.as_ref().map(|log| start.join(log)),
            prefix,
        }
    }

    /// What the types cannot say.
    ///
    /// # Errors
    /// In words, what is wrong and what to write.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.hosts.is_empty() {
            return Err(
                "`hosts` (over SSH) are not supported yet: leave it out and run regplan beside nginx".to_owned(),
            );
        }
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return Err(format!(
                "`url` is `{}` and must begin with http:// or https://",
                self.url
            ));
        }
        if self.backends.is_empty() {
            return Err("`backends` is empty: name at least one".to_owned());
        }
        for (name, servers) in &self.backends {
            if !is_word(name.as_str(), "_.-") {
                return Err(format!("backend `{name}`: use letters, digits, `_`, `.` and `-` only"));
            }
            if servers.is_empty() {
                return Err(format!(
                    "backend `{name}` has no server: give at least one as host:port"
                ));
            }
            for server in servers {
                is_server(server)
                    .then_some(())
                    .ok_or_else(|| format!("backend `{name}`: `{server}` is no host:port (without scheme and path)"))?;
            }
        }
        Ok(())
    }
}

impl Places {
    /// The socket's path goes into nginx's configuration and into the kernel.
    ///
    /// # Errors
    /// In words, what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let socket = self.socket.to_string_lossy();
        if !is_word(&socket, "/_.-+@%") {
            return Err(format!(
                "`socket` is `{socket}`: use letters, digits and `/_.-+@%` only"
            ));
        }
        if socket.len() > SOCKET_PATH {
            return Err(format!("`socket` is longer than {SOCKET_PATH} bytes: {socket}"));
        }
        Ok(())
    }
}

/// The kernel's limit of a unix socket's path (`unix(7)`), less its end.
const SOCKET_PATH: usize = 107;

/// Whether a text can stand in nginx's configuration without quotes and without changing its meaning.
fn is_word(text: &str, also: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

fn is_server(server: &str) -> bool {
    server
        .rsplit_once(':')
        .is_some_and(|(host, port)| is_word(host, "._-:[]") && port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(change: &[(&str, Value)]) -> Result<(), String> {
        let mut spec = json!({"url": "http://lb", "config": "nginx.conf", "directory": "regplan", "socket": "s.sock",
            "backends": {"v2": ["127.0.0.1:8080", "[::1]:80", "registry-v2:8080"]}});
        for (key, value) in change {
            spec[*key] = value.clone();
        }
        let spec: NginxSpec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        spec.check()?;
        spec.places(Path::new("/plan")).check()
    }

    #[test]
    fn what_cannot_be_used_is_said_with_what_to_write() {
        assert_eq!(checked(&[]), Ok(()));
        for (key, value, part) in [
            ("hosts", json!(["deploy@lb1"]), "not supported yet"),
            ("url", json!("lb.example.com"), "must begin with"),
            ("backends", json!({}), "is empty"),
            ("backends", json!({"v2": []}), "has no server"),
            ("backends", json!({"v2": ["http://h:80"]}), "is no host:port"),
            ("backends", json!({"v2": ["h:80; return 200"]}), "is no host:port"),
            ("backends", json!({"v 2": ["h:80"]}), "letters, digits"),
            ("socket", json!("a b.sock"), "letters, digits"),
            ("socket", json!("x".repeat(120)), "longer than 107"),
            ("sokcet", json!("x"), "unknown field `sokcet`"),
        ] {
            let error = checked(&[(key, value)]).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn relative_places_start_at_the_prefix_or_at_the_plan() {
        let spec = |prefix: Option<&str>| -> NginxSpec {
            serde_json::from_value(
                json!({"url": "http://lb", "config": "nginx.conf", "directory": "/etc/regplan",
                "prefix": prefix, "socket": "run/s.sock", "backends": {}}),
            )
            .unwrap()
        };
        let at_plan = spec(None).places(Path::new("/plan"));
        assert_eq!(at_plan.config, Path::new("/plan/nginx.conf"));
        assert_eq!(at_plan.directory, Path::new("/etc/regplan"));
        let at_prefix = spec(Some("lb")).places(Path::new("/plan"));
        assert_eq!(at_prefix.prefix.as_deref(), Some(Path::new("/plan/lb")));
        assert_eq!(at_prefix.socket, Path::new("/plan/lb/run/s.sock"));
    }
}
