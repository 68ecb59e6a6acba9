mod kill;
mod runner;
mod table;

use std::{
    collections::BTreeSet,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};

use super::{
    Exit,
    args::Rehearse,
    error::CliError,
    outcome::ending,
    progress::Show,
    project::{Project, quoted},
    runtime,
    screen::Screen,
    signals,
    terminal::Terminal,
};
use crate::{
    kind::Program,
    model::{Event, StepId},
    registry::{ReadLimits, Snapshot, read_export},
    rehearse::{
        Rehearsal, RehearseOptions, Told,
        data::generate,
        faults::{Fault, Play},
        kill::ORDER,
        load::{Load, LoadOptions, Report, lost, paths_of},
        phases::phases_from,
        summary::{FORMAT_VERSION, Proof, Summary},
    },
    system::causes,
};

use table::{Table, title};

/// How long clients go on after the run has ended: long enough that a switch is seen from outside.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// How long worlds that were cut short may take to end.
const CUT_SHORT: Duration = Duration::from_secs(10);

/// Artifacts that the reader goes through.
const READ_PATHS: usize = 200;

/// `rehearse`: the whole plan against twins in this process, with clients that go on.
pub(super) fn run(arguments: &Rehearse, terminal: &Terminal) -> Result<Exit, CliError> {
    if let Some(order) = std::env::var_os(ORDER) {
        return runner::run(Path::new(&order), terminal);
    }
    let project = Project::new(&arguments.plan, None)?;
    let runtime = runtime::start()?;
    let stage = Stage {
        arguments,
        project: &project,
        terminal,
    };
    if stage.kills() {
        let exit = runtime.block_on(stage.kill());
        // Worlds that were cut short leave no runner and no directory.
        runtime.shutdown_timeout(CUT_SHORT);
        return exit;
    }
    let exit = runtime.block_on(stage.all());
    runtime.shutdown_background();
    exit
}

/// The faults of these names.
fn named(names: &[String]) -> Result<BTreeSet<Fault>, CliError> {
    let fault = |name: &String| {
        name.parse::<Fault>().map_err(|error| {
            let known: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
            CliError::usage(error.to_string(), format!("There are {}, and `all`.", known.join(", ")))
        })
    };
    names.iter().map(fault).collect()
}

struct Stage<'a> {
    arguments: &'a Rehearse,
    project: &'a Project,
    terminal: &'a Terminal,
}

