use std::path::{Path, PathBuf};

use super::{
    args::{PlanArgs, StateArgs},
    error::CliError,
    terminal::Terminal,
};
use crate::{
    journal::{RunState, SqliteStore, Store, fold},
    kind::Program,
    model::{Finding, Findings, RunId, Severity},
    report::PlanShape,
    source::{self, LoadOptions, Loaded},
    system::{Observe, World, WorldOptions},
};

/// A plan file, the values that fill it, and where its journal is: what most verbs work on.
#[derive(Debug, Clone)]
pub(super) struct Project {
    file: PathBuf,
    base: PathBuf,
    state: PathBuf,
    options: LoadOptions,
    flags: Vec<String>,
}

/// What the journal says of a run.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The run; `None` before the first apply.
    pub(super) run: Option<RunId>,
    /// Its state.
    pub(super) state: Option<RunState>,
}

/// A plan that can be used.
pub(super) struct Checked {
    /// The plan.
    pub(super) program: Program,
    names_run: bool,
}

impl Project {
    /// From the arguments; reads nothing.
    ///
    /// # Errors
    /// When no plan file was named.
    pub(super) fn new(plan: &PlanArgs, state: Option<&StateArgs>) -> Result<Self, CliError> {
        let file = plan.plan.clone().or_else(|| plan.file.clone()).ok_or_else(|| {
            CliError::usage(
                "no plan file was named",
                "Name one, such as: regplan plan plans/guide.yaml",
            )
        })?;
        let directory = file.parent().unwrap_or(Path::new(""));
        let base = std::path::absolute(if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        })
        .map_err(|source| CliError::Io {
            doing: "find the current directory".to_owned(),
            source,
        })?;
        let given = state.and_then(|state| state.state.clone());
        Ok(Self {
            flags: flags(plan, given.as_deref()),
            state: given.unwrap_or_else(|| base.join(".regplan").join("state.db")),
            base,
            options: LoadOptions {
                vars: plan.var.clone(),
                var_files: plan.var_file.clone(),
                environment: plan.env.clone(),
                run: None,
            },
            file,
        })
    }

    /// The plan file as it was named.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The environment.
    pub(super) fn environment(&self) -> &str {
        &self.options.environment
    }

    /// The journal.
    pub(super) fn state_path(&self) -> &Path {
        &self.state
    }

    /// The file whose lock is the right to apply: one for a journal, whatever plans share it.
    pub(super) fn lock_path(&self) -> PathBuf {
        let mut name = self.state.as_os_str().to_owned();
        name.push(".lock");
        PathBuf::from(name)
    }

    /// What to type for that verb on the same plan.
    pub(super) fn command(&self, verb: &str) -> String {
        let mut words = vec![
            "regplan".to_owned(),
            verb.to_owned(),
            quoted(&self.file.display().to_string()),
        ];
        words.extend(self.flags.iter().cloned());
        words.join(" ")
    }

    /// Reads and checks the plan; findings are not printed.
    ///
    /// # Errors
    /// When a file cannot be read at all.
    pub(super) fn look(&self) -> Result<Loaded, CliError> {
        Ok(source::load(&self.file, &self.options)?)
    }

    /// Reads and checks the plan, prints what there is to say about it, and gives it back when it can be used.
    ///
    /// # Errors
    /// When it cannot be read or has errors.
    pub(super) fn load(&self, terminal: &Terminal) -> Result<Checked, CliError> {
        self.load_and_say(terminal, |_| true)
    }

    /// As [`Self::load`], for a rehearsal: it names itself what this version does not have.
    ///
    /// # Errors
    /// When it cannot be read or has errors.
    pub(super) fn load_to_rehearse(&self, terminal: &Terminal) -> Result<Checked, CliError> {
        self.load_and_say(terminal, |finding| finding.code != source::NOT_SUPPORTED_YET)
    }

    fn load_and_say(&self, terminal: &Terminal, is_said: impl Fn(&Finding) -> bool) -> Result<Checked, CliError> {
        let loaded = self.look()?;
        let mut said = Findings::default();
        for finding in loaded.findings.iter().filter(|finding| is_said(finding)) {
            said.push(finding.clone());
        }
        for report in source::diagnostics(&said, &loaded.document) {
            terminal.report(&report);
        }
        let names_run = names_run(loaded.document.text());
        match loaded.program {
            Some(program) => Ok(Checked { program, names_run }),
            None => Err(CliError::InvalidPlan {
                errors: counted(&loaded.findings),
            }),
        }
    }

    /// The plan for a run that is known now: `${run.id}` has a value then. Read again only where it can matter.
    ///
    /// # Errors
    /// When it cannot be read or has errors.
    pub(super) fn load_for(&self, run: &RunId, checked: Checked, terminal: &Terminal) -> Result<Program, CliError> {
        if !checked.names_run {
            return Ok(checked.program);
        }
        let mut project = self.clone();
        project.options.run = Some(run.clone());
        let loaded = project.look()?;
        match loaded.program {
            Some(program) => Ok(program),
            None => Ok(project.load(terminal)?.program),
        }
    }

    /// What the journal says, without making one.
    ///
    /// # Errors
    /// When there is a journal and it cannot be read or understood.
    pub(super) fn known(&self, program: &Program) -> Result<Known, CliError> {
        match self.open_existing()? {
            Some(store) => self.known_in(&store, program),
            None => Ok(Known::default()),
        }
    }

    /// What that journal says.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub(super) fn known_in(&self, store: &SqliteStore, program: &Program) -> Result<Known, CliError> {
        let Some(run) = store.find_run(&program.plan.name, self.environment())? else {
            return Ok(Known::default());
        };
        let state = fold(&store.read(&run)?)?;
        Ok(Known { run: Some(run), state })
    }

    /// The journal, when there is one.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open_existing(&self) -> Result<Option<SqliteStore>, CliError> {
        if self.state.exists() {
            Ok(Some(SqliteStore::open(&self.state)?))
        } else {
            Ok(None)
        }
    }

    /// The systems of a plan, to look at; connects to nothing yet.
    ///
    /// # Errors
    /// When a system cannot be used as it is written.
    pub(super) fn world(&self, program: &Program, no_exec: bool) -> Result<Observe, CliError> {
        install_tls();
        let options = WorldOptions {
            base: self.base.clone(),
            spool: self.state.with_file_name("spool"),
            no_exec,
        };
        let world = World::open(&program.plan, &options)?;
        Ok(Observe::new(std::sync::Arc::new(world)))
    }

    /// Phases, steps and the limit, for a status.
    pub(super) fn shape(&self, program: &Program) -> PlanShape {
        let steps = |phase: &crate::model::Phase| phase.steps.iter().map(|step| step.id.clone()).collect();
        PlanShape {
            name: program.plan.name.clone(),
            environment: self.environment().to_owned(),
            phases: program
                .plan
                .phases
                .iter()
                .map(|phase| (phase.id.clone(), steps(phase)))
                .collect(),
            freeze_limit: program.plan.limits.freeze,
        }
    }
}

