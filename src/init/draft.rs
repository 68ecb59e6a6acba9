use std::path::Path;

use super::{
    Answers, Ask, Balancer, Commands, EnvFile, InitError, Registries, Seen,
    address::{Address, registry},
    login::login,
    nginx::{Found, Site},
    questions::{Question, Questions, line},
};

/// Where nginx's main file usually is.
const USUAL_CONFIG: &str = "/etc/nginx/nginx.conf";
/// Where the socket usually is; its directory is root's, so that nobody else can ask.
const USUAL_SOCKET: &str = "/run/regplan/nginx.sock";
/// The management port of 3.2 and later (`reference/apicurio.md` §0 row 9).
const MANAGEMENT: u16 = 9000;

/// What the flags said; empty and `None` where they said nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the flag of its name")]
pub struct Given {
    pub name: String,
    pub v2: Vec<String>,
    pub v3: Vec<String>,
    pub v3_management: Vec<String>,
    pub lb_url: Option<String>,
    pub lb_config: Option<String>,
    pub lb_prefix: Option<String>,
    pub lb_directory: Option<String>,
    pub lb_socket: Option<String>,
    pub v2_backend: Vec<String>,
    pub v3_backend: Vec<String>,
    pub oidc_issuer: Option<String>,
    pub username: Option<String>,
    pub password_env: Option<String>,
    pub ca: Option<String>,
    pub start_v3: Option<String>,
    pub v3_running: Option<String>,
    pub stop_v2: Option<String>,
    pub v2_stopped: Option<String>,
}

/// A plan but for what only the live 2.6 can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The plan's name.
    pub name: String,
    /// The registries.
    pub registries: Registries,
    /// The balancer.
    pub lb: Balancer,
    /// The commands.
    pub commands: Commands,
    /// The 2.6's environment.
    pub env: EnvFile,
    /// What nginx's files say; in words what was looked for, when that was not found.
    pub site: Result<Site, String>,
}

impl Draft {
    /// With what the live 2.6 said.
    pub fn answers(&self, seen: Seen) -> Answers {
        Answers {
            name: self.name.clone(),
            registries: self.registries.clone(),
            lb: self.lb.clone(),
            commands: self.commands.clone(),
            seen,
            env: self.env.clone(),
        }
    }
}

/// Everything that flags, files and the person say; no network.
///
/// # Errors
/// With all that is lacking or cannot be used, at once.
pub fn draft(given: &Given, env: EnvFile, person: Option<&mut dyn Ask>) -> Result<Draft, InitError> {
    let mut questions = Questions::new(person);
    let q = &mut questions;
    if !is_name(&given.name) {
        q.lack(
            "--name NAME",
            "begin with a small letter; small letters, digits, `_` and `-` follow, at most 64",
        );
    }
    let mut nginx = ask_nginx(given, &env, q);
    let v2 = v2_urls(given, &env, &nginx, q);
    nginx.search(&servers(&v2));
    let (v3, v3_management) = v3_urls(given, q);
    let lb = balancer(given, &nginx, (&v2, &v3), q);
    let login = login(given, &env, q);
    let commands = commands(given, (&v2, &v3_management), q);
    let ca = optional(q, "--ca FILE", given.ca.as_deref(), path);
    let lacking = questions.done();
    if !lacking.is_empty() {
        return Err(InitError::Lacking(lacking));
    }
    Ok(Draft {
        name: given.name.clone(),
        registries: Registries {
            v2,
            v3,
            v3_management,
            login,
            ca,
        },
        lb,
        commands,
        env,
        site: nginx.site,
    })
}

/// nginx's files, or the output of `nginx -T`.
fn ask_nginx(given: &Given, env: &EnvFile, q: &mut Questions<'_>) -> Found {
    const FLAG: &str = "--lb-config FILE";
    let config = q.know(&Question {
        flag: FLAG,
        what: "nginx's main file, or a file with the output of `nginx -T`",
        given: given.lb_config.clone(),
        proposal: Some(USUAL_CONFIG.to_owned()).filter(|usual| Path::new(usual).exists()),
        check: path,
    });
    if config.is_empty() {
        return Found::nothing();
    }
    let known: Vec<String> = servers(&given.v2).into_iter().chain(own_server(env)).collect();
    Found::at(Path::new(&config), &known).unwrap_or_else(|why| {
        q.lack(FLAG, format!("{config} cannot be read: {why}"));
        Found::nothing()
    })
}