impl Stage<'_> {
    /// One rehearsal, or one for each step or fault; several are well when each ended as it must.
    async fn all(&self) -> Result<Exit, CliError> {
        let faults = match self.arguments.fault.as_slice() {
            [all] if all == "all" => Fault::ALL.map(|fault| BTreeSet::from([fault])).to_vec(),
            some if some.iter().any(|name| name == "all") => {
                return Err(CliError::usage(
                    "`--fault all` goes with no other fault",
                    "It holds one rehearsal for each.",
                ));
            }
            some => vec![named(some)?],
        };
        let steps = match self.arguments.fail.as_deref() {
            Some("each") => self.program()?.order.into_iter().map(Some).collect(),
            Some(step) => vec![Some(StepId::from(step))],
            None => vec![None],
        };
        if faults.len() * steps.len() == 1 {
            let step = steps.into_iter().next().flatten();
            let (exit, _) = Box::pin(self.once(step, faults.into_iter().next().unwrap_or_default())).await?;
            return Ok(exit);
        }
        let mut table = Table::default();
        let mut signals = signals::listen()?;
        for (step, faults) in steps
            .iter()
            .flat_map(|step| faults.iter().map(move |faults| (step, faults)))
        {
            let name = title(step.as_ref(), faults);
            self.terminal.note(&format!("── {name}"));
            let (exit, summary) = Box::pin(self.once(step.clone(), faults.clone())).await?;
            table.add(name, exit, &summary);
            // Each rehearsal hears it too; this one also hears it between two of them.
            if let Ok(signal) = signals.try_recv() {
                self.terminal.note(&table.to_string());
                return Ok(Exit::of_signal(signal));
            }
        }
        self.terminal.note(&table.to_string());
        Ok(table.exit())
    }

    fn program(&self) -> Result<Program, CliError> {
        Ok(self.project.load_to_rehearse(self.terminal)?.program)
    }

    async fn once(&self, fail: Option<StepId>, faults: BTreeSet<Fault>) -> Result<(Exit, Summary), CliError> {
        let replay = self.replay(fail.as_ref(), &faults);
        let told_to_fail = fail.is_some();
        let play = Arc::new(Play::new(faults, self.arguments.seed));
        let program = self.program()?;
        check(&program, fail.as_ref())?;
        let apply_refuses = program.unsupported.clone();
        let directory = tempfile::tempdir().map_err(CliError::rehearsal)?;
        let data = self.data(directory.path(), self.arguments.seed)?;
        let snapshot = read(&data)?;
        let (events, heard) = mpsc::unbounded_channel();
        let rehearsal = Rehearsal::prepare(RehearseOptions {
            program,
            data: Some(data),
            fail,
            faults: Arc::clone(&play),
            directory: directory.path().to_owned(),
            events,
            signals: signals::listen()?,
        })
        .await
        .map_err(CliError::rehearsal)?;
        let not_rehearsed = rehearsal.not_rehearsed().to_vec();
        for left in &not_rehearsed {
            self.terminal.note(&left.to_string());
        }
        let load = match rehearsal.public() {
            Some(url) => Some(
                Load::start(
                    url,
                    LoadOptions {
                        reads: paths_of(&snapshot, READ_PATHS),
                        uploaders: 1,
                        ..LoadOptions::default()
                    },
                )
                .map_err(CliError::rehearsal)?,
            ),
            None => None,
        };
        let shown = tokio::spawn(follow(heard, self.show()));
        let ran = Box::pin(rehearsal.run()).await.map_err(CliError::rehearsal)?;
        tokio::time::sleep(AFTERWARDS).await;
        let report = match load {
            Some(load) => Some(load.stop().await),
            None => None,
        };
        let lost = match (&report, &ran.public) {
            (Some(report), Some(url)) => Some(lost(url, report).await.map_err(CliError::rehearsal)?),
            _ => None,
        };
        let mut acknowledged = play.written_past();
        acknowledged.extend(
            report
                .iter()
                .flat_map(|report| &report.written)
                .map(|write| write.artifact.clone()),
        );
        let told = Told {
            began_with: &snapshot,
            acknowledged: &acknowledged,
        };
        let proof = ran.prove(told).await.map_err(CliError::rehearsal)?;
        let events = shown.await.map_err(CliError::rehearsal)?;
        let ending = ending(
            &ran.outcome,
            &self.project.command("rehearse"),
            &self.project.command("status"),
        );
        let mut summary = self.summary(ending.name, ending.exit, report.as_ref(), &events, ran.differences);
        summary.lost_writes = lost;
        summary.not_rehearsed = not_rehearsed;
        summary.apply_refuses = apply_refuses;
        summary.replay = replay;
        let came = play.came();
        // Who was interrupted or told to fail ends as that says, whatever the faults.
        let cut_short = matches!(ending.exit, Exit::Interrupted | Exit::Terminated);
        let judged = !told_to_fail && !cut_short;
        summary.proven(proof.as_deref(), &came, judged.then_some(ending.exit.code()));
        let exit = match summary.violations.is_empty() {
            true => ending.exit,
            false => Exit::RollbackFailed,
        };
        summary.exit_code = exit.code();
        self.say(&ending.lines.join("\n"), &summary)?;
        Ok((exit, summary))
    }

    /// The command that holds this very rehearsal again.
    fn replay(&self, fail: Option<&StepId>, faults: &BTreeSet<Fault>) -> String {
        let mut command = self.project.command("rehearse");
        for fault in faults {
            command.push_str(&format!(" --fault {fault}"));
        }
        if let Some(step) = fail {
            command.push_str(&format!(" --fail {step}"));
        }
        match &self.arguments.data {
            Some(data) => command.push_str(&format!(" --data {}", quoted(&data.display().to_string()))),
            None => command.push_str(&format!(" --size {}", self.arguments.size)),
        }
        command.push_str(&format!(" --seed {}", self.arguments.seed));
        command
    }

    fn data(&self, directory: &Path, seed: u64) -> Result<PathBuf, CliError> {
        if let Some(data) = &self.arguments.data {
            return Ok(data.clone());
        }
        let bytes = generate(self.arguments.size, seed).map_err(CliError::rehearsal)?;
        let path = directory.join("generated.zip");
        crate::system::write_atomically(&path, |file| std::io::Write::write_all(file, &bytes))
            .map_err(CliError::rehearsal)?;
        Ok(path)
    }

    fn show(&self) -> Show {
        let screen = Arc::new(Screen::new(self.terminal));
        // Events are progress here; the summary is the data.
        Show::new(screen, self.terminal, self.project.command("rehearse"), false)
    }

    fn summary(
        &self,
        outcome: &str,
        exit: Exit,
        report: Option<&Report>,
        events: &[(u64, Event)],
        differences: Option<u64>,
    ) -> Summary {
        let phases = phases_from(events);
        let seen = report.map(|report| report.seen.clone()).unwrap_or_default();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Summary {
            format_version: FORMAT_VERSION,
            outcome: outcome.to_owned(),
            exit_code: exit.code(),
            seed: self.arguments.seed,
            reads: seen.reads,
            reads_failed: seen.reads_failed,
            read_gap_ms: ms(seen.read_gap),
            writes: seen.writes,
            writes_refused: seen.writes_refused,
            writes_failed: seen.writes_failed,
            lost_writes: None,
            freeze_ms: phases.freeze_ms,
            phases: phases.phases,
            differences,
            way_back: phases.way_back,
            faults: Vec::new(),
            proof: Proof::NothingToProve,
            violations: Vec::new(),
            replay: String::new(),
            stand_ins: vec![
                "registries and the balancer are twins in this process; their times say nothing about yours".to_owned(),
                "commands of the plan were not run".to_owned(),
                "questions to people were answered with yes".to_owned(),
            ],
            not_rehearsed: Vec::new(),
            apply_refuses: Vec::new(),
        }
    }

    fn say(&self, verdict: &str, summary: &Summary) -> Result<(), CliError> {
        self.terminal.note(verdict);
        self.print(summary, Summary::human)
    }

    /// A summary on stdout, as `--format` says.
    fn print<S: serde::Serialize>(&self, summary: &S, human: impl FnOnce(&S) -> String) -> Result<(), CliError> {
        let text = if self.arguments.format.is_json() {
            let mut text = serde_json::to_string(summary).map_err(CliError::rehearsal)?;
            text.push('\n');
            text
        } else {
            human(summary)
        };
        self.terminal.data(&text)
    }
}

