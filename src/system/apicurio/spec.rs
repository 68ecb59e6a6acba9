use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{model::SecretText, registry::preflight::Storage};

/// An Apicurio Registry, 2.6 or 3.x: a system of type `apicurio`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApicurioSpec {
    /// The address of every replica, without `/apis`: `http://10.0.0.11:8080`. Not the balancer's. At
    /// least one, and all of them: before a switch each is asked whether it took a write.
    #[schemars(length(min = 1))]
    pub urls: Vec<String>,
    /// The management address of every replica, which answers `/health`; 3.2 and later have it on a port of its own,
    /// 9000 by default. Absent: health is asked at `urls`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub management: Vec<String>,
    /// How to log in; absent when the registry needs no login. Export, import and settings need the role `sr-admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ApicurioAuth>,
    /// The tenant of a multi-tenant 2.6, named to it by the header `X-Tenant-Id`; 3.x has none: each tenant needs a 3.x of its
    /// own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What it stores its data in, where it does not say so itself: a 3.0 calls itself "In Memory" whatever it has. With
    /// `kafkasql` its rules are kept: labels without a value are sent as properties, and chunks are small. What a 3.1 or later
    /// says itself need not be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// A PEM file of certificates that are trusted besides this machine's own; relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// How to log in; exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApicurioAuth {
    /// HTTP Basic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuth>,
    /// Client credentials at an OpenID Connect provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcAuth>,
}

/// A name and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The name; a client id where the registry passes it on as client credentials.
    pub username: String,
    /// The password.
    pub password: SecretText,
}

/// A client of an OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcAuth {
    /// The issuer, as the provider itself says it: `https://sso.example.com/realms/registry`. The system's `ca` is trusted here
    /// too.
    pub issuer: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretText,
}
