use std::{
    collections::BTreeMap,
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, uri},
    response::{IntoResponse as _, Response},
    serve::ListenerExt as _,
};
use futures_util::StreamExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use super::route::{Admission, Drain, Refusal, Route};
use crate::{
    model::{BackendName, PlanDuration, RunId, SystemName},
    resource::{RouteState, RouteWrites},
    system::{
        BalancerDouble, Progress, SystemError,
        freeze_rules::{FROZEN_BODY, READING_METHODS},
        nginx::RouteTarget,
    },
};

/// How long a held write waits before it gets the 405 (design §6: bounded, 10 s by default).
const HOLD: Duration = Duration::from_secs(10);

/// What the 405 says in `Retry-After` where a plan says nothing, in seconds (`system/nginx/spec.rs`).
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1800");

/// As the real one without a `drain_timeout`: 2 minutes for old workers, and 10 s to see them end.
const DRAIN_LIMIT: Duration = Duration::from_secs(130);

/// How often a drain says how far it is.
const TELL: Duration = Duration::from_secs(1);

/// Backends are on loopback: who takes no connection by then is down.
const CONNECT: Duration = Duration::from_secs(5);

/// Tells the twins behind it what came by it (RFC 9110 §7.6.3); the real one says nothing.
const VIA: HeaderValue = HeaderValue::from_static("1.1 rehearsal");

/// Headers that are for one connection only (RFC 9110 §7.6.1), and `Expect`, which this server has answered already.
const ONE_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// A load balancer on loopback, in this process; it ends when it is stopped or dropped, and answers what is under way first.
pub struct BalancerTwin {
    name: SystemName,
    url: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

/// What all connections share.
struct Shared {
    route: watch::Sender<Route>,
    backends: BTreeMap<BackendName, uri::Authority>,
    client: Client<HttpConnector, Body>,
}

/// Somebody else's hand on a balancer.
#[derive(Clone)]
pub struct Hand(Arc<Shared>);

impl Hand {
    /// Opens writes where the route points, without a word to anybody; whether they were denied until then.
    pub fn open_writes(&self) -> bool {
        let mut opened = false;
        self.0.route.send_modify(|route| opened = route.open_by_hand());
        opened
    }

    /// Whether writes are denied or held now.
    pub fn is_frozen(&self) -> bool {
        self.0.route.borrow().writes() != RouteWrites::Allow
    }
}

/// A write under way; it has ended when this is dropped.
struct Writing {
    shared: Arc<Shared>,
    epoch: u64,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.shared.route.send_modify(|route| route.ended(self.epoch));
    }
}

impl BalancerTwin {
    /// Starts one on any free port of loopback, before these backends (`http://host:port`); all goes to `initial`, as on a
    /// balancer where nothing of regplan is installed yet.
    ///
    /// # Errors
    /// When there is no port, an address is none, or `initial` is no backend.
    pub async fn start(backends: BTreeMap<BackendName, String>, initial: BackendName) -> Result<Self, io::Error> {
        let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
        if !backends.contains_key(&initial) {
            return Err(invalid(format!("no backend `{initial}` is declared")));
        }
        let names = backends.keys().cloned().collect();
        let addressed = |(name, url): (BackendName, String)| {
            let uri: Uri = url.parse().map_err(|_| invalid(format!("`{url}` is no address")))?;
            let authority = uri.authority().cloned();
            Ok((
                name,
                authority.ok_or_else(|| invalid(format!("`{url}` names no host")))?,
            ))
        };
        let backends = backends.into_iter().map(addressed).collect::<Result<_, io::Error>>()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let shared = Arc::new(Shared {
            route: watch::Sender::new(Route::new(names, initial)),
            backends,
            client: Client::builder(TokioExecutor::new()).build(connector),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(listen(listener, Arc::clone(&shared), stopped));
        Ok(Self {
            name: SystemName::new("lb"),
            url,
            shared,
            stop,
            server,
        })
    }

    /// Under this name in what it says; `lb` without.
    #[must_use]
    pub fn named(mut self, name: SystemName) -> Self {
        self.name = name;
        self
    }

    /// The route now.
    pub fn route(&self) -> RouteState {
        self.shared.route.borrow().state()
    }

    /// For somebody who moves its route past regplan.
    pub fn hand(&self) -> Hand {
        Hand(Arc::clone(&self.shared))
    }

    /// Ends it when the requests under way are answered.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.server.await.is_err() {
            tracing::debug!("the balancer of the rehearsal did not end by itself");
        }
    }

    fn refused(&self, refusal: &Refusal) -> SystemError {
        let (system, reason) = (self.name.clone(), refusal.to_string());
        match refusal {
            Refusal::NoTo | Refusal::NoBackend(_) | Refusal::Mixed => SystemError::NotInForce { system, reason },
            Refusal::OtherRun(_) | Refusal::Changed { .. } => SystemError::Foreign { system, reason },
        }
    }

    /// Waits until no write of an epoch before this one is under way.
    async fn drain(&self, epoch: u64, log: &Progress) -> Result<(), SystemError> {
        let since = Instant::now();
        let mut route = self.shared.route.subscribe();
        loop {
            let ended = route.wait_for(|route| route.writing_before(epoch) == 0);
            // The sender is of this very twin, so that the channel cannot close.
            if timeout(TELL, ended).await.is_ok() {
                return Ok(());
            }
            let left = self.shared.route.borrow().writing_before(epoch);
            let writes = if left == 1 { "write" } else { "writes" };
            if since.elapsed() > DRAIN_LIMIT {
                return Err(SystemError::Timeout {
                    what: format!("draining {} ({left} {writes} of before; nothing was cut)", self.name),
                    limit: PlanDuration::new(DRAIN_LIMIT),
                });
            }
            let seconds = since.elapsed().as_secs();
            log.say(format!(
                "draining, {left} {writes} of before under way, {seconds} s of at most {}",
                PlanDuration::new(DRAIN_LIMIT)
            ));
        }
    }
}

