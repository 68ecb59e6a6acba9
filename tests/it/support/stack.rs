use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// `scripts/stack` with a state directory of its own; whatever it started ends with it.
pub struct Stack {
    directory: PathBuf,
    guard: std::process::Child,
}

/// Longest life of a lab's servers, should the test process hang.
const LIFE_SECONDS: u32 = 3_600;

/// Whether the real components are here. Without them: a printed reason and `false`, or a loud failure where they are
/// required (`CI=true`, `REGPLAN_REQUIRE_REAL=1`).
pub fn available() -> bool {
    static HERE: OnceLock<Result<(), String>> = OnceLock::new();
    let here = HERE.get_or_init(|| {
        let output = script()
            .arg("check")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    });
    let Err(reason) = here else { return true };
    let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    assert!(
        !set("CI", "true") && !set("REGPLAN_REQUIRE_REAL", "1"),
        "the real components are required here: {reason}"
    );
    eprintln!("skipped: {reason}");
    false
}

/// The script of this checkout.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/stack")
}

fn script() -> Command {
    Command::new(path())
}

impl Stack {
    /// In that directory, which must exist.
    pub fn in_directory(directory: &Path) -> Self {
        let guard = script()
            .args(["guard", &std::process::id().to_string(), &LIFE_SECONDS.to_string()])
            .env("REGPLAN_STACK", directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            directory: directory.to_owned(),
            guard,
        }
    }

    /// A line for `sh -c` that runs the script on this stack with those arguments.
    pub fn line(&self, arguments: &str) -> String {
        let cache = std::env::var("REGPLAN_CACHE")
            .map(|cache| format!(" REGPLAN_CACHE='{cache}'"))
            .unwrap_or_default();
        format!(
            "env REGPLAN_STACK='{}'{cache} '{}' {arguments}",
            self.directory.display(),
            path().display()
        )
    }

    /// Starts a component under a name on any free port; returns its port when it is ready.
    pub async fn start(&self, component: &str, name: &str, port: u16, environment: &[(&str, &str)]) -> u16 {
        let output = tokio::process::Command::new(path())
            .args(["start", component, "--as", name, "--port", &port.to_string()])
            .env("REGPLAN_STACK", &self.directory)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        assert!(
            output.status.success(),
            "{component} did not start: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        self.port(name)
    }

    /// Starts a PostgreSQL with a database for a 3.x; returns the environment that makes a 3.x use it.
    pub async fn database(&self) -> [(&'static str, String); 7] {
        let port = self.start("postgres", "postgres", 0, &[]).await;
        self.psql("postgres", "CREATE DATABASE registry").await;
        let password = std::fs::read_to_string(self.home("postgres").join("pw")).unwrap();
        // Twenty connections at once are the default; one regplan needs fewer.
        [
            ("APICURIO_STORAGE_KIND", "sql".to_owned()),
            ("APICURIO_STORAGE_SQL_KIND", "postgresql".to_owned()),
            (
                "APICURIO_DATASOURCE_URL",
                format!("jdbc:postgresql://127.0.0.1:{port}/registry"),
            ),
            ("APICURIO_DATASOURCE_USERNAME", "postgres".to_owned()),
            ("APICURIO_DATASOURCE_PASSWORD", password.trim().to_owned()),
            ("APICURIO_DATASOURCE_JDBC_INITIAL_SIZE", "5".to_owned()),
            ("APICURIO_DATASOURCE_JDBC_MIN_SIZE", "5".to_owned()),
        ]
    }

    /// What a query on that database answers.
    pub async fn sql(&self, query: &str) -> String {
        self.psql("registry", query).await
    }

    async fn psql(&self, database: &str, query: &str) -> String {
        let output = tokio::process::Command::new("psql")
            .args(["-qAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-c", query, "-h"])
            .arg(self.home("postgres"))
            .args(["-p", &self.port("postgres").to_string(), database])
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{query}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The port of a component.
    pub fn port(&self, name: &str) -> u16 {
        let text = std::fs::read_to_string(self.home(name).join("port")).unwrap();
        text.trim().parse().unwrap()
    }

    /// The directory of a component.
    pub fn home(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A port, with the one after it, that nobody listens on.
    pub fn free_port() -> u16 {
        let output = script().arg("port").stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let stopped = script()
            .arg("stop")
            .env("REGPLAN_STACK", &self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            eprintln!("the servers in {} could not be stopped", self.directory.display());
        }
        // The guard is a child of this process; it has nothing left to watch over.
        drop(self.guard.kill());
        drop(self.guard.wait());
    }
}
