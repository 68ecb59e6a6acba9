use std::sync::Arc;

use reqwest::{
    Client, RequestBuilder,
    header::{AUTHORIZATION, HeaderValue},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{super::SystemError, tokens::Tokens};

/// What stands in an error in place of a login.
const REDACTED: &str = "[redacted]";

/// How requests say who asks.
#[derive(Clone)]
pub(super) enum Login {
    /// A name and a password with each request.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A token that an OpenID Connect provider gives for client credentials.
    Oidc(Arc<Tokens>),
}

impl Login {
    /// Adds the login to a request.
    ///
    /// # Errors
    /// When the provider gives no token.
    pub(super) async fn add(&self, request: RequestBuilder) -> Result<RequestBuilder, SystemError> {
        match self {
            Self::Basic { username, password } => Ok(request.basic_auth(username, Some(password.expose_secret()))),
            Self::Oidc(tokens) => {
                // Boxed: it is seldom more than a look, and would make every request as large as a login.
                let token = Box::pin(tokens.token()).await?;
                Ok(request.bearer_auth(token.expose_secret()))
            }
        }
    }

    /// Whether another login may be had after a 401; forgets the one that was sent.
    pub(super) fn renew(&self, sent: Option<&HeaderValue>) -> bool {
        let (Self::Oidc(tokens), Some(token)) = (self, bearer(sent)) else {
            return false;
        };
        tokens.forget(token);
        true
    }

    /// A text without the login, in case that a server, or a proxy, repeats the headers it was sent.
    pub(super) fn redact(&self, text: &str, http: &Client) -> String {
        let secrets = match self {
            Self::Basic { username, password } => vec![basic(username, password, http), Some(password.clone())],
            Self::Oidc(tokens) => tokens.secrets(),
        };
        (secrets.iter().flatten())
            .map(SecretString::expose_secret)
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED))
    }
}

/// The token of a header.
fn bearer(header: Option<&HeaderValue>) -> Option<&str> {
    header?.to_str().ok()?.strip_prefix("Bearer ")
}

/// As it goes over the wire.
fn basic(username: &str, password: &SecretString, http: &Client) -> Option<SecretString> {
    let request = http.get("http://localhost");
    let request = request.basic_auth(username, Some(password.expose_secret()));
    let sent = request.build().ok()?;
    let value = sent.headers().get(AUTHORIZATION)?.to_str().ok()?;
    Some(SecretString::from(value.strip_prefix("Basic ")?.to_owned()))
}
