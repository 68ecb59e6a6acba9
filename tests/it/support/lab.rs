use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::MutexGuard;

use super::{
    Export, Registry, Running, fill_with_rich_data,
    regplan::Ended,
    stack::{self, Stack},
    turn::a_turn,
};

/// A real 2.6.13 with the rich data behind a real nginx, a place for a 3.3.3, and a plan.
pub struct Lab {
    stack: Stack,
    /// `host:port` of the 2.6.
    pub v2: String,
    /// `host:port` of the 3.3, which the plan starts.
    pub v3: String,
    /// `host:port` of nginx, as clients use it.
    pub balancer: String,
    plan: PathBuf,
    // Dropped in this order: servers first, then their directory, then the turn.
    directory: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// The file with the lab's places, beside the plan.
const VARIABLES: &str = "lab.yaml";

/// A change of the guide's plan for one scenario.
#[derive(Clone, Copy)]
pub struct PlanEdit<'a> {
    /// The step that the lines are put before.
    pub before_step: &'a str,
    /// The lines, indented as in the plan.
    pub lines: &'a str,
}

impl Lab {
    /// With the plan of the guide; `None` (and a printed reason) when the real components are not here.
    pub async fn with_guide() -> Option<Self> {
        Self::with_edited_guide(&[]).await
    }

    /// With the plan of the guide and further steps.
    pub async fn with_edited_guide(edits: &[PlanEdit<'_>]) -> Option<Self> {
        Self::of("plans/guide.yaml", edits, false).await
    }

    /// With another plan of this project whose variables are those of the guide.
    pub async fn with_plan(plan: &str) -> Option<Self> {
        Self::of(plan, &[], false).await
    }

    /// With another plan and further steps, and the 3.3 on PostgreSQL.
    pub async fn with_edited_plan_on_postgresql(plan: &str, edits: &[PlanEdit<'_>]) -> Option<Self> {
        Self::of(plan, edits, true).await
    }

    async fn of(plan: &str, edits: &[PlanEdit<'_>], on_postgresql: bool) -> Option<Self> {
        if !stack::available() {
            return None;
        }
        let (turn, directory, stack) = a_turn().await;
        let v2 = stack.start("apicurio@2.6.13.Final", "v2", 0, &[]).await;
        let v2 = format!("127.0.0.1:{v2}");
        fill_with_rich_data(&mut Registry::at(&v2)).await;
        let balancer = stack.start("nginx", "nginx", 0, &[("V2", &v2)]).await;
        let v3 = Stack::free_port();
        let lab = Self {
            plan: directory.path().join("guide.yaml"),
            v3: format!("127.0.0.1:{v3}"),
            balancer: format!("127.0.0.1:{balancer}"),
            v2,
            stack,
            directory,
            _turn: turn,
        };
        let mut environment = String::new();
        if on_postgresql {
            for (name, value) in lab.stack.database().await {
                environment.push_str(&format!("{name}='{value}' "));
            }
        }
        lab.write_variables(v3, &environment);
        lab.write_plan(plan, edits);
        Some(lab)
    }

    fn write_variables(&self, v3_port: u16, v3_environment: &str) {
        let nginx = self.stack.home("nginx");
        let inside = |name: &str| nginx.join(name).display().to_string();
        let probe = |name: &str| {
            let pid = self.stack.home(name).join("pid");
            format!("test -s '{0}' && kill -0 \"$(cat '{0}')\"", pid.display())
        };
        let variables = json!({
            "v2_url": format!("http://{}", self.v2),
            "v3_url": format!("http://{}", self.v3),
            "v3_management": format!("http://127.0.0.1:{}", v3_port + 1),
            "v2_backend": self.v2,
            "v3_backend": self.v3,
            "lb_url": format!("http://{}", self.balancer),
            "lb_config": inside("nginx.conf"),
            "lb_prefix": nginx,
            "lb_directory": inside("regplan"),
            "lb_socket": inside("regplan.sock"),
            "start_v3": format!(
                "{v3_environment}{}",
                self.stack.line(&format!("start apicurio@3.3.3 --as v3 --port {v3_port}"))
            ),
            "v3_running": probe("v3"),
            "stop_v2": self.stack.line("stop v2"),
            "v2_stopped": format!("! {{ {}; }}", probe("v2")),
            // Several chunks, so that there is one to be killed in.
            "chunk_versions": 20,
        });
        // JSON is YAML too.
        std::fs::write(self.directory().join(VARIABLES), variables.to_string()).unwrap();
    }

    fn write_plan(&self, plan: &str, edits: &[PlanEdit<'_>]) {
        let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join(plan);
        // The rich data has versions that 3.x puts on no branch; a plan says so where it looks for that.
        let mut text = std::fs::read_to_string(plan).unwrap().replace("# accept:", "accept:");
        for edit in edits {
            let line = |line: &&str| {
                let line = line.trim_start();
                [
                    format!("- id: {}", edit.before_step),
                    format!("- {{ id: {},", edit.before_step),
                ]
                .iter()
                .any(|start| line.starts_with(start.as_str()))
            };
            // The last one of that name: a phase may be called like its step, and stands before it.
            let found = text
                .lines()
                .rfind(line)
                .unwrap_or_else(|| panic!("no step {}", edit.before_step));
            let at = text.rfind(found).unwrap();
            text.insert_str(at, edit.lines);
        }
        std::fs::write(&self.plan, text).unwrap();
    }

    /// The directory of the plan.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file in nginx's directory.
    pub fn nginx_file(&self, name: &str) -> PathBuf {
        self.stack.home("nginx").join(name)
    }

    /// Starts the 3.3 before the plan would; for tests of the lab itself.
    pub async fn start_v3(&self) {
        let port = self.v3.rsplit(':').next().unwrap().parse().unwrap();
        self.stack.start("apicurio@3.3.3", "v3", port, &[]).await;
    }

    /// Starts the program with a verb on the plan.
    pub fn start(&self, verb: &str, arguments: &[&str], environment: &[(&str, String)]) -> Running {
        let mut all = [verb, "guide.yaml", "--var-file", VARIABLES]
            .map(str::to_owned)
            .to_vec();
        if verb != "validate" {
            all.extend([
                "--state".to_owned(),
                self.directory().join("state.db").display().to_string(),
            ]);
        }
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        Running::start(self.directory(), &all, environment)
    }

    /// Runs the program with a verb on the plan.
    pub async fn run(&self, verb: &str, arguments: &[&str]) -> Ended {
        self.start(verb, arguments, &[]).ended().await
    }

    /// `apply`, unattended.
    pub async fn apply(&self, arguments: &[&str]) -> Ended {
        let mut all = vec!["--auto-approve"];
        all.extend_from_slice(arguments);
        self.run("apply", &all).await
    }

    /// What a query on the 3.3's PostgreSQL answers.
    pub async fn sql(&self, query: &str) -> String {
        self.stack.sql(query).await
    }

    /// What v2 holds.
    pub async fn v2_export(&self) -> Export {
        Export::read(&Registry::at(&self.v2).export("v2").await)
    }

    /// What v3 holds.
    pub async fn v3_export(&self) -> Export {
        Export::read(&Registry::at(&self.v3).export("v3").await)
    }

    /// The version that serves the balancer's address.
    pub async fn serving(&self) -> String {
        let info = Registry::at(&self.balancer).get("/apis/registry/v2/system/info").await;
        info["version"].as_str().unwrap().to_owned()
    }
}
