use serde::Serialize;

use super::{env_file::EnvFile, look::Seen};

/// Most versions in one import request, as `plans/guide.yaml` has it: readiness suffers from longer ones
/// (`reference/apicurio.md` §2.9).
const CHUNK: u32 = 500;
/// The same into Kafka, where 200 versions take about ten seconds (`reference/apicurio.md` §0 row 19).
const CHUNK_KAFKA: u32 = 200;
/// Versions that an import stores in a second: the slower of what was measured (`reference/apicurio.md` §0 row 19).
const PER_SECOND: u64 = 200;
/// The same into Kafka.
const PER_SECOND_KAFKA: u64 = 23;
/// Export, comparison and a slow moment beside the import: the whole freeze in times of the import alone.
const WHOLE: u64 = 3;
/// What the migration guide plans for a freeze; minutes.
const FREEZE: u64 = 30;
/// Limits are written in tens of minutes.
const STEP: u64 = 10;

/// Everything that a first plan is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The plan's name.
    pub name: String,
    /// The registries.
    pub registries: Registries,
    /// The load balancer.
    pub lb: Balancer,
    /// What is run here.
    pub commands: Commands,
    /// What the live 2.6 said.
    pub seen: Seen,
    /// Its environment; empty when none was given.
    pub env: EnvFile,
}

/// Where the registries are, and how to log in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Registries {
    /// The address of every replica of the 2.6; at least one.
    pub v2: Vec<String>,
    /// The address of every replica of the 3.x; at least one.
    pub v3: Vec<String>,
    /// The management address of each.
    pub v3_management: Vec<String>,
    /// The login to both; `None` where none is needed.
    pub login: Option<Login>,
    /// A PEM file of further authorities.
    pub ca: Option<String>,
}

/// A login, its password by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The OpenID Connect issuer at which a client logs in; `None`: HTTP Basic.
    pub issuer: Option<String>,
    /// The name, or a client's id.
    pub username: String,
    /// The environment variable that holds the password, or the client's secret.
    pub password_env: String,
}

/// The load balancer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Balancer {
    /// The address that clients use.
    pub url: String,
    /// nginx's main file.
    pub config: String,
    /// Its prefix, where it is not the usual one.
    pub prefix: Option<String>,
    /// The directory of regplan's files.
    pub directory: String,
    /// The socket that answers the generation.
    pub socket: String,
    /// The servers of the 2.6, `host:port`.
    pub v2_backends: Vec<String>,
    /// The servers of the 3.x.
    pub v3_backends: Vec<String>,
}

/// Lines for `sh -c`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Commands {
    /// Starts the 3.x.
    pub start_v3: String,
    /// Tells by rc 0 that it runs.
    pub v3_running: String,
    /// Stops the 2.6.
    pub stop_v2: String,
    /// Tells by rc 0 that it is stopped.
    pub v2_stopped: String,
}

impl Answers {
    /// Most versions in one import request. A 3.x is taken to store as its 2.6 does.
    pub(super) fn chunk_versions(&self) -> u32 {
        if self.env.is_kafka() { CHUNK_KAFKA } else { CHUNK }
    }

    /// The limit of the freeze in minutes: the guide's, or more where the size needs it.
    pub fn freeze_minutes(&self) -> u64 {
        let rate = if self.env.is_kafka() {
            PER_SECOND_KAFKA
        } else {
            PER_SECOND
        };
        // An artifact has at least one version; more are not known of large registries.
        let versions = self.seen.versions.unwrap_or(self.seen.artifacts);
        let minutes = (versions * WHOLE).div_ceil(rate * 60);
        minutes.div_ceil(STEP).saturating_mul(STEP).max(FREEZE)
    }
}
