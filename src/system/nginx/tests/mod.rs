//! Against a real nginx: what `reference/lab.md` §1 measured, as assertions. Without nginx they say so and pass.

mod rig;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use self::rig::{Client, Extra, Rig, free_port, put};
use crate::{
    resource::{RouteTo, RouteWrites},
    system::{SystemError, freeze_rules::conformance},
};

const SCHEMA: &str = "/apis/registry/v2/groups/g/artifacts";

macro_rules! rig {
    ($extra:expr) => {
        match Rig::start($extra).await {
            Some(rig) => rig,
            None => return,
        }
    };
    () => {
        rig!(Extra::default())
    };
}

/// Reads without a pause over kept connections until told to stop: how many answers, and every failure.
async fn read_constantly(port: u16, stop: Arc<AtomicBool>) -> (u32, Vec<String>) {
    let (mut good, mut bad) = (0, Vec::new());
    let mut kept: Option<Client> = None;
    while !stop.load(Ordering::Relaxed) {
        let (mut client, reused) = match kept.take() {
            Some(client) => (client, true),
            None => match Client::open(port).await {
                Ok(client) => (client, false),
                Err(error) => {
                    bad.push(format!("connect: {error}"));
                    continue;
                }
            },
        };
        match client.ask("GET", "/apis/registry/v2/search/artifacts").await {
            Ok(answer) if answer.status == 200 && answer.backend().is_some() => {
                good += 1;
                kept = Some(client);
            }
            Ok(answer) => bad.push(format!("{answer:?}")),
            // A kept connection that a reload closed before a byte came is sent again, as pools do.
            Err(_) if reused => {}
            Err(error) => bad.push(format!("fresh: {error}")),
        }
    }
    (good, bad)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_fails_while_the_route_goes_from_v2_over_a_freeze_to_v3_and_back() {
    let rig = rig!();
    let before = rig.state().await;
    assert_eq!((before.to.word(), before.generation.as_deref()), ("none", None));

    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(read_constantly(rig.port, stop.clone())))
        .collect();
    for (to, writes, status) in [
        ("v2", RouteWrites::Deny, 405),
        ("v3", RouteWrites::Allow, 200),
        ("v3", RouteWrites::Deny, 405),
        ("v2", RouteWrites::Allow, 200),
    ] {
        let start = Instant::now();
        rig.switch(to, writes).await.unwrap();
        println!("{to}, {}: {:?}", writes.word(), start.elapsed());
        let state = rig.state().await;
        assert_eq!((state.to.word(), state.writes, state.draining), (to, writes, 0));
        assert!(state.reachable && !state.stale);
        assert_eq!(state.run.unwrap().as_str(), "run1");
        assert_eq!(state.files["http.conf"], rig.owned().0);
        let answer = rig.ask("POST", SCHEMA).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.backend(), (status == 200).then_some(to));
        assert_eq!(rig.ask("GET", "/").await.backend(), Some(to));
    }
    stop.store(true, Ordering::Relaxed);
    let mut reads = 0;
    for reader in readers {
        let (good, bad) = reader.await.unwrap();
        assert_eq!(bad, Vec::<String>::new());
        reads += good;
    }
    println!("{reads} reads, none failed");
    assert!(reads > 100, "{reads}");
    let schemas = |paths: Vec<String>| paths.iter().filter(|path| *path == SCHEMA).count();
    assert_eq!((schemas(rig.v2.committed()), schemas(rig.v3.committed())), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_half_sent_before_the_freeze_is_committed_before_it_is_settled() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let mut upload = Client::open(rig.port).await.unwrap();
    upload
        .send(&format!(
            "POST {SCHEMA}?slow HTTP/1.1\r\nHost: lb\r\nContent-Length: 10\r\n\r\n12345"
        ))
        .await
        .unwrap();
    let expect = rig.generation().await;
    let upload = tokio::spawn(async move {
        // The rest follows when new writes are refused already: only then the leak of §0.1 would show.
        let port = rig.port;
        let freeze = tokio::spawn(async move {
            let outcome = rig.switch_as("run1", "v2", RouteWrites::Deny, expect.as_deref()).await;
            (outcome, Instant::now(), rig)
        });
        while Client::open(port)
            .await
            .unwrap()
            .ask("POST", SCHEMA)
            .await
            .map_or(0, |answer| answer.status)
            != 405
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!freeze.is_finished(), "settled while an old worker still serves");
        upload.send("67890").await.unwrap();
        assert_eq!(upload.answer().await.unwrap().status, 200);
        drop(upload);
        freeze.await.unwrap()
    });
    let (outcome, settled, rig) = upload.await.unwrap();
    outcome.unwrap();
    let writes = rig.v2.writes.lock().unwrap().clone();
    assert!(writes.iter().any(|write| write.path.ends_with("?slow")), "{writes:?}");
    assert!(
        writes.iter().all(|write| write.commit < settled),
        "a write reached v2 after the freeze was settled"
    );
    assert_eq!(rig.ask("POST", SCHEMA).await.status, 405);
}

