use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::{Url, header::HeaderValue};
use serde::Deserialize as _;
use serde_json::Value;

use super::{
    super::{
        Secrets, SystemError,
        http::{self, Http},
    },
    ApicurioAuth, ApicurioSpec, RegistryReader,
    api::{Api, Patience, shown},
    login::Login,
    tokens::Tokens,
};
use crate::{model::SystemName, registry::preflight::Storage};

/// One registry with its replicas.
pub struct Apicurio {
    name: SystemName,
    /// At least one; all but the replicas' own facts is asked of the first, so that what was written there is seen there.
    pub(super) replicas: Vec<Api>,
    /// Where each replica says how it is.
    pub(super) health: Vec<Api>,
    /// Whose content is meant, in a registry of several tenants.
    pub(super) tenant: Option<String>,
    /// What it stores its data in, as the plan says it.
    pub(super) storage: Option<Storage>,
    /// Authorities that are trusted besides this machine's own.
    pub(super) ca: Option<PathBuf>,
}

impl Apicurio {
    /// From the `systems:` entry; relative paths start at `base`. Connects to nothing.
    ///
    /// # Errors
    /// When the entry cannot be used or its password cannot be had.
    pub fn open(name: &SystemName, spec: &Value, secrets: &Secrets, base: &Path) -> Result<Self, SystemError> {
        let setup = |reason: String| SystemError::Setup {
            system: name.clone(),
            reason,
        };
        let spec = ApicurioSpec::deserialize(spec).map_err(|error| setup(error.to_string()))?;
        let urls = addresses(&spec.urls).map_err(setup)?;
        if urls.is_empty() {
            return Err(setup("`urls` is empty: name at least one replica".to_owned()));
        }
        let management = addresses(&spec.management).map_err(setup)?;
        let all: Vec<Url> = urls.iter().chain(&management).cloned().collect();
        let ca = spec.ca.as_ref().map(|path| base.join(path));
        let http = Http::open(name, &all, ca.as_deref())?;
        let login = match &spec.auth {
            Some(auth) => Some(login(name, auth, secrets, ca.as_deref())?),
            None => None,
        };
        // A management port needs no login, and must not be told one.
        let (health, its_login) = match management.is_empty() {
            true => (urls.clone(), login.clone()),
            false => (management, None),
        };
        let tenant = match &spec.tenant {
            Some(tenant) => Some(tenant_header(tenant).ok_or_else(|| setup(NO_TENANT.to_owned()))?),
            None => None,
        };
        let api = |base: Url, login: Option<Login>, tenant: Option<HeaderValue>| Api {
            system: name.clone(),
            base,
            http: http.clone(),
            login,
            tenant,
            patience: Patience::Normal,
        };
        Ok(Self {
            name: name.clone(),
            replicas: urls
                .into_iter()
                .map(|url| api(url, login.clone(), tenant.clone()))
                .collect(),
            health: health
                .into_iter()
                .map(|url| api(url, its_login.clone(), None))
                .collect(),
            tenant: spec.tenant,
            storage: spec.storage,
            ca,
        })
    }

    /// The name in the plan.
    pub fn name(&self) -> &SystemName {
        &self.name
    }

    /// The address of the first replica, as [`Apicurio::url_of`] shows it.
    pub fn url(&self) -> String {
        self.url_of(0)
    }

    /// The address of a replica, without a login; of a tenant the one that its clients use, so that tenants of one registry are
    /// told apart by it.
    pub(super) fn url_of(&self, replica: usize) -> String {
        let Some(api) = self.replicas.get(replica) else {
            return String::new();
        };
        let tenant = self.tenant.as_deref().and_then(|tenant| of_tenant(&api.base, tenant));
        shown(&tenant.unwrap_or_else(|| api.base.clone()))
    }

    /// To read.
    pub fn reader(&self) -> RegistryReader<'_> {
        RegistryReader::new(self)
    }
}

fn addresses(urls: &[String]) -> Result<Vec<Url>, String> {
    urls.iter().map(|text| address(text)).collect()
}

/// An address without `/apis`, query and login.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("`{text}` is no http or https address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address must not hold a login: write it under `auth`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` must end with the path"));
    }
    if url
        .path_segments()
        .is_some_and(|mut segments| segments.any(|segment| segment == "apis"))
    {
        return Err(format!(
            "`{text}` must not include `/apis`: it is added where it is needed"
        ));
    }
    Ok(url)
}

/// What is wrong with such a tenant.
const NO_TENANT: &str = "`tenant` is no name of a tenant";

/// What tells a 2.6 whose content is meant, beside the path `/t/{tenant}`: below that path it decodes what follows, and then
/// finds no artifact with `/` or `;` in its id (2.6.13, seen). It takes this header unless somebody switched it off
/// (`registry.multitenancy.types.request-header.enabled`).
fn tenant_header(tenant: &str) -> Option<HeaderValue> {
    let header = HeaderValue::from_str(tenant).ok();
    header.filter(|_| !matches!(tenant, "" | "." | ".."))
}

/// The API of a tenant, as its clients know it (`reference/apicurio.md` §1.1).
fn of_tenant(url: &Url, tenant: &str) -> Option<Url> {
    http::join(url, &["t", tenant])
}

fn login(system: &SystemName, auth: &ApicurioAuth, secrets: &Secrets, ca: Option<&Path>) -> Result<Login, SystemError> {
    let setup = |reason: String| SystemError::Setup {
        system: system.clone(),
        reason,
    };
    match (&auth.basic, &auth.oidc) {
        (Some(basic), None) => Ok(Login::Basic {
            username: basic.username.clone(),
            password: secrets.resolve(&basic.password)?,
        }),
        (None, Some(oidc)) => {
            let issuer = Url::parse(&oidc.issuer).map_err(|error| setup(format!("`issuer` is no address: {error}")))?;
            let http = Http::open(system, std::slice::from_ref(&issuer), ca)?;
            let secret = secrets.resolve(&oidc.client_secret)?;
            let tokens = Tokens::new(system.clone(), issuer, oidc.client_id.clone(), secret, http.quick);
            Ok(Login::Oidc(Arc::new(tokens)))
        }
        (None, None) | (Some(_), Some(_)) => Err(setup("`auth` needs exactly one of `basic` and `oidc`".to_owned())),
    }
}
