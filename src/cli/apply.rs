use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{
    Exit,
    args::Apply,
    error::{CliError, is_broken_pipe},
    outcome::{Ending, ending},
    people::AtTerminal,
    plan::has_work,
    progress::Show,
    project::{Known, Project},
    run_id, runtime,
    screen::Screen,
    signals,
    terminal::Terminal,
};
use crate::{
    engine::{self, ApplyRequest, Outcome, PlanInput},
    journal::{RunLock, RunState, SqliteStore, Store as _},
    kind::Program,
    model::{ChangeSet, PhaseId, RunId, Standing, suggest},
    report,
    resource::Depth,
    system::Observe,
};

/// `apply`: shows the plan, asks, and does it.
pub(super) fn run(arguments: &Apply, terminal: &Terminal) -> Result<Exit, CliError> {
    let project = Project::new(&arguments.plan, Some(&arguments.state))?;
    may_ask(arguments, &project, terminal)?;
    let checked = project.load(terminal)?;
    check_names(arguments, &checked.program)?;

    let holder = RunLock::this_process(Timestamp::now());
    let lock = RunLock::take(&project.lock_path(), &holder, arguments.lock_timeout.get())?;
    let mut store = SqliteStore::open(project.state_path())?;
    let Known { run, state } = project.known_in(&store, &checked.program)?;
    let run = run.unwrap_or_else(|| run_id::new(Timestamp::now()));
    let program = project.load_for(&run, checked, terminal)?;
    let world = project.world(&program, false)?;

    let runtime = runtime::start()?;
    let session = Session {
        arguments,
        project: &project,
        terminal,
    };
    let observations = runtime.block_on(engine::refresh(&program, state.as_ref(), &world, Depth::Shallow));
    let set = engine::plan(&PlanInput {
        program: &program,
        state: state.as_ref(),
        observations: &observations,
        environment: project.environment(),
        drift: false,
    });
    session.show(&set)?;
    if let Some(ending) = session.refusal(&program, state.as_ref(), &set) {
        return session.end(&ending);
    }
    if !session.approved(state.as_ref(), &set)? {
        terminal.note("Nothing was done.");
        return Ok(Exit::Error);
    }
    let fence = store.next_fence()?;
    let ready = Ready {
        program,
        world,
        store,
        run,
        state,
        fence,
        holder,
    };
    let outcome = runtime.block_on(session.execute(ready));
    // Something may still wait for a line from the terminal; the run has ended, so nothing is lost by not waiting for it.
    runtime.shutdown_background();
    drop(lock);
    session.end(&ending(
        &outcome?,
        &project.command("apply"),
        &project.command("status"),
    ))
}

/// Everything of one apply that was found out before its first effect.
struct Ready {
    program: Program,
    world: Observe,
    store: SqliteStore,
    run: RunId,
    state: Option<RunState>,
    fence: u64,
    holder: String,
}

/// What was typed, and where it is answered.
struct Session<'a> {
    arguments: &'a Apply,
    project: &'a Project,
    terminal: &'a Terminal,
}

impl Session<'_> {
    /// Shows the plan: on stdout, or as the first line of the events.
    fn show(&self, set: &ChangeSet) -> Result<(), CliError> {
        let text = if self.arguments.format.is_json() {
            report::json::planned(Timestamp::now(), set)?
        } else {
            report::change_set(set, None, &self.terminal.look())
        };
        match self.terminal.data(&text) {
            // Nobody reads, and nobody has to approve: the run is what was asked for.
            Err(error) if self.arguments.auto_approve && is_broken_pipe(&error) => Ok(()),
            shown => shown,
        }
    }

    /// Why nothing can be applied, as it is said.
    fn refusal(&self, program: &Program, state: Option<&RunState>, set: &ChangeSet) -> Option<Ending> {
        let outcome = refusal(program, state, set)?;
        Some(ending(
            &outcome,
            &self.project.command("apply"),
            &self.project.command("status"),
        ))
    }

    /// Asks, unless there is nothing to decide.
    fn approved(&self, state: Option<&RunState>, set: &ChangeSet) -> Result<bool, CliError> {
        if self.arguments.auto_approve || !has_work(set) {
            return Ok(true);
        }
        let first = match state {
            Some(state) if state.rollback.is_some() => "A rollback has begun and goes on first.\n",
            Some(state) if state.frozen.is_some() => "Writes are denied now, by an apply that did not end.\n",
            _ => "",
        };
        let answer = Terminal::ask(&format!("{first}Apply this? Only `yes` counts:"))?;
        Ok(answer == "yes")
    }

    async fn execute(&self, ready: Ready) -> Result<Outcome, CliError> {
        let screen = Arc::new(Screen::new(self.terminal));
        let asked = self.terminal.can_ask().then(|| Arc::clone(&screen));
        let people = AtTerminal::new(self.arguments.confirm.iter().cloned(), asked);
        let (events, mut heard) = mpsc::unbounded_channel();
        let request = ApplyRequest {
            program: ready.program,
            environment: self.project.environment().to_owned(),
            world: ready.world,
            store: Box::new(ready.store),
            run: ready.run,
            state: ready.state,
            fence: ready.fence,
            holder: ready.holder,
            people: Arc::new(people),
            events,
            signals: signals::listen()?,
            until: self.arguments.until.as_deref().map(PhaseId::new),
        };
        let as_json = self.arguments.format.is_json();
        let mut show = Show::new(screen, self.terminal, self.project.command("apply"), as_json);
        let shown = tokio::spawn(async move { show.follow(&mut heard).await });
        let outcome = Box::pin(engine::apply(request)).await;
        if let Err(error) = shown.await {
            tracing::error!(%error, "events could not be shown to the end");
        }
        Ok(outcome?)
    }

    /// Says how it ended: success on stdout, everything else on stderr; with `--json` one last line on stdout.
    fn end(&self, ending: &Ending) -> Result<Exit, CliError> {
        if self.arguments.format.is_json() {
            let line = report::json::outcome(Timestamp::now(), ending.name, ending.exit.code(), &ending.detail)?;
            if let Err(error) = self.terminal.data(&line)
                && !is_broken_pipe(&error)
            {
                return Err(error);
            }
            return Ok(ending.exit);
        }
        let mut text = ending.lines.join("\n");
        if let Some(next) = &ending.next {
            text = format!("{text}\nNext: {next}");
        }
        if ending.exit == Exit::Done {
            self.terminal.last_word(&text);
        } else {
            self.terminal.note(&text);
        }
        Ok(ending.exit)
    }
}