#[tokio::test]
async fn a_probe_during_a_drain_counts_the_old_workers_and_a_bound_ends_the_wait() {
    let rig = rig!(Extra {
        spec: json!({"drain_timeout": "1s"}),
        ..Extra::default()
    });
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let mut upload = Client::open(rig.port).await.unwrap();
    upload
        .send(&format!(
            "POST {SCHEMA} HTTP/1.1\r\nHost: lb\r\nContent-Length: 10\r\n\r\n12345"
        ))
        .await
        .unwrap();
    rig.ask("GET", "/").await;
    let error = rig.switch("v2", RouteWrites::Deny).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("1 old worker serves requests of before; nothing was cut"),
        "{error}"
    );
    let state = rig.state().await;
    assert_eq!((state.writes, state.draining), (RouteWrites::Deny, 1));
    upload.send("67890").await.unwrap();
    assert_eq!(upload.answer().await.unwrap().status, 200);
    // nginx waits up to 5 s for a client that does not close (lingering close).
    drop(upload);
    // The same step again proves it and has nothing to write.
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    assert_eq!(rig.state().await.draining, 0);
}

#[tokio::test]
async fn requests_that_nginx_cut_are_not_taken_for_a_drain() {
    let rig = rig!(Extra {
        main: "worker_shutdown_timeout 1s;",
        ..Extra::default()
    });
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let mut upload = Client::open(rig.port).await.unwrap();
    upload
        .send(&format!(
            "POST {SCHEMA} HTTP/1.1\r\nHost: lb\r\nContent-Length: 10\r\n\r\n12345"
        ))
        .await
        .unwrap();
    rig.ask("GET", "/").await;
    let error = rig.switch("v2", RouteWrites::Deny).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("nginx cut requests at its worker_shutdown_timeout"),
        "{error}"
    );
    // No old worker is left to see, and the freeze is still not proven: neither to a look, nor to another try, nor to a
    // freeze that goes on with it.
    assert_eq!(rig.state().await.draining, 1);
    let again = rig.switch("v2", RouteWrites::Deny).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
    rig.switch("v3", RouteWrites::Deny).await.unwrap_err();
    // The way back must not fail by it, and a freeze that drains is proven.
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    assert_eq!(rig.state().await.draining, 0);
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    assert_eq!(rig.state().await.draining, 0);
}

#[tokio::test]
async fn a_freeze_that_goes_on_after_a_time_out_waits_for_the_writers_again() {
    let rig = rig!(Extra {
        spec: json!({"drain_timeout": "1s"}),
        ..Extra::default()
    });
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let mut upload = Client::open(rig.port).await.unwrap();
    upload
        .send(&format!(
            "POST {SCHEMA} HTTP/1.1\r\nHost: lb\r\nContent-Length: 10\r\n\r\n12345"
        ))
        .await
        .unwrap();
    rig.ask("GET", "/").await;
    for _ in 0..2 {
        let error = rig.switch("v2", RouteWrites::Deny).await.unwrap_err();
        assert!(error.to_string().contains("1 old worker serves requests"), "{error}");
    }
    upload.send("67890").await.unwrap();
    assert_eq!(upload.answer().await.unwrap().status, 200);
    drop(upload);
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
}

#[tokio::test]
async fn a_freeze_lets_reads_by_post_through_and_no_way_round_it() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    for (method, path) in conformance::READS {
        let mut client = Client::open(rig.port).await.unwrap();
        client
            .send(&format!(
                "{method} {path} HTTP/1.1\r\nHost: lb\r\nContent-Length: 0\r\n\r\n"
            ))
            .await
            .unwrap();
        // The answer to HEAD has a length and no body.
        let mut line = [0; 12];
        client.read_exactly(&mut line).await;
        assert_eq!(&line, b"HTTP/1.1 200", "{method} {path}");
    }
    for (method, path) in conformance::WRITES {
        let answer = rig.ask(method, path).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(
            answer.headers.contains("allow: get, head, options"),
            "{method} {path}: {}",
            answer.headers
        );
        assert!(answer.headers.contains("retry-after: 1800"), "{method} {path}");
        assert!(
            answer.headers.contains("content-type: application/json"),
            "{method} {path}"
        );
    }
    assert!(
        rig.v2
            .committed()
            .iter()
            .all(|path| !path.contains("versions/..") && !path.contains("%2F"))
    );
    rig.switch("v3", RouteWrites::Deny).await.unwrap();
    for (method, path) in conformance::LATER_READS.iter().chain(&conformance::READS[3..]) {
        assert_eq!(rig.ask(method, path).await.status, 200, "{method} {path}");
    }
}

