use std::{collections::BTreeMap, path::PathBuf};

use super::{Config, Place, syntax::Directive};

/// What nginx's files say of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The address that clients use, as far as `listen` and `server_name` tell.
    pub url: String,
    /// The servers behind it, `host:port`.
    pub backends: Vec<String>,
    /// Its `http` block.
    pub http: Place,
    /// Its `server` block.
    pub server: Place,
    /// The location that passes requests on today.
    pub location: Option<Place>,
    /// The directory of regplan's two files, when both are included already.
    pub included: Option<PathBuf>,
    /// Whether `worker_shutdown_timeout` is set.
    pub bounded: bool,
}

/// The upstream that regplan's own file declares.
const OURS: &str = "regplan_active";

/// Finds the server of the registry: the one with regplan's files, else the one that passes requests to a server of `known`
/// (`host:port`), else the one with a location of the registry's API, else the only one that passes anything on.
///
/// # Errors
/// In words: what was looked for, when none or several are found.
pub fn find(config: &Config, known: &[String]) -> Result<Site, String> {
    let candidates = candidates(config);
    let ways: [&dyn Fn(&&Candidate<'_>) -> bool; 4] = [
        &|one| one.included.is_some(),
        &|one| {
            one.passes.iter().any(|pass| {
                pass.servers
                    .iter()
                    .any(|server| known.iter().any(|known| same(known, server)))
            })
        },
        &|one| one.passes.iter().any(|pass| pass.path.contains("/apis")),
        &|one| !one.passes.is_empty(),
    ];
    for way in ways {
        let found: Vec<&Candidate<'_>> = candidates.iter().filter(way).collect();
        match found.as_slice() {
            [] => {}
            [one] => return site(config, one, known),
            several => {
                let places: Vec<String> = several.iter().map(|one| one.server.place.to_string()).collect();
                return Err(format!("several servers may be the registry's: {}", places.join(", ")));
            }
        }
    }
    Err(format!(
        "no `server` of {} passes requests on with `proxy_pass http://…`",
        config.main.display()
    ))
}

struct Candidate<'a> {
    http: &'a Directive,
    server: &'a Directive,
    passes: Vec<Pass<'a>>,
    included: Option<PathBuf>,
}

struct Pass<'a> {
    path: String,
    servers: Vec<String>,
    place: &'a Place,
}

fn named<'a>(directives: &'a [Directive], name: &'a str) -> impl Iterator<Item = &'a Directive> {
    directives.iter().filter(move |directive| directive.name == name)
}

fn candidates(config: &Config) -> Vec<Candidate<'_>> {
    let mut found = Vec::new();
    for http in named(&config.directives, "http") {
        let upstreams: BTreeMap<&str, Vec<String>> = named(&http.block, "upstream")
            .filter_map(|upstream| Some((upstream.args.first()?.as_str(), servers(upstream))))
            .collect();
        for server in named(&http.block, "server") {
            let mut passes = Vec::new();
            gather(&server.block, "/", &upstreams, &mut passes);
            found.push(Candidate {
                http,
                server,
                passes,
                included: included(config, http, server),
            });
        }
    }
    found
}

/// Without those that nginx passes requests to only when others fail, or never: regplan's upstream treats all alike.
fn servers(upstream: &Directive) -> Vec<String> {
    let aside = |server: &&Directive| server.args.iter().any(|arg| arg == "backup" || arg == "down");
    let names = named(&upstream.block, "server").filter(|server| !aside(server));
    let names = names.filter_map(|server| server.args.first());
    names
        .filter(|name| !name.starts_with("unix:"))
        .map(|name| with_port(name))
        .collect()
}

fn with_port(name: &str) -> String {
    let has_port = name.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if has_port {
        name.to_owned()
    } else {
        format!("{name}:80")
    }
}

