use std::fmt::Write as _;

use minijinja::{Environment, UndefinedBehavior, context, syntax::SyntaxConfig};
use sha2::{Digest as _, Sha256};

use super::{NginxSpec, generation::Generation, spec::Places};
use crate::{
    model::{BackendName, RunId},
    resource::RouteWrites,
    system::freeze_rules::{FROZEN_BODY, READING_METHODS, patterns},
};

/// The two owned files and the generation that they install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    /// What the socket will answer.
    pub generation: Generation,
    /// `http.conf`.
    pub http: String,
    /// `server.conf`.
    pub server: String,
}

/// Why a route cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenderError {
    /// The plan has no such backend.
    #[error("no backend `{0}` is declared")]
    NoBackend(BackendName),
    /// nginx cannot make writes wait by itself.
    #[error("`writes: hold` is not supported yet")]
    Hold,
    /// The template does not fit its values: a mistake of this program.
    #[error("its files cannot be rendered")]
    Template(#[from] minijinja::Error),
}

/// Renders the files of a route, in the manner of `reference/lab.md` §1.4; equal arguments give equal bytes.
///
/// # Errors
/// When there is no such backend, or writes are to be held.
pub(super) fn render(
    spec: &NginxSpec,
    places: &Places,
    to: &BackendName,
    writes: RouteWrites,
    run: &RunId,
) -> Result<Rendered, RenderError> {
    let servers = spec
        .backends
        .get(to)
        .ok_or_else(|| RenderError::NoBackend(to.clone()))?;
    let deny = match writes {
        RouteWrites::Allow => false,
        RouteWrites::Deny => true,
        RouteWrites::Hold | RouteWrites::Mixed => return Err(RenderError::Hold),
    };
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
    let http = |generation: &str| {
        templates.render_str(
            include_str!("templates/http.conf"),
            context! {
                servers, generation, deny,
                // The newer APIs are read through the later backend only.
                patterns => patterns(spec.backends.keys().next() != Some(to)),
                socket => places.socket.to_string_lossy(),
            },
        )
    };
    let server = templates.render_str(
        include_str!("templates/server.conf"),
        context! { retry_after => spec.retry_after.get().as_secs().max(1), frozen_body => FROZEN_BODY, allow => READING_METHODS.join(", ") },
    )?;
    let generation = Generation {
        to: to.clone(),
        writes,
        run: run.clone(),
        hash: hash_of(&http("")?, &server),
    };
    Ok(Rendered {
        http: http(&generation.to_string())?,
        server,
        generation,
    })
}

fn hash_of(http: &str, server: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(http);
    // So that no byte can wander from one file to the other unseen.
    hash.update([0]);
    hash.update(server);
    let mut hex = String::new();
    for byte in hash.finalize().iter().take(Generation::HASH / 2) {
        // Writing to a String cannot fail.
        let _infallible = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn rendered(to: &str, writes: RouteWrites) -> Result<Rendered, RenderError> {
        let spec: NginxSpec = serde_json::from_value(serde_json::json!({
            "url": "http://lb", "config": "/etc/nginx/nginx.conf", "directory": "/etc/nginx/regplan",
            "socket": "/run/regplan/nginx.sock",
            "backends": {"v2": ["10.0.0.11:8080", "10.0.0.12:8080"], "v3": ["10.0.0.13:8080"]}
        }))
        .unwrap();
        let places = spec.places(Path::new("/plan"));
        render(&spec, &places, &BackendName::new(to), writes, &RunId::new("4f2a"))
    }

    #[test]
    fn a_frozen_v2_renders_as_in_the_lab() {
        let files = rendered("v2", RouteWrites::Deny).unwrap();
        insta::assert_snapshot!(format!("{}\n=== server.conf\n{}", files.http, files.server));
    }

    #[test]
    fn an_open_v3_denies_nothing_and_knows_the_newer_reads() {
        let files = rendered("v3", RouteWrites::Allow).unwrap();
        assert!(
            files.http.contains("map \"\" $regplan_deny {\n    default 0;"),
            "{}",
            files.http
        );
        assert!(files.http.contains("/apis/registry/v3/search/(artifacts|versions)"));
        assert!(files.http.contains("    server 10.0.0.13:8080;\n    keepalive 16;"));
    }

    #[test]
    fn equal_routes_have_equal_generations_and_others_differ() {
        let of = |to, writes| rendered(to, writes).unwrap().generation.to_string();
        assert_eq!(of("v2", RouteWrites::Deny), of("v2", RouteWrites::Deny));
        assert_ne!(of("v2", RouteWrites::Deny), of("v2", RouteWrites::Allow));
        assert!(of("v2", RouteWrites::Deny).starts_with("v2-deny-4f2a-"));
    }

    #[test]
    fn an_unknown_backend_and_hold_are_refused() {
        assert!(matches!(
            rendered("v4", RouteWrites::Allow),
            Err(RenderError::NoBackend(_))
        ));
        assert!(matches!(rendered("v2", RouteWrites::Hold), Err(RenderError::Hold)));
    }
}
