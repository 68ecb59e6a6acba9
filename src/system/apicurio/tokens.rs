use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{Client, Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::super::{SystemError, http};
use crate::model::SystemName;

/// A provider on a busy machine answers within this.
const ANSWER: Duration = Duration::from_secs(15);
/// Longest answer of a provider; bytes. Keycloak's description of itself has 7 KiB, a token with many roles some more.
const LIMIT: usize = 256 << 10;
/// How long a token without `expires_in` is used (RFC 6749 §5.1 only recommends it).
const UNSAID: Duration = Duration::from_secs(60);
/// As much of what a provider says of an error as is worth showing; characters.
const DETAIL: usize = 200;

/// Tokens for client credentials (RFC 6749 §4.4), asked for when they are needed.
///
/// A registry looks at a token when a request comes in and never again: a token of 5 s carried an import of 21 s
/// (`reference/apicurio.md` §0 row 24). So a token is used for half of its life, and a request that takes longer is not
/// cut short.
pub(super) struct Tokens {
    system: SystemName,
    issuer: Url,
    client_id: String,
    client_secret: SecretString,
    http: Client,
    endpoint: OnceCell<Url>,
    current: Mutex<Option<Token>>,
    /// One asks, the others wait for what it gets.
    asking: tokio::sync::Mutex<()>,
}

struct Token {
    value: SecretString,
    /// Used until then.
    until: Instant,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// What RFC 6749 §5.2 says of a refusal.
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl Tokens {
    /// Of that client at that issuer; asks nothing yet.
    pub(super) fn new(
        system: SystemName,
        issuer: Url,
        client_id: String,
        client_secret: SecretString,
        http: Client,
    ) -> Self {
        Self {
            system,
            issuer,
            client_id,
            client_secret,
            http,
            endpoint: OnceCell::new(),
            current: Mutex::new(None),
            asking: tokio::sync::Mutex::new(()),
        }
    }

    /// A token that is still good for a while.
    ///
    /// # Errors
    /// When the provider does not answer or gives none.
    pub(super) async fn token(&self) -> Result<SecretString, SystemError> {
        if let Some(token) = self.held() {
            return Ok(token);
        }
        let _one_asks = self.asking.lock().await;
        if let Some(token) = self.held() {
            return Ok(token);
        }
        let endpoint = self.endpoint.get_or_try_init(|| self.discover()).await?;
        let began = Instant::now();
        let granted = self.grant(endpoint).await?;
        let life = granted.expires_in.map_or(UNSAID, Duration::from_secs);
        let value = SecretString::from(granted.access_token);
        *self.current() = Some(Token {
            value: value.clone(),
            until: began + life / 2,
        });
        Ok(value)
    }

    /// Forgets a token that was refused; a newer one that another request has got meanwhile stays.
    pub(super) fn forget(&self, token: &str) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|held| held.value.expose_secret() == token) {
            *current = None;
        }
    }

    /// What must not be shown.
    pub(super) fn secrets(&self) -> Vec<Option<SecretString>> {
        let held = self.current().as_ref().map(|token| token.value.clone());
        vec![held, Some(self.client_secret.clone())]
    }

    fn held(&self) -> Option<SecretString> {
        let current = self.current();
        let token = current.as_ref().filter(|token| Instant::now() < token.until)?;
        Some(token.value.clone())
    }

    fn current(&self) -> MutexGuard<'_, Option<Token>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where tokens are given (OpenID Connect Discovery 1.0 §4).
    async fn discover(&self) -> Result<Url, SystemError> {
        let described = http::join(&self.issuer, &[".well-known", "openid-configuration"]);
        let described = described.ok_or_else(|| self.setup("`issuer` has no host"))?;
        let bytes = self
            .ask(Method::GET, &described, self.http.get(described.clone()))
            .await?;
        let found: Discovered = self.parsed(&Method::GET, &described, &bytes)?;
        let same = found.issuer.trim_end_matches('/') == self.issuer.as_str().trim_end_matches('/');
        if !same {
            return Err(self.setup(&format!(
                "the provider at {} says that it is the issuer {}: write that as `issuer`",
                self.issuer, found.issuer
            )));
        }
        let at = found.token_endpoint;
        let endpoint = Url::parse(&at).map_err(|error| {
            self.setup(&format!(
                "the provider says that it gives tokens at `{at}`, which is no address: {error}"
            ))
        })?;
        if self.issuer.scheme() == "https" && endpoint.scheme() != "https" {
            return Err(self.setup(&format!(
                "the provider wants the client's secret at {endpoint}, which is not encrypted"
            )));
        }
        Ok(endpoint)
    }

    async fn grant(&self, endpoint: &Url) -> Result<Granted, SystemError> {
        // RFC 6749 §2.3.1: both are form-encoded first, and every provider must take them this way.
        let (id, secret) = (&self.client_id, self.client_secret.expose_secret());
        let request = self
            .http
            .post(endpoint.clone())
            .basic_auth(form_encoded(id), Some(form_encoded(secret)))
            .form(&[("grant_type", "client_credentials")]);
        let bytes = self.ask(Method::POST, endpoint, request).await?;
        self.parsed(&Method::POST, endpoint, &bytes)
    }

    async fn ask(&self, method: Method, url: &Url, request: reqwest::RequestBuilder) -> Result<Vec<u8>, SystemError> {
        let unreachable = |error: reqwest::Error| SystemError::Unreachable {
            system: self.system.clone(),
            endpoint: self.issuer.to_string(),
            source: Box::new(error.without_url()),
        };
        let response = request.timeout(ANSWER).send().await.map_err(unreachable)?;
        let status = response.status();
        let bytes = http::read_up_to(response, LIMIT).await.map_err(unreachable)?;
        let Some(bytes) = bytes else {
            return Err(self.unusable(&method, url, format!("it is longer than {LIMIT} bytes")));
        };
        if status.is_success() {
            return Ok(bytes);
        }
        Err(SystemError::Status {
            system: self.system.clone(),
            request: format!("{method} {}", url.path()),
            status: status.as_u16(),
            detail: self.said(&bytes),
        })
    }

    /// A refusal in words, without the secret.
    fn said(&self, body: &[u8]) -> String {
        let text = match serde_json::from_slice::<Refused>(body) {
            Ok(refused) => match refused.error_description {
                Some(more) => format!("{}: {more}", refused.error),
                None => refused.error,
            },
            Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
        };
        let text = text.replace(self.client_secret.expose_secret(), "[redacted]");
        let text: String = text.chars().take(DETAIL).collect();
        format!("no token for client `{}`: {text}", self.client_id)
    }

    fn parsed<T: serde::de::DeserializeOwned>(
        &self,
        method: &Method,
        url: &Url,
        bytes: &[u8],
    ) -> Result<T, SystemError> {
        // The error of serde may show a part of the body, which may be a token.
        serde_json::from_slice(bytes).map_err(|error| {
            let at = format!(
                "it is no answer of an OpenID Connect provider ({:?} at line {})",
                error.classify(),
                error.line()
            );
            self.unusable(method, url, at)
        })
    }

    fn unusable(&self, method: &Method, url: &Url, reason: String) -> SystemError {
        SystemError::Answer {
            system: self.system.clone(),
            request: format!("{method} {}", url.path()),
            reason,
        }
    }

    fn setup(&self, reason: &str) -> SystemError {
        SystemError::Setup {
            system: self.system.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// As in a form: RFC 6749 appendix B.
fn form_encoded(text: &str) -> String {
    let mut url = Url::parse("http://localhost").ok();
    let pairs = url.as_mut().map(|url| {
        url.query_pairs_mut().append_key_only(text);
        url.query().unwrap_or_default().to_owned()
    });
    pairs.unwrap_or_default()
}
