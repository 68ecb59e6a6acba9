use super::{
    nginx::{Place, Site},
    *,
};
use crate::source::{LoadOptions, load_text};

fn answers() -> Answers {
    Answers {
        name: "registry".to_owned(),
        registries: Registries {
            v2: vec!["http://10.0.0.11:8080".to_owned(), "http://10.0.0.12:8080".to_owned()],
            v3: vec!["http://10.0.0.21:8080".to_owned()],
            v3_management: vec!["http://10.0.0.21:9000".to_owned()],
            login: None,
            ca: None,
        },
        lb: Balancer {
            url: "https://registry.example.com".to_owned(),
            config: "/etc/nginx/nginx.conf".to_owned(),
            prefix: None,
            directory: "/etc/nginx/regplan".to_owned(),
            socket: "/run/regplan/nginx.sock".to_owned(),
            v2_backends: vec!["10.0.0.11:8080".to_owned(), "10.0.0.12:8080".to_owned()],
            v3_backends: vec!["10.0.0.21:8080".to_owned()],
        },
        commands: Commands {
            start_v3: "systemctl start registry-v3".to_owned(),
            v3_running: "systemctl is-active --quiet registry-v3".to_owned(),
            stop_v2: "systemctl disable --now registry-v2".to_owned(),
            v2_stopped: "! systemctl is-active --quiet registry-v2".to_owned(),
        },
        seen: Seen {
            version: "2.6.13.Final".to_owned(),
            groups: 12,
            artifacts: 90,
            versions: Some(224),
            rules: vec!["VALIDITY".to_owned()],
        },
        env: EnvFile::default(),
    }
}

/// With a login, Kafka, and a size beyond counting.
fn guarded() -> Answers {
    let env = "KAFKA_BOOTSTRAP_SERVERS=kafka:9092\nAUTH_ENABLED=true\nKEYCLOAK_URL=https://sso\nKEYCLOAK_REALM=r\n\
               KEYCLOAK_API_CLIENT_SECRET=canary\n";
    let mut answers = answers();
    answers.env = EnvFile::parse(env).unwrap();
    answers.registries.login = Some(Login {
        issuer: None,
        username: "regplan".to_owned(),
        password_env: "REGPLAN_PASSWORD".to_owned(),
    });
    answers.registries.ca = Some("/etc/ssl/registry.pem".to_owned());
    answers.lb.prefix = Some("/usr/share/nginx".to_owned());
    answers.seen.artifacts = 40_000;
    answers.seen.versions = None;
    answers.seen.rules = Vec::new();
    answers
}

#[track_caller]
fn plan(answers: &Answers) -> serde_json::Value {
    let text = render(answers).unwrap();
    let loaded = load_text("plan.yaml", text.clone(), &LoadOptions::default());
    let whats: Vec<String> = loaded.findings.iter().map(|one| one.what.clone()).collect();
    assert_eq!(whats, [] as [&str; 0], "{text}");
    let plan = loaded.program.unwrap().plan;
    let steps = plan.phases.iter().flat_map(|phase| &phase.steps);
    let with = steps.map(|step| (step.id.to_string(), step.with.clone())).collect();
    let systems = plan
        .systems
        .iter()
        .map(|(name, one)| (name.to_string(), one.spec.clone()))
        .collect();
    serde_json::json!({ "steps": serde_json::Value::Object(with), "systems": serde_json::Value::Object(systems) })
}

#[test]
fn a_plan_is_written_down_as_it_was() {
    plan(&answers());
    insta::assert_snapshot!(render(&answers()).unwrap());
}

