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
}
