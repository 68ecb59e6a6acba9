use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::to_bytes, extract::Request};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::BalancerTwin;
use crate::{
    model::{BackendName, RunId},
    resource::RouteWrites,
    system::{BalancerDouble as _, Progress, SystemError, freeze_rules::FROZEN_BODY, nginx::RouteTarget},
};

const SCHEMA: &str = "/apis/registry/v2/groups/g/artifacts";

/// A backend that answers its name, and remembers each request when it has all of it.
async fn backend(name: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let remember = Arc::clone(&seen);
    let app = Router::new().fallback(move |request: Request| async move {
        let line = format!("{} {}", request.method(), request.uri());
        let body = to_bytes(request.into_body(), 1 << 20).await;
        if let Ok(body) = body {
            let text = String::from_utf8(body.to_vec()).unwrap();
            remember
                .lock()
                .unwrap()
                .push(format!("{line} {text}").trim().to_owned());
        }
        name
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

struct Bed {
    twin: BalancerTwin,
    v2: Arc<Mutex<Vec<String>>>,
    v3: Arc<Mutex<Vec<String>>>,
}

async fn bed() -> Bed {
    let ((v2_url, v2), (v3_url, v3)) = (backend("v2").await, backend("v3").await);
    let backends = BTreeMap::from([(BackendName::new("v2"), v2_url), (BackendName::new("v3"), v3_url)]);
    let twin = BalancerTwin::start(backends, BackendName::new("v2")).await.unwrap();
    Bed { twin, v2, v3 }
}

fn target(to: &str, writes: RouteWrites) -> RouteTarget {
    RouteTarget {
        to: Some(BackendName::new(to)),
        writes,
    }
}

impl Bed {
    async fn switch(&self, to: &str, writes: RouteWrites) -> Result<(), SystemError> {
        let expect = self.twin.route().generation;
        self.switch_as("run1", to, writes, expect.as_deref()).await
    }

    async fn switch_as(
        &self,
        run: &str,
        to: &str,
        writes: RouteWrites,
        expect: Option<&str>,
    ) -> Result<(), SystemError> {
        self.twin
            .switch(&target(to, writes), expect, &RunId::new(run), &Progress::silent())
            .await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.twin.url().strip_prefix("http://").unwrap())
            .await
            .unwrap()
    }

    async fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: lb\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(stream).await
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn requests_follow_the_route_and_its_state_reads_as_on_the_real_one() {
    let bed = bed().await;
    let state = bed.twin.route();
    assert_eq!(
        (state.to.word(), state.writes, state.generation, state.run),
        ("none", RouteWrites::Allow, None, None)
    );
    assert!(bed.ask("POST", SCHEMA).await.ends_with("v2"));
    bed.switch("v3", RouteWrites::Allow).await.unwrap();
    assert!(bed.ask("POST", SCHEMA).await.ends_with("v3"));
    let state = bed.twin.route();
    assert_eq!((state.to.word(), state.draining, state.reachable), ("v3", 0, true));
    assert_eq!(state.run, Some(RunId::new("run1")));
    assert_eq!(state.backends, [BackendName::new("v2"), BackendName::new("v3")]);
    let generation = state.generation.unwrap();
    let hash = generation.strip_prefix("v3-allow-run1-").unwrap();
    assert!(
        hash.len() == 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{hash}"
    );
}

#[tokio::test]
async fn a_freeze_refuses_writes_as_the_real_one_and_lets_reads_through_by_their_raw_uri() {
    let bed = bed().await;
    bed.switch("v2", RouteWrites::Deny).await.unwrap();
    let answer = bed.ask("POST", SCHEMA).await;
    let lower = answer.to_lowercase();
    assert_eq!(status(&answer), "405");
    assert!(lower.contains("\r\nallow: get, head, options\r\n"), "{answer}");
    assert!(lower.contains("\r\nretry-after: 1800\r\n"), "{answer}");
    assert!(lower.contains("\r\ncontent-type: application/json\r\n"), "{answer}");
    assert!(answer.ends_with(FROZEN_BODY), "{answer}");
    for path in [
        "//apis//ccompat/v7/subjects/foo",
        "/apis/ccompat/v7/subjects/../x",
        "/apis/ccompat/v7/subjects/a%2Fversions",
    ] {
        assert_eq!(status(&bed.ask("POST", path).await), "405", "{path}");
    }
    assert!(bed.v2.lock().unwrap().is_empty());
    for (method, path) in [
        ("GET", "/apis/registry/v2/groups/a%2Fb/artifacts/../x?q=%20"),
        ("POST", "/apis/ccompat/v7/subjects/s?normalize=true"),
    ] {
        assert_eq!(status(&bed.ask(method, path).await), "200", "{method} {path}");
        assert_eq!(bed.v2.lock().unwrap().last().unwrap(), &format!("{method} {path}"));
    }
    bed.switch("v3", RouteWrites::Deny).await.unwrap();
    let search = "/apis/registry/v3/search/artifacts";
    assert_eq!(status(&bed.ask("POST", search).await), "200");
}

#[tokio::test]
async fn an_upload_half_sent_before_a_freeze_is_through_before_the_freeze_is_settled() {
    let bed = Arc::new(bed().await);
    bed.switch("v2", RouteWrites::Allow).await.unwrap();
    let mut upload = bed.connect().await;
    let head =
        format!("POST {SCHEMA}?slow HTTP/1.1\r\nHost: lb\r\nConnection: close\r\nContent-Length: 10\r\n\r\n12345");
    upload.write_all(head.as_bytes()).await.unwrap();
    // Only a request that the balancer has let in is one of before.
    while bed.twin.writing() == 0 {
        tokio::task::yield_now().await;
    }
    let (told, mut said) = mpsc::unbounded_channel();
    let freezing = Arc::clone(&bed);
    let freeze = tokio::spawn(async move {
        let log = Progress::new(move |update| assert!(told.send(update.text).is_ok()));
        let expect = freezing.twin.route().generation;
        let frozen = target("v2", RouteWrites::Deny);
        freezing
            .twin
            .switch(&frozen, expect.as_deref(), &RunId::new("run1"), &log)
            .await
    });
    // It says what it waits for: by then new writes are refused.
    let text = said.recv().await.unwrap();
    assert!(text.starts_with("draining, 1 write of before under way"), "{text}");
    assert_eq!(bed.twin.route().draining, 1);
    assert_eq!(status(&bed.ask("POST", SCHEMA).await), "405");
    assert!(!freeze.is_finished());
    upload.write_all(b"67890").await.unwrap();
    freeze.await.unwrap().unwrap();
    assert_eq!(*bed.v2.lock().unwrap(), [format!("POST {SCHEMA}?slow 1234567890")]);
    assert_eq!(status(&rest(upload).await), "200");
    assert_eq!(bed.twin.route().draining, 0);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_hold_a_freeze_up() {
    let bed = bed().await;
    bed.switch("v2", RouteWrites::Allow).await.unwrap();
    let mut upload = bed.connect().await;
    let head = format!("POST {SCHEMA} HTTP/1.1\r\nHost: lb\r\nContent-Length: 10\r\n\r\n12345");
    upload.write_all(head.as_bytes()).await.unwrap();
    while bed.twin.writing() == 0 {
        tokio::task::yield_now().await;
    }
    drop(upload);
    bed.switch("v2", RouteWrites::Deny).await.unwrap();
    assert!(bed.v2.lock().unwrap().is_empty(), "half of an upload was taken for all");
}

#[tokio::test]
async fn held_writes_wait_and_go_where_the_route_points_when_it_opens() {
    let bed = Arc::new(bed().await);
    bed.switch("v2", RouteWrites::Hold).await.unwrap();
    assert!(bed.ask("GET", "/").await.ends_with("v2"), "reads go on");
    let writing = Arc::clone(&bed);
    let write = tokio::spawn(async move { writing.ask("POST", SCHEMA).await });
    while bed.twin.held() == 0 {
        tokio::task::yield_now().await;
    }
    bed.switch("v3", RouteWrites::Hold).await.unwrap();
    assert!(!write.is_finished());
    bed.switch("v3", RouteWrites::Allow).await.unwrap();
    assert!(write.await.unwrap().ends_with("v3"));
    assert_eq!(*bed.v3.lock().unwrap(), [format!("POST {SCHEMA}")]);
    assert_eq!(*bed.v2.lock().unwrap(), ["GET /"]);
}

#[tokio::test]
async fn a_write_held_for_too_long_gets_the_405() {
    let bed = bed().await;
    bed.switch("v2", RouteWrites::Hold).await.unwrap();
    // The limit itself is shortened by a clock that is not the machine's.
    let answer = tokio::spawn({
        let url = bed.twin.url().to_owned();
        async move {
            let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
            let head = format!("POST {SCHEMA} HTTP/1.1\r\nHost: lb\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            rest(stream).await
        }
    });
    while bed.twin.held() == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(status(&answer.await.unwrap()), "405");
    assert!(bed.v2.lock().unwrap().is_empty());
}

#[tokio::test]
async fn another_generation_and_another_run_are_refused_and_the_same_route_is_proven_again() {
    let bed = bed().await;
    bed.switch("v2", RouteWrites::Allow).await.unwrap();
    let error = bed.switch_as("run1", "v3", RouteWrites::Allow, None).await.unwrap_err();
    assert!(matches!(error, SystemError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("nothing of regplan was expected"), "{error}");
    let generation = bed.twin.route().generation;
    let error = bed
        .switch_as("run2", "v3", RouteWrites::Allow, generation.as_deref())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("was set by run run1"), "{error}");
    bed.switch_as("run1", "v2", RouteWrites::Allow, None).await.unwrap();
    assert_eq!(bed.twin.route().generation, generation);
    let error = bed.switch("v4", RouteWrites::Allow).await.unwrap_err();
    assert!(matches!(error, SystemError::NotInForce { .. }), "{error}");
}

#[tokio::test]
async fn a_backend_that_is_down_is_a_bad_gateway() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let backends = BTreeMap::from([(BackendName::new("v2"), format!("http://{free}"))]);
    let twin = BalancerTwin::start(backends, BackendName::new("v2")).await.unwrap();
    let bed = Bed {
        twin,
        v2: Arc::default(),
        v3: Arc::default(),
    };
    assert_eq!(status(&bed.ask("GET", "/").await), "502");
    bed.switch("v2", RouteWrites::Deny).await.unwrap();
    bed.twin.stop().await;
}
