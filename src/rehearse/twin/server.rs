use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, State},
    http::header,
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use thiserror::Error;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{
    connection::{CuttableListener, Scissors},
    dates::now,
    dispatch,
    faults::{Faults, NoFaults, Outcome, Seen},
    http::{Answer, Request},
    import::{self, Run, Turn},
    model::Store,
};

/// The longest body that either version takes as shipped (reference: apicurio.md §0 row 6); bytes.
const BODY_LIMIT: usize = 50 << 20;

/// Between half of a body and the cut: on loopback it is read by then.
const FLUSHED: Duration = Duration::from_millis(20);

/// Which registry a twin is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TwinVersion {
    /// 2.6.13.Final in memory.
    V2_6_13,
    /// 3.3.3 on an SQL database.
    V3_3_3,
}

impl TwinVersion {
    /// As `system/info` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2_6_13 => "2.6.13.Final",
            Self::V3_3_3 => "3.3.3",
        }
    }
}

/// What a twin begins with.
#[derive(Clone)]
pub struct TwinOptions {
    /// Of which registry.
    pub version: TwinVersion,
    /// An export of that version, loaded before the first request; empty without.
    pub data: Option<PathBuf>,
    /// What goes wrong.
    pub faults: Arc<dyn Faults>,
    /// Whether it keeps role mappings, as one does that takes roles from itself and not from tokens.
    pub role_mappings: bool,
}

impl TwinOptions {
    /// Empty, without faults.
    pub fn new(version: TwinVersion) -> Self {
        Self {
            version,
            data: None,
            faults: Arc::new(NoFaults),
            role_mappings: false,
        }
    }
}

