//! Verbs that need no plan: they look at registries and exports.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    cli::side::Login,
    registry::{
        Accepted,
        preflight::{Storage, TargetVersion},
    },
};

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
