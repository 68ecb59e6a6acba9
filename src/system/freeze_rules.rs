//! Which requests a freeze holds back: one table for the files of nginx and for the balancer of a rehearsal.
//!
//! All but GET, HEAD and OPTIONS is a write, except the reads that use POST and PUT (`reference/lab.md` §1.4). The raw URI is
//! judged, as a backend gets it.

use std::fmt::Write as _;

/// The methods that never write, as the 405 names them in `Allow`.
pub const READING_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// The body of the 405 that a denied write gets (`reference/lab.md` §1.4); the public probe looks for it.
pub const FROZEN_BODY: &str = r#"{"error_code":405,"message":"Registry is read-only during a migration"}"#;

/// Ways to write one path as another: whatever has one of them is a write, as a backend may read it in its own way.
const ODD: &[Odd] = &[
    Odd::Text("//"),
    Odd::DotSegment,
    Odd::Escape('2', "eEfF"),
    Odd::Escape('5', "cC"),
    Odd::Text(";"),
];

/// Reads that both 2.6 and 3.x answer (`reference/apicurio.md` §1, §2).
const READS: &[Read] = &[
    Read(
        "POST",
        &[Word("apis"), Word("ccompat"), Version("67"), Word("subjects"), Id],
    ),
    Read(
        "POST",
        &[
            Word("apis"),
            Word("ccompat"),
            Version("67"),
            Word("compatibility"),
            Word("subjects"),
            Id,
            Word("versions"),
            MaybeId,
        ],
    ),
    Read(
        "POST",
        &[
            Word("apis"),
            Word("registry"),
            Word("v2"),
            Word("search"),
            Word("artifacts"),
        ],
    ),
    Read(
        "POST",
        &[
            Word("apis"),
            Word("registry"),
            Word("v2"),
            Word("groups"),
            Id,
            Word("artifacts"),
            Id,
            Word("meta"),
        ],
    ),
    Read(
        "PUT",
        &[
            Word("apis"),
            Word("registry"),
            Word("v2"),
            Word("groups"),
            Id,
            Word("artifacts"),
            Id,
            Word("test"),
        ],
    ),
];

/// Reads of the newer APIs: only through a later backend, as 2.6 has no such paths.
const LATER_READS: &[Read] = &[
    Read(
        "POST",
        &[
            Word("apis"),
            Word("registry"),
            Word("v3"),
            Word("search"),
            Either(&["artifacts", "versions"]),
        ],
    ),
    Read(
        "POST",
        &[
            Word("apis"),
            Word("registry"),
            Word("v3"),
            Word("content"),
            Either(&["references", "canonicalize"]),
        ],
    ),
    Read(
        "POST",
        &[Word("apis"), Word("ccompat"), Version("78"), Word("subjects"), Id],
    ),
    Read(
        "POST",
        &[
            Word("apis"),
            Word("ccompat"),
            Version("78"),
            Word("subjects"),
            Id,
            Word("versions"),
            Id,
        ],
    ),
    Read(
        "POST",
        &[
            Word("apis"),
            Word("ccompat"),
            Version("78"),
            Word("compatibility"),
            Word("subjects"),
            Id,
            Word("versions"),
            MaybeId,
        ],
    ),
];

/// A method and a path that only read; a slash at the end and a query may follow.
struct Read(&'static str, &'static [Part]);