#[tokio::test]
async fn a_location_that_leads_an_api_past_the_freeze_is_noticed_and_named() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let main = std::fs::read_to_string(rig.path("nginx.conf")).unwrap();
    for api in ["/apis/ccompat/v7/", "/apis/registry/v3/", "/apis/registry/v1/"] {
        let past =
            format!("location {api} {{ proxy_pass http://regplan_active; }}\n        include regplan/server.conf;");
        put(
            &rig.path("nginx.conf"),
            &main.replace("include regplan/server.conf;", &past),
        );
        let error = rig.switch("v2", RouteWrites::Deny).await.unwrap_err();
        assert!(matches!(error, SystemError::NotInForce { .. }), "{error}");
        let named = format!(
            "POST through http://127.0.0.1:{}{api}__regplan_probe__ is not refused",
            rig.port
        );
        assert!(error.to_string().contains(&named), "{error}");
        put(&rig.path("nginx.conf"), &main);
        rig.switch("v2", RouteWrites::Allow).await.unwrap();
    }
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    assert_eq!(
        rig.v2.committed(),
        ["/apis/registry/v2/search/artifacts"],
        "no probe writes"
    );
}

#[tokio::test]
async fn a_configuration_that_nginx_refuses_puts_the_old_bytes_back_and_says_where() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let (bytes, generation) = (rig.owned(), rig.generation().await);
    let main = std::fs::read_to_string(rig.path("nginx.conf")).unwrap();
    put(&rig.path("nginx.conf"), &format!("{main}servr_name x;\n"));
    let error = rig.switch("v2", RouteWrites::Deny).await.unwrap_err();
    let place = format!(
        "unknown directive \"servr_name\" in {}:",
        rig.path("nginx.conf").display()
    );
    assert!(error.to_string().contains(&place), "{error}");
    assert_eq!((rig.owned(), rig.generation().await), (bytes, generation));
    assert_eq!(rig.ask("POST", SCHEMA).await.status, 200);
}

#[tokio::test]
async fn a_reload_that_changes_nothing_is_noticed_although_nginx_says_rc_0() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let (bytes, generation) = (rig.owned(), rig.generation().await);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let main = std::fs::read_to_string(rig.path("nginx.conf")).unwrap();
    let more = format!("http {{\n    server {{ listen {address}; }}");
    put(&rig.path("nginx.conf"), &main.replacen("http {", &more, 1));
    let error = rig.switch("v2", RouteWrites::Deny).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("bind() to {address} failed (98: Address already in use)")),
        "{error}"
    );
    assert_eq!((rig.owned(), rig.generation().await), (bytes, generation));
}

#[tokio::test]
async fn a_route_that_somebody_moved_meanwhile_is_left_alone() {
    let rig = rig!();
    let first = rig.generation().await;
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let bytes = rig.owned();
    let refused = |outcome: Result<(), SystemError>| {
        let error = outcome.unwrap_err();
        assert!(matches!(error, SystemError::Foreign { .. }), "{error}");
        error.to_string()
    };
    let stale = rig.switch_as("run1", "v2", RouteWrites::Deny, first.as_deref()).await;
    assert!(refused(stale).contains("nothing of regplan was expected"));
    let stale = rig
        .switch_as("run1", "v2", RouteWrites::Deny, Some("v2-allow-run1-000000000000"))
        .await;
    assert!(refused(stale).contains("its route was changed meanwhile"));
    let generation = rig.generation().await;
    let other = rig
        .switch_as("run2", "v2", RouteWrites::Deny, generation.as_deref())
        .await;
    assert!(refused(other).contains("was set by run run1, and the journal of that run is not here"));
    assert_eq!(rig.owned(), bytes);
    // What is in force already is only proven again, whatever was expected.
    rig.switch_as("run1", "v2", RouteWrites::Allow, None).await.unwrap();
}

