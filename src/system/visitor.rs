use std::{path::Path, time::Duration};

use futures_util::{StreamExt as _, stream};
use reqwest::{Body, Client, Method};
use thiserror::Error;

use super::{SystemError, causes, http};
use crate::model::SystemName;

/// A visitor counts bytes and looks at statuses; an answer longer than this is no schema. Bytes.
const ANSWER: usize = 16 << 20;

/// Somebody who uses a system from outside, as a client of a registry does: kept connections, no proxy, no retries.
#[derive(Clone)]
pub struct Visitor {
    client: Client,
    base: String,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there was no whole answer.
#[derive(Debug, Error)]
pub enum VisitError {
    /// The connection closed before a byte of the answer: a kept one that had been given up meanwhile, or a server that died.
    #[error("the connection closed without an answer: {0}")]
    Unanswered(String),
    /// Nobody listens there.
    #[error("no connection: {0}")]
    Unconnected(String),
    /// It took longer than the visitor waits.
    #[error("no whole answer in time")]
    Late,
    /// The answer broke off.
    #[error("the answer broke off: {0}")]
    Cut(String),
    /// The answer is too long.
    #[error("the answer is longer than {ANSWER} bytes")]
    TooLong,
}

impl Visitor {
    /// A visitor to an address; each visit ends after `limit`. `ca` holds PEM certificates trusted besides the platform's.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub fn new(system: &SystemName, url: &str, ca: Option<&Path>, limit: Duration) -> Result<Self, SystemError> {
        Ok(Self {
            client: http::kept(system, url, ca, limit)?,
            base: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Reads a path, which begins with a slash and is encoded already.
    ///
    /// # Errors
    /// When there is no whole answer; any status is one.
    pub async fn get(&self, path: &str) -> Result<Visit, VisitError> {
        self.visit(Method::GET, path, &[], None).await
    }

    /// Sends a body to a path, with these headers.
    ///
    /// # Errors
    /// When there is no whole answer; any status is one.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Visit, VisitError> {
        self.visit(Method::POST, path, headers, Some(body.into())).await
    }

    /// As [`Self::post`], as a slow client does: half of the body, that pause, and the rest.
    ///
    /// # Errors
    /// When there is no whole answer; any status is one.
    pub async fn upload(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        mut body: Vec<u8>,
        pause: Duration,
    ) -> Result<Visit, VisitError> {
        let rest = body.split_off(body.len() / 2);
        let pieces = stream::iter([(Duration::ZERO, body), (pause, rest)]);
        let pieces = pieces.then(|(pause, piece)| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::convert::Infallible>(piece)
        });
        self.visit(Method::POST, path, headers, Some(Body::wrap_stream(pieces)))
            .await
    }

    async fn visit(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Body>,
    ) -> Result<Visit, VisitError> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| unsent(&error))?;
        let status = response.status().as_u16();
        let mut pieces = response.bytes_stream();
        let mut body = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| match error.is_timeout() {
                true => VisitError::Late,
                false => VisitError::Cut(causes(&error)),
            })?;
            if body.len() + piece.len() > ANSWER {
                return Err(VisitError::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Visit { status, body })
    }
}

fn unsent(error: &reqwest::Error) -> VisitError {
    match () {
        () if error.is_timeout() => VisitError::Late,
        () if error.is_connect() => VisitError::Unconnected(causes(error)),
        () => VisitError::Unanswered(causes(error)),
    }
}
