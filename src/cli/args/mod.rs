mod init;
mod rehearse;
mod sides;

pub use init::Init;
pub use rehearse::Rehearse;
pub use sides::{Preflight, ReportFormat, SideArgs, Verify};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::PlanDuration;

/// Moves an Apicurio Registry from 2.6 to 3.x by a declarative, resumable plan.
#[derive(Debug, Parser)]
#[command(name = "regplan", version, max_term_width = 100, after_long_help = exit_codes())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Flags of every verb.
    #[command(flatten)]
    pub global: Global,
}

/// Flags of every verb.
#[derive(Debug, Args)]
pub struct Global {
    /// Work in this directory.
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub chdir: Option<PathBuf>,
    /// Use no colours (also: NO_COLOR).
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_color: bool,
    /// Say more; twice: also what each system is asked.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
    /// Say less: no progress.
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Everywhere")]
    pub quiet: bool,
    /// How diagnostics of the program itself are written to stderr.
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Everywhere"
    )]
    pub log_format: LogFormat,
}

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a first plan for your registry: asks the live 2.6, reads nginx's files, and asks you for the rest.
    Init(Box<Init>),
    /// Check a plan and say everything that is wrong with it; no system is asked.
    Validate(Validate),
    /// Show what `apply` would do now; nothing is written.
    Plan(Plan),
    /// Do it, step by step, or go on where the last apply stopped.
    Apply(Apply),
    /// Try the whole plan in this process: twins of every system, clients that go on, no change to anything outside.
    Rehearse(Rehearse),
    /// Find what moving a registry would lose, hit or change, before anything is moved; needs no plan.
    Preflight(Preflight),
    /// Compare everything that two registries or exports hold; needs no plan.
    Verify(Verify),
    /// Show where a run stands and what to type next.
    Status(Status),
    /// Show everything that was intended, done and seen.
    Journal(Journal),
    /// Draw the plan: phases, steps, gates, the frozen region and the ways back; no system is asked.
    Graph(Graph),
    /// Print the JSON Schema of the plan language, or its reference for people.
    Schema(Schema),
    /// Explain a kind of step: its fields and outputs. Without a name: list the kinds.
    Explain(Explain),
    /// Print completions for a shell.
    Completions(Completions),
    /// Print the manual page (roff) of the program, or of one verb.
    Man(Man),
}

/// The plan file, and what fills it.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The plan file.
    #[arg(value_name = "PLAN", conflicts_with = "file")]
    pub plan: Option<PathBuf>,
    /// The plan file, as a flag.
    #[arg(short, long, value_name = "PLAN")]
    pub file: Option<PathBuf>,
    /// The environment; a run is (plan name, environment).
    #[arg(long, value_name = "NAME", default_value = "default", env = "REGPLAN_ENV")]
    pub env: String,
    /// Set a variable: NAME=VALUE; repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub var: Vec<(String, String)>,
    /// Set variables from a YAML file; repeatable, later files win, `--var` wins over files.
    #[arg(long, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
}

/// Where the journal is.
#[derive(Debug, Clone, Args)]
pub struct StateArgs {
    /// The journal [default: .regplan/state.db beside the plan file].
    #[arg(long, value_name = "FILE", env = "REGPLAN_STATE")]
    pub state: Option<PathBuf>,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormatArgs {
    /// Print JSON: the same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// How data is printed on stdout.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

impl FormatArgs {
    /// Whether machines read it.
    pub fn is_json(self) -> bool {
        self.json || self.format == Format::Json
    }
}

/// For people or for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For machines; each document carries `format_version`.
    Json,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// How it is printed.
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// The journal.
    #[command(flatten)]
    pub state: StateArgs,
    /// How it is printed.
    #[command(flatten)]
    pub format: FormatArgs,
    /// Exit 2 when there is something to do, or drift, and 0 when not.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Run no guard commands (`unless`) of the plan.
    #[arg(long)]
    pub no_exec: bool,
    /// Look again at steps of closed phases, and report what no longer holds; it is never repaired.
    #[arg(long)]
    pub drift: bool,
    /// Look at contents too, by exports; slow on large registries.
    #[arg(long)]
    pub deep: bool,
    /// Show the schemas and other texts that would change as unified diffs; with --deep.
    #[arg(long, requires = "deep")]
    pub diff: bool,
}

/// `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// The journal.
    #[command(flatten)]
    pub state: StateArgs,
    /// How it is printed: `--json` is one event per line.
    #[command(flatten)]
    pub format: FormatArgs,
    /// Do not ask for approval.
    #[arg(long)]
    pub auto_approve: bool,
    /// Stop after this phase.
    #[arg(long, value_name = "PHASE")]
    pub until: Option<String>,
    /// Wait this long for another regplan to end.
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub lock_timeout: PlanDuration,
    /// Answer yes to this `manual.confirm` step; repeatable.
    #[arg(long, value_name = "STEP")]
    pub confirm: Vec<String>,
}

/// `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// The journal.
    #[command(flatten)]
    pub state: StateArgs,
    /// How it is printed.
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `journal`.
#[derive(Debug, Args)]
pub struct Journal {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// The journal.
    #[command(flatten)]
    pub state: StateArgs,
    /// How it is printed: `--json` is one record per line.
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `graph`.
#[derive(Debug, Args)]
pub struct Graph {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// The language of the drawing.
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    pub format: GraphFormat,
}

/// The languages of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A flowchart that GitHub renders in Markdown.
    Mermaid,
    /// For Graphviz: `regplan graph PLAN --format dot | dot -Tsvg`.
    Dot,
}

/// `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Print the reference (Markdown, `docs/reference.md`) instead.
    #[arg(long)]
    pub reference: bool,
    /// Print the page of all findings of a preflight (Markdown, `docs/preflight.md`) instead.
    #[arg(long, conflicts_with = "reference")]
    pub preflight: bool,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The kind, such as `lb.route`.
    pub kind: Option<String>,
    /// How it is printed: `--json` is the JSON Schema of its fields and outputs.
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// The verb.
    pub verb: Option<String>,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, such as v2_url=http://127.0.0.1:8080".to_owned()),
    }
}

fn exit_codes() -> String {
    use std::fmt::Write as _;

    let mut text = String::from("Exit codes:\n");
    for exit in super::Exit::ALL {
        // Writing to a String cannot fail.
        let _infallible = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_variable_keeps_everything_after_the_first_equals_sign() {
        assert_eq!(name_and_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(name_and_value("a="), Ok(("a".to_owned(), String::new())));
        assert!(name_and_value("a").is_err());
        assert!(name_and_value("=b").is_err());
    }

    #[test]
    fn the_plan_file_is_positional_or_a_flag_and_not_both() {
        let plan = |args: &[&str]| Cli::try_parse_from(args).map(|cli| cli.verb);
        assert!(plan(&["regplan", "plan", "a.yaml"]).is_ok());
        assert!(plan(&["regplan", "plan", "-f", "a.yaml"]).is_ok());
        assert!(plan(&["regplan", "plan", "a.yaml", "-f", "b.yaml"]).is_err());
    }
}