/// `2 errors, 1 warning`.
pub(super) fn counted(findings: &Findings) -> String {
    let of = |severity| {
        findings
            .iter()
            .filter(|finding: &&Finding| finding.severity == severity)
            .count()
    };
    let part = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    };
    let parts = [
        part(of(Severity::Error), "error"),
        part(of(Severity::Warning), "warning"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Whether some `${…}` may name a fact of the run.
fn names_run(text: &str) -> bool {
    let mut references = text.split("${").skip(1);
    references.any(|reference| reference.trim_start().starts_with("run"))
}

/// TLS needs a provider of cryptography, chosen once per process; a second choice finds the first one, which is the same.
pub(super) fn install_tls() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed before");
    }
}

/// The flags without which the same verb would mean another run or plan.
fn flags(plan: &PlanArgs, state: Option<&Path>) -> Vec<String> {
    let mut flags = Vec::new();
    if plan.env != "default" {
        flags.push(format!("--env {}", quoted(&plan.env)));
    }
    for file in &plan.var_file {
        flags.push(format!("--var-file {}", quoted(&file.display().to_string())));
    }
    for (name, value) in &plan.var {
        flags.push(format!("--var {}", quoted(&format!("{name}={value}"))));
    }
    if let Some(state) = state {
        flags.push(format!("--state {}", quoted(&state.display().to_string())));
    }
    flags
}

/// A word as a POSIX shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(file: &str) -> PlanArgs {
        PlanArgs {
            plan: Some(file.into()),
            file: None,
            env: "default".to_owned(),
            var: Vec::new(),
            var_file: Vec::new(),
        }
    }

    #[test]
    fn the_journal_lies_beside_the_plan_file() {
        let project = Project::new(&arguments("/srv/plans/guide.yaml"), None).unwrap();
        assert_eq!(project.state_path(), Path::new("/srv/plans/.regplan/state.db"));
        assert_eq!(project.lock_path(), Path::new("/srv/plans/.regplan/state.db.lock"));
    }

    #[test]
    fn a_plan_is_read_again_only_when_it_names_the_run() {
        assert!(names_run("to: backups/${run.id}.zip"));
        assert!(names_run("to: \"${ run.attempt }\""));
        assert!(!names_run("uses: run.command\nurl: ${vars.run}"));
    }

    #[test]
    fn without_a_plan_file_the_error_says_how_to_name_one() {
        let mut arguments = arguments("x");
        arguments.plan = None;
        let error = Project::new(&arguments, None).unwrap_err();
        assert_eq!(error.exit(), crate::cli::Exit::Usage);
    }

    #[test]
    fn the_command_to_type_means_the_same_plan_environment_and_journal() {
        let mut arguments = arguments("my plans/guide.yaml");
        arguments.env = "prod".to_owned();
        arguments.var = vec![("url".to_owned(), "http://a/?b&c".to_owned())];
        let state = StateArgs {
            state: Some("/var/lib/it's.db".into()),
        };
        let project = Project::new(&arguments, Some(&state)).unwrap();
        assert_eq!(
            project.command("apply"),
            r"regplan apply 'my plans/guide.yaml' --env prod --var 'url=http://a/?b&c' --state '/var/lib/it'\''s.db'"
        );
    }
}
