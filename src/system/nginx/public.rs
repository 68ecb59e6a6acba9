//! The public address, as clients see it (`reference/lab.md` §1.7 step 7).

use std::{path::Path, time::Duration};

use futures_util::future::try_join_all;
use reqwest::{Client, Method, StatusCode, header::RETRY_AFTER};

use crate::{
    model::SystemName,
    resource::RouteWrites,
    system::{SystemError, freeze_rules::FROZEN_BODY, http},
};

/// A path that no API has, so that a probe that gets through writes nothing.
const NO_SUCH_PATH: &str = "/apis/registry/v2/__regplan_probe__";

/// The same below the other APIs of 2.6 and 3.x (`reference/apicurio.md` §1, §2): a longer `location` of the operator's may
/// lead any of them past the freeze.
const NO_SUCH_PATHS: [&str; 6] = [
    "/apis/ccompat/v6/__regplan_probe__",
    "/apis/ccompat/v7/__regplan_probe__",
    "/apis/ccompat/v8/__regplan_probe__",
    "/apis/registry/v1/__regplan_probe__",
    "/apis/registry/v3/__regplan_probe__",
    "/apis/cncf/v0/__regplan_probe__",
];

/// A read that 2.6 and 3.x answer without credentials.
const READ_PATH: &str = "/apis/registry/v2/system/info";

/// A read that uses POST: it must pass while writes are denied.
const POST_READ_PATH: &str = "/apis/registry/v2/search/artifacts";

/// Longer than a balancer needs to give up on a backend's connection would hide nothing and cost freeze time.
const LIMIT: Duration = Duration::from_secs(10);

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

impl Public {
    /// Makes the client; connects to nothing. `ca` holds more authorities as PEM.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub fn new(system: &SystemName, url: &str, ca: Option<&Path>) -> Result<Self, SystemError> {
        Ok(Self {
            client: http::fresh(system, url, ca, LIMIT)?,
            url: url.to_owned(),
        })
    }

    /// What shows that the route is not in force for clients. The probes write nothing even then.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn contradiction(&self, writes: RouteWrites) -> reqwest::Result<Option<String>> {
        let (url, deny) = (&self.url, writes == RouteWrites::Deny);
        let (is, should) = match deny {
            true => ("is not refused", "denied"),
            false => ("is refused", "allowed"),
        };
        for (method, path, seen) in self.writes().await? {
            if seen.refused_by_us != deny {
                return Ok(Some(format!(
                    "writes are {should} at the workers, and {method} through {url}{path} {is} (status {}): does another \
                     server block or `location` answer there?",
                    seen.status
                )));
            }
        }
        if deny && self.read_by_post().await?.refused_by_us {
            return Ok(Some(format!(
                "a search by POST through {url} is refused as if it were a write"
            )));
        }
        let read = self.read().await?;
        let answered = read.is_a_read() && !read.refused_by_us;
        Ok((!answered).then(|| {
            format!(
                "the route is in force, and a read through {url} answers {}",
                read.status
            )
        }))
    }

    /// Sends a read.
    ///
    /// # Errors
    /// When no answer comes.
    async fn read(&self) -> reqwest::Result<Seen> {
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
    async fn read_by_post(&self) -> reqwest::Result<Seen> {
        self.send(&Method::POST, POST_READ_PATH, Some("{}")).await
    }

    /// Sends what a balancer takes for a write, all at once: each method to a path that no API has, and a POST to such a path
    /// below every other API.
    ///
    /// # Errors
    /// When no answer comes.
    async fn writes(&self) -> reqwest::Result<Vec<(Method, &'static str, Seen)>> {
        let methods = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let probes = methods.into_iter().map(|method| (method, NO_SUCH_PATH));
        let others = NO_SUCH_PATHS.into_iter().map(|path| (Method::POST, path));
        try_join_all(probes.chain(others).map(|(method, path)| async move {
            let seen = self.send(&method, path, None).await?;
            Ok((method, path, seen))
        }))
        .await
    }

    async fn send(&self, method: &Method, path: &str, body: Option<&'static str>) -> reqwest::Result<Seen> {
        let mut tries = 1;
        loop {
            match self.send_once(method, path, body).await {
                Err(_) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
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
