use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    super::{
        SystemError, causes,
        http::{self, Http},
    },
    login::Login,
};
use crate::model::SystemName;

/// A short answer takes no longer than this in all, also from a registry that imports on two busy cores.
const ANSWER: Duration = Duration::from_secs(30);
/// Facts are asked for again and again: a fact that takes longer is not worth waiting for.
const FACT: Duration = Duration::from_secs(5);
/// Answers that hold one thing; bytes.
pub(super) const ONE: usize = 1 << 20;
/// Answers that list all artifacts: 100,000 rows of a few hundred bytes; bytes.
pub(super) const LIST: usize = 256 << 20;
/// One content: 2.6 and 3.x take no body above 50 MiB (`reference/apicurio.md` §0 row 6); bytes.
pub(super) const CONTENT: usize = 64 << 20;
/// Names the tenant (`registry.multitenancy.types.request-header.name` of 2.6, its default).
const TENANT: &str = "X-Tenant-Id";
/// As much of an error's body as is worth showing; characters.
const DETAIL: usize = 400;

/// One address of a registry's API with the login for it.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) system: SystemName,
    pub(super) base: Url,
    pub(super) http: Http,
    pub(super) login: Option<Login>,
    /// Whose content is meant, in a registry of several tenants.
    pub(super) tenant: Option<header::HeaderValue>,
    pub(super) patience: Patience,
}

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Reads are repeated when nobody answered or a gateway did.
    Normal,
    /// One short try.
    Fact,
}

