//! The types of systems: what `systems:` may hold, and the facts that expressions may read of each.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    model::{BackendName, SecretText},
    system::{apicurio::ApicurioSpec, nginx::NginxSpec},
};

/// A type of system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SystemType {
    /// An Apicurio Registry, 2.6 or 3.x.
    Apicurio,
    /// An nginx on this host.
    Nginx,
    /// An HAProxy. Not supported yet.
    Haproxy,
    /// A PostgreSQL server. Not supported yet.
    Postgres,
    /// A Kafka cluster. Not supported yet.
    Kafka,
    /// An OpenID Connect provider. Not supported yet.
    Oidc,
    /// A Prometheus. Not supported yet.
    Prometheus,
}

/// One line of the table of system types.
pub(crate) struct SystemLine {
    /// `type:`.
    pub name: &'static str,
    /// Whether this version can talk to it.
    pub supported: bool,
    /// Whether it routes traffic: the systems that `lb.route` and the like take.
    pub routes: bool,
    /// What it says besides `reachable` and `version`.
    pub facts: &'static [Fact],
    /// Decodes its keys without `type`.
    pub decode: fn(&Value) -> Result<(), serde_path_to_error::Error<serde_json::Error>>,
    /// The schema of its keys without `type`.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Something that expressions may read (design §2): its dotted path, its type, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// `counts.artifacts`, below the system or below `run`.
    pub path: &'static str,
    /// `bool`, `int`, `string`.
    pub of_type: &'static str,
    /// One line.
    pub about: &'static str,
}

const fn fact(path: &'static str, of_type: &'static str, about: &'static str) -> Fact {
    Fact { path, of_type, about }
}

/// What every system says.
pub(crate) const COMMON_FACTS: &[Fact] = &[
    fact("reachable", "bool", "It answers."),
    fact("version", "string", "Its version, such as `3.3.3`."),
];

/// What the run itself says.
pub(crate) const RUN_FACTS: &[Fact] = &[
    fact("id", "string", "The run's random name, made at the first apply."),
    fact("environment", "string", "`--env`."),
    fact("attempt", "int", "The attempt of the phase, from 1."),
    fact("started", "string", "When the run began, RFC 3339."),
    fact(
        "written",
        "mapping of bool",
        "By backend: false only if the journal proves that no route let a write reach it in this attempt.",
    ),
];

const ROUTE_FACTS: &[Fact] = &[
    fact(
        "route.to",
        "string",
        "The backend that serves; `mixed` or `none` when there is not one.",
    ),
    fact(
        "route.writes",
        "string",
        "`allow`, `hold`, `deny`, or `mixed` when hosts differ.",
    ),
    fact(
        "route.generation",
        "string",
        "The generation of the configuration in force.",
    ),
    fact(
        "route.draining",
        "int",
        "Old workers that still serve requests of the route before.",
    ),
];

const APICURIO_FACTS: &[Fact] = &[
    fact("ready", "bool", "Its health check says that it is ready."),
    fact("empty", "bool", "Its counts are all 0."),
    fact(
        "writable",
        "bool",
        "It is not in read-only mode; absent when it does not say.",
    ),
    fact("counts.groups", "int", "Groups."),
    fact("counts.artifacts", "int", "Artifacts."),
    fact("counts.versions", "int", "Versions; 3.x only."),
    fact("max_global_id", "int", "The greatest global id; 3.x only."),
];

/// Every type that a plan may name.
pub(crate) const SYSTEM_TYPES: &[SystemLine] = &[
    SystemLine {
        facts: APICURIO_FACTS,
        ..line::<ApicurioSpec>("apicurio", true)
    },
    SystemLine {
        routes: true,
        facts: ROUTE_FACTS,
        ..line::<NginxSpec>("nginx", true)
    },
    SystemLine {
        routes: true,
        facts: ROUTE_FACTS,
        ..line::<HaproxySpec>("haproxy", false)
    },
    line::<PostgresSpec>("postgres", false),
    SystemLine {
        facts: &[fact("brokers", "int", "Brokers that answer.")],
        ..line::<KafkaSpec>("kafka", false)
    },
    line::<OidcSpec>("oidc", false),
    line::<PrometheusSpec>("prometheus", false),
];

const fn line<S: DeserializeOwned + JsonSchema>(name: &'static str, supported: bool) -> SystemLine {
    SystemLine {
        name,
        supported,
        routes: false,
        facts: &[],
        decode: |value| serde_path_to_error::deserialize::<_, S>(value).map(drop),
        schema: SchemaGenerator::subschema_for::<S>,
    }
}

/// An HAProxy in front of the registries. Not supported yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read and not used yet")]
pub(crate) struct HaproxySpec {
    /// The public address, as clients use it.
    url: String,
    /// Hosts over SSH (`user@host`); absent = this host.
    #[serde(default)]
    hosts: Vec<String>,
    /// The main file.
    config: String,
    /// The program, where it is not the usual one.
    #[serde(default)]
    #[schemars(with = "String")]
    binary: Option<String>,
    /// The directory of the files that regplan owns.
    directory: String,
    /// The runtime socket, with level admin.
    socket: String,
    /// The backends by name, each with its servers as `host:port`.
    backends: BTreeMap<BackendName, Vec<String>>,
}

/// A PostgreSQL server. Not supported yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read and not used yet")]
pub(crate) struct PostgresSpec {
    /// `postgres://user:password@host:port/database`; the password as `${vars.NAME}` of a secret.
    url: SecretText,
    /// A PEM file of certificates that are trusted besides this machine's own.
    #[serde(default)]
    #[schemars(with = "String")]
    ca: Option<String>,
}

/// A Kafka cluster. Not supported yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read and not used yet")]
pub(crate) struct KafkaSpec {
    /// `host:port` of some brokers.
    #[schemars(length(min = 1))]
    bootstrap: Vec<String>,
    /// A PEM file of certificates that are trusted besides this machine's own.
    #[serde(default)]
    #[schemars(with = "String")]
    ca: Option<String>,
    /// How to log in.
    #[serde(default)]
    #[schemars(with = "KafkaAuth")]
    auth: Option<KafkaAuth>,
}

/// SASL credentials.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read and not used yet")]
pub(crate) struct KafkaAuth {
    /// `plain`, `scram_sha_256` or `scram_sha_512`.
    mechanism: String,
    /// The name.
    username: String,
    /// The password.
    password: SecretText,
}

/// An OpenID Connect provider. Not supported yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read and not used yet")]
pub(crate) struct OidcSpec {
    /// The issuer: `https://sso.example.com/realms/registry`.
    issuer: String,
    /// A PEM file of certificates that are trusted besides this machine's own.
    #[serde(default)]
    #[schemars(with = "String")]
    ca: Option<String>,
}

/// A Prometheus. Not supported yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read and not used yet")]
pub(crate) struct PrometheusSpec {
    /// Its address.
    url: String,
    /// A bearer token.
    #[serde(default)]
    #[schemars(with = "SecretText")]
    token: Option<SecretText>,
    /// A PEM file of certificates that are trusted besides this machine's own.
    #[serde(default)]
    #[schemars(with = "String")]
    ca: Option<String>,
}
