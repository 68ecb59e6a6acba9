//! What verbs without a plan name: an address of a registry, or an export file. The one place where an address becomes a
//! registry that can be read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{args::SideArgs, error::CliError, project::install_tls, terminal::Terminal};
use crate::{
    model::{DocPath, Limits, Plan, SecretSource, SystemDecl, SystemName, Vars},
    resource::{Ask, Export, Side, file_side, registry_side},
    system::{Observe, Progress, World, WorldOptions},
};

/// How to log in at a registry: what a system's `auth` says, with secrets only by reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Login {
    auth: Value,
    secret: SecretSource,
}

impl Login {
    /// The name of the variable that holds the secret.
    const SECRET: &'static str = "secret";

    /// From `basic,username=U,password-env=VAR` or `oidc,issuer=URL,client-id=ID,client-secret-env=VAR`; `…-file=FILE` reads
    /// a file instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let kind = parts.next().unwrap_or_default();
        let mut fields = BTreeMap::new();
        for part in parts {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not NAME=VALUE"))?;
            fields.insert(name, value);
        }
        let mut field = |name: &str| fields.remove(name).ok_or_else(|| format!("`{kind}` needs {name}="));
        let secret = json!({"$secret": format!("${{vars.{}}}", Self::SECRET)});
        let (auth, of) = match kind {
            "basic" => (
                json!({"basic": {"username": field("username")?, "password": secret}}),
                "password",
            ),
            "oidc" => {
                let (issuer, client) = (field("issuer")?, field("client-id")?);
                let auth = json!({"oidc": {"issuer": issuer, "client_id": client, "client_secret": secret}});
                (auth, "client-secret")
            }
            other => return Err(format!("`{other}` is no way to log in: begin with `basic` or `oidc`")),
        };
        let mut source = |by: &str| fields.remove(format!("{of}-{by}").as_str()).map(str::to_owned);
        let secret = SecretSource {
            env: source("env"),
            file: source("file"),
            command: None,
        };
        match (&secret.env, &secret.file, fields.keys().next()) {
            (_, _, Some(unknown)) => Err(format!(
                "`{kind}` has no {unknown}=; a secret is given as {of}-env=VARIABLE"
            )),
            (Some(_), None, None) | (None, Some(_), None) => Ok(Self { auth, secret }),
            _ => Err(format!("give {of}-env=VARIABLE or {of}-file=FILE, and not both")),
        }
    }
}

/// A registry or an export file, not read yet.
pub(super) enum Place {
    /// A registry, alone in a world of its own.
    Registry { world: Observe, name: SystemName },
    /// A file, and how it was named.
    File { path: PathBuf, shown: String },
}

impl Place {
    /// What that text names: an address begins with `http://` or `https://`, all else is a file. `name` is how messages call
    /// the registry; what it exports passes through `spool`.
    ///
    /// # Errors
    /// When the address cannot be used, or its secret cannot be had.
    pub(super) fn open(
        text: &str,
        name: &str,
        login: Option<&Login>,
        arguments: &SideArgs,
        spool: &Path,
    ) -> Result<Self, CliError> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Ok(Self::File {
                path: PathBuf::from(text),
                shown: text.to_owned(),
            });
        }
        install_tls();
        let mut spec = addressed(text);
        if let (Some(login), Some(fields)) = (login, spec.as_object_mut()) {
            fields.insert("auth".to_owned(), login.auth.clone());
        }
        if let (Some(ca), Some(fields)) = (&arguments.ca, spec.as_object_mut()) {
            fields.insert("ca".to_owned(), json!(ca));
        }
        let secrets = login.map(|login| (Login::SECRET.to_owned(), login.secret.clone()));
        let name = SystemName::from(name);
        let declared = SystemDecl {
            kind: "apicurio".to_owned(),
            spec,
            at: DocPath::root(),
        };
        let plan = Plan {
            name: String::new(),
            description: None,
            systems: BTreeMap::from([(name.clone(), declared)]),
            vars: Vars {
                values: BTreeMap::new(),
                secrets: secrets.into_iter().collect(),
            },
            limits: Limits::default(),
            phases: Vec::new(),
        };
        let options = WorldOptions {
            base: PathBuf::from("."),
            spool: spool.to_owned(),
            no_exec: true,
        };
        // Not by its address: that may hold a login that is refused for it.
        let world = World::open(&plan, &options).map_err(|source| CliError::side(name.as_str(), source))?;
        Ok(Self::Registry {
            world: Observe::new(Arc::new(world)),
            name,
        })
    }

    /// Reads all that it holds.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub(super) async fn read(&self, ask: Ask, terminal: &Terminal) -> Result<Side, CliError> {
        match self {
            Self::File { path, shown } => file_side(path, shown.as_str())
                .await
                .map_err(|source| CliError::side(shown, source)),
            Self::Registry { world, name } => {
                let failed = |source| CliError::side(name.as_str(), source);
                registry_side(name, world, ask, &progress(terminal))
                    .await
                    .map_err(failed)
            }
        }
    }
}

/// A registry at that address. One that ends with `/t/NAME` is that of a tenant of a 2.6, as its clients know it.
fn addressed(text: &str) -> Value {
    let parts = text.trim_end_matches('/').rsplit_once("/t/");
    match parts.filter(|(_, tenant)| !tenant.is_empty() && !tenant.contains(['/', '%'])) {
        Some((url, tenant)) => json!({"urls": [url], "tenant": tenant}),
        None => json!({"urls": [text]}),
    }
}

impl Place {
    /// The export that `side` was read from.
    pub(super) fn export(&self, side: &Side) -> Export {
        Export {
            path: match self {
                Self::File { path, .. } => path.clone(),
                Self::Registry { world, .. } => world.spool().path(&side.identity.export_sha256),
            },
            snapshot: side.snapshot.clone(),
        }
    }
}

/// Says what is done on stderr.
fn progress(terminal: &Terminal) -> Progress {
    if terminal.quiet {
        return Progress::silent();
    }
    let terminal = terminal.clone();
    Progress::new(move |update| match update.done {
        Some((done, of)) => terminal.note(&format!("{}: {done} of {of}", update.text)),
        None => terminal.note(&update.text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_an_address_is_refused_and_not_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let arguments = SideArgs { ca: None };
        let opened = Place::open("http://u:canary@h", "the registry", None, &arguments, dir.path());
        let error = opened.err().unwrap();
        let said = format!("{error} {}", crate::system::causes(&error));
        assert!(
            said.contains("must not hold a login") && !said.contains("canary"),
            "{said}"
        );
    }

    #[test]
    fn a_login_names_where_its_secret_is_and_never_holds_it() {
        let basic = Login::parse("basic,username=admin,password-env=V2_PASSWORD").unwrap();
        assert_eq!(basic.secret.env.as_deref(), Some("V2_PASSWORD"));
        assert_eq!(basic.auth["basic"]["username"], "admin");
        let oidc = Login::parse("oidc,issuer=https://sso/realms/r,client-id=c,client-secret-file=/run/secret").unwrap();
        assert_eq!(oidc.secret.file.as_deref(), Some("/run/secret"));
        for (wrong, why) in [
            ("basic,username=admin", "password-env"),
            ("basic,username=admin,password=secret", "password-env"),
            ("basic,password-env=P", "username"),
            ("token,x=y", "`token` is no way"),
            ("basic,username", "NAME=VALUE"),
            ("basic,username=a,password-env=P,password-file=f", "not both"),
        ] {
            let error = Login::parse(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
