//! Whether a 2.6 took a write since a moment, without reading what it holds.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::try_join_all;
use reqwest::StatusCode;
use serde::Deserialize;

use super::{
    super::http::{self, Http},
    RegistryReader, ServerVersion,
    api::{Api, LIST, ONE, query},
    reader::{core_url, hurried},
};
use crate::{
    model::{Digest, digest_of},
    registry::preflight::Storage,
    system::freeze_rules::is_write,
};

/// What 2.6 counts of its requests at `/metrics`, whatever API they came by, refused ones too, when they are answered
/// (measured on 2.6.13: core v1 and v2, ccompat v6 and v7, cncf).
const REQUESTS: &str = "rest_requests_count_total";
/// Tells two processes apart that count from 0.
const STARTED: &str = "process_start_time_seconds";
/// Looks at each address: of two processes behind it, taken by turns or by chance, two equal marks of three looks each see one in
/// all but 3 of 100 cases, and the list of artifacts is that of both.
const LOOKS: usize = 3;
/// Metrics that take longer are not worth waiting for: an export takes as long.
const LIMIT: Duration = Duration::from_secs(1);

/// Only an export tells.
struct NoMark;

/// What every write to a 2.6 changes: how many each replica answered, and the list of artifacts, which is that of all replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    replicas: Vec<Counted>,
    artifacts: Digest,
}

#[derive(Deserialize)]
struct Listed {
    artifacts: Vec<serde_json::Value>,
}

impl RegistryReader<'_> {
    /// The mark of this moment; `None` where there is none to be had: then only an export tells.
    ///
    /// Two equal marks say that no replica that the plan names answered a write between them, and that no artifact came, went or
    /// got a version by another way. They cost short requests and a list, where an export takes a second for 10,000 versions.
    /// There is none of a 3.x, of a tenant (nobody has seen what is counted of those), of a 2.6 that does not show its metrics,
    /// of an address with several processes behind it, and of several replicas unless the plan says that they share a database:
    /// one of a KafkaSQL answers writes that another one reads later.
    pub async fn mark(&self, version: &ServerVersion) -> Option<Mark> {
        let client = self.client();
        let shared = client.replicas.len() == 1 || client.storage.is_some_and(|storage| storage != Storage::Kafkasql);
        if !version.is_v2() || client.tenant.is_some() || !shared {
            return None;
        }
        // 2.6 has its metrics where its health is.
        let counted = client.health.iter().map(|api| self.counted(api));
        let replicas = try_join_all(counted).await.ok()?;
        Some(Mark {
            replicas,
            artifacts: self.list_digest(version).await?,
        })
    }

    /// What a replica has counted; each time by a connection of its own, so that who balances connections shows itself.
    async fn counted(&self, api: &Api) -> Result<Counted, NoMark> {
        let fresh =
            http::fresh(self.name(), api.base.as_str(), self.client().ca.as_deref(), LIMIT).map_err(|_| NoMark)?;
        let api = Api {
            http: Http {
                quick: fresh.clone(),
                patient: fresh,
            },
            ..hurried(api)
        };
        let mut seen: Vec<Counted> = Vec::new();
        for _ in 0..LOOKS {
            let answer = api.get(api.url(&["metrics"]).map_err(|_| NoMark)?, ONE).await;
            let answer = answer
                .ok()
                .filter(|answer| answer.status == StatusCode::OK)
                .ok_or(NoMark)?;
            let text = std::str::from_utf8(&answer.body).map_err(|_| NoMark)?;
            seen.push(Counted::read(text).ok_or(NoMark)?);
        }
        let last = seen.pop().ok_or(NoMark)?;
        let is_one = seen.iter().all(|other| other.started == last.started);
        is_one.then_some(last).ok_or(NoMark)
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

/// What `/metrics` of a replica says of writes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counted {
    /// The line that only a restart changes.
    started: String,
    /// The lines that writes change. One that is not understood counts as one of a write: then two marks differ, and somebody
    /// looks.
    writes: BTreeSet<String>,
}

impl Counted {
    /// `None` when requests are not counted.
    fn read(metrics: &str) -> Option<Self> {
        let of = |name: &'static str| metrics.lines().filter(move |line| line.starts_with(name));
        of(REQUESTS).next()?;
        Some(Self {
            started: of(STARTED).next()?.to_owned(),
            writes: of(REQUESTS).filter(|line| !reads(line)).map(str::to_owned).collect(),
        })
    }
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
        let before = Counted::read(BEFORE).unwrap();
        let read = BEFORE.replace("\"2xx\"} 4.0", "\"2xx\"} 5.0").replace(
            "info\",status_code_group=\"2xx\"} 1.0",
            "info\",status_code_group=\"2xx\"} 9.0",
        );
        assert_eq!(Counted::read(&read), Some(before.clone()));
        let written = BEFORE.replace(
            "{group-id}\",status_code_group=\"2xx\"} 1.0",
            "{group-id}\",status_code_group=\"2xx\"} 2.0",
        );
        assert_ne!(Counted::read(&written), Some(before.clone()));
        let other = format!(
            "{BEFORE}rest_requests_count_total{{method=\"DELETE\",path=\"/apis/registry/v2/groups/{{groupId}}\",status_code_group=\"2xx\"}} 1.0\n"
        );
        assert_ne!(Counted::read(&other), Some(before.clone()));
        let restarted = BEFORE.replace("1.795667295189E9", "1.795667395189E9");
        assert_ne!(Counted::read(&restarted), Some(before));
    }

    #[test]
    fn a_server_that_does_not_count_its_requests_has_no_mark() {
        assert_eq!(Counted::read(""), None);
        assert_eq!(Counted::read("process_start_time_seconds 1\n"), None);
        assert_eq!(
            Counted::read("rest_requests_count_total{method=\"GET\",path=\"/\"} 1\n"),
            None
        );
    }
}
