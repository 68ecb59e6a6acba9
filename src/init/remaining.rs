use super::{Answers, nginx::Site};

/// What a person still has to do before `apply`, one thing each, in the order of doing it.
pub fn remaining(answers: &Answers, site: Result<&Site, &str>) -> Vec<String> {
    let mut all = includes(&answers.lb.directory, site);
    if answers.lb.v2_backends.len() > answers.registries.v2.len() {
        let all_servers = answers.lb.v2_backends.join(", ");
        all.push(format!(
            "name every replica of the 2.6 under `systems: v2: urls`: nginx passes requests to {all_servers}"
        ));
    }
    all.push(
        "decide the 3.x: its version, an empty storage of its own, and that the command under `deploy_v3` starts it"
            .to_owned(),
    );
    all.push(format!(
        "decide how long writes may be refused: `limits: freeze`, now {}m",
        answers.freeze_minutes()
    ));
    all.push(
        "decide what has to be seen before 2.6 is given up: `soak`, and the command under `decommission`".to_owned(),
    );
    let by_oidc = answers
        .registries
        .login
        .as_ref()
        .is_some_and(|login| login.issuer.is_some());
    if by_oidc {
        all.push(
            "give the client that regplan logs in as a service account with the role `sr-admin`, on both registries"
                .to_owned(),
        );
    }
    if answers.env.wants_login() && !answers.env.takes_basic() && !by_oidc {
        all.push(
            "set CLIENT_CREDENTIALS_BASIC_AUTH_ENABLED=true on the 2.6 if its login is a client's id and secret: regplan logs \
             in by HTTP Basic"
                .to_owned(),
        );
    }
    all
}

fn includes(directory: &str, site: Result<&Site, &str>) -> Vec<String> {
    let (http, server, instead, bounded) = match site {
        Ok(site) if site.included.is_some() => return bound(site.bounded).into_iter().collect(),
        Ok(site) => {
            let instead = site
                .location
                .as_ref()
                .map(|place| format!(", instead of the `proxy_pass` at {place}"));
            (
                format!("the `http` block at {}", site.http),
                format!("the `server` block at {}", site.server),
                instead.unwrap_or_default(),
                site.bounded,
            )
        }
        Err(why) => (
            "nginx's `http` block".to_owned(),
            format!("the registry's `server` block (it was not found: {why})"),
            String::new(),
            false,
        ),
    };
    let mut all = vec![
        format!("put `include {directory}/http.conf;` into {http}"),
        format!("put `include {directory}/server.conf;` into {server}{instead}"),
        format!("make both files, with what nginx serves today, until the first apply replaces them: {directory}"),
    ];
    all.extend(bound(bounded));
    all
}

/// Without it an upload that hangs holds a reload for ever (`reference/lab.md` §1.6).
fn bound(bounded: bool) -> Option<String> {
    (!bounded).then(|| "put `worker_shutdown_timeout 120s;` at the top of nginx's main file, and reload".to_owned())
}
