use super::{Stage, check, read, runner::Source};
use crate::{
    cli::{Exit, error::CliError, project::quoted, signals},
    model::StepId,
    rehearse::{
        kill::{Campaign, Failed, KillSummary, RunnerProgram, Setup, Told},
        not_rehearsed::{NotRehearsed, leave_out},
    },
};

/// How many worlds end before a line says how far it is, where no terminal is redrawn.
const TELL_EVERY: u64 = 10;

/// With `--kill-random` the seed says where kills are; the data is always that of this one.
const DATA_SEED: u64 = 1;

impl Stage<'_> {
    /// Whether kills were asked for.
    pub(super) fn kills(&self) -> bool {
        let kill = &self.arguments.kill;
        kill.kill_everywhere || kill.kill_at.is_some() || kill.kill_random.is_some()
    }

    /// Kills the runner in many worlds; the first signal ends them all, with their runners and directories.
    pub(super) async fn kill(&self) -> Result<Exit, CliError> {
        let mut signals = signals::listen()?;
        tokio::select! {
            ended = Box::pin(self.campaign()) => ended,
            Some(signal) = signals.recv() => {
                self.terminal.note(&format!("Interrupted by {signal}: what is left was not tried."));
                Ok(Exit::of_signal(signal))
            }
        }
    }

    /// It is well when all worlds end as the undisturbed one.
    async fn campaign(&self) -> Result<Exit, CliError> {
        let directory = tempfile::tempdir().map_err(CliError::rehearsal)?;
        let setup = self.setup(directory.path())?;
        let mut tell = |told: Told<'_>| self.tell(&told);
        let campaign = Box::pin(Campaign::begin(setup, &mut tell))
            .await
            .map_err(CliError::rehearsal)?;
        let kill = &self.arguments.kill;
        let ended = match (kill.kill_at, kill.kill_random) {
            (Some(boundary), _) if usize::try_from(boundary.record).is_ok_and(|record| record > campaign.records()) => {
                return Err(CliError::usage(
                    format!("`--kill-at {boundary}` is past the end of the journal"),
                    format!("Undisturbed it holds {} records.", campaign.records()),
                ));
            }
            (Some(boundary), _) => campaign.at(boundary, &mut tell).await,
            (None, Some(kills)) => campaign.random(kills, self.arguments.seed, &mut tell).await,
            (None, None) => campaign.everywhere(&mut tell).await,
        };
        let mut summary = ended.map_err(CliError::rehearsal)?;
        summary.not_rehearsed = self.left_out()?;
        for failed in &mut summary.failed {
            failed.command = Some(self.again(failed));
        }
        self.print(&summary, KillSummary::human)?;
        if summary.kills == 0 && summary.failed.is_empty() {
            self.terminal.note("No runner was killed, so that nothing is shown.");
            return Ok(Exit::Error);
        }
        Ok(if summary.failed.is_empty() {
            Exit::Done
        } else {
            Exit::Error
        })
    }

    fn setup(&self, directory: &std::path::Path) -> Result<Setup, CliError> {
        let fail = self.arguments.fail.as_deref();
        if !self.arguments.fault.is_empty() {
            return Err(CliError::usage(
                "kills and `--fault` do not go together yet",
                "Leave one of them out.",
            ));
        }
        if fail == Some("each") {
            return Err(CliError::usage(
                "kills and `--fail each` do not go together",
                "Name one step, such as `--fail verify`.",
            ));
        }
        let program = self.program()?;
        let fail = fail.map(StepId::new);
        check(&program, fail.as_ref())?;
        for left in self.left_out()? {
            self.terminal.note(&left.to_string());
        }
        let random = self.arguments.kill.kill_random.is_some();
        let data = self.data(directory, if random { DATA_SEED } else { self.arguments.seed })?;
        let source = Source::of(&self.arguments.plan);
        Ok(Setup {
            plan: program.plan,
            source: serde_json::to_value(source).map_err(CliError::rehearsal)?,
            program: RunnerProgram {
                path: std::env::current_exe().map_err(CliError::rehearsal)?,
                arguments: vec!["--quiet".into(), "rehearse".into()],
            },
            held: read(&data)?,
            data,
            fail,
        })
    }

    /// What the runners leave out or only record.
    fn left_out(&self) -> Result<Vec<NotRehearsed>, CliError> {
        Ok(leave_out(&mut self.program()?))
    }

    fn tell(&self, told: &Told<'_>) {
        if self.terminal.quiet {
            return;
        }
        match told {
            Told::Undisturbed { exit, records } => {
                self.terminal
                    .note(&format!("undisturbed: exit code {exit}, {records} records"));
            }
            Told::World { summary, failed } => {
                if let Some(failed) = failed {
                    self.terminal.note(failed.human().trim_end());
                    self.terminal.note(&format!("  again: {}", self.again(failed)));
                }
                if summary.worlds % TELL_EVERY == 0 {
                    let unlike = summary.failed.len() + usize::from(failed.is_some());
                    self.terminal.note(&format!(
                        "{} worlds, {} kills, {} times resumed, {unlike} ended otherwise",
                        summary.worlds, summary.kills, summary.resumed
                    ));
                }
            }
        }
    }

    /// What to type to try just that world again.
    fn again(&self, failed: &Failed) -> String {
        let mut words = vec![self.project.command("rehearse"), failed.replay.to_string()];
        match &self.arguments.data {
            Some(data) => words.push(format!("--data {}", quoted(&data.display().to_string()))),
            None => words.push(format!("--size {}", self.arguments.size)),
        }
        if self.arguments.kill.kill_random.is_none() {
            words.push(format!("--seed {}", self.arguments.seed));
        }
        if let Some(step) = &self.arguments.fail {
            words.push(format!("--fail {step}"));
        }
        words.join(" ")
    }
}