#[tokio::test]
async fn files_of_another_run_are_left_alone_also_when_no_route_answers() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    let bytes = rig.owned();
    // The include is gone from the main file, and nginx was reloaded: the socket is closed, the files stay.
    let main = std::fs::read_to_string(rig.path("nginx.conf")).unwrap();
    let without = main
        .replace("include regplan/http.conf;", "")
        .replace("include regplan/server.conf;", "");
    put(&rig.path("nginx.conf"), &without);
    rig.reload().await;
    // Old workers hold it for a moment longer than its file is there.
    while !rig.nginx.live().await.is_ok_and(|live| live.generations.is_empty()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    put(&rig.path("nginx.conf"), &main);
    let error = rig.switch_as("run2", "v2", RouteWrites::Allow, None).await.unwrap_err();
    assert!(matches!(error, SystemError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("holds `v2-deny-run1-"), "{error}");
    assert_eq!(rig.owned(), bytes);
    // The run that wrote them goes on.
    rig.switch_as("run1", "v2", RouteWrites::Allow, None).await.unwrap();
}

#[tokio::test]
async fn files_that_nginx_does_not_read_are_noticed() {
    let rig = rig!(Extra {
        no_server_include: true,
        ..Extra::default()
    });
    let bytes = rig.owned();
    let error = rig.switch("v2", RouteWrites::Allow).await.unwrap_err();
    let help = format!(
        "add `include {};` to the `server` block",
        rig.path("regplan/server.conf").display()
    );
    assert!(error.to_string().contains(&help), "{error}");
    assert_eq!(rig.owned(), bytes);
}

#[tokio::test]
async fn a_crash_between_write_and_reload_is_gone_on_from_and_never_put_back() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    let frozen = rig.owned();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let open = rig.owned();
    // As a killed runner leaves it: the new files are there, the old route is in force.
    let crashed = || put(&rig.path("regplan/http.conf"), &frozen.0);
    crashed();
    let main = std::fs::read_to_string(rig.path("nginx.conf")).unwrap();
    put(&rig.path("nginx.conf"), &format!("{main}bad;\n"));
    rig.switch("v3", RouteWrites::Allow).await.unwrap_err();
    assert_eq!(rig.owned(), open, "what was put back is what is in force");
    put(&rig.path("nginx.conf"), &main);
    crashed();
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    assert_eq!(rig.ask("POST", SCHEMA).await.status, 405);
}

#[tokio::test]
async fn a_cancelled_switch_that_was_not_in_force_leaves_the_old_bytes() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let bytes = rig.owned();
    let expect = rig.generation().await;
    {
        let mut switch = Box::pin(rig.switch_as("run1", "v2", RouteWrites::Deny, expect.as_deref()));
        while rig.owned() == bytes {
            tokio::select! {
                outcome = &mut switch => panic!("it must not end: {outcome:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    assert_eq!(rig.owned(), bytes);
    assert_eq!(rig.state().await.writes, RouteWrites::Allow);
}

#[tokio::test]
async fn a_server_that_the_plan_moved_makes_the_route_stale() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let mut spec = rig.spec.clone();
    spec["backends"]["v2"] = json!([format!("127.0.0.1:{}", free_port())]);
    let edited = crate::system::nginx::Nginx::open(&"lb".into(), &spec, std::path::Path::new("/")).unwrap();
    let crate::resource::Probed::Seen(state) = edited.reader().route().await.unwrap() else {
        panic!("it answers")
    };
    assert!(state.stale);
    assert_eq!(state.to, RouteTo::Backend("v2".into()));
}

#[tokio::test]
async fn files_on_disk_that_are_not_in_force_are_seen_and_put_right_without_a_reload() {
    let rig = rig!();
    rig.switch("v2", RouteWrites::Allow).await.unwrap();
    let open = rig.owned();
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    let frozen = rig.owned();
    assert!(!rig.state().await.stale);
    // The next reload by anybody would thaw.
    put(&rig.path("regplan/http.conf"), &open.0);
    assert!(rig.state().await.stale);
    let log = std::fs::read_to_string(rig.path("logs/error.log")).unwrap();
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    assert_eq!(rig.owned(), frozen);
    assert!(!rig.state().await.stale);
    let after = std::fs::read_to_string(rig.path("logs/error.log")).unwrap();
    let reloads = |log: &str| log.matches("reconfiguring").count();
    assert_eq!(reloads(&after), reloads(&log));
}

#[tokio::test]
async fn the_public_address_may_be_https_with_an_authority_of_its_own() {
    let rig = rig!(Extra {
        tls: true,
        ..Extra::default()
    });
    rig.switch("v2", RouteWrites::Deny).await.unwrap();
    assert!(rig.state().await.reachable);
    std::fs::remove_file(rig.path("ca.pem")).unwrap();
    // The client was made when it was first used; another one needs the file.
    let error = rig.reopened().reader().route().await.unwrap_err();
    assert!(error.to_string().contains("ca.pem"), "{error}");
}

#[tokio::test]
async fn an_nginx_that_does_not_run_is_unreachable_and_its_facts_say_so() {
    let spec = json!({"url": format!("http://127.0.0.1:{}", free_port()), "config": "/nonexistent/nginx.conf",
        "directory": "/nonexistent/regplan", "socket": "/nonexistent/regplan.sock", "backends": {"v2": ["127.0.0.1:1"]}});
    let nginx = crate::system::nginx::Nginx::open(&"lb".into(), &spec, std::path::Path::new("/")).unwrap();
    assert!(matches!(
        nginx.reader().route().await.unwrap(),
        crate::resource::Probed::Unreachable(_)
    ));
    let reader = crate::system::BalancerReader::Nginx(nginx.reader());
    assert_eq!(reader.facts().await, json!({"reachable": false}));
}
