use serde_json::Value;

use super::{WAITING, busy_clients, no_client_failed, nothing_was_lost};
use crate::support::{Lab, Running};

/// What `init` is told of the lab; the rest it finds in nginx's file.
fn flags(lab: &Lab) -> Vec<String> {
    let places = std::fs::read_to_string(lab.directory().join("lab.yaml")).unwrap();
    let places: Value = serde_json::from_str(&places).unwrap();
    let mut flags = vec!["init".to_owned(), "--out".to_owned(), "site.yaml".to_owned()];
    for (flag, place) in [
        ("--v2", "v2_url"),
        ("--v3", "v3_url"),
        ("--v3-management", "v3_management"),
        ("--lb-config", "lb_config"),
        ("--lb-prefix", "lb_prefix"),
        ("--lb-socket", "lb_socket"),
        ("--start-v3", "start_v3"),
        ("--v3-running", "v3_running"),
        ("--stop-v2", "stop_v2"),
        ("--v2-stopped", "v2_stopped"),
    ] {
        flags.extend([flag.to_owned(), places[place].as_str().unwrap().to_owned()]);
    }
    flags
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_that_init_writes_for_a_real_site_moves_it() {
    let Some(lab) = Lab::with_guide().await else { return };
    let wrote = Running::start(lab.directory(), &flags(&lab), &[])
        .ended()
        .await
        .must_exit(0);
    assert!(wrote.stdout.contains("a plan for the 2.6.13.Final"), "{}", wrote.stdout);
    let text = std::fs::read_to_string(lab.directory().join("site.yaml")).unwrap();
    assert!(text.contains(&format!("url: \"http://{}\"", lab.balancer)), "{text}");

    let run = async |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Running::start(lab.directory(), &words, &[]).ended().await
    };
    let valid = run(&["validate", "site.yaml"]).await.must_exit(0);
    assert_eq!(valid.stderr, "");
    run(&["plan", "site.yaml", "--detailed-exitcode"]).await.must_exit(2);
    let clients = busy_clients(&lab).await;
    run(&["apply", "site.yaml", "--auto-approve"]).await.must_exit(WAITING);
    assert_eq!(lab.serving().await, "3.3.3");
    let report = clients.stop().await;
    no_client_failed(&report);
    nothing_was_lost(&lab, &report).await;
}
