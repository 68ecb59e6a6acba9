//! The laws of the design that a test can break from outside, by the built program (`docs/architecture.md` lists them all
//! with their tests).

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and its files need not survive a crash"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
};

/// A registry that answers a few questions and writes down every request line and login; it ends with the test.
struct Registry {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    /// Answers only those who log in with `password`, when there is one.
    fn start(login: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (log, login) = (Arc::clone(&log), login.clone());
                std::thread::spawn(move || serve(&socket, &log, login.as_deref()));
            }
        });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(socket: &TcpStream, log: &Mutex<Vec<String>>, login: Option<&str>) {
    let mut lines = BufReader::new(socket);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_owned());
        }
        let header = |name: &str| {
            let found = head.iter().filter_map(|line| line.split_once(": "));
            found
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .next()
        };
        let length: u64 = header("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = Vec::new();
        let mut rest = (&mut lines).take(length);
        if rest.read_to_end(&mut body).is_err() {
            return;
        }
        log.lock().unwrap().push(head[0].clone());
        let allowed = login.is_none_or(|login| header("authorization").as_deref() == Some(login));
        let path = head[0].split_whitespace().nth(1).unwrap_or_default();
        let (status, text) = match path.split('?').next().unwrap_or_default() {
            // A registry that repeats what it was sent, as a proxy's error page might.
            _ if !allowed => (401, serde_json::json!({"message": head.join(" ")}).to_string()),
            "/apis/registry/v2/system/info" => (200, r#"{"name": "x", "version": "2.6.13.Final"}"#.to_owned()),
            "/health/ready" => (200, r#"{"status": "UP"}"#.to_owned()),
            "/apis/registry/v2/groups" => (200, r#"{"count": 0, "groups": []}"#.to_owned()),
            "/apis/registry/v2/search/artifacts" => (200, r#"{"count": 0, "artifacts": []}"#.to_owned()),
            _ => (404, serde_json::json!({"message": head.join(" ")}).to_string()),
        };
        let answer = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        let mut out = socket;
        if out.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regplan"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for name in [
        "CI",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "REGPLAN_ENV",
        "REGPLAN_STATE",
        "REGPLAN_LOG",
    ] {
        command.env_remove(name);
    }
    command.env("COLUMNS", "100").env("TZ", "UTC");
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Every file below a directory with its bytes.
fn tree(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.insert(path.display().to_string(), Vec::new());
            files.extend(tree(&path));
        } else {
            files.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn law_1_plan_leaves_no_file_behind_and_asks_the_registry_only_by_get() {
    let registry = Registry::start(None);
    let here = tempfile::tempdir().unwrap();
    let plan = format!(
        "\
regplan: v1
name: looks
systems:
  v2: {{ type: apicurio, urls: [\"{}\"] }}
phases:
  - id: one
    steps:
      - {{ id: backup, uses: registry.export, with: {{ from: v2, to: backups/v2.zip }} }}
      - {{ id: made, uses: run.command, with: {{ command: [touch, out], creates: out }} }}
      - {{ id: seen, uses: run.check, with: {{ command: [touch, checked] }} }}
    checkpoint:
      - assert: systems.v2.ready && systems.v2.empty
",
        registry.url
    );
    fs::write(here.path().join("p.yaml"), plan).unwrap();
    let before = tree(here.path());
    for arguments in [
        &["validate", "p.yaml"][..],
        &["plan", "p.yaml"],
        &["plan", "p.yaml", "--json"],
        &["plan", "p.yaml", "--no-exec"],
        &["status", "p.yaml"],
    ] {
        let output = run(here.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        assert_eq!(tree(here.path()), before, "{arguments:?} wrote something");
    }
    let seen = registry.seen();
    assert!(seen.len() > 3, "{seen:?}");
    let writes: Vec<_> = seen
        .iter()
        .filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD "))
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
}

/// Values that must never be seen; each comes another way, and each has its own.
const BY_ENV: &str = "canary-env-7f3a91";
const BY_FILE: &str = "canary-file-52c0be";
const BY_COMMAND: &str = "canary-command-e81d44";

const SECRETIVE: &str = r#"
regplan: v1
name: secretive
vars:
  password: { type: secret, from: { env: CANARY } }
  token:    { type: secret, from: { file: token.txt } }
  key:      { type: secret, from: { command: [cat, key.txt] } }
systems:
  v2:
    type: apicurio
    urls: ["URL"]
    auth: { basic: { username: admin, password: "${vars.password}" } }
phases:
  - id: one
    steps:
      - id: says
        uses: run.command
        with:
          command: [sh, -c, 'echo "$A $B $C"; echo "$A $B $C" >&2; cat /proc/$$/cmdline /proc/$PPID/cmdline > argv; touch done']
          creates: done
          env: &env { A: "${vars.password}", B: "${vars.token}", C: "x${vars.key}y" }
      - id: looks
        uses: run.check
        with: { command: [sh, -c, 'echo "$B"; echo "$C" >&2'], env: *env }
    checkpoint:
      - assert: systems.v2.ready && steps.says.stdout != "" && steps.looks.stderr != ""
  - id: two
    steps:
      - id: fails
        uses: run.command
        with:
          command: [sh, -c, 'echo "out $A $B"; echo "err $C" >&2; exit 3']
          env: *env
"#;

/// What a login with that password looks like on the wire: also a secret.
fn basic(password: &str) -> String {
    // Base64 by hand: the one place that needs it.
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for chunk in format!("admin:{password}").as_bytes().chunks(3) {
        let bytes = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        for place in 0..4 {
            if place <= chunk.len() {
                text.push(char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

fn secretive(registry: &Registry) -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("p.yaml"), SECRETIVE.replace("URL", &registry.url)).unwrap();
    fs::write(here.path().join("token.txt"), format!("{BY_FILE}\n")).unwrap();
    fs::write(here.path().join("key.txt"), BY_COMMAND).unwrap();
    here
}

fn find_canary(text: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(text);
    let wire = basic(BY_ENV);
    let wire = wire.strip_prefix("Basic ").unwrap_or_default();
    [BY_ENV, BY_FILE, BY_COMMAND]
        .into_iter()
        .find(|canary| text.contains(canary))
        .or_else(|| text.contains(wire).then_some("the login on the wire"))
}

#[test]
fn law_9_no_secret_is_in_any_output_file_record_or_argument() {
    let registry = Registry::start(Some(basic(BY_ENV)));
    let here = secretive(&registry);
    let mut shown = String::new();
    for (arguments, exit) in [
        (&["validate", "p.yaml"][..], 0),
        (&["validate", "p.yaml", "--json"], 0),
        (&["plan", "p.yaml", "-vv"], 0),
        (&["plan", "p.yaml", "--json"], 0),
        (&["apply", "p.yaml", "--auto-approve", "-vv"], 1),
        (
            &[
                "apply",
                "p.yaml",
                "--auto-approve",
                "--json",
                "-vv",
                "--log-format",
                "json",
            ],
            1,
        ),
        (&["plan", "p.yaml"], 0),
        (&["status", "p.yaml", "-vv"], 0),
        (&["status", "p.yaml", "--json"], 0),
        (&["journal", "p.yaml"], 0),
        (&["journal", "p.yaml", "--json"], 0),
    ] {
        let mut command = command(here.path(), arguments);
        // The libraries too may say all they know.
        command.env("CANARY", BY_ENV).env("REGPLAN_LOG", "trace");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", said(&output));
        let text = said(&output);
        assert_eq!(find_canary(text.as_bytes()), None, "{arguments:?}: {text}");
        shown.push_str(&text);
    }
    // The canaries were really there: the registry let the login pass, and the programs said their values.
    assert!(shown.contains("[redacted]"), "{shown}");
    assert!(shown.contains("ended with rc 3"), "{shown}");
    assert!(here.path().join(".regplan/state.db").exists());
    let argv = fs::read(here.path().join("argv")).unwrap();
    assert!(String::from_utf8_lossy(&argv).contains("regplan"), "{argv:?}");
    let given = ["token.txt", "key.txt"];
    for (name, bytes) in tree(here.path()) {
        if !given.iter().any(|given| name.ends_with(given)) {
            assert_eq!(find_canary(&bytes), None, "{name}");
        }
    }
}

#[test]
fn law_9_a_refused_login_and_a_secret_that_cannot_be_had_show_no_value() {
    let registry = Registry::start(Some(basic("another")));
    let here = secretive(&registry);
    for (value, what) in [(Some(BY_ENV), "refused"), (None, "missing")] {
        for arguments in [&["plan", "p.yaml"][..], &["apply", "p.yaml", "--auto-approve", "-vv"]] {
            let mut command = command(here.path(), arguments);
            command.env("REGPLAN_LOG", "trace").env_remove("CANARY");
            if let Some(value) = value {
                command.env("CANARY", value);
            }
            let output = command.output().unwrap();
            let text = said(&output);
            assert_eq!(find_canary(text.as_bytes()), None, "{what}: {arguments:?}: {text}");
            assert!(!text.contains("panicked"), "{text}");
        }
    }
    for (name, bytes) in tree(here.path()) {
        if !name.ends_with("token.txt") && !name.ends_with("key.txt") {
            assert_eq!(find_canary(&bytes), None, "{name}");
        }
    }
}

#[test]
fn law_9_a_server_that_repeats_the_login_in_its_error_does_not_bring_it_into_the_journal() {
    let registry = Registry::start(Some(basic(BY_ENV)));
    let here = secretive(&registry);
    let (head, _) = SECRETIVE.split_once("phases:").unwrap();
    let plan = format!(
        "{head}phases:\n  - id: one\n    steps:\n      - {{ id: backup, uses: registry.export, with: {{ from: v2, to: b.zip }} }}\n"
    );
    fs::write(here.path().join("p.yaml"), plan.replace("URL", &registry.url)).unwrap();
    for arguments in [
        &["apply", "p.yaml", "--auto-approve", "-vv"][..],
        &["journal", "p.yaml", "--json"],
        &["status", "p.yaml"],
    ] {
        let mut command = command(here.path(), arguments);
        command.env("CANARY", BY_ENV).env("REGPLAN_LOG", "trace");
        let text = said(&command.output().unwrap());
        assert!(text.contains("404"), "{arguments:?}: {text}");
        assert_eq!(find_canary(text.as_bytes()), None, "{arguments:?}: {text}");
    }
    for (name, bytes) in tree(here.path()) {
        if !name.ends_with("token.txt") && !name.ends_with("key.txt") {
            assert_eq!(find_canary(&bytes), None, "{name}");
        }
    }
}

#[test]
fn law_7_what_is_not_supported_yet_is_shown_by_name_and_refused_before_the_first_effect() {
    let here = tempfile::tempdir().unwrap();
    let plan = "\
regplan: v1
name: later
phases:
  - id: one
    steps:
      - { id: made, uses: run.command, with: { command: [touch, out], creates: out } }
  - id: two
    steps:
      - { id: sweep, uses: log.check, with: { anything: goes } }
";
    fs::write(here.path().join("p.yaml"), plan).unwrap();
    let valid = run(here.path(), &["validate", "p.yaml"]);
    assert_eq!(valid.status.code(), Some(0), "{}", said(&valid));
    assert!(said(&valid).contains("not supported yet"), "{}", said(&valid));
    let shown = run(here.path(), &["plan", "p.yaml"]);
    assert!(said(&shown).contains("sweep"), "{}", said(&shown));
    let refused = run(here.path(), &["apply", "p.yaml", "--auto-approve"]);
    assert_eq!(refused.status.code(), Some(64), "{}", said(&refused));
    assert!(said(&refused).contains("sweep"), "{}", said(&refused));
    assert!(!here.path().join("out").exists());
}

#[test]
fn law_6_of_two_applies_at_once_one_does_the_work_and_the_other_ends_with_5() {
    let here = tempfile::tempdir().unwrap();
    // The first apply holds the lock until the second has been answered.
    let plan = "\
regplan: v1
name: two
phases:
  - id: one
    steps:
      - id: holds
        uses: run.command
        timeout: 60s
        with: { command: [sh, -c, 'echo x >> ran; until test -e go; do sleep 0.02; done; touch done'], creates: done }
";
    fs::write(here.path().join("p.yaml"), plan).unwrap();
    let apply = &["apply", "p.yaml", "--auto-approve", "--lock-timeout", "0s"];
    let mut first = command(here.path(), apply)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !here.path().join("ran").exists() {
        assert!(first.try_wait().unwrap().is_none(), "the first apply ended early");
        std::thread::yield_now();
    }
    let second = run(here.path(), apply);
    fs::write(here.path().join("go"), "").unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(second.status.code(), Some(5), "{}", said(&second));
    assert_eq!(fs::read_to_string(here.path().join("ran")).unwrap(), "x\n");
}

fn one_step(directory: &Path, step: &str) {
    let plan = format!("regplan: v1\nname: one\nphases:\n  - id: one\n    steps:\n      - {step}\n");
    fs::write(directory.join("p.yaml"), plan).unwrap();
}

#[test]
fn law_3_the_intent_is_in_the_journal_while_the_act_goes_on_and_the_result_after_it() {
    let here = tempfile::tempdir().unwrap();
    // The act itself reads the journal, as somebody would after the power failed here.
    let journal = format!("{} journal p.yaml --json > seen", env!("CARGO_BIN_EXE_regplan"));
    one_step(
        here.path(),
        &format!("{{ id: looks, uses: run.command, with: {{ command: [sh, -c, '{journal}'], creates: seen }} }}"),
    );
    let output = run(here.path(), &["apply", "p.yaml", "--auto-approve"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let during = fs::read_to_string(here.path().join("seen")).unwrap();
    let after = said(&run(here.path(), &["journal", "p.yaml", "--json"]));
    assert!(during.contains("step_intended"), "{during}");
    assert!(!during.contains("step_settled"), "{during}");
    assert!(after.starts_with(&during) && after.contains("step_settled"), "{after}");
}

#[test]
fn law_4_a_step_that_says_it_is_done_and_is_not_has_failed() {
    let here = tempfile::tempdir().unwrap();
    one_step(
        here.path(),
        "{ id: lies, uses: run.command, with: { command: [\"true\"], creates: out } }",
    );
    let output = run(here.path(), &["apply", "p.yaml", "--auto-approve"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("lies"), "{}", said(&output));
    let journal = said(&run(here.path(), &["journal", "p.yaml", "--json"]));
    assert!(!journal.contains("step_settled"), "{journal}");
}

#[test]
fn law_5_applied_twice_is_done_once() {
    let here = tempfile::tempdir().unwrap();
    one_step(
        here.path(),
        "{ id: once, uses: run.command, with: { command: [sh, -c, 'echo x >> out'], creates: out } }",
    );
    for _ in 0..2 {
        let output = run(here.path(), &["apply", "p.yaml", "--auto-approve"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    // Another journal, the same world: it is already so.
    let output = run(
        here.path(),
        &["apply", "p.yaml", "--auto-approve", "--state", "other.db"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(fs::read_to_string(here.path().join("out")).unwrap(), "x\n");
}

#[test]
fn law_8_a_gate_that_this_version_cannot_open_stays_closed() {
    let here = tempfile::tempdir().unwrap();
    let plan = "\
regplan: v1
name: gated
phases:
  - id: before
    steps:
      - { id: first, uses: run.command, with: { command: [touch, out], creates: out } }
  - id: gated
    approval: { count: 1, signers: signers }
    steps:
      - { id: second, uses: run.command, with: { command: [touch, out2], creates: out2 } }
";
    fs::write(here.path().join("p.yaml"), plan).unwrap();
    fs::write(here.path().join("signers"), "").unwrap();
    let output = run(here.path(), &["apply", "p.yaml", "--auto-approve"]);
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    assert!(!here.path().join("out").exists() && !here.path().join("out2").exists());
}

/// `docs/architecture.md` names a test for each law; it must be there.
#[test]
fn every_law_has_tests_and_each_is_where_the_table_says() {
    let page = include_str!("../docs/architecture.md");
    let (_, table) = page.split_once("## Laws and their tests").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let mut laws = Vec::new();
    for row in table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| law"))
    {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        if let Some(Ok(number)) = cells.next().map(|law| law.split('.').next().unwrap().parse::<u32>()) {
            laws.push(number);
        }
        let marked: Vec<&str> = cells
            .next_back()
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        let mut file = String::new();
        for word in marked {
            if word.contains('/') {
                file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(word)).unwrap();
            } else {
                assert!(file.contains(&format!("fn {word}(")), "{row}: no {word}");
            }
        }
    }
    laws.dedup();
    assert_eq!(laws, (1..=10).collect::<Vec<_>>());
}