#[async_trait]
impl BalancerDouble for BalancerTwin {
    fn url(&self) -> &str {
        &self.url
    }

    async fn route(&self) -> Result<RouteState, SystemError> {
        Ok(Self::route(self))
    }

    async fn switch(
        &self,
        target: &RouteTarget,
        expect: Option<&str>,
        run: &RunId,
        log: &Progress,
    ) -> Result<(), SystemError> {
        let mut outcome = Ok(Drain::Nothing);
        self.shared
            .route
            .send_modify(|route| outcome = route.set(target, expect, run));
        match outcome.map_err(|refusal| self.refused(&refusal))? {
            Drain::Before(epoch) => self.drain(epoch, log).await,
            Drain::Nothing => Ok(()),
        }
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    // Small answers must not wait for more to send; without it a request costs 40 ms on loopback.
    let listener = listener.tap_io(|stream| {
        let _only_slower = stream.set_nodelay(true);
    });
    let until = async move {
        // Its sender gone is a stop too.
        let _stopped = stopped.wait_for(|stop| *stop).await;
    };
    // Never ends with an error: failing connections are their own business.
    let _ended = axum::serve(listener, Router::new().fallback(serve).with_state(shared))
        .with_graceful_shutdown(until)
        .await;
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    match shared.admitted(&method, &uri).await {
        Admission::Read(to) => shared.forward(&to, request).await,
        Admission::Write(to, epoch) => {
            let writing = Writing {
                shared: Arc::clone(&shared),
                epoch,
            };
            // A task of its own: a backend may still commit what it had of a client that has gone, and the drain waits for that.
            let work = tokio::spawn(async move {
                let answer = shared.forward(&to, request).await;
                answer.map(|body| counted(body, writing))
            });
            work.await.unwrap_or_else(|_| bad_gateway())
        }
        Admission::Hold | Admission::Deny => refused(),
    }
}

impl Shared {
    /// Judges a request, and waits with it while writes are held.
    async fn admitted(&self, method: &Method, uri: &Uri) -> Admission {
        let raw = uri.path_and_query().map_or("/", uri::PathAndQuery::as_str);
        let judge = || {
            let mut admission = Admission::Deny;
            // Who waits is told of changes of the route and of ended writes, not of each new request.
            self.route.send_if_modified(|route| {
                admission = route.admit(method.as_str(), raw);
                false
            });
            admission
        };
        let first = judge();
        if first != Admission::Hold {
            return first;
        }
        let opened = async {
            let mut route = self.route.subscribe();
            loop {
                if route
                    .wait_for(|route| route.writes() != RouteWrites::Hold)
                    .await
                    .is_err()
                {
                    return Admission::Deny;
                }
                // The route may be held again in between.
                let next = judge();
                if next != Admission::Hold {
                    return next;
                }
            }
        };
        timeout(HOLD, opened).await.unwrap_or(Admission::Deny)
    }

    /// Sends a request on as it came, body and answer streamed.
    async fn forward(&self, to: &BackendName, mut request: Request) -> Response {
        let Some(authority) = self.backends.get(to) else {
            return bad_gateway();
        };
        let mut parts = uri::Parts::default();
        parts.scheme = Some(uri::Scheme::HTTP);
        parts.authority = Some(authority.clone());
        parts.path_and_query = request
            .uri()
            .path_and_query()
            .cloned()
            .or(Some(uri::PathAndQuery::from_static("/")));
        let Ok(uri) = Uri::from_parts(parts) else {
            return bad_gateway();
        };
        *request.uri_mut() = uri;
        *request.version_mut() = axum::http::Version::HTTP_11;
        end_hop(request.headers_mut());
        request.headers_mut().insert(header::VIA, VIA);
        match self.client.request(request).await {
            Ok(answer) => {
                let mut answer = answer.map(Body::new);
                end_hop(answer.headers_mut());
                answer
            }
            Err(error) => {
                tracing::debug!(backend = %to, error = %crate::system::causes(&error), "no answer of a backend");
                bad_gateway()
            }
        }
    }
}

/// The write has ended when its answer is through, or nobody wants it any more.
fn counted(body: Body, writing: Writing) -> Body {
    Body::from_stream(body.into_data_stream().map(move |piece| {
        let _until_the_end = &writing;
        piece
    }))
}

fn end_hop(headers: &mut HeaderMap) {
    for name in ONE_HOP {
        headers.remove(name);
    }
}

/// The 405 of the real one (`system/nginx/templates/server.conf`).
fn refused() -> Response {
    let allow = READING_METHODS.join(", ");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (
            header::ALLOW,
            HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static("GET")),
        ),
        (header::RETRY_AFTER, RETRY_AFTER),
    ];
    (StatusCode::METHOD_NOT_ALLOWED, headers, FROZEN_BODY).into_response()
}

fn bad_gateway() -> Response {
    (StatusCode::BAD_GATEWAY, "502 Bad Gateway").into_response()
}

#[cfg(test)]
impl BalancerTwin {
    /// Writes under way by whatever route.
    pub(super) fn writing(&self) -> u32 {
        self.shared.route.borrow().writing_before(u64::MAX)
    }

    /// Whether writes wait: each watches the route.
    pub(super) fn held(&self) -> usize {
        self.shared.route.receiver_count()
    }
}
