use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    journal::{Attempt, RunState, StepState},
    model::{Class, PhaseId, PlanDuration, RunId, StepId},
};

/// Raised when a field changes its meaning or goes; new fields do not raise it.
pub const STATUS_FORMAT: u32 = 1;

/// What a status needs to know of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanShape {
    /// Its name.
    pub name: String,
    /// The environment.
    pub environment: String,
    /// Phases and their steps, in order.
    pub phases: Vec<(PhaseId, Vec<StepId>)>,
    /// How long writes may be frozen.
    pub freeze_limit: Option<PlanDuration>,
}

/// What a status needs to know of this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// When it is.
    pub now: Timestamp,
    /// The regplan that holds the lock, as it wrote itself down; `None` = nobody does.
    pub runner: Option<String>,
    /// What to type to plan.
    pub plan_command: String,
    /// What to type to go on.
    pub apply_command: String,
}

/// Where a run stands, from its journal alone: no system is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The format of this document, from 1.
    pub format_version: u32,
    /// The plan's name.
    pub plan: String,
    /// The environment.
    pub environment: String,
    /// The run; absent before the first apply.
    pub run: Option<RunId>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// Records in its journal.
    pub records: u64,
    /// Whether all phases were closed.
    pub finished: bool,
    /// The regplan that works on it now.
    pub runner: Option<String>,
    /// A freeze of writes that is in force.
    pub frozen: Option<FrozenNow>,
    /// A way back that has not come to its end.
    pub rollback: Option<GoingBack>,
    /// The last freeze that ended, in milliseconds.
    pub last_freeze_ms: Option<u64>,
    /// Every phase of the plan.
    pub phases: Vec<PhaseStatus>,
    /// What to do now.
    pub next: NextStep,
}

/// A freeze in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrozenNow {
    /// When its intent was written.
    pub since: Timestamp,
    /// How long that is, in milliseconds.
    pub for_ms: u64,
    /// How long it may be, in milliseconds; absent = no limit.
    pub limit_ms: Option<u64>,
    /// The step that froze.
    pub step: StepId,
    /// The route.
    pub route: String,
    /// Whether the step that thaws forward was intended.
    pub switch_intended: bool,
}

/// A way back under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoingBack {
    /// The phases, last first.
    pub phases: Vec<PhaseId>,
    /// Those already back at their beginning.
    pub done: Vec<PhaseId>,
    /// Why.
    pub reason: String,
    /// Why it failed, when it did.
    pub failed: Option<String>,
}

/// Where a phase stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseStatus {
    /// The phase.
    pub id: PhaseId,
    /// `pending`, `open`, `closed`.
    pub standing: &'static str,
    /// The attempt that goes on or would start, from 1.
    pub attempt: u32,
    /// Its steps.
    pub steps: Vec<StepStatus>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepStatus {
    /// The step.
    pub id: StepId,
    /// `pending`, `running`, `waiting`, `in_doubt`, `done`, `failed`, `skipped`.
    pub standing: &'static str,
    /// A line about it.
    pub detail: Option<String>,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// In a sentence.
    pub why: String,
    /// What to type; absent when there is nothing to type.
    pub command: Option<String>,
}

impl Status {
    /// Of a plan whose journal says this; `None` = it was never applied.
    pub fn of(plan: &PlanShape, state: Option<&RunState>, live: &Live) -> Self {
        let mut status = Self {
            format_version: STATUS_FORMAT,
            plan: plan.name.clone(),
            environment: plan.environment.clone(),
            run: state.map(|state| state.run.clone()),
            started: state.map(|state| state.started),
            records: state.map_or(0, |state| state.records),
            finished: state.is_some_and(|state| state.finished),
            runner: live.runner.clone(),
            frozen: state.and_then(|state| frozen(plan, state, live.now)),
            rollback: state.and_then(going_back),
            last_freeze_ms: state.and_then(|state| state.last_freeze_ms),
            phases: plan
                .phases
                .iter()
                .map(|(phase, steps)| phase_status(phase, steps, state, live))
                .collect(),
            next: NextStep {
                why: String::new(),
                command: None,
            },
        };
        status.next = next(&status, live);
        status
    }
}

