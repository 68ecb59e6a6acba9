use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::side::Login;
use crate::{
    model::PlanDuration,
    registry::{
        Accepted,
        preflight::{Storage, TargetVersion},
    },
    rehearse::kill::RecordKill,
};

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

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The address of a replica of the 2.6, without /apis; repeatable.
    #[arg(long, value_name = "URL")]
    pub v2: Vec<String>,
    /// The address of a replica of the 3.x, as it will be; repeatable.
    #[arg(long, value_name = "URL")]
    pub v3: Vec<String>,
    /// The management address (health) of a replica of the 3.x; repeatable [default: port 9000 of each].
    #[arg(long, value_name = "URL")]
    pub v3_management: Vec<String>,
    /// Log in at this OpenID Connect issuer, as the client of --username; `basic`: by HTTP Basic [default: the issuer in
    /// --env-file, unless the 2.6 takes HTTP Basic; else basic].
    #[arg(long, value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// The login of both registries: a name, or a client's id.
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// The environment variable that holds its password, or the client's secret [default: REGPLAN_PASSWORD].
    #[arg(long, value_name = "NAME")]
    pub password_env: Option<String>,
    /// A PEM file with authorities that are trusted besides this machine's own.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<String>,
    /// The environment file of the 2.6 (KEY=VALUE lines); secrets in it are not copied.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// The command that starts the 3.x.
    #[arg(long, value_name = "CMD")]
    pub start_v3: Option<String>,
    /// A command that ends with 0 when the 3.x runs [default: by systemctl or curl].
    #[arg(long, value_name = "CMD")]
    pub v3_running: Option<String>,
    /// The command that stops the 2.6, at the very end.
    #[arg(long, value_name = "CMD")]
    pub stop_v2: Option<String>,
    /// A command that ends with 0 when the 2.6 is stopped [default: by systemctl or curl].
    #[arg(long, value_name = "CMD")]
    pub v2_stopped: Option<String>,
    /// nginx.
    #[command(flatten)]
    pub lb: InitLb,
    /// The plan's name.
    #[arg(long, value_name = "NAME", default_value = "registry")]
    pub name: String,
    /// The file that is written; `-`: stdout.
    #[arg(long, value_name = "FILE", default_value = "plan.yaml")]
    pub out: PathBuf,
    /// Replace the file when it is there already.
    #[arg(long)]
    pub force: bool,
    /// Ask nothing: take what was found and what is usual.
    #[arg(long)]
    pub yes: bool,
}

/// nginx, for `init`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load balancer")]
pub struct InitLb {
    /// The address that clients use.
    #[arg(long, value_name = "URL")]
    pub lb_url: Option<String>,
    /// nginx's main file, or a file with the output of `nginx -T` [default: /etc/nginx/nginx.conf].
    #[arg(long, value_name = "FILE")]
    pub lb_config: Option<String>,
    /// nginx's prefix (`-p`), where it is not the usual one.
    #[arg(long, value_name = "DIR")]
    pub lb_prefix: Option<String>,
    /// The directory for regplan's two files [default: regplan, beside the main file].
    #[arg(long, value_name = "DIR")]
    pub lb_directory: Option<String>,
    /// The unix socket on which nginx answers regplan [default: /run/regplan/nginx.sock].
    #[arg(long, value_name = "PATH")]
    pub lb_socket: Option<String>,
    /// A server of the 2.6 as nginx reaches it; repeatable [default: from nginx's files, else from --v2].
    #[arg(long, value_name = "HOST:PORT")]
    pub v2_backend: Vec<String>,
    /// A server of the 3.x as nginx reaches it; repeatable [default: from --v3].
    #[arg(long, value_name = "HOST:PORT")]
    pub v3_backend: Vec<String>,
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

/// `rehearse`.
#[derive(Debug, Args)]
pub struct Rehearse {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// How the summary is printed.
    #[command(flatten)]
    pub format: FormatArgs,
    /// What the 2.6 holds: an export of it. Generated when absent.
    #[arg(long, value_name = "EXPORT.zip", conflicts_with = "size")]
    pub data: Option<PathBuf>,
    /// How many versions are generated.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub size: usize,
    /// What the generated data, the faults and, with `--kill-random`, the kills are made from: the same number does the same.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Let this step fail; `each`: one rehearsal per step, in which it fails.
    #[arg(long, value_name = "STEP|each")]
    pub fail: Option<String>,
    /// Let this go wrong: slow, cut, 5xx, lying-import, foreign-thaw, bypass. Several at once when repeated; `all`: one
    /// rehearsal per fault.
    #[arg(long, value_name = "FAULT|all")]
    pub fault: Vec<String>,
    /// Where the runner is killed.
    #[command(flatten)]
    pub kill: Kill,
}

/// Kills of a rehearsal's runner.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Kill {
    /// Kill the runner at each boundary of the journal, resume it, and compare with the undisturbed end.
    #[arg(long)]
    pub kill_everywhere: bool,
    /// Only at this boundary: before or after that record is durable.
    #[arg(long, value_name = "RECORD:before|after")]
    pub kill_at: Option<RecordKill>,
    /// Kill the runner so many times at random, several times in each world; `--seed` says where.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub kill_random: Option<u64>,
}

