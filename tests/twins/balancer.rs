//! One list of scenarios for the balancer: on its twin always, on a real nginx where the real components are. Both write down what
//! clients and the plan see, without what differs from run to run; the two accounts must be the same.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::to_bytes, extract::Request};
use regplan::{
    model::{BackendName, RunId, SystemName},
    rehearse::balancer::BalancerTwin,
    resource::{Probed, RouteState, RouteWrites},
    system::{
        BalancerDouble as _, Progress, SystemError,
        nginx::{Nginx, RouteTarget},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::stack::{self, Stack};

const SCHEMA: &str = "/apis/registry/v2/groups/g/artifacts";
/// Longest wait for something that must happen.
const SOON: Duration = Duration::from_secs(60);

/// The balancer under test: its twin, or a real nginx that `scripts/stack` started.
enum Front {
    Twin(BalancerTwin),
    Real {
        nginx: Box<Nginx>,
        port: u16,
        _stack: Stack,
        _directory: tempfile::TempDir,
    },
}

impl Front {
    fn address(&self) -> String {
        match self {
            Self::Twin(twin) => twin.url().trim_start_matches("http://").to_owned(),
            Self::Real { port, .. } => format!("127.0.0.1:{port}"),
        }
    }

    async fn route(&self) -> RouteState {
        match self {
            Self::Twin(twin) => twin.route(),
            Self::Real { nginx, .. } => match nginx.reader().route().await.unwrap() {
                Probed::Seen(state) => state,
                other @ (Probed::Unreachable(_) | Probed::NotLooked(_)) => panic!("{other:?}"),
            },
        }
    }

    async fn switch_as(
        &self,
        run: &str,
        to: Option<&str>,
        writes: RouteWrites,
        expect: Option<&str>,
    ) -> Result<(), SystemError> {
        let target = RouteTarget {
            to: to.map(BackendName::from),
            writes,
        };
        let (run, log) = (RunId::new(run), Progress::silent());
        match self {
            Self::Twin(twin) => twin.switch(&target, expect, &run, &log).await,
            Self::Real { nginx, .. } => nginx.reader().switch(&run, &target, expect, &log).await,
        }
    }

    /// On the generation in force, as `run1`.
    async fn switch(&self, to: &str, writes: RouteWrites) -> Result<(), SystemError> {
        let expect = self.route().await.generation;
        self.switch_as("run1", Some(to), writes, expect.as_deref()).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// One request on a connection of its own; the whole answer.
    async fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: lb\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(stream).await
    }
}

/// Two backends that answer their names, and the writes that they have all of.
struct Backends {
    urls: BTreeMap<&'static str, String>,
    committed: Arc<Mutex<Vec<String>>>,
}

impl Backends {
    async fn start() -> Self {
        let committed = Arc::new(Mutex::new(Vec::new()));
        let mut urls = BTreeMap::new();
        for name in ["v2", "v3"] {
            urls.insert(name, backend(name, Arc::clone(&committed)).await);
        }
        Self { urls, committed }
    }

    fn committed(&self) -> Vec<String> {
        self.committed.lock().unwrap().clone()
    }

    async fn twin(&self) -> Front {
        let backends = (self.urls.iter()).map(|(name, url)| (BackendName::from(*name), url.clone()));
        let twin = BalancerTwin::start(backends.collect(), BackendName::from("v2")).await;
        Front::Twin(twin.unwrap())
    }

    async fn nginx(&self) -> Option<Front> {
        if !stack::available() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        // Workers of root's nginx run as nobody, who must get to the socket.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).unwrap();
        let stack = Stack::in_directory(directory.path());
        let server = |name: &str| self.urls[name].trim_start_matches("http://").to_owned();
        let port = stack.start("nginx", "nginx", 0, &[("V2", &server("v2"))]).await;
        let spec = serde_json::json!({
            "url": format!("http://127.0.0.1:{port}"), "prefix": stack.home("nginx"), "config": "nginx.conf",
            "directory": "regplan", "socket": "regplan.sock",
            "backends": {"v2": [server("v2")], "v3": [server("v3")]},
        });
        let nginx = Nginx::open(&SystemName::new("lb"), &spec, directory.path()).unwrap();
        Some(Front::Real {
            nginx: Box::new(nginx),
            port,
            _stack: stack,
            _directory: directory,
        })
    }
}

async fn backend(name: &'static str, committed: Arc<Mutex<Vec<String>>>) -> String {
    let app = Router::new().fallback(move |request: Request| {
        let committed = Arc::clone(&committed);
        async move {
            let (method, path) = (request.method().clone(), request.uri().to_string());
            let body = to_bytes(request.into_body(), 1 << 20).await;
            // The switch's own probes are no client's.
            if let Ok(body) = body
                && method != "GET"
                && !path.contains("__regplan")
            {
                let body = String::from_utf8(body.to_vec()).unwrap();
                let line = format!("{name} {method} {path} {body}");
                committed.lock().unwrap().push(line.trim().to_owned());
            }
            name
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(SOON, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8(bytes).unwrap()
}

/// One answer on a connection that stays; `None` when it was closed without a byte.
async fn kept_answer(stream: &mut TcpStream) -> Option<String> {
    let request = "GET /kept HTTP/1.1\r\nHost: lb\r\nContent-Length: 0\r\n\r\n";
    if stream.write_all(request.as_bytes()).await.is_err() {
        return None;
    }
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 4096];
        let count = timeout(SOON, stream.read(&mut more)).await.unwrap().unwrap_or(0);
        if count == 0 {
            assert!(bytes.is_empty(), "half of an answer");
            return None;
        }
        bytes.extend_from_slice(&more[..count]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        // Backends answer two letters.
        if text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= 2) {
            return Some(text);
        }
    }
}

/// The status, what a client does by (and no header that a server adds of its own), and the body.
fn normal(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    let mut kept: Vec<String> = head
        .lines()
        .map(str::to_ascii_lowercase)
        .filter(|line| line.starts_with("allow:") || line.starts_with("retry-after:"))
        .collect();
    kept.sort();
    // Chunks or not is the server's choice.
    let body = body
        .strip_prefix("2\r\n")
        .and_then(|chunk| chunk.get(..2))
        .unwrap_or(body);
    format!("{status} {} {body}", kept.join(", "))
        .replace("  ", " ")
        .trim()
        .to_owned()
}

fn state(route: &RouteState) -> String {
    let generation = route.generation.as_deref().map_or("none".to_owned(), |generation| {
        // What it is computed from differs: files here, the route alone there.
        let (route, hash) = generation.rsplit_once('-').unwrap();
        format!("{route}-<{} hex>", hash.len())
    });
    format!(
        "to {}, writes {}, generation {generation}, draining {}, reachable {}, stale {}",
        route.to.word(),
        route.writes.word(),
        route.draining,
        route.reachable,
        route.stale
    )
}

/// What kind of refusal it is: a plan treats these differently.
fn refusal(outcome: Result<(), SystemError>) -> &'static str {
    match outcome {
        Ok(()) => "done",
        Err(SystemError::Foreign { .. }) => "refused: somebody else's",
        Err(SystemError::NotInForce { .. }) => "refused: not in force",
        Err(error) => panic!("{error}"),
    }
}

/// Everything, in order, on one fresh balancer.
async fn account(front: Arc<Front>, backends: &Backends) -> String {
    let mut said = String::new();
    before_anything_is_installed(&front, &mut said).await;
    a_freeze(&front, &mut said).await;
    compare_and_set(&front, &mut said).await;
    a_slow_upload(&front, backends, &mut said).await;
    a_kept_connection(&front, &mut said).await;
    a_switch_under_readers(&front, &mut said).await;
    said
}

async fn before_anything_is_installed(front: &Front, said: &mut String) {
    writeln!(said, "# before").unwrap();
    writeln!(said, "{}", state(&front.route().await)).unwrap();
    writeln!(said, "POST: {}", normal(&front.ask("POST", SCHEMA).await)).unwrap();
    let nowhere = front.switch_as("run1", None, RouteWrites::Deny, None).await;
    writeln!(said, "no `to`: {}", refusal(nowhere)).unwrap();
    let unknown = front.switch_as("run1", Some("v4"), RouteWrites::Allow, None).await;
    writeln!(said, "no such backend: {}", refusal(unknown)).unwrap();
    writeln!(
        said,
        "v2, allow: {}",
        refusal(front.switch("v2", RouteWrites::Allow).await)
    )
    .unwrap();
    writeln!(said, "{}", state(&front.route().await)).unwrap();
    writeln!(said, "POST: {}", normal(&front.ask("POST", SCHEMA).await)).unwrap();
}

async fn a_freeze(front: &Front, said: &mut String) {
    for to in ["v2", "v3"] {
        writeln!(
            said,
            "# deny on {to}: {}",
            refusal(front.switch(to, RouteWrites::Deny).await)
        )
        .unwrap();
        writeln!(said, "{}", state(&front.route().await)).unwrap();
        for (method, path) in [
            ("GET", "/apis/registry/v2/search/artifacts"),
            ("HEAD", "/apis/registry/v2/search/artifacts"),
            ("OPTIONS", SCHEMA),
            ("POST", SCHEMA),
            ("PUT", "/apis/registry/v2/groups/g/artifacts/a"),
            ("DELETE", "/apis/registry/v2/groups/g/artifacts/a"),
            ("PATCH", SCHEMA),
            // Reads that use POST and PUT.
            ("POST", "/apis/ccompat/v7/subjects/s?normalize=true"),
            ("POST", "/apis/registry/v2/search/artifacts"),
            ("PUT", "/apis/registry/v2/groups/g/artifacts/a/test"),
            // Reads of 3.x alone.
            ("POST", "/apis/registry/v3/search/artifacts"),
            // Ways to write one path as another.
            ("POST", "//apis//ccompat/v7/subjects/s"),
            ("POST", "/apis/ccompat/v7/subjects/s%2Fversions"),
        ] {
            let answer = front.ask(method, path).await;
            writeln!(said, "{method} {path}: {}", normal(&answer)).unwrap();
        }
    }
    // Back without a step of a plan in between: the way that a rollback goes.
    writeln!(
        said,
        "v2, allow: {}",
        refusal(front.switch("v2", RouteWrites::Allow).await)
    )
    .unwrap();
}

async fn compare_and_set(front: &Front, said: &mut String) {
    writeln!(said, "# compare and set").unwrap();
    let generation = front.route().await.generation;
    let none = front.switch_as("run1", Some("v3"), RouteWrites::Allow, None).await;
    writeln!(said, "expects nothing of regplan: {}", refusal(none)).unwrap();
    let stale = Some("v2-deny-run1-0123456789ab");
    let old = front.switch_as("run1", Some("v3"), RouteWrites::Allow, stale).await;
    writeln!(said, "expects an older one: {}", refusal(old)).unwrap();
    let foreign = (front.switch_as("run2", Some("v3"), RouteWrites::Allow, generation.as_deref())).await;
    writeln!(said, "of another run: {}", refusal(foreign)).unwrap();
    let again = front.switch_as("run1", Some("v2"), RouteWrites::Allow, stale).await;
    writeln!(said, "what is in force, again: {}", refusal(again)).unwrap();
    assert_eq!(
        front.route().await.generation,
        generation,
        "the same route has the same generation"
    );
}

async fn a_slow_upload(front: &Arc<Front>, backends: &Backends, said: &mut String) {
    writeln!(said, "# a slow upload that began before the freeze").unwrap();
    let mut upload = front.connect().await;
    let head = format!(
        "POST {SCHEMA}?slow HTTP/1.1\r\nHost: lb\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    // Only what the balancer has let in is of before; it says so.
    let mut go_on = [0; 25];
    timeout(SOON, upload.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    upload.write_all(b"12345").await.unwrap();
    let freezing = Arc::clone(front);
    let freeze = tokio::spawn(async move { freezing.switch("v2", RouteWrites::Deny).await });
    let refused = async {
        while !front
            .ask("POST", &format!("{SCHEMA}?new"))
            .await
            .starts_with("HTTP/1.1 405")
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, refused).await.unwrap();
    let route = front.route().await;
    writeln!(said, "new writes are refused, draining: {}", route.draining > 0).unwrap();
    writeln!(said, "frozen already: {}", freeze.is_finished()).unwrap();
    let is_there = || backends.committed().iter().any(|line| line.contains("?slow"));
    writeln!(said, "committed already: {}", is_there()).unwrap();
    upload.write_all(b"67890").await.unwrap();
    let outcome = timeout(SOON, freeze).await.unwrap().unwrap();
    writeln!(said, "freeze: {}, committed: {}", refusal(outcome), is_there()).unwrap();
    writeln!(said, "upload: {}", normal(&rest(upload).await)).unwrap();
    let whole = format!("v2 POST {SCHEMA}?slow 1234567890");
    assert!(backends.committed().contains(&whole), "{:?}", backends.committed());
    writeln!(said, "{}", state(&front.route().await)).unwrap();
}

async fn a_kept_connection(front: &Front, said: &mut String) {
    writeln!(said, "# a kept connection across the switch").unwrap();
    let mut kept = front.connect().await;
    let before = kept_answer(&mut kept).await.unwrap();
    writeln!(said, "before: {}", normal(&before)).unwrap();
    writeln!(
        said,
        "v3, allow: {}",
        refusal(front.switch("v3", RouteWrites::Allow).await)
    )
    .unwrap();
    // It may be closed between two requests, as every server may; the client then opens another.
    let after = match kept_answer(&mut kept).await {
        Some(answer) => answer,
        None => kept_answer(&mut front.connect().await).await.unwrap(),
    };
    writeln!(said, "after: {}", normal(&after)).unwrap();
    writeln!(said, "POST: {}", normal(&front.ask("POST", SCHEMA).await)).unwrap();
}

async fn a_switch_under_readers(front: &Arc<Front>, said: &mut String) {
    writeln!(said, "# back, frozen and over, under readers").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(read_until(Arc::clone(front), Arc::clone(&stop))))
        .collect();
    for (to, writes) in [
        ("v2", RouteWrites::Allow),
        ("v2", RouteWrites::Deny),
        ("v3", RouteWrites::Allow),
    ] {
        let outcome = front.switch(to, writes).await;
        writeln!(said, "{to}, {}: {}", writes.word(), refusal(outcome)).unwrap();
        writeln!(said, "GET: {}", normal(&front.ask("GET", "/").await)).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut bad = Vec::new();
    for reader in readers {
        let (good, more) = reader.await.unwrap();
        assert!(good > 0);
        bad.extend(more);
    }
    writeln!(said, "reads that failed: {bad:?}").unwrap();
}

/// How many reads were answered, and every answer that is none of a backend.
async fn read_until(front: Arc<Front>, stop: Arc<AtomicBool>) -> (u32, Vec<String>) {
    let (mut good, mut bad) = (0, Vec::new());
    let mut kept = front.connect().await;
    while !stop.load(Ordering::Relaxed) {
        match kept_answer(&mut kept).await {
            Some(answer) if answer.starts_with("HTTP/1.1 200") => good += 1,
            Some(answer) => bad.push(answer),
            None => kept = front.connect().await,
        }
    }
    (good, bad)
}

#[tokio::test]
async fn the_twin_gives_the_recorded_account() {
    let backends = Backends::start().await;
    let front = Arc::new(backends.twin().await);
    is_as_recorded(&account(front, &backends).await);
}

/// One snapshot for both.
fn is_as_recorded(account: &str) {
    insta::assert_snapshot!("balancer", account);
}

#[tokio::test]
async fn the_twin_holds_writes_and_lets_them_go_where_the_route_opens() {
    let backends = Backends::start().await;
    let front = Arc::new(backends.twin().await);
    front.switch("v2", RouteWrites::Hold).await.unwrap();
    assert!(front.ask("GET", "/").await.ends_with("v2"), "reads go on");
    let writing = Arc::clone(&front);
    let mut write = tokio::spawn(async move { writing.ask("POST", SCHEMA).await });
    // What is not held is answered in a few.
    assert!(
        timeout(Duration::from_millis(200), &mut write).await.is_err(),
        "it is not held"
    );
    front.switch("v3", RouteWrites::Allow).await.unwrap();
    assert_eq!(normal(&timeout(SOON, write).await.unwrap().unwrap()), "200 v3");
    assert_eq!(backends.committed(), [format!("v3 POST {SCHEMA}")]);
}

mod real {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nginx_gives_the_recorded_account_and_refuses_to_hold() {
        let backends = Backends::start().await;
        let Some(front) = backends.nginx().await else { return };
        let front = Arc::new(front);
        is_as_recorded(&account(Arc::clone(&front), &backends).await);
        let held = front.switch("v3", RouteWrites::Hold).await;
        assert_eq!(refusal(held), "refused: not in force");
        assert_eq!(normal(&front.ask("POST", SCHEMA).await), "200 v3", "the route stays");
    }
}