fn frozen(plan: &PlanShape, state: &RunState, now: Timestamp) -> Option<FrozenNow> {
    let frozen = state.frozen.as_ref()?;
    let since: Duration = now.duration_since(frozen.since).try_into().unwrap_or_default();
    let whole = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Some(FrozenNow {
        since: frozen.since,
        for_ms: whole(since),
        limit_ms: plan.freeze_limit.map(|limit| whole(limit.get())),
        step: frozen.step.clone(),
        route: frozen.route.to_string(),
        switch_intended: frozen.switch_intended,
    })
}

fn going_back(state: &RunState) -> Option<GoingBack> {
    let rollback = state.rollback.as_ref()?;
    Some(GoingBack {
        phases: rollback.phases.clone(),
        done: rollback.done.iter().cloned().collect(),
        reason: rollback.reason.clone(),
        failed: rollback.failed.clone(),
    })
}

fn phase_status(phase: &PhaseId, steps: &[StepId], state: Option<&RunState>, live: &Live) -> PhaseStatus {
    let known = state.and_then(|state| state.phases.get(phase));
    let attempt = known.and_then(|known| known.current.as_ref());
    PhaseStatus {
        id: phase.clone(),
        standing: match attempt {
            None => "pending",
            Some(attempt) if attempt.closed => "closed",
            Some(_) => "open",
        },
        attempt: known.map_or(1, crate::journal::PhaseState::attempt),
        steps: steps.iter().map(|step| step_status(step, attempt, live)).collect(),
    }
}

fn step_status(step: &StepId, attempt: Option<&Attempt>, live: &Live) -> StepStatus {
    let (standing, detail) = match attempt.and_then(|attempt| attempt.steps.get(step)) {
        None => ("pending", None),
        Some(StepState::Intended(_)) if live.runner.is_some() => ("running", None),
        // A wait has no effect: that its end is missing only says that it is not over.
        Some(StepState::Intended(intent)) if intent.class == Class::Wait => ("waiting", None),
        Some(StepState::Intended(_)) => ("in_doubt", None),
        Some(StepState::Done { summary, .. }) => ("done", Some(summary.clone())),
        Some(StepState::Failed { error, .. }) => ("failed", Some(error.clone())),
        Some(StepState::Skipped { reason }) => ("skipped", Some(reason.clone())),
    };
    StepStatus {
        id: step.clone(),
        standing,
        detail: detail.filter(|text| !text.is_empty() && text != standing),
    }
}

/// The one thing that matters most now.
fn next(status: &Status, live: &Live) -> NextStep {
    let say = |why: &str, command: Option<&String>| NextStep {
        why: why.to_owned(),
        command: command.cloned(),
    };
    let apply = Some(&live.apply_command);
    if status.runner.is_some() {
        return say("A regplan is at work on it; nothing to type.", None);
    }
    if status.run.is_none() {
        return say(
            "It was never applied: look at the plan first.",
            Some(&live.plan_command),
        );
    }
    if let Some(back) = &status.rollback {
        return match back.failed {
            Some(_) => say("The way back failed and needs a person; `apply` tries it again.", apply),
            None => say("The way back is not at its end; `apply` goes on with it.", apply),
        };
    }
    if let Some(frozen) = &status.frozen {
        let over = frozen.limit_ms.is_some_and(|limit| frozen.for_ms >= limit);
        return if over && !frozen.switch_intended {
            say(
                "The freeze is past its limit: `apply` first goes back, which allows writes again.",
                apply,
            )
        } else {
            say("Writes stay denied until `apply` goes on.", apply)
        };
    }
    if status.finished {
        return say("All phases are closed; nothing to do.", None);
    }
    let steps = || status.phases.iter().flat_map(|phase| &phase.steps);
    if let Some(step) = steps().find(|step| step.standing == "failed") {
        return say(&format!("`{}` failed; `apply` tries it again.", step.id), apply);
    }
    if let Some(step) = steps().find(|step| step.standing == "in_doubt") {
        let text = format!(
            "`{}` began and its end is not known; `apply` looks and goes on.",
            step.id
        );
        return say(&text, apply);
    }
    if let Some(step) = steps().find(|step| step.standing == "waiting") {
        return say(
            &format!("`{}` waits; `apply` looks whether it is over.", step.id),
            apply,
        );
    }
    say("`apply` goes on where it stopped.", apply)
}

#[cfg(test)]
#[path = "tests/status.rs"]
mod tests;