/// Fails before any work where a person would have to be asked and nobody is there.
fn may_ask(arguments: &Apply, project: &Project, terminal: &Terminal) -> Result<(), CliError> {
    if arguments.auto_approve || terminal.can_ask() {
        return Ok(());
    }
    Err(CliError::usage(
        "apply asks for approval, and there is no terminal to ask on",
        format!(
            "Look at the plan first, then: {} --auto-approve",
            project.command("apply")
        ),
    ))
}

/// Whether `--until` and `--confirm` name what is there, and `--until` does not stop inside a frozen region.
fn check_names(arguments: &Apply, program: &Program) -> Result<(), CliError> {
    let phases = &program.plan.phases;
    if let Some(until) = &arguments.until {
        if !phases.iter().any(|phase| phase.id.as_str() == until) {
            return Err(no_such("phase", until, phases.iter().map(|phase| phase.id.as_str())));
        }
        // A region may end in the phase that it begins in; only after its last phase are writes allowed again.
        let inside = program.regions.iter().find(|region| {
            let before_last = region.phases.split_last().map(|(_, before)| before).unwrap_or_default();
            before_last.iter().any(|phase| phase.as_str() == until)
        });
        if let Some(region) = inside {
            return Err(CliError::usage(
                format!("`--until {until}` would stop inside a frozen region, with writes denied"),
                match region.phases.last() {
                    Some(last) => format!("Stop before it, or after `{last}`, which allows writes again."),
                    None => "Stop before or after it.".to_owned(),
                },
            ));
        }
    }
    for step in &arguments.confirm {
        let steps = || {
            phases
                .iter()
                .flat_map(|phase| phase.steps.iter().chain(phase.rollback.iter().flatten()))
        };
        if !steps().any(|known| known.id.as_str() == step) {
            return Err(no_such("step", step, steps().map(|step| step.id.as_str())));
        }
    }
    Ok(())
}

fn no_such<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> CliError {
    let help = suggest::nearest(name, &names.collect::<Vec<_>>()).map(|close| format!("Did you mean `{close}`?"));
    CliError::Usage {
        what: format!("the plan has no {what} `{name}`"),
        help,
    }
}

/// Why nothing can be applied. A way back or a freeze under way is never refused: going back comes first there.
pub(super) fn refusal(program: &Program, state: Option<&RunState>, set: &ChangeSet) -> Option<Outcome> {
    if state.is_some_and(|state| state.rollback.is_some() || state.frozen.is_some()) {
        return None;
    }
    let reasons = refused(set);
    match (program.unsupported.is_empty(), reasons.is_empty()) {
        (false, _) => Some(Outcome::NotSupported {
            what: program.unsupported.clone(),
        }),
        (true, false) => Some(Outcome::Refused { reasons }),
        (true, true) => None,
    }
}

/// What facts forbid: the plan as a whole, and steps of it.
fn refused(set: &ChangeSet) -> Vec<String> {
    let steps = set.phases.iter().flat_map(|phase| &phase.steps);
    let of_steps = steps.filter_map(|step| match &step.standing {
        Standing::Regress { reason } => Some(format!("`{}` would go backwards: {reason}", step.id)),
        Standing::Unreachable { reason } => Some(format!("`{}` cannot be planned: {reason}", step.id)),
        Standing::Closed
        | Standing::Superseded
        | Standing::Done
        | Standing::Skipped
        | Standing::Drift { .. }
        | Standing::InDoubt { .. }
        | Standing::AlreadySo
        | Standing::Pending { .. }
        | Standing::Unknown { .. }
        | Standing::Takes
        | Standing::Checks
        | Standing::Waits
        | Standing::NotSupported => None,
    });
    set.refusals.iter().cloned().chain(of_steps).collect()
}