fn v2_urls(given: &Given, env: &EnvFile, nginx: &Found, q: &mut Questions<'_>) -> Vec<String> {
    let behind = nginx.site.as_ref().ok().map(|site| {
        let urls = site.backends.iter().map(|server| format!("http://{server}"));
        urls.collect::<Vec<_>>().join(",")
    });
    let proposal = own_server(env).map(|server| format!("http://{server}")).or(behind);
    list(
        q,
        "--v2 URL",
        "the address of every replica of the 2.6, without /apis",
        &given.v2,
        proposal,
        registries,
    )
}

fn v3_urls(given: &Given, q: &mut Questions<'_>) -> (Vec<String>, Vec<String>) {
    let v3 = list(
        q,
        "--v3 URL",
        "the address of every replica of the 3.x, without /apis",
        &given.v3,
        None,
        registries,
    );
    let on_port = |url: &String| Some(Address::parse(url).ok()?.on_port(MANAGEMENT));
    let usual: Vec<String> = v3.iter().filter_map(on_port).collect();
    // Without the registries there is nothing to derive it from, and no second complaint to make.
    if v3.is_empty() && given.v3_management.is_empty() {
        return (v3, Vec::new());
    }
    let what = "the management address of every replica of the 3.x (health)";
    let management = list(
        q,
        "--v3-management URL",
        what,
        &given.v3_management,
        Some(usual.join(",")),
        registries,
    );
    (v3, management)
}

fn balancer(given: &Given, nginx: &Found, urls: (&[String], &[String]), q: &mut Questions<'_>) -> Balancer {
    let site = nginx.site.as_ref();
    let what = match site {
        Ok(_) => "the address that clients use".to_owned(),
        Err(why) => format!("the address that clients use ({why})"),
    };
    let url = q.know(&Question {
        flag: "--lb-url URL",
        what: &what,
        given: given.lb_url.clone(),
        proposal: site.ok().map(|site| site.url.clone()),
        check: registry,
    });
    let included = site.ok().and_then(|site| site.included.clone());
    let beside = || Some(nginx.main.as_ref()?.parent()?.join("regplan"));
    let directory = q.know(&Question {
        flag: "--lb-directory DIR",
        what: "the directory for regplan's two files, which nginx includes",
        given: given.lb_directory.clone(),
        proposal: included
            .or_else(beside)
            .map(|directory| directory.display().to_string()),
        check: path,
    });
    let socket = q.know(&Question {
        flag: "--lb-socket PATH",
        what: "the unix socket on which nginx answers regplan",
        given: given.lb_socket.clone(),
        proposal: Some(USUAL_SOCKET.to_owned()),
        check: path,
    });
    let found = site.map(|site| site.backends.clone()).unwrap_or_default();
    Balancer {
        url,
        config: nginx
            .main
            .as_ref()
            .map(|main| main.display().to_string())
            .unwrap_or_default(),
        prefix: optional(q, "--lb-prefix DIR", given.lb_prefix.as_deref(), path),
        directory,
        socket,
        v2_backends: backends(q, "--v2-backend HOST:PORT", &given.v2_backend, found, urls.0),
        v3_backends: backends(q, "--v3-backend HOST:PORT", &given.v3_backend, Vec::new(), urls.1),
    }
}

/// The servers as nginx reaches them: said, found in its files, or those of the addresses, if those are plain HTTP.
fn backends(q: &mut Questions<'_>, flag: &str, given: &[String], found: Vec<String>, urls: &[String]) -> Vec<String> {
    if !given.is_empty() {
        return given.to_vec();
    }
    if !found.is_empty() {
        return found;
    }
    if urls.iter().any(|url| url.starts_with("https://")) {
        q.lack(
            flag,
            "the plain HTTP server that nginx passes requests to, as its address is https",
        );
    }
    servers(urls)
}

