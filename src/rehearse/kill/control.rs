use std::{
    hash::{BuildHasher as _, RandomState},
    io,
    net::Ipv4Addr,
    sync::Arc,
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    serve::ListenerExt as _,
};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    executioner::{Executioner, Fate},
    remote::{Ask, Told},
};
use crate::{
    model::{RunId, SystemName},
    system::{BalancerDouble, Doubles, Ended, Progress, SystemError, causes, nginx::RouteTarget},
};

/// A question is a command line or a route; bytes.
const LONGEST: usize = 1 << 20;

/// The door on loopback through which a runner in another process reaches balancer and stand-ins; it closes when dropped.
pub(super) struct Control {
    /// Where it is.
    pub url: String,
    /// What opens it.
    pub token: String,
    server: JoinHandle<()>,
}

struct Shared {
    doubles: Arc<dyn Doubles>,
    executioner: Arc<Executioner>,
    expected: String,
}

impl Control {
    /// Opens it.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub async fn open(doubles: Arc<dyn Doubles>, executioner: Arc<Executioner>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let token = token();
        let shared = Arc::new(Shared {
            doubles,
            executioner,
            expected: format!("Bearer {token}"),
        });
        let app = Router::new().fallback(serve).with_state(shared);
        let listener = listener.tap_io(|stream| {
            let _only_slower = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            // Never ends with an error: failing connections are their own business.
            let _ended = axum::serve(listener, app).await;
        });
        Ok(Self { url, token, server })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// 128 bits nobody can guess: two keys that the standard library takes from the operating system's random numbers, hashed.
fn token() -> String {
    let half = || RandomState::new().hash_one(0_u8);
    format!("{:016x}{:016x}", half(), half())
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let opens = parts.headers.get(header::AUTHORIZATION);
    if opens.is_none_or(|token| token.as_bytes() != shared.expected.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(body) = to_bytes(body, LONGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Ok(ask) = serde_json::from_slice::<Ask>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let fate = shared.executioner.request(&ask.what());
    if fate == Fate::Dropped {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    // A task of its own: what was asked for is done also when the runner has died, as on a balancer's host.
    let work = tokio::spawn(async move {
        if let Fate::ServedLate(late) = fate {
            tokio::time::sleep(late).await;
        }
        let told = shared.answer(ask).await;
        if fate == Fate::ServedThenStrike {
            shared.executioner.strike();
        }
        told
    });
    let told = work.await.ok().and_then(|told| serde_json::to_vec(&told).ok());
    match told {
        Some(bytes) => Bytes::from(bytes).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Shared {
    async fn answer(&self, ask: Ask) -> Told {
        let answer = match ask {
            Ask::Run { command } => self.doubles.run(&command).await.map(ended),
            Ask::Guard { command } => self.doubles.guard(&command).await.map(ended),
            Ask::Created { path } => self.doubles.created(&path).await.map(Told::Created),
            Ask::Route { balancer } => self.route(&balancer).await,
            Ask::Switch {
                balancer,
                to,
                writes,
                expect,
                run,
            } => {
                let target = RouteTarget { to, writes };
                self.switch(&balancer, &target, expect.as_deref(), &run).await
            }
        };
        answer.unwrap_or_else(|error| refused(&error))
    }

    fn balancer(&self, system: &SystemName) -> Result<&dyn BalancerDouble, SystemError> {
        self.doubles.balancer(system).ok_or_else(|| SystemError::NoSuchSystem {
            system: system.clone(),
            kind: "balancer",
        })
    }

    async fn route(&self, balancer: &SystemName) -> Result<Told, SystemError> {
        let route = self.balancer(balancer)?.route().await?;
        Ok(Told::Route(Box::new(route)))
    }

    async fn switch(
        &self,
        balancer: &SystemName,
        target: &RouteTarget,
        expect: Option<&str>,
        run: &RunId,
    ) -> Result<Told, SystemError> {
        let log = Progress::silent();
        self.balancer(balancer)?.switch(target, expect, run, &log).await?;
        Ok(Told::Switched)
    }
}

fn ended(ended: Ended) -> Told {
    Told::Ended {
        code: ended.code,
        stdout: ended.stdout,
        stderr: ended.stderr,
    }
}

/// The runner puts the balancer's name before it again.
fn refused(error: &SystemError) -> Told {
    let foreign = matches!(error, SystemError::Foreign { .. });
    let reason = if let SystemError::Foreign { reason, .. } | SystemError::NotInForce { reason, .. } = error {
        reason.clone()
    } else {
        causes(error)
    };
    Told::Refused { foreign, reason }
}