/// One segment of a path.
enum Part {
    /// This word.
    Word(&'static str),
    /// `v` and one of these digits.
    Version(&'static str),
    /// One of these words.
    Either(&'static [&'static str]),
    /// Any id.
    Id,
    /// Any id, or nothing; only at the end.
    MaybeId,
}
use Part::{Either, Id, MaybeId, Version, Word};

/// Something that no plain path has.
enum Odd {
    /// This text.
    Text(&'static str),
    /// A segment `.` or `..`.
    DotSegment,
    /// A percent escape: this digit, then one of these.
    Escape(char, &'static str),
}

/// Whether a freeze holds this request back. `raw_uri` is path and query as they came; `v3` says that the route goes to a later
/// backend, whose newer APIs are known then.
pub fn is_write(method: &str, raw_uri: &str, v3: bool) -> bool {
    if READING_METHODS.contains(&method) {
        return false;
    }
    if ODD.iter().any(|odd| odd.is_in(raw_uri)) {
        return true;
    }
    let path = raw_uri.split_once('?').map_or(raw_uri, |(path, _query)| path);
    !reads(v3).any(|read| read.0 == method && read.is(path))
}

/// The same for nginx: patterns on `$request_method $request_uri`, the first that fits decides; `true` = a write.
pub(in crate::system) fn patterns(v3: bool) -> Vec<(String, bool)> {
    let odd: Vec<String> = ODD.iter().map(Odd::pattern).collect();
    let mut patterns = vec![
        (format!("^({}) ", READING_METHODS.join("|")), false),
        (format!("({})", odd.join("|")), true),
    ];
    patterns.extend(reads(v3).map(|read| (read.pattern(), false)));
    patterns
}

fn reads(v3: bool) -> impl Iterator<Item = &'static Read> {
    READS.iter().chain(LATER_READS.iter().filter(move |_| v3))
}

impl Read {
    fn is(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut segments = path.strip_suffix('/').unwrap_or(path).split('/');
        self.1.iter().all(|part| part.fits(segments.next())) && segments.next().is_none()
    }

    fn pattern(&self) -> String {
        let mut text = format!("^{} ", self.0);
        for part in self.1 {
            // Writing to a String cannot fail.
            let _infallible = match part {
                Word(word) => write!(text, "/{word}"),
                Version(digits) => write!(text, "/v[{digits}]"),
                Either(words) => write!(text, "/({})", words.join("|")),
                Id => write!(text, "/[^/?]+"),
                MaybeId => write!(text, "(/[^/?]+)?"),
            };
        }
        text.push_str(r"/?(\?|$)");
        text
    }
}

impl Part {
    fn fits(&self, segment: Option<&str>) -> bool {
        match (self, segment) {
            (MaybeId, None) => true,
            (_, None) => false,
            (Word(word), Some(segment)) => *word == segment,
            (Version(digits), Some(segment)) => segment
                .strip_prefix('v')
                .is_some_and(|digit| digit.len() == 1 && digits.contains(digit)),
            (Either(words), Some(segment)) => words.contains(&segment),
            (Id | MaybeId, Some(segment)) => !segment.is_empty(),
        }
    }
}

impl Odd {
    fn is_in(&self, uri: &str) -> bool {
        match self {
            Self::Text(text) => uri.contains(text),
            Self::DotSegment => {
                // What follows a segment in the pattern: `/`, `?`, `;` or the end.
                let segments = uri.split('/').skip(1);
                segments
                    .map(|segment| segment.split(['?', ';']).next().unwrap_or_default())
                    .any(|segment| matches!(segment, "." | ".."))
            }
            Self::Escape(first, second) => uri.split('%').skip(1).any(|escape| {
                let mut chars = escape.chars();
                chars.next() == Some(*first) && chars.next().is_some_and(|next| second.contains(next))
            }),
        }
    }

    fn pattern(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::DotSegment => r"/\.\.?(/|\?|;|$)".to_owned(),
            Self::Escape(first, second) => format!("%{first}[{second}]"),
        }
    }
}

#[cfg(test)]
pub(in crate::system) mod conformance {
    /// Requests to a frozen v2 that must pass; nginx and [`super::is_write`] are both asked.
    pub const READS: &[(&str, &str)] = &[
        ("GET", "/apis/registry/v2/groups/a%2Fb/artifacts/../x"),
        ("HEAD", "/apis/registry/v2/search/artifacts"),
        ("OPTIONS", "/apis/registry/v2/groups/g/artifacts"),
        ("POST", "/apis/ccompat/v7/subjects/s"),
        ("POST", "/apis/ccompat/v7/subjects/s/"),
        ("POST", "/apis/ccompat/v6/subjects/s?normalize=true"),
        ("POST", "/apis/ccompat/v7/compatibility/subjects/s/versions/latest"),
        ("POST", "/apis/ccompat/v7/compatibility/subjects/s/versions"),
        ("POST", "/apis/ccompat/v7/compatibility/subjects/s/versions/"),
        ("POST", "/apis/registry/v2/search/artifacts?limit=1"),
        ("POST", "/apis/registry/v2/groups/g/artifacts/a/meta"),
        ("POST", "/apis/registry/v2/groups/g/artifacts/a.b../meta"),
        ("PUT", "/apis/registry/v2/groups/g/artifacts/a/test"),
    ];

