//! `regplan init` as a shell sees it: against a twin of 2.6.13, nginx's files and an environment file, without a terminal.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use regplan::rehearse::twin::{Faults, Outcome, Seen, Turn, Twin, TwinOptions, TwinVersion};

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

fn regplan(here: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regplan"));
    command.args(arguments).current_dir(here).stdin(Stdio::null());
    for name in ["CI", "CLICOLOR_FORCE", "REGPLAN_PASSWORD"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    // The lines of a message are wrapped where the terminal ends.
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.replace(['│', '╰', '─', '▶', '×'], " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[track_caller]
fn must_exit(output: &Output, code: i32) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{}\n{said}", stdout(output));
}

async fn twin(version: TwinVersion) -> Twin {
    let data = (version == TwinVersion::V2_6_13).then(|| data("v2-rich.zip"));
    Twin::start(TwinOptions {
        data,
        ..TwinOptions::new(version)
    })
    .await
    .unwrap()
}

/// A whole set of flags for a registry at that address.
fn flags(url: &str) -> Vec<String> {
    let (config, env) = (data("init/nginx.conf"), data("init/registry-v2.env"));
    let pairs = [
        ("--v2", url),
        ("--v3", "http://10.0.0.21:8080"),
        ("--lb-config", config.to_str().unwrap()),
        ("--env-file", env.to_str().unwrap()),
        ("--start-v3", "docker run -d --name v3 \"apicurio:3\" # ${IMAGE}"),
        ("--stop-v2", "systemctl disable --now registry-v2"),
    ];
    let mut all = vec!["init".to_owned()];
    all.extend(
        pairs
            .iter()
            .flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]),
    );
    all
}