fn commands(given: &Given, urls: (&[String], &[String]), q: &mut Questions<'_>) -> Commands {
    let mut command = |flag: &str, what: &str, given: &Option<String>| {
        q.know(&Question {
            flag,
            what,
            given: given.clone(),
            proposal: None,
            check: line,
        })
    };
    let start_v3 = command("--start-v3 CMD", "the command that starts the 3.x", &given.start_v3);
    let stop_v2 = command(
        "--stop-v2 CMD",
        "the command that stops the 2.6 at the very end",
        &given.stop_v2,
    );
    let answers = |urls: &[String], path: &str| match urls.first() {
        Some(url) => format!("curl -fsS -m 5 -o /dev/null {}", quoted(&format!("{url}{path}"))),
        None => String::new(),
    };
    let running = unit_of(&start_v3, &["start", "enable --now"]).map_or_else(
        || answers(urls.1, "/health/ready"),
        |unit| format!("systemctl is-active --quiet {unit}"),
    );
    let stopped = unit_of(&stop_v2, &["stop", "disable --now"]).map_or_else(
        || format!("! {}", answers(urls.0, "/apis/registry/v2/system/info")),
        |unit| format!("! systemctl is-active --quiet {unit}"),
    );
    Commands {
        v3_running: optional(q, "--v3-running CMD", given.v3_running.as_deref(), line).unwrap_or(running),
        v2_stopped: optional(q, "--v2-stopped CMD", given.v2_stopped.as_deref(), line).unwrap_or(stopped),
        start_v3,
        stop_v2,
    }
}

/// The unit of `systemctl VERB UNIT`, when the command is that and nothing else.
fn unit_of<'a>(command: &'a str, verbs: &[&str]) -> Option<&'a str> {
    let command = command
        .strip_prefix("sudo ")
        .unwrap_or(command)
        .strip_prefix("systemctl ")?;
    let unit = verbs
        .iter()
        .find_map(|verb| command.strip_prefix(verb)?.strip_prefix(' '))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._-".contains(c);
    (!unit.is_empty() && !unit.starts_with('-') && unit.chars().all(plain)).then_some(unit)
}

/// A word of `sh`.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn optional(
    q: &mut Questions<'_>,
    flag: &str,
    given: Option<&str>,
    check: fn(&str) -> Result<String, String>,
) -> Option<String> {
    let given = given?;
    Some(check(given).unwrap_or_else(|wrong| q.lack(flag, wrong)))
}

/// Several of a kind: flags are repeated, answers separated by commas.
fn list(
    q: &mut Questions<'_>,
    flag: &str,
    what: &str,
    given: &[String],
    proposal: Option<String>,
    check: fn(&str) -> Result<String, String>,
) -> Vec<String> {
    let known = q.know(&Question {
        flag,
        what,
        given: (!given.is_empty()).then(|| given.join(",")),
        proposal,
        check,
    });
    known
        .split(',')
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect()
}

fn registries(text: &str) -> Result<String, String> {
    let each: Result<Vec<String>, String> = text.split(',').map(registry).collect();
    each.map(|urls| urls.join(","))
}

fn servers(urls: &[String]) -> Vec<String> {
    let addresses = urls.iter().filter_map(|url| Address::parse(url).ok());
    addresses.map(|address| address.server()).collect()
}

/// The 2.6 on this host, when its environment says the port.
fn own_server(env: &EnvFile) -> Option<String> {
    env.port().map(|port| format!("127.0.0.1:{port}"))
}

/// An absolute path: what was typed starts here, and the plan may lie elsewhere.
fn path(text: &str) -> Result<String, String> {
    let path = std::path::absolute(line(text)?).map_err(|error| error.to_string())?;
    path.into_os_string()
        .into_string()
        .map_err(|_| "it is not UTF-8".to_owned())
}

/// As plans want it.
fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 64 && name.chars().all(inner)
}
