//! The public address, as clients see it (`reference/lab.md` §1.7 step 7).

use std::{error::Error, path::Path, time::Duration};

use reqwest::{Client, Method, StatusCode, header::RETRY_AFTER, redirect::Policy};

use super::render::FROZEN_BODY;

/// A path that no API has, so that a probe that gets through writes nothing.
const NO_SUCH_PATH: &str = "/apis/registry/v2/__regplan_probe__";

/// A read that 2.6 and 3.x answer without credentials.
const READ_PATH: &str = "/apis/registry/v2/system/info";

/// A read that uses POST: it must pass while writes are denied.
const POST_READ_PATH: &str = "/apis/registry/v2/search/artifacts";

/// Longer than a balancer needs to give up on a backend's connection would hide nothing and cost freeze time.
const LIMIT: Duration = Duration::from_secs(10);

/// A balancer that does not take a connection for so long serves nobody.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Our 405 is short; of other bodies the beginning is enough.
const BODY_LIMIT: usize = 4 * 1024;

/// How often a probe is sent when no answer comes: a connection may be closed by a reload of somebody else.
const TRIES: u32 = 3;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// A client of the public address with a fresh connection for each request.
pub(super) struct Public {
    client: Client,
    url: String,
}

/// What a probe got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// The status.
    pub status: u16,
    /// Whether it is our 405, and not one of a registry.
    pub refused_by_us: bool,
}

impl Seen {
    /// Whether a registry answered the read: 401 and 403 are answers of a registry that wants credentials.
    pub fn is_a_read(self) -> bool {
        matches!(self.status, 200 | 401 | 403)
    }
}

type Failure = Box<dyn Error + Send + Sync>;

impl Public {
    /// Makes the client; connects to nothing. `ca` holds more authorities as PEM.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub fn new(url: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        provide_crypto();
        let mut builder = Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(LIMIT);
        if url.starts_with("http:") {
            // Spares loading the machine's authorities, which takes longer than the probe.
            builder = builder.tls_certs_only([]);
        } else if let Some(ca) = ca {
            let pem = std::fs::read(ca)?;
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
        }
        Ok(Self {
            client: builder.build()?,
            url: url.to_owned(),
        })
    }

    /// Sends a read.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn read(&self) -> Result<Seen, Failure> {
        self.send(&Method::GET, READ_PATH, None).await
    }

    /// Sends a read without patience: for a look at the state, which must stay cheap when nobody is there.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn glance(&self) -> reqwest::Result<Seen> {
        self.send_once(&Method::GET, READ_PATH, None).await
    }

    /// Sends a read that uses POST.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn read_by_post(&self) -> Result<Seen, Failure> {
        self.send(&Method::POST, POST_READ_PATH, Some("{}")).await
    }

    /// Sends what a balancer takes for a write, by each method, to a path that no API has.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn writes(&self) -> Result<Vec<(Method, Seen)>, Failure> {
        let mut seen = Vec::new();
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = self.send(&method, NO_SUCH_PATH, None).await?;
            seen.push((method, answer));
        }
        Ok(seen)
    }

    async fn send(&self, method: &Method, path: &str, body: Option<&'static str>) -> Result<Seen, Failure> {
        let mut tries = 1;
        loop {
            match self.send_once(method, path, body).await {
                Err(_) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome.map_err(Into::into),
            }
        }
    }

    async fn send_once(&self, method: &Method, path: &str, body: Option<&'static str>) -> reqwest::Result<Seen> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let mut response = request.send().await?;
        let status = response.status();
        let retry_after = response.headers().contains_key(RETRY_AFTER);
        let mut text = Vec::new();
        while text.len() < BODY_LIMIT
            && let Some(chunk) = response.chunk().await?
        {
            text.extend_from_slice(&chunk);
        }
        Ok(Seen {
            status: status.as_u16(),
            refused_by_us: status == StatusCode::METHOD_NOT_ALLOWED
                && retry_after
                && text.trim_ascii() == FROZEN_BODY.as_bytes(),
        })
    }
}

/// reqwest without a provider needs one for the process; whoever comes first sets it.
fn provide_crypto() {
    use rustls::crypto::{CryptoProvider, ring};
    if CryptoProvider::get_default().is_none() && ring::default_provider().install_default().is_err() {
        tracing::debug!("another part has set the TLS provider in the meantime");
    }
}