fn init(here: &Path, url: &str, more: &[&str]) -> Output {
    let flags = flags(url);
    let all: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    regplan(here, &all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_that_is_written_is_valid_without_a_warning_and_rehearses_green() {
    let (here, twin) = (tempfile::tempdir().unwrap(), twin(TwinVersion::V2_6_13).await);
    let output = init(here.path(), twin.url(), &[]);
    must_exit(&output, 0);
    let said = stdout(&output);
    for part in [
        "Wrote plan.yaml: a plan for the 2.6.13.Final with ",
        "  regplan validate plan.yaml\n  regplan rehearse plan.yaml\n  regplan plan     plan.yaml\n",
        "http.conf;` into the `http` block at ",
        "conf.d/registry.conf:17",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let text = std::fs::read_to_string(here.path().join("plan.yaml")).unwrap();
    assert!(!text.contains("canary"), "{text}");
    for part in [
        "REGISTRY_DATASOURCE_PASSWORD",
        "PostgreSQL",
        "url: \"https://registry.example.com\"",
        "v2: [\"10.0.0.11:8080\", \"10.0.0.12:8080\"]",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let valid = regplan(here.path(), &["validate", "plan.yaml"]);
    must_exit(&valid, 0);
    assert_eq!(stderr(&valid), "", "no warning");
    must_exit(&regplan(here.path(), &["rehearse", "plan.yaml", "--size", "50"]), 0);
    for step in ["verify", "to_v3"] {
        let back = regplan(
            here.path(),
            &["rehearse", "plan.yaml", "--size", "50", "--fail", step, "--json"],
        );
        must_exit(&back, 7);
        let summary: serde_json::Value = serde_json::from_str(&stdout(&back)).unwrap();
        assert_eq!(summary["lost_writes"], 0, "{summary}");
        assert_eq!(summary["way_back"], "succeeded", "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_there_is_kept_unless_force_is_said() {
    let (here, twin) = (tempfile::tempdir().unwrap(), twin(TwinVersion::V2_6_13).await);
    let file = here.path().join("mine.yaml");
    std::os::unix::fs::symlink("/dev/null/nothing", here.path().join("dangling.yaml")).unwrap();
    must_exit(&init(here.path(), twin.url(), &["--out", "mine.yaml"]), 0);
    let first = std::fs::read(&file).unwrap();
    let before = twin.requests();
    for name in ["mine.yaml", "dangling.yaml"] {
        let output = init(here.path(), twin.url(), &["--out", name, "--name", "other"]);
        must_exit(&output, 64);
        assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
    }
    assert_eq!(twin.requests(), before, "it is said before the registry is asked");
    assert_eq!(std::fs::read(&file).unwrap(), first);
    must_exit(
        &init(
            here.path(),
            twin.url(),
            &["--out", "mine.yaml", "--name", "other", "--force"],
        ),
        0,
    );
    assert!(std::fs::read_to_string(&file).unwrap().contains("name: \"other\""));
    let shown = init(here.path(), twin.url(), &["--out", "-"]);
    must_exit(&shown, 0);
    assert_eq!(stdout(&shown).as_bytes(), first, "the plan alone is on stdout");
}

#[test]
fn without_a_terminal_every_missing_flag_is_named_at_once() {
    let here = tempfile::tempdir().unwrap();
    let output = regplan(here.path(), &["init", "--lb-config", "no/nginx.conf"]);
    must_exit(&output, 64);
    let said = stderr(&output);
    for flag in [
        "--lb-config FILE",
        "--v2 URL",
        "--v3 URL",
        "--lb-url URL",
        "--start-v3 CMD",
        "--stop-v2 CMD",
    ] {
        assert!(said.contains(flag), "{flag}: {said}");
    }
    assert_eq!(stdout(&output), "");
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_moved_already_is_refused_with_what_to_do() {
    let (here, twin) = (tempfile::tempdir().unwrap(), twin(TwinVersion::V3_3_3).await);
    let output = init(here.path(), twin.url(), &[]);
    must_exit(&output, 4);
    let said = stderr(&output);
    assert!(said.contains("is 3.3.3") && said.contains("3.x already"), "{said}");
    assert!(!here.path().join("plan.yaml").exists());
}

/// Wants a login for everything but its version.
struct Guarded;

impl Faults for Guarded {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        Turn {
            outcome: if seen.path.ends_with("/system/info") {
                Outcome::Serve
            } else {
                Outcome::Refuse(401)
            },
            ..Turn::default()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_wants_a_login_says_which_flags_name_it() {
    let here = tempfile::tempdir().unwrap();
    let twin = Twin::start(TwinOptions {
        faults: Arc::new(Guarded),
        ..TwinOptions::new(TwinVersion::V2_6_13)
    })
    .await
    .unwrap();
    let output = init(here.path(), twin.url(), &[]);
    must_exit(&output, 64);
    let said = stderr(&output);
    assert!(
        said.contains("--username NAME") && said.contains("--password-env NAME"),
        "{said}"
    );
    let output = init(
        here.path(),
        twin.url(),
        &["--username", "regplan", "--password-env", "PATH"],
    );
    must_exit(&output, 64);
    assert!(stderr(&output).contains("refused `regplan`"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_for_a_provider_s_client_names_its_secret_and_is_valid() {
    let (here, twin) = (tempfile::tempdir().unwrap(), twin(TwinVersion::V2_6_13).await);
    let issuer = "http://127.0.0.1:9/realms/r";
    let login = [
        "--oidc-issuer",
        issuer,
        "--username",
        "regplan",
        "--password-env",
        "PATH",
    ];
    // Nobody issues tokens there: the registry is not asked without one, and nothing is written.
    let output = init(here.path(), twin.url(), &login);
    must_exit(&output, 1);
    assert!(!here.path().join("plan.yaml").exists());
    assert!(stderr(&output).contains("127.0.0.1:9"), "{}", stderr(&output));
    let secret = std::env::var("PATH").unwrap();
    assert!(!stderr(&output).contains(&secret), "{}", stderr(&output));
}