/// Every `proxy_pass` to a name or address over plain HTTP; one with variables says nothing that can be used.
fn gather<'a>(block: &'a [Directive], path: &str, upstreams: &BTreeMap<&str, Vec<String>>, out: &mut Vec<Pass<'a>>) {
    for directive in block {
        match directive.name.as_str() {
            "proxy_pass" => {
                let target = directive.args.first().and_then(|target| target.strip_prefix("http://"));
                let Some(target) = target.filter(|target| !target.contains('$') && !target.starts_with("unix:")) else {
                    continue;
                };
                let name = target.split('/').next().unwrap_or_default();
                let servers = upstreams.get(name).cloned().unwrap_or_else(|| vec![with_port(name)]);
                out.push(Pass {
                    path: path.to_owned(),
                    servers,
                    place: &directive.place,
                });
            }
            "location" => {
                let inner = directive.args.last().map_or("/", String::as_str);
                gather(&directive.block, inner, upstreams, out);
            }
            _ => gather(&directive.block, path, upstreams, out),
        }
    }
}

/// The directory whose `http.conf` and `server.conf` are both included.
fn included(config: &Config, http: &Directive, server: &Directive) -> Option<PathBuf> {
    let directories = |block: &Directive, file: &str| -> Vec<PathBuf> {
        let paths = named(&block.block, "include").filter_map(|include| include.args.first());
        let paths = paths.map(|path| config.path(path)).filter(|path| path.ends_with(file));
        paths.filter_map(|path| path.parent().map(PathBuf::from)).collect()
    };
    let in_http = directories(http, "http.conf");
    directories(server, "server.conf")
        .into_iter()
        .find(|directory| in_http.contains(directory))
}

/// Whether two `host:port` name the same server, as far as texts tell.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace("localhost:", "127.0.0.1:").to_ascii_lowercase();
    plain(one) == plain(other)
}

fn site(config: &Config, found: &Candidate<'_>, known: &[String]) -> Result<Site, String> {
    let of_known = |pass: &&Pass<'_>| {
        pass.servers
            .iter()
            .any(|server| known.iter().any(|known| same(known, server)))
    };
    let of_registry = |pass: &&Pass<'_>| pass.path.contains("/apis");
    let passes = || found.passes.iter();
    let pass = passes().find(of_known).or_else(|| passes().find(of_registry));
    let pass = pass
        .or_else(|| passes().find(|pass| pass.path == "/"))
        .or_else(|| passes().next());
    let ours =
        named(&found.http.block, "upstream").find(|upstream| upstream.args.first().is_some_and(|name| name == OURS));
    let backends = match (pass, ours) {
        (_, Some(ours)) if found.included.is_some() => servers(ours),
        (Some(pass), _) => pass.servers.clone(),
        (None, _) => Vec::new(),
    };
    if backends.is_empty() {
        return Err(format!(
            "{}: no server of its upstream has an address that can be used",
            found.server.place
        ));
    }
    Ok(Site {
        url: url(found.server),
        backends,
        http: found.http.place.clone(),
        server: found.server.place.clone(),
        location: pass.map(|pass| pass.place.clone()),
        included: found.included.clone(),
        bounded: named(&config.directives, "worker_shutdown_timeout").next().is_some(),
    })
}

/// `https` where a `listen` says `ssl`; the first plain name, else the address that is listened on, else this host.
fn url(server: &Directive) -> String {
    let listens: Vec<&Directive> = named(&server.block, "listen").collect();
    let tls = listens.iter().find(|listen| listen.args.iter().any(|arg| arg == "ssl"));
    let listen = tls.or_else(|| listens.first()).and_then(|listen| listen.args.first());
    let (address, port) = listen.map_or(("", 80), |listen| address_and_port(listen));
    let names = named(&server.block, "server_name").flat_map(|names| &names.args);
    let plain =
        |name: &&String| !name.is_empty() && *name != "_" && !name.contains(['*', '~', '$']) && !name.starts_with('.');
    let anywhere = ["", "*", "0.0.0.0", "[::]"].contains(&address);
    let own = if anywhere { "127.0.0.1" } else { address };
    let mut names = names.filter(plain);
    let host = names.next().map_or(own, String::as_str);
    let (scheme, usual) = if tls.is_some() { ("https", 443) } else { ("http", 80) };
    if port == usual {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{port}")
    }
}

