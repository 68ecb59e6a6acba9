//! Whether a 2.6 took a write since a moment, without reading what it holds.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde::Deserialize;

use super::{
    RegistryReader, ServerVersion,
    api::{Api, LIST, ONE, query, shown},
    reader::{core_url, hurried},
};
use crate::{
    model::{Digest, digest_of},
    system::freeze_rules::is_write,
};

/// What 2.6 counts of its requests at `/metrics`, whatever API they came by, refused ones too, when they are answered
/// (measured on 2.6.13: core v1 and v2, ccompat v6 and v7, cncf).
const REQUESTS: &str = "rest_requests_count_total";
/// Tells two processes apart that count from 0.
const STARTED: &str = "process_start_time_seconds";

/// What every write to a 2.6 changes: how many each replica answered, and the list of artifacts, which is that of all replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    writes: BTreeMap<String, BTreeSet<String>>,
    artifacts: Digest,
}

#[derive(Deserialize)]
struct Listed {
    artifacts: Vec<serde_json::Value>,
}

impl RegistryReader<'_> {
    /// The mark of this moment; `None` where there is none to be had: a 3.x, or a 2.6 that does not show its metrics.
    ///
    /// Two equal marks say that no declared replica answered a write between them, and that no artifact came, went or got a
    /// version by another way. They cost two short requests and a list, where an export takes a second for 10,000 versions.
    pub async fn mark(&self, version: &ServerVersion) -> Option<Mark> {
        if !version.is_v2() {
            return None;
        }
        let mut writes = BTreeMap::new();
        for api in self.roots() {
            let counted = counted(&hurried(api)).await?;
            writes.insert(shown(&api.base), counted);
        }
        Some(Mark {
            writes,
            artifacts: self.list_digest(version).await?,
        })
    }

    async fn list_digest(&self, version: &ServerVersion) -> Option<Digest> {
        let api = self.main().ok()?;
        let limit = self.counts(version).await.ok()?.artifacts + 100;
        let url = core_url(api, version, &["search", "artifacts"]).ok()?;
        let page: Listed = api
            .json(query(url, &[("limit", &limit.to_string())]), LIST)
            .await
            .ok()?;
        // The order is not fixed (`reference/apicurio.md` §1.5).
        let mut rows: Vec<String> = page.artifacts.iter().map(ToString::to_string).collect();
        rows.sort_unstable();
        Some(digest_of(&rows.into()))
    }
}

async fn counted(api: &Api) -> Option<BTreeSet<String>> {
    let answer = api.get(api.url(&["metrics"]).ok()?, ONE).await.ok()?;
    if answer.status != StatusCode::OK {
        return None;
    }
    writes(std::str::from_utf8(&answer.body).ok()?)
}

/// The lines that a write changes, and the one that a restart does; `None` when requests are not counted.
///
/// A line that is not understood counts as one of a write: then two marks differ, and somebody looks.
fn writes(metrics: &str) -> Option<BTreeSet<String>> {
    let of = |name: &'static str| metrics.lines().filter(move |line| line.starts_with(name));
    let started = of(STARTED).next()?;
    of(REQUESTS).next()?;
    let mut lines: BTreeSet<String> = of(REQUESTS).filter(|line| !reads(line)).map(str::to_owned).collect();
    lines.insert(started.to_owned());
    Some(lines)
}

/// Whether a line counts requests that only read; paths are templates such as `/apis/ccompat/v7/subjects/{subject}`.
fn reads(line: &str) -> bool {
    let label = |name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    match (label("method"), label("path")) {
        (Some(method), Some(path)) => !is_write(method, path, false),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"# TYPE rest_requests_count counter
process_start_time_seconds 1.795667295189E9
rest_requests_count_total{method="GET",path="/apis/registry/v2/system/info",status_code_group="2xx"} 1.0
rest_requests_count_total{method="POST",path="/apis/ccompat/v7/subjects/{subject}",status_code_group="2xx"} 4.0
rest_requests_count_total{method="PUT",path="/apis/cncf/v0/schemagroups/{group-id}",status_code_group="2xx"} 1.0
rest_requests_seconds_sum{method="PUT",path="/apis/cncf/v0/schemagroups/{group-id}",status_code_group="2xx"} 0.2
"#;

    #[test]
    fn reads_change_nothing_and_every_write_does() {
        let before = writes(BEFORE).unwrap();
        let read = BEFORE.replace("\"2xx\"} 4.0", "\"2xx\"} 5.0").replace(
            "info\",status_code_group=\"2xx\"} 1.0",
            "info\",status_code_group=\"2xx\"} 9.0",
        );
        assert_eq!(writes(&read), Some(before.clone()));
        let written = BEFORE.replace(
            "{group-id}\",status_code_group=\"2xx\"} 1.0",
            "{group-id}\",status_code_group=\"2xx\"} 2.0",
        );
        assert_ne!(writes(&written), Some(before.clone()));
        let other = format!(
            "{BEFORE}rest_requests_count_total{{method=\"DELETE\",path=\"/apis/registry/v2/groups/{{groupId}}\",status_code_group=\"2xx\"}} 1.0\n"
        );
        assert_ne!(writes(&other), Some(before.clone()));
        let restarted = BEFORE.replace("1.795667295189E9", "1.795667395189E9");
        assert_ne!(writes(&restarted), Some(before));
    }

    #[test]
    fn a_server_that_does_not_count_its_requests_has_no_mark() {
        assert_eq!(writes(""), None);
        assert_eq!(writes("process_start_time_seconds 1\n"), None);
        assert_eq!(writes("rest_requests_count_total{method=\"GET\",path=\"/\"} 1\n"), None);
    }
}
