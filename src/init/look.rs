use std::{collections::BTreeMap, path::Path};

use serde::Serialize;
use serde_json::json;

use super::{InitError, Registries};
use crate::{
    model::{SecretSource, is_unseen},
    system::{
        Progress, Secrets, SystemError,
        apicurio::{Apicurio, RegistryReader, ServerVersion},
    },
};

/// More artifacts are not gone through one by one: 2.6 counts versions per artifact only, and a plan can do without.
const COUNTED: u64 = 2_000;

/// What the live 2.6 said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Its version.
    pub version: String,
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions; `None` when there are too many artifacts to ask each.
    pub versions: Option<u64>,
    /// The types of its global rules.
    pub rules: Vec<String>,
}

/// Asks the 2.6 for its version, its size and its global rules; only reads.
///
/// # Errors
/// When it does not answer, is no 2.6, or wants another login.
pub async fn look(registries: &Registries) -> Result<Seen, InitError> {
    let client = open(registries)?;
    let reader = client.reader();
    let url = reader.url();
    let version = reader
        .version()
        .await
        .map_err(|error| login_or(error, &url, registries))?;
    fits(&version).map_err(|help| InitError::WrongVersion {
        url: url.clone(),
        version: version.to_string(),
        help,
    })?;
    size(&reader, &version)
        .await
        .map_err(|error| login_or(error, &url, registries))
}

async fn size(reader: &RegistryReader<'_>, version: &ServerVersion) -> Result<Seen, SystemError> {
    let counts = reader.counts(version).await?;
    let versions = if counts.artifacts <= COUNTED {
        let artifacts = reader.artifacts(version).await?;
        let each = reader.version_counts(version, &artifacts, &Progress::silent()).await?;
        Some(each.values().sum())
    } else {
        None
    };
    Ok(Seen {
        version: plain(version.as_str()),
        groups: counts.groups,
        artifacts: counts.artifacts,
        versions,
        rules: reader
            .global_rules(version)
            .await?
            .iter()
            .map(|rule| plain(rule))
            .collect(),
    })
}

/// A server's words as they may stand in a comment of the plan.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_unseen(*c)).collect()
}

fn open(registries: &Registries) -> Result<Apicurio, SystemError> {
    let mut spec = json!({ "urls": registries.v2 });
    let mut sources = BTreeMap::new();
    if let Some(login) = &registries.login {
        let source = SecretSource {
            env: Some(login.password_env.clone()),
            file: None,
            command: None,
        };
        sources.insert("password".to_owned(), source);
        let password = json!({ "$secret": "${vars.password}" });
        spec["auth"] = match &login.issuer {
            Some(issuer) => json!({ "oidc": {
                "issuer": issuer, "client_id": login.username, "client_secret": password,
            } }),
            None => json!({ "basic": { "username": login.username, "password": password } }),
        };
    }
    if let Some(ca) = &registries.ca {
        spec["ca"] = json!(ca);
    }
    let base = Path::new("");
    Apicurio::open(&"v2".into(), &spec, &Secrets::new(sources, base.to_owned()), base)
}

/// A refused login says which flags are meant.
fn login_or(error: SystemError, url: &str, registries: &Registries) -> InitError {
    let SystemError::Status {
        status: status @ (401 | 403),
        ..
    } = error
    else {
        return error.into();
    };
    let help = match &registries.login {
        None => "Name the login with --username NAME, and the environment variable that holds its password with \
                 --password-env NAME. For a client of an OpenID Connect provider add --oidc-issuer URL; as HTTP Basic its id and \
                 secret work where the 2.6 has CLIENT_CREDENTIALS_BASIC_AUTH_ENABLED=true."
            .to_owned(),
        Some(login) if login.issuer.is_some() => format!(
            "It refused the token of the client `{}`. That client needs a service account with the role `sr-admin`.",
            login.username
        ),
        Some(login) => format!(
            "It refused `{}` with the password in {}. That login needs the role `sr-admin`, and the 2.6 \
             CLIENT_CREDENTIALS_BASIC_AUTH_ENABLED=true where it is a client's id and secret.",
            login.username, login.password_env
        ),
    };
    InitError::NeedsLogin {
        url: url.to_owned(),
        status,
        help,
    }
}

/// Whether that version is one that is moved.
///
/// # Errors
/// What to do about it, in words.
pub fn fits(version: &ServerVersion) -> Result<(), String> {
    if version.at_least(3, 0, 0) {
        return Err(
            "It is a 3.x already: there is nothing to move. Name the 2.6 itself with --v2, not the balancer or the new \
             registry."
                .to_owned(),
        );
    }
    if !version.at_least(2, 6, 0) || version.at_least(2, 7, 0) {
        return Err(
            "regplan moves 2.6 only. Upgrade it to the last 2.6 first, in place and on the same storage; then run this \
             again."
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_2_6_is_moved_and_others_are_told_what_to_do() {
        let fits = |text: &str| fits(&text.parse().unwrap());
        assert_eq!(fits("2.6.13.Final"), Ok(()));
        assert_eq!(fits("2.6.0.Final"), Ok(()));
        assert!(fits("2.5.11.Final").unwrap_err().contains("Upgrade it to the last 2.6"));
        assert!(fits("1.3.2.Final").unwrap_err().contains("Upgrade"));
        assert!(fits("3.3.3").unwrap_err().contains("3.x already"));
    }
}