/// Whether the plan can be rehearsed, with that step failing.
fn check(program: &Program, fail: Option<&StepId>) -> Result<(), CliError> {
    if let Some(step) = fail
        && program.step(step).is_none()
    {
        return Err(CliError::usage(
            format!("`--fail {step}` names no step of the plan"),
            "`--fail each` lets every step fail in turn.",
        ));
    }
    Ok(())
}

fn read(data: &Path) -> Result<Snapshot, CliError> {
    let unusable = |error: &(dyn std::error::Error + 'static)| {
        CliError::usage(
            format!("{} cannot be used: {}", data.display(), causes(error)),
            "Name an export of a 2.6 (GET /apis/registry/v2/admin/export) with --data, or leave the flag out.",
        )
    };
    let file = File::open(data).map_err(|error| unusable(&error))?;
    read_export(BufReader::new(file), &ReadLimits::default()).map_err(|error| unusable(&error))
}

/// Shows events, and keeps them with the milliseconds since the first.
async fn follow(mut heard: mpsc::UnboundedReceiver<Event>, mut show: Show) -> Vec<(u64, Event)> {
    let began = Instant::now();
    let mut kept = Vec::new();
    let (forward, mut shown) = mpsc::unbounded_channel();
    let showing = tokio::spawn(async move { show.follow(&mut shown).await });
    while let Some(event) = heard.recv().await {
        kept.push((
            u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            event.clone(),
        ));
        if forward.send(event).is_err() {
            tracing::debug!("nobody shows events");
        }
    }
    drop(forward);
    if let Err(error) = showing.await {
        tracing::error!(%error, "events could not be shown to the end");
    }
    kept
}