    /// Requests to a frozen v2 that must not pass.
    pub const WRITES: &[(&str, &str)] = &[
        ("POST", "/apis/registry/v2/groups/g/artifacts"),
        ("PUT", "/apis/registry/v2/groups/g/artifacts/a/meta"),
        ("POST", "/apis/registry/v2/groups/g/artifacts/a/test"),
        ("POST", "/apis/ccompat/v7/subjects/s/versions"),
        ("POST", "/apis/ccompat/v77/subjects/s"),
        ("POST", "/apis/ccompat/v8/subjects/s"),
        ("POST", "/apis/ccompat/v7/subjects/"),
        ("POST", "/apis/ccompat/v7/compatibility/subjects/s/versions/1/2"),
        ("POST", "//apis//ccompat/v7/subjects/foo"),
        ("POST", "/apis/ccompat/v7/subjects/foo//"),
        ("POST", "/apis/registry/v2/groups/g/artifacts/a%2Fmeta"),
        ("POST", "/apis/registry/v2/groups/g/artifacts/a/versions/../meta"),
        (
            "POST",
            "/apis/ccompat/v7/compatibility/subjects/../../subjects/foo/versions",
        ),
        ("POST", "/apis/ccompat/v7/subjects/.."),
        ("POST", "/apis/ccompat/v7/subjects/.?x"),
        ("POST", "/apis/ccompat/v7/subjects/s?x=/../y"),
        ("POST", "/apis/ccompat/v7/subjects/s?x=a%2fb"),
        ("POST", "/apis/ccompat/v7/subjects/a%5Cb"),
        ("POST", "/apis/ccompat/v7/subjects/foo%2Fversions"),
        ("POST", "/apis/ccompat/v7/subjects/foo/%76ersions"),
        ("POST", "/apis/ccompat/v7/subjects/x%3F/versions"),
        (
            "POST",
            "/apis/registry/v2/groups/g/artifacts?x=/apis/registry/v2/search/artifacts",
        ),
        ("POST", "/apis/registry/v2/search/artifacts;a=b"),
        ("POST", "/apis/registry/v2/search/%2e%2E/artifacts"),
        ("POST", "/apis/registry/v3/search/artifacts"),
        ("DELETE", "/apis/registry/v2/groups/g/artifacts"),
        ("PROPFIND", "/apis/registry/v2/groups/g/artifacts"),
        ("FOO", "/apis/registry/v2/groups/g/artifacts"),
    ];

    /// Requests that read through a later backend only.
    pub const LATER_READS: &[(&str, &str)] = &[
        ("POST", "/apis/registry/v3/search/artifacts"),
        ("POST", "/apis/registry/v3/search/versions/?limit=1"),
        ("POST", "/apis/registry/v3/content/references"),
        ("POST", "/apis/registry/v3/content/canonicalize"),
        ("POST", "/apis/ccompat/v8/subjects/s"),
        ("POST", "/apis/ccompat/v8/subjects/s/versions/1"),
        ("POST", "/apis/ccompat/v8/compatibility/subjects/s/versions/latest"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nginx_is_asked_too_is_judged_alike() {
        for (method, uri) in conformance::READS {
            assert!(!is_write(method, uri, false), "{method} {uri}");
            assert!(!is_write(method, uri, true), "{method} {uri}");
        }
        for (method, uri) in conformance::WRITES {
            assert!(is_write(method, uri, false), "{method} {uri}");
        }
        for (method, uri) in conformance::LATER_READS {
            assert!(is_write(method, uri, false), "{method} {uri}");
            assert!(!is_write(method, uri, true), "{method} {uri}");
        }
    }
}