/// An answer that was read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Api {
    /// The address of a resource.
    ///
    /// # Errors
    /// When an id cannot stand in a path.
    pub(super) fn url(&self, segments: &[&str]) -> Result<Url, SystemError> {
        http::join(&self.base, segments).ok_or_else(|| SystemError::Answer {
            system: self.system.clone(),
            request: format!("/{}", segments.join("/")),
            reason: "an id that is empty, `.` or `..` cannot be addressed by REST".to_owned(),
        })
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// When nobody answers, or not with 200 and that shape.
    pub(super) async fn json<T: DeserializeOwned>(&self, url: Url, limit: usize) -> Result<T, SystemError> {
        let answer = self.get(url.clone(), limit).await?;
        let answer = self.expect("GET", &url, answer)?;
        serde_json::from_slice(&answer.body).map_err(|error| self.unusable("GET", &url, error.to_string()))
    }

    /// Reads JSON; `None` for a 404.
    ///
    /// # Errors
    /// As [`Api::json`].
    pub(super) async fn json_if_there<T: DeserializeOwned>(
        &self,
        url: Url,
        limit: usize,
    ) -> Result<Option<T>, SystemError> {
        match self.json(url, limit).await {
            Ok(value) => Ok(Some(value)),
            Err(SystemError::Status { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads whatever is there, with its status. Repeated only when nobody answered or a gateway did: a read changes nothing.
    ///
    /// # Errors
    /// When nobody answers or the answer is longer than `limit`.
    pub(super) async fn get(&self, url: Url, limit: usize) -> Result<Answer, SystemError> {
        let once = || async {
            let answer = self.once(Method::GET, url.clone(), None, &[], limit).await?;
            if is_gateway(answer.status) {
                return Err(self.status("GET", &url, &answer));
            }
            Ok(answer)
        };
        match self.patience {
            Patience::Fact => once().await,
            Patience::Normal => repeated(once).await,
        }
    }

    /// Sends a request that may change something: once, whatever happens.
    ///
    /// # Errors
    /// When it was not sent, or its answer was lost, which is said: what it changed is then unknown.
    pub(super) async fn send(&self, method: Method, url: Url, body: Option<Value>) -> Result<Answer, SystemError> {
        self.send_with(method, url, body, &[]).await
    }

    /// As [`Api::send`], with headers of its own.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub(super) async fn send_with(
        &self,
        method: Method,
        url: Url,
        body: Option<Value>,
        headers: &[(&'static str, &str)],
    ) -> Result<Answer, SystemError> {
        let name = method.to_string();
        let answer = self.once(method, url.clone(), body, headers, ONE).await;
        answer.map_err(|error| self.lost(&name, &url, error))
    }

    /// Sends a request that must answer 2xx.
    ///
    /// # Errors
    /// As [`Api::send`], and for any other status.
    pub(super) async fn act(&self, method: Method, url: Url, body: Option<Value>) -> Result<Answer, SystemError> {
        let name = method.to_string();
        let answer = self.send(method, url.clone(), body).await?;
        self.expect(&name, &url, answer)
    }

    async fn once(
        &self,
        method: Method,
        url: Url,
        body: Option<Value>,
        headers: &[(&'static str, &str)],
        limit: usize,
    ) -> Result<Answer, SystemError> {
        let whole = match self.patience {
            Patience::Fact => FACT,
            // A long list may stream longer than a short answer; its silence is limited by the client.
            Patience::Normal if limit > ONE => ANSWER * 20,
            Patience::Normal => ANSWER,
        };
        let name = method.to_string();
        let mut request = self.http.quick.request(method, url.clone()).timeout(whole);
        if let Some(body) = &body {
            request = request.json(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Boxed: facts ask many at once.
        let response = Box::pin(self.sent(request)).await?;
        let status = response.status();
        let body = self.read(&name, &url, response, limit).await?;
        Ok(Answer { status, body })
    }

    /// Adds the login, and the tenant.
    ///
    /// # Errors
    /// When no login can be had.
    pub(super) async fn login(&self, request: RequestBuilder) -> Result<RequestBuilder, SystemError> {
        let request = match &self.tenant {
            Some(tenant) => request.header(TENANT, tenant),
            None => request,
        };
        match &self.login {
            Some(login) => login.add(request).await,
            None => Ok(request),
        }
    }

    /// Sends a request with the login, and once more with a new one when that is refused: a 401 has changed nothing.
    ///
    /// # Errors
    /// When nobody answers, or no login can be had.
    pub(super) async fn sent(&self, request: RequestBuilder) -> Result<Response, SystemError> {
        let again = request.try_clone();
        let request = self.login(request).await?;
        let request = request.build().map_err(|error| self.silent(error))?;
        let header = request.headers().get(header::AUTHORIZATION).cloned();
        let response = self.http.quick.execute(request).await;
        let response = response.map_err(|error| self.silent(error))?;
        let refused = response.status() == StatusCode::UNAUTHORIZED;
        match (again, &self.login) {
            (Some(again), Some(login)) if refused && login.renew(header.as_ref()) => {
                let again = self.login(again).await?;
                again.send().await.map_err(|error| self.silent(error))
            }
            _ => Ok(response),
        }
    }

    /// Reads a body up to a limit.
    pub(super) async fn read(
        &self,
        method: &str,
        url: &Url,
        response: Response,
        limit: usize,
    ) -> Result<Bytes, SystemError> {
        let body = http::read_up_to(response, limit).await;
        let body = body.map_err(|error| self.silent(error))?;
        body.map(Bytes::from)
            .ok_or_else(|| self.unusable(method, url, format!("it is longer than {limit} bytes")))
    }

    /// The answer, if it is 2xx.
    pub(super) fn expect(&self, method: &str, url: &Url, answer: Answer) -> Result<Answer, SystemError> {
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(self.status(method, url, &answer))
        }
    }

    pub(super) fn status(&self, method: &str, url: &Url, answer: &Answer) -> SystemError {
        SystemError::Status {
            system: self.system.clone(),
            request: request_line(method, url),
            status: answer.status.as_u16(),
            detail: self.without_login(&said(&answer.body)).chars().take(DETAIL).collect(),
        }
    }

    fn without_login(&self, text: &str) -> String {
        match &self.login {
            Some(login) => login.redact(text, &self.http.quick),
            None => text.to_owned(),
        }
    }

    pub(super) fn unusable(&self, method: &str, url: &Url, reason: impl Into<String>) -> SystemError {
        SystemError::Answer {
            system: self.system.clone(),
            request: request_line(method, url),
            reason: reason.into(),
        }
    }

    /// Nobody answered, or not to the end.
    pub(super) fn silent(&self, error: reqwest::Error) -> SystemError {
        SystemError::Unreachable {
            system: self.system.clone(),
            endpoint: shown(&self.base),
            // The address is said already, and may hold a login.
            source: Box::new(error.without_url()),
        }
    }

    /// What a failed write means: not sent, or sent and unknown.
    fn lost(&self, method: &str, url: &Url, error: SystemError) -> SystemError {
        let SystemError::Unreachable { source, .. } = &error else {
            return error;
        };
        let never_sent = source
            .downcast_ref::<reqwest::Error>()
            .is_some_and(reqwest::Error::is_connect);
        if never_sent {
            return error;
        }
        self.unknown(method, url, &causes(source.as_ref()))
    }

    /// The answer to a write was lost.
    pub(super) fn unknown(&self, method: &str, url: &Url, why: &str) -> SystemError {
        self.unusable(
            method,
            url,
            format!("it was lost, so what the request changed is unknown ({why})"),
        )
    }
}

fn request_line(method: &str, url: &Url) -> String {
    format!("{method} {}", url.path())
}

/// An address without its login.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for addresses without a host, which hold no login.
    let _no_host = url.set_username("").and_then(|()| url.set_password(None));
    url.to_string().trim_end_matches('/').to_owned()
}

fn is_gateway(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Asks again, a few times: for what changes nothing.
pub(super) async fn repeated<T, F>(once: impl FnMut() -> F) -> Result<T, SystemError>
where
    F: Future<Output = Result<T, SystemError>>,
{
    once.retry(
        ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(3)
            .with_jitter(),
    )
    .when(safe_to_repeat)
    .await
}

fn safe_to_repeat(error: &SystemError) -> bool {
    matches!(
        error,
        SystemError::Unreachable { .. } | SystemError::Status { status: 502..=504, .. }
    )
}

/// The message of an error body (`message` in the v2 API, `title` in v3's), or all of it.
fn said(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let message = parsed
        .as_ref()
        .and_then(|value| value.get("message").or_else(|| value.get("title")))
        .and_then(Value::as_str);
    let text = message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    text.trim().to_owned()
}

/// Adds a query parameter.
pub(super) fn query(mut url: Url, pairs: &[(&str, &str)]) -> Url {
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

/// Says that a body is a ZIP.
pub(super) fn zip_headers(request: RequestBuilder, length: u64) -> RequestBuilder {
    // Without the length it would go out in chunked encoding, which the import need not take.
    request
        .header(header::CONTENT_TYPE, "application/zip")
        .header(header::CONTENT_LENGTH, length)
}
