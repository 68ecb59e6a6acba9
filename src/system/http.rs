//! The HTTP client: the one home of `reqwest`. Whoever builds one needs a TLS provider installed first (`main` does it).

use std::{fs, path::Path, time::Duration};

use futures_util::StreamExt as _;
use reqwest::{Client, ClientBuilder, Response, Url, redirect::Policy};

use super::SystemError;
use crate::model::SystemName;

/// A server that is alive takes a connection within this time, also across a continent.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest silence of an answer. A registry that exports 100,000 versions sends its first byte after 0.1 s
/// (`reference/apicurio.md` §11.7 f), so a minute without any byte is a dead one.
const SILENCE: Duration = Duration::from_secs(60);
/// An import answers only when all is stored: 44 ms a version on KafkaSQL (§11.7 a), so a full chunk takes most of a
/// minute there and several on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Idle connections that a client keeps: more than a load has workers.
const KEPT: usize = 64;
/// A certificate bundle is smaller than this; bytes.
const CA_LIMIT: u64 = 4 << 20;

/// Two clients with the same trust: one for quick answers, one for a request that works for minutes before it answers.
#[derive(Clone)]
pub(in crate::system) struct Http {
    pub(in crate::system) quick: Client,
    pub(in crate::system) patient: Client,
}

impl Http {
    /// Clients for these addresses; `ca` holds PEM certificates trusted besides the platform's.
    ///
    /// A proxy of the environment is used, except when all addresses are on this machine: no proxy can reach those.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub(in crate::system) fn open(system: &SystemName, urls: &[Url], ca: Option<&Path>) -> Result<Self, SystemError> {
        let ca = ca.map(read_ca).transpose()?;
        let build = |silence| {
            let mut builder = base(silence);
            if let Some(pem) = &ca {
                builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
            }
            if urls.iter().all(is_loopback) {
                builder = builder.no_proxy();
            }
            builder.build()
        };
        let setup = |error: reqwest::Error| SystemError::Setup {
            system: system.clone(),
            reason: super::causes(&error),
        };
        Ok(Self {
            quick: build(SILENCE).map_err(setup)?,
            patient: build(PATIENCE).map_err(setup)?,
        })
    }
}

/// A client with a fresh connection for each request, and no proxy between, for looking at a balancer from outside.
///
/// # Errors
/// When the certificates cannot be read.
pub(in crate::system) fn fresh(
    system: &SystemName,
    url: &str,
    ca: Option<&Path>,
    limit: Duration,
) -> Result<Client, SystemError> {
    direct(url, ca, limit, 0).map_err(|why| why.of(system))
}

/// A client that keeps its connections as those of a registry do, with no proxy between.
///
/// # Errors
/// When the certificates cannot be read.
pub(in crate::system) fn kept(
    system: &SystemName,
    url: &str,
    ca: Option<&Path>,
    limit: Duration,
) -> Result<Client, SystemError> {
    direct(url, ca, limit, KEPT).map_err(|why| why.of(system))
}

/// Why a client cannot be made.
enum Unmade {
    File(SystemError),
    Client(reqwest::Error),
}

impl Unmade {
    fn of(self, system: &SystemName) -> SystemError {
        match self {
            Self::File(error) => error,
            Self::Client(error) => SystemError::Setup {
                system: system.clone(),
                reason: super::causes(&error),
            },
        }
    }
}

fn direct(url: &str, ca: Option<&Path>, limit: Duration, idle: usize) -> Result<Client, Unmade> {
    let mut builder = base(limit)
        .http1_only()
        .no_proxy()
        .pool_max_idle_per_host(idle)
        .timeout(limit);
    if url.starts_with("http:") {
        // Spares loading the machine's authorities, which takes longer than the probe.
        builder = builder.tls_certs_only([]);
    } else if let Some(ca) = ca {
        let pem = read_ca(ca).map_err(Unmade::File)?;
        let pem = reqwest::Certificate::from_pem_bundle(&pem).map_err(Unmade::Client)?;
        builder = builder.tls_certs_merge(pem);
    }
    builder.build().map_err(Unmade::Client)
}

/// Sets the TLS provider of the process where nobody has yet: reqwest is built without one.
fn provide_crypto() {
    use rustls::crypto::{CryptoProvider, ring};
    if CryptoProvider::get_default().is_none() && ring::default_provider().install_default().is_err() {
        tracing::debug!("another part has set the TLS provider in the meantime");
    }
}

/// Reads a body; `None` when it is longer than `limit` bytes.
///
/// # Errors
/// When it ends before its end.
pub(in crate::system) async fn read_up_to(response: Response, limit: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn base(silence: Duration) -> ClientBuilder {
    provide_crypto();
    Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(silence)
        .redirect(Policy::none())
        .user_agent(concat!("regplan/", env!("CARGO_PKG_VERSION")))
}

fn read_ca(path: &Path) -> Result<Vec<u8>, SystemError> {
    let failed = |source| SystemError::File {
        verb: "read",
        path: path.to_owned(),
        source,
    };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > CA_LIMIT {
        return Err(failed(std::io::Error::other("too big for a certificate bundle")));
    }
    fs::read(path).map_err(failed)
}

/// Whether an address is on this machine.
pub(in crate::system) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Appends path segments, percent-encoded, to an address.
///
/// It encodes on its own: `Url` drops tabs and line breaks, and reads a segment `..` as "one up", which is another
/// resource. Empty ids and `.`, `..` cannot be addressed at all: `None`.
pub(in crate::system) fn join(base: &Url, segments: &[&str]) -> Option<Url> {
    let mut path = base.path().trim_end_matches('/').to_owned();
    for segment in segments {
        if matches!(*segment, "" | "." | "..") {
            return None;
        }
        path.push('/');
        encode(segment, &mut path);
    }
    let mut url = base.clone();
    url.set_path(&path);
    Some(url)
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3 and `=` (`branch=latest` is a path segment).
fn encode(segment: &str, out: &mut String) {
    use std::fmt::Write as _;
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~=".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_ids_are_one_segment_each_and_survive_decoding() {
        // The ids that 2.6.13 takes (fixtures/make_rich.py), and a tab and a line break, which `Url` would drop.
        for id in [
            "with space (x)",
            "a+b&c=d",
            "a:b",
            "umlaut-ä",
            "slash/inside",
            "odd group/ä",
            "semi;colon",
            "q?m#h",
            "quote'\"",
            "a%b",
            "%2e%2e",
            "tab\there",
            "line\nbreak",
            "...",
            "~10",
        ] {
            let base = Url::parse("http://127.0.0.1:1/prefix/").unwrap();
            let url = join(&base, &["groups", id, "artifacts"]).unwrap();
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            assert_eq!(segments.len(), 4, "{id}: {url}");
            assert_eq!(segments[0], "prefix");
            assert_eq!(decode(segments[2]), id, "{url}");
            assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
        }
    }

    #[test]
    fn ids_that_a_path_cannot_hold_are_refused() {
        let base = Url::parse("http://127.0.0.1:1").unwrap();
        for id in ["", ".", ".."] {
            assert!(join(&base, &["groups", id]).is_none(), "{id:?}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, expected) in [
            ("http://127.0.0.1:80", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:80", true),
            ("http://localhost:1", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    fn decode(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    }
}
