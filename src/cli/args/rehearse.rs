use std::path::PathBuf;

use clap::Args;

use super::{FormatArgs, PlanArgs};
use crate::rehearse::kill::RecordKill;

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