#[test]
fn a_guarded_registry_in_kafka_gets_a_login_by_reference_small_chunks_and_more_time() {
    plan(&guarded());
    let text = render(&guarded()).unwrap();
    assert!(!text.contains("canary"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn awkward_values_are_read_back_as_they_were_said() {
    let awkward = r#"echo "${HOME}" 'it''s': #1 \n $${x} - [a, b] {c} %d & *e !f | ` 🦀"#;
    let mut answers = guarded();
    answers.commands.start_v3 = awkward.to_owned();
    answers.commands.v2_stopped = "${vars.secret}".to_owned();
    answers.lb.config = "/etc/my nginx: \"x\"/nginx.conf".to_owned();
    answers.registries.login.as_mut().unwrap().username = "no".to_owned();
    let plan = plan(&answers);
    assert_eq!(plan["steps"]["start_v3"]["command"][2], awkward);
    assert_eq!(plan["steps"]["stop_v2"]["unless"][2], "${vars.secret}");
    assert_eq!(plan["systems"]["lb"]["config"], answers.lb.config);
    assert_eq!(plan["systems"]["v2"]["auth"]["basic"]["username"], "no");
}

fn given() -> Given {
    let directory = env!("CARGO_MANIFEST_DIR");
    let one = |text: &str| Some(text.to_owned());
    Given {
        name: "registry".to_owned(),
        v2: vec!["http://10.0.0.11:8080/".to_owned()],
        v3: vec!["http://10.0.0.21:8080".to_owned()],
        lb_config: Some(format!("{directory}/tests/data/init/nginx.conf")),
        start_v3: one("systemctl start registry-v3"),
        stop_v2: one("docker stop registry"),
        ..Given::default()
    }
}

#[test]
fn what_flags_leave_out_is_found_in_nginx_s_files_or_derived() {
    let draft = draft(&given(), EnvFile::default(), None).unwrap();
    assert_eq!(draft.registries.v2, ["http://10.0.0.11:8080"]);
    assert_eq!(draft.registries.v3_management, ["http://10.0.0.21:9000"]);
    assert_eq!(draft.lb.url, "https://registry.example.com");
    assert_eq!(draft.lb.v2_backends, ["10.0.0.11:8080", "10.0.0.12:8080"]);
    assert!(
        draft.lb.directory.ends_with("tests/data/init/regplan"),
        "{}",
        draft.lb.directory
    );
    assert_eq!(draft.commands.v3_running, "systemctl is-active --quiet registry-v3");
    assert_eq!(
        draft.commands.v2_stopped,
        "! curl -fsS -m 5 -o /dev/null 'http://10.0.0.11:8080/apis/registry/v2/system/info'"
    );
}

#[test]
fn everything_that_is_lacking_or_wrong_is_said_at_once() {
    let given = Given {
        name: "A".to_owned(),
        lb_config: Some("no/such/nginx.conf".to_owned()),
        v3: vec!["https://10.0.0.21".to_owned()],
        start_v3: Some("a\nb".to_owned()),
        ..Given::default()
    };
    let Err(InitError::Lacking(all)) = draft(&given, EnvFile::default(), None) else {
        panic!("nothing was lacking")
    };
    let flags: Vec<&str> = all.iter().map(|one| one.flag.as_str()).collect();
    assert_eq!(
        flags,
        [
            "--name NAME",
            "--lb-config FILE",
            "--v2 URL",
            "--lb-url URL",
            "--lb-directory DIR",
            "--v3-backend HOST:PORT",
            "--start-v3 CMD",
            "--stop-v2 CMD"
        ]
    );
}

/// Gives the answers in turn, and keeps the questions.
struct Person(Vec<&'static str>, Vec<String>);

impl Ask for Person {
    fn ask(&mut self, question: &str) -> Option<String> {
        self.1.push(question.to_owned());
        (!self.0.is_empty()).then(|| self.0.remove(0).to_owned())
    }
}

#[test]
fn a_person_is_asked_only_for_what_flags_left_out() {
    let given = Given {
        start_v3: None,
        v2: Vec::new(),
        ..given()
    };
    let mut person = Person(
        vec!["10.0.0.11:8080", "http://10.0.0.11:8080", "", "", "", "", "start it"],
        Vec::new(),
    );
    let draft = draft(&given, EnvFile::default(), Some(&mut person)).unwrap();
    assert_eq!(draft.commands.start_v3, "start it");
    insta::assert_snapshot!(person.1.join("\n").replace(env!("CARGO_MANIFEST_DIR"), "HERE"));
}

#[test]
fn what_is_left_to_a_person_names_the_two_includes_and_their_places() {
    let place = |line| Place {
        file: "/etc/nginx/sites-enabled/registry".into(),
        line,
    };
    let site = Site {
        url: String::new(),
        backends: Vec::new(),
        http: place(1),
        server: place(9),
        location: Some(place(14)),
        included: None,
        bounded: true,
    };
    insta::assert_snapshot!(remaining(&guarded(), Ok(&site)).join("\n"));
    let included = Site {
        included: Some("/etc/nginx/regplan".into()),
        ..site
    };
    assert_eq!(remaining(&answers(), Ok(&included)).len(), 3);
    let unknown = remaining(&answers(), Err("two may be it"));
    assert!(unknown[1].contains("two may be it"), "{unknown:?}");
}

#[test]
fn a_registry_behind_a_provider_gets_a_client_whose_secret_is_a_reference() {
    let mut answers = guarded();
    answers.registries.login.as_mut().unwrap().issuer = Some("https://sso/realms/r".to_owned());
    let plan = plan(&answers);
    for system in ["v2", "v3"] {
        let oidc = &plan["systems"][system]["auth"]["oidc"];
        assert_eq!(oidc["issuer"], "https://sso/realms/r");
        assert_eq!(oidc["client_id"], "regplan");
        assert!(
            oidc["client_secret"].to_string().contains("registry_password"),
            "{oidc}"
        );
    }
    let left = remaining(&answers, Err("x")).join("\n");
    assert!(
        left.contains("service account") && !left.contains("BASIC_AUTH"),
        "{left}"
    );
}

#[test]
fn the_issuer_is_taken_from_the_environment_unless_basic_is_said_or_taken() {
    let env = "AUTH_ENABLED=true\nKEYCLOAK_URL=https://sso\nKEYCLOAK_REALM=r\n";
    let with_basic = format!("{env}CLIENT_CREDENTIALS_BASIC_AUTH_ENABLED=true\n");
    let issuer = |env: &str, flag: Option<&str>| {
        let given = Given {
            username: Some("regplan".to_owned()),
            oidc_issuer: flag.map(str::to_owned),
            ..given()
        };
        let login = draft(&given, EnvFile::parse(env).unwrap(), None)
            .unwrap()
            .registries
            .login;
        login.unwrap().issuer
    };
    let found = Some("https://sso/realms/r".to_owned());
    assert_eq!(issuer(env, None), found);
    assert_eq!(issuer(env, Some("basic")), None);
    assert_eq!(issuer(&with_basic, None), None);
    assert_eq!(issuer("", None), None);
    assert_eq!(issuer("", Some("https://sso/realms/r")), found);
    let wrong = Given {
        oidc_issuer: Some("https://u:canary@sso/realms/r".to_owned()),
        ..given()
    };
    let Err(error) = draft(&wrong, EnvFile::default(), None) else {
        panic!("a login in an address was taken")
    };
    let said = error.to_string();
    assert!(said.contains("--oidc-issuer URL") && !said.contains("canary"), "{said}");
}