/// Why a twin does not start.
#[derive(Debug, Error)]
pub enum TwinError {
    /// No port.
    #[error("loopback cannot be listened on")]
    Listen(#[source] io::Error),
    /// The export cannot be loaded.
    #[error("`{path}` cannot be loaded into a twin: {reason}")]
    Data {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A registry on loopback; it ends when it is stopped or dropped.
pub struct Twin {
    url: String,
    management: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
}

/// What all connections share.
struct Shared {
    version: TwinVersion,
    store: Mutex<Store>,
    faults: Arc<dyn Faults>,
    requests: AtomicU64,
}

impl Shared {
    /// The memory, with its clock set. A thread that panicked holding it left rows behind that are whole each by itself.
    fn store(&self) -> MutexGuard<'_, Store> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.now = now();
        store
    }
}

impl Twin {
    /// Starts one, on any ports that are free.
    ///
    /// # Errors
    /// When there is no port or its data cannot be loaded.
    pub async fn start(options: TwinOptions) -> Result<Self, TwinError> {
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let main = free().await.map_err(TwinError::Listen)?;
        let management = free().await.map_err(TwinError::Listen)?;
        Self::start_on(options, main, management)
    }

    /// Starts one that listens there; the second is for its health, with 3.3. Must be called on a runtime.
    ///
    /// # Errors
    /// When its data cannot be loaded.
    pub fn start_on(options: TwinOptions, main: TcpListener, management: TcpListener) -> Result<Self, TwinError> {
        let mut store = Store::new(options.version);
        store.now = now();
        store.metrics.started = store.now;
        store.roles = options.role_mappings.then(Default::default);
        if let Some(path) = &options.data {
            load(&mut store, path)?;
        }
        let shared = Arc::new(Shared {
            version: options.version,
            store: Mutex::new(store),
            faults: options.faults,
            requests: AtomicU64::new(0),
        });
        let (stop, stopped) = watch::channel(false);
        let mut servers = JoinSet::new();
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let url = listen(&mut servers, app, main, stopped.clone())?;
        let management = match options.version {
            TwinVersion::V2_6_13 => url.clone(),
            TwinVersion::V3_3_3 => {
                let app = Router::new().fallback(serve_management).with_state(Arc::clone(&shared));
                listen(&mut servers, app, management, stopped)?
            }
        };
        Ok(Self {
            url,
            management,
            shared,
            stop,
            servers,
        })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its health is: another port with 3.3 (reference: apicurio.md §0 row 9).
    pub fn management(&self) -> &str {
        &self.management
    }

    /// What it holds now, as an export; no request, so that no fault touches it. `None`: a fault of the twin.
    pub fn export(&self) -> Option<Vec<u8>> {
        super::export::export(&self.shared.store()).ok()
    }

    /// A client's write of a JSON artifact that comes by no balancer and meets no fault; whether it was acknowledged.
    pub fn write_past(&self, group: &str, artifact: &str) -> bool {
        let mut request = Request::new("POST", &format!("/apis/registry/v2/groups/{group}/artifacts"));
        request.headers = [
            ("content-type", "application/json"),
            ("x-registry-artifactid", artifact),
            ("x-registry-artifacttype", "JSON"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        request.body = format!(r#"{{"title":"{artifact}","type":"object"}}"#).into_bytes();
        dispatch::answer(&mut self.shared.store(), &request).status == 200
    }

    /// How many requests it had.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Ends it when the requests under way are answered.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.servers.join_next().await.is_some() {}
    }
}

/// Fills an empty memory with an export of its own version.
fn load(store: &mut Store, path: &Path) -> Result<(), TwinError> {
    let unusable = |reason: String| TwinError::Data {
        path: path.to_owned(),
        reason,
    };
    let zip = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    import::load(store, &zip).map_err(unusable)
}

fn listen(
    servers: &mut JoinSet<()>,
    app: Router,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) -> Result<String, TwinError> {
    let url = format!("http://{}", listener.local_addr().map_err(TwinError::Listen)?);
    let app = app.into_make_service_with_connect_info::<Scissors>();
    let until = async move {
        // Its sender gone is a stop too.
        let _stopped = stopped.wait_for(|stop| *stop).await;
    };
    servers.spawn(async move {
        // Never ends with an error: failing connections are their own business.
        let _ended = axum::serve(CuttableListener(listener), app)
            .with_graceful_shutdown(until)
            .await;
    });
    Ok(url)
}

type Incoming = axum::http::Request<Body>;

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    incoming: Incoming,
) -> Response {
    let number = shared.requests.fetch_add(1, Ordering::SeqCst);
    let turn = shared.faults.request(&Seen {
        version: shared.version,
        method: incoming.method().as_str(),
        path: incoming.uri().path(),
        number,
        by_balancer: incoming.headers().contains_key(header::VIA),
    });
    let taken = taken_in(incoming).await;
    // A task of its own: whoever has sent all of a request and goes away does not stop it (reference: apicurio.md §2.3).
    let served_by = Arc::clone(&shared);
    let work = tokio::spawn(async move {
        tokio::time::sleep(turn.delay).await;
        match (turn.outcome, taken) {
            (Outcome::Refuse(status), _) => Answer::empty(status),
            (Outcome::CutBefore, _) => Answer::empty(500),
            (Outcome::Serve | Outcome::CutAfter | Outcome::CutInBody, Ok(request)) => {
                answered(served_by, request).await
            }
            (Outcome::Serve | Outcome::CutAfter | Outcome::CutInBody, Err(answer)) => answer,
        }
    });
    let answer = work.await.unwrap_or_else(|_| Answer::empty(500));
    match turn.outcome {
        Outcome::CutAfter => {
            shared.faults.served();
            scissors.cut();
        }
        Outcome::CutBefore => scissors.cut(),
        Outcome::CutInBody => return cut_in_body(answer),
        Outcome::Serve | Outcome::Refuse(_) => {}
    }
    response(answer)
}

/// Half of the body, and then nothing.
fn cut_in_body(mut answer: Answer) -> Response {
    let half = answer.body.split_off(answer.body.len() / 2);
    let first = std::mem::replace(&mut answer.body, half);
    answer.body.clear();
    let (parts, _empty) = response(answer).into_parts();
    let pieces = stream::once(async { Ok(Bytes::from(first)) }).chain(stream::once(async {
        // So that the first half is on its way before the connection breaks.
        tokio::time::sleep(FLUSHED).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    }));
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// Health of a 3.3.
async fn serve_management(State(shared): State<Arc<Shared>>, incoming: Incoming) -> Response {
    let request = Request::new(incoming.method().as_str(), incoming.uri().path());
    let answer = match request.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["health", which] => dispatch::health(&mut shared.store(), which),
        ["health"] => dispatch::health(&mut shared.store(), "live"),
        _ => Answer::empty(404),
    };
    response(answer)
}

/// Off the tasks of the connections: an import takes long, and goes on when its client has gone (reference: apicurio.md §2.3).
async fn answered(shared: Arc<Shared>, request: Request) -> Answer {
    let work = tokio::task::spawn_blocking(move || {
        let is_import = dispatch::is_import(&shared.store(), &request);
        match is_import {
            true => {
                let answer = imported(&shared, &request);
                shared.store().metrics.count(&request, &answer);
                answer
            }
            false => dispatch::answer(&mut shared.store(), &request),
        }
    });
    work.await.unwrap_or_else(|_| Answer::empty(500))
}

/// Imports entity by entity, so that others are served in between.
fn imported(shared: &Shared, request: &Request) -> Answer {
    // Not under the lock of the match below.
    let turns = dispatch::turns(&shared.store(), request);
    let turns = match turns {
        Ok(turns) => turns,
        Err(refusal) => return dispatch::refused(&mut shared.store(), request, Err(refusal)),
    };
    let mut run = Run::default();
    for turn in turns {
        match turn {
            Turn::Take(entity) => {
                let (kind, id) = entity.name();
                if !shared.faults.loses(kind, &id) {
                    run.take(&mut shared.store(), *entity);
                }
            }
            Turn::Stop(refusal) => return dispatch::refused(&mut shared.store(), request, Err(refusal)),
        }
    }
    Run::finish(&mut shared.store());
    Answer::done()
}

/// The whole request, or the refusal of a body that is too long.
async fn taken_in(incoming: Incoming) -> Result<Request, Answer> {
    let (parts, body) = incoming.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::new(parts.method.as_str(), target);
    request.headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
            )
        })
        .collect();
    let body: Bytes = to_bytes(body, BODY_LIMIT).await.map_err(|_| Answer::empty(413))?;
    request.body = body.into();
    Ok(request)
}

fn response(answer: Answer) -> Response {
    let is_zip = answer.headers.iter().any(|(_, value)| value == "application/zip");
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    let body = match is_zip {
        // Exports are streamed: without a length, as the real ones (reference: apicurio.md §1.3).
        true => {
            let pieces: Vec<_> = answer
                .body
                .chunks(64 << 10)
                .map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece)))
                .collect();
            Body::from_stream(stream::iter(pieces))
        }
        false => Body::from(answer.body),
    };
    builder.body(body).unwrap_or_default()
}
