use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::MutexGuard;

use super::{
    Export, Registry, Running,
    http::segment,
    regplan::Ended,
    stack::{self, Stack},
    turn::a_turn,
};

/// A real 2.6.13 in memory and a real 3.3.3 on PostgreSQL, without a balancer, and a directory with plans in it.
pub struct Pair {
    stack: Stack,
    /// `host:port` of the 2.6.
    pub v2: String,
    /// `host:port` of the 3.3.
    pub v3: String,
    // Dropped in this order: servers first, then their directory, then the turn.
    directory: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Pair {
    /// Both started, the 2.6 with that export; `None` (and a printed reason) when the real components are not here.
    pub async fn with(export: &Path) -> Option<Self> {
        if !stack::available() {
            return None;
        }
        let (turn, directory, stack) = a_turn().await;
        let v2 = stack.start("apicurio@2.6.13.Final", "v2", 0, &[]).await;
        let database = stack.database().await;
        let environment: Vec<_> = database.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let v3 = stack
            .start("apicurio@3.3.3", "v3", Stack::free_port(), &environment)
            .await;
        let pair = Self {
            stack,
            v2: format!("127.0.0.1:{v2}"),
            v3: format!("127.0.0.1:{v3}"),
            directory,
            _turn: turn,
        };
        let zip = std::fs::read(export).unwrap();
        let headers = [("Content-Type", b"application/zip".as_slice())];
        let path = "/apis/registry/v2/admin/import";
        let answer = Registry::at(&pair.v2).request("POST", path, &headers, &zip).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
        Some(pair)
    }

    /// The directory of the plans.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `host:port` of the 3.3's health.
    pub fn management(&self) -> String {
        let port: u16 = self.v3.rsplit(':').next().unwrap().parse().unwrap();
        format!("127.0.0.1:{}", port + 1)
    }

    /// Takes everything away from the 3.3, counters and settings too, as if it had just been installed.
    pub async fn empty_v3(&self) {
        self.stack
            .sql(
                "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables \
                 WHERE schemaname = 'public' AND tablename <> 'apicurio'); END $$",
            )
            .await;
        assert_eq!(self.v3_export().await.count("ArtifactVersion"), 0);
    }

    /// Writes a plan under that name.
    pub fn plan(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Starts `apply` on a plan with a journal of that name.
    pub fn apply(&self, plan: &str, journal: &str, more: &[&str], environment: &[(&str, String)]) -> Running {
        let mut words = ["apply", plan, "--auto-approve", "--state", journal]
            .map(str::to_owned)
            .to_vec();
        words.extend(more.iter().map(|&word| word.to_owned()));
        Running::start(self.directory(), &words, environment)
    }

    /// `regplan` with other words.
    pub async fn run(&self, words: &[&str]) -> Ended {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Running::start(self.directory(), &words, &[]).ended().await
    }

    /// What v2 holds.
    pub async fn v2_export(&self) -> Export {
        Export::read(&Registry::at(&self.v2).export("v2").await)
    }

    /// What v3 holds.
    pub async fn v3_export(&self) -> Export {
        Export::read(&Registry::at(&self.v3).export("v3").await)
    }

    /// A JSON request to the 3.3's own API that must succeed.
    pub async fn v3(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = Registry::at(&self.v3).call_v3(method, path, body).await;
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// A client's new version on 3.3, or a new artifact; its globalId.
    pub async fn write_v3(&self, group: &str, artifact: &str, text: &str) -> i64 {
        let content = json!({"content": json!({"title": text}).to_string(), "contentType": "application/json"});
        let body = json!({"artifactId": artifact, "artifactType": "JSON", "firstVersion": {"content": content}});
        let path = format!("groups/{}/artifacts?ifExists=CREATE_VERSION", segment(group));
        let made = self.v3("POST", &path, Some(body)).await;
        made["version"]["globalId"].as_i64().unwrap_or_else(|| panic!("{made}"))
    }
}