fn address_and_port(listen: &str) -> (&str, u16) {
    if let Ok(port) = listen.parse() {
        return ("", port);
    }
    match listen.rsplit_once(':') {
        Some((address, port)) if !port.ends_with(']') => (address, port.parse().unwrap_or(80)),
        _ => (listen, 80),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::init::nginx::{Dump, read};

    fn found(text: &str, known: &[&str]) -> Result<Site, String> {
        let dump = Dump::parse(&format!("# configuration file /etc/nginx/nginx.conf:\n{text}")).unwrap();
        let config = read(&dump, dump.main()).unwrap();
        let known: Vec<String> = known.iter().map(|one| (*one).to_owned()).collect();
        find(&config, &known)
    }

    const TWO: &str = "
http {
    upstream registry { server 10.0.0.11:8080; server 10.0.0.12:8080; server 10.0.0.13:8080 backup; keepalive 8; }
    server { listen 80; server_name www.example.com; location / { proxy_pass http://10.0.0.9; } }
    server {
        listen 443 ssl;
        server_name registry.example.com;
        location / { proxy_pass http://registry; }
    }
}
";

    #[test]
    fn the_server_that_passes_to_the_registry_is_found_with_its_upstream() {
        let site = found(TWO, &["10.0.0.11:8080"]).unwrap();
        assert_eq!(site.url, "https://registry.example.com");
        assert_eq!(site.backends, ["10.0.0.11:8080", "10.0.0.12:8080"]);
        assert_eq!((site.http.line, site.server.line), (2, 5));
        assert_eq!(site.location.unwrap().line, 8);
        assert!(!site.bounded && site.included.is_none());
    }

    #[test]
    fn two_servers_that_may_be_it_are_named_and_not_chosen_from() {
        let said = found(TWO, &[]).unwrap_err();
        assert_eq!(
            said,
            "several servers may be the registry's: /etc/nginx/nginx.conf:4, /etc/nginx/nginx.conf:5"
        );
        assert!(
            found("http { server { listen 80; } }", &[])
                .unwrap_err()
                .contains("proxy_pass")
        );
        assert!(found("http { server { location / { proxy_pass http://$up; } } }", &[]).is_err());
    }

    #[test]
    fn a_location_of_the_registrys_api_tells_it_apart() {
        let text = "worker_shutdown_timeout 120s; http {
            server { listen 8000; location /apis/ { proxy_pass http://localhost:8080/apis/; } }
            server { listen 8001; location / { proxy_pass http://localhost:9; } } }";
        let site = found(text, &[]).unwrap();
        assert_eq!((site.url.as_str(), site.bounded), ("http://127.0.0.1:8000", true));
        assert_eq!(site.backends, ["localhost:8080"]);
        assert_eq!(found(text, &["127.0.0.1:8080"]).unwrap(), site);
    }

    #[test]
    fn files_that_are_included_already_tell_their_directory() {
        let text = "
http { include regplan/http.conf; server { listen 127.0.0.1:81; include regplan/server.conf; } }
# configuration file /etc/nginx/regplan/http.conf:
upstream regplan_active { server 127.0.0.1:8080; }
# configuration file /etc/nginx/regplan/server.conf:
location / { proxy_pass http://regplan_active; }
";
        let site = found(text, &[]).unwrap();
        assert_eq!(site.included.as_deref(), Some(Path::new("/etc/nginx/regplan")));
        assert_eq!(
            (site.url.as_str(), site.backends.as_slice()),
            ("http://127.0.0.1:81", &["127.0.0.1:8080".to_owned()][..])
        );
    }
}