/// How a report is printed and kept.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Print JSON: the same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// How the report is printed on stdout.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ReportFormat,
    /// Write the whole report there too: as JSON, or as Markdown when the name ends in `.md`.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl ReportArgs {
    /// How it is printed.
    pub fn format(&self) -> ReportFormat {
        if self.json { ReportFormat::Json } else { self.format }
    }
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people at a terminal.
    Human,
    /// For people elsewhere.
    Markdown,
    /// For machines; the document carries `format_version`.
    Json,
}

/// What reading a registry without a plan needs.
#[derive(Debug, Clone, Args)]
pub struct SideArgs {
    /// Trust the certificates in this PEM file too.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<String>,
}

/// `preflight`.
#[derive(Debug, Args)]
pub struct Preflight {
    /// The registry (its address, without /apis) or an export of it.
    #[arg(value_name = "URL|EXPORT.zip")]
    pub source: String,
    /// The version that it shall move to: 3.3.3, 3.3 for any of that line, 2.6 for the way back.
    #[arg(long, value_name = "VERSION")]
    pub to_version: TargetVersion,
    /// What that version stores its data in; without it, what only some storages do is a warning.
    #[arg(long, value_name = "STORAGE")]
    pub storage: Option<StorageName>,
    /// Let this finding not block: CODE=REASON; repeatable.
    #[arg(long, value_name = "CODE=REASON", value_parser = accepted)]
    pub accept: Vec<Accepted>,
    /// How to log in: basic,username=U,password-env=VAR or oidc,issuer=URL,client-id=ID,client-secret-env=VAR.
    #[arg(long, value_name = "LOGIN", value_parser = Login::parse)]
    pub auth: Option<Login>,
    /// How it is read.
    #[command(flatten)]
    pub side: SideArgs,
    /// How it is printed.
    #[command(flatten)]
    pub output: ReportArgs,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Two registries (addresses without /apis) or export files, the one that is right first; with --certificate one.
    #[arg(value_name = "URL|EXPORT.zip", num_args = 1..=2, required = true)]
    pub places: Vec<String>,
    /// Accept these differences: CODE=REASON, or CODE:WHAT=REASON; repeatable.
    #[arg(long, value_name = "CODE=REASON", value_parser = accepted)]
    pub accept: Vec<Accepted>,
    /// Show the schemas and other texts that differ as unified diffs.
    #[arg(long)]
    pub diff: bool,
    /// Check whether one export holds what this certificate says.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["accept", "write_certificate", "diff"])]
    pub certificate: Option<PathBuf>,
    /// Write a certificate, to check a saved export against later.
    #[arg(long, value_name = "FILE")]
    pub write_certificate: Option<PathBuf>,
    /// How to log in: basic,username=U,password-env=VAR or oidc,issuer=URL,client-id=ID,client-secret-env=VAR.
    #[arg(long, value_name = "LOGIN", value_parser = Login::parse)]
    pub auth: Option<Login>,
    /// The same for the second registry, when it is not that of the first.
    #[arg(long, value_name = "LOGIN", value_parser = Login::parse)]
    pub auth_right: Option<Login>,
    /// How they are read.
    #[command(flatten)]
    pub side: SideArgs,
    /// How it is printed.
    #[command(flatten)]
    pub output: ReportArgs,
}

/// What a registry stores its data in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StorageName {
    /// An SQL database, no matter which.
    Sql,
    /// H2.
    H2,
    /// PostgreSQL.
    Postgresql,
    /// MySQL or MariaDB.
    Mysql,
    /// Microsoft SQL Server.
    Mssql,
    /// Kafka topics.
    Kafkasql,
}

impl From<StorageName> for Storage {
    fn from(name: StorageName) -> Self {
        match name {
            StorageName::Sql => Self::Sql,
            StorageName::H2 => Self::H2,
            StorageName::Postgresql => Self::Postgresql,
            StorageName::Mysql => Self::Mysql,
            StorageName::Mssql => Self::Mssql,
            StorageName::Kafkasql => Self::Kafkasql,
        }
    }
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

/// `CODE=REASON`, or `CODE:WHAT=REASON` for one artifact or version.
fn accepted(text: &str) -> Result<Accepted, String> {
    let wrong = || "write CODE=REASON, such as version_unaddressable='clients use ids'".to_owned();
    let (code, reason) = text.split_once('=').ok_or_else(wrong)?;
    let (code, what) = match code.split_once(':') {
        Some((code, what)) => (code, Some(what.to_owned())),
        None => (code, None),
    };
    if code.is_empty() || reason.trim().is_empty() {
        return Err(wrong());
    }
    Ok(Accepted {
        code: code.to_owned(),
        what,
        reason: reason.to_owned(),
    })
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
