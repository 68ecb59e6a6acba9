use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, to_value};

use super::world::{KillError, Place};
use crate::{
    journal::{Body, Record, RunState, StepState, fold},
    model::{BackendName, SystemName},
    registry::Snapshot,
    rehearse::{
        load::{GROUP, Report},
        proof::{Claim, Side, differences, without},
        witness::{self, Told},
    },
    resource::RouteState,
};

/// How a world ended, as it is seen from outside and as its journal tells it.
#[derive(Debug, Clone)]
pub struct End {
    /// The exit code of the last session.
    pub exit: u8,
    /// What the journal wrote, each record in a few words.
    pub records: Vec<String>,
    /// What must be in any world and is not.
    pub violations: Vec<String>,
    routes: BTreeMap<SystemName, String>,
    steps: BTreeMap<String, String>,
    new: Option<Snapshot>,
}

impl End {
    /// What is not as in the undisturbed world, and what must not be in any.
    pub fn differences(&self, undisturbed: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.exit != undisturbed.exit {
            found.push(format!(
                "it ended with {}, undisturbed with {}",
                self.exit, undisturbed.exit
            ));
        }
        found.extend(unlike("the route of", &self.routes, &undisturbed.routes));
        found.extend(unlike("the journal:", &self.steps, &undisturbed.steps));
        match (&self.new, &undisturbed.new) {
            (Some(here), Some(there)) => {
                let rows = differences(&theirs(there), &theirs(here));
                found.extend(rows.iter().map(|row| format!("the new registry: {row}")));
            }
            (None, None) => {}
            (Some(_), None) => found.push("the new registry is up, undisturbed it is not".to_owned()),
            (None, Some(_)) => found.push("the new registry is not up".to_owned()),
        }
        found.extend(self.violations.iter().cloned());
        found
    }
}

/// All but what clients wrote, which differs in every run.
fn theirs(snapshot: &Snapshot) -> Snapshot {
    without(snapshot, |key| key.group.as_str() == GROUP)
}

fn unlike<K: Ord + std::fmt::Display>(
    what: &str,
    here: &BTreeMap<K, String>,
    there: &BTreeMap<K, String>,
) -> Vec<String> {
    let keys: BTreeSet<&K> = here.keys().chain(there.keys()).collect();
    let nothing = "nothing".to_owned();
    let of = |map: &BTreeMap<K, String>, key| map.get(key).unwrap_or(&nothing).clone();
    keys.into_iter()
        .filter(|key| here.get(*key) != there.get(*key))
        .map(|key| format!("{what} {key}: {}, undisturbed {}", of(here, key), of(there, key)))
        .collect()
}

/// Looks at a world whose clients have stopped.
pub(super) async fn look(place: &Place<'_>, exit: u8) -> Result<End, KillError> {
    let Place { stage, report, .. } = place;
    let state = fold(place.records)?;
    let mut routes = BTreeMap::new();
    for &name in &place.balancers {
        if let Some(double) = stage.stand_ins.balancer(name) {
            let RouteState { to, writes, .. } = double.route().await?;
            routes.insert(name.clone(), format!("{}, writes {}", to.word(), writes.word()));
        }
    }
    let mut violations = report.map(unread).unwrap_or_default();
    let mut new = None;
    if let (Some(report), Some(seen)) = (report, witness::look(stage).await?) {
        let acknowledged: Vec<String> = report.written.iter().map(|written| written.artifact.clone()).collect();
        let told = Told {
            began_with: place.held,
            acknowledged: &acknowledged,
        };
        let other = stage.new.as_ref().filter(|_| seen.new.is_some());
        let judged = seen.judge(claim(exit, state.as_ref(), other), told);
        violations.extend(judged.iter().map(ToString::to_string));
        violations.extend(seen.ids().and_then(taken_before));
        new = seen.new;
    }
    Ok(End {
        exit,
        records: place.records.iter().map(in_words).collect(),
        violations,
        routes,
        steps: state.as_ref().map(steps).unwrap_or_default(),
        new,
    })
}

fn unread(report: &Report) -> Vec<String> {
    let first = report.problems.iter().find(|(_, text)| text.starts_with("read of"));
    match (report.seen.reads_failed, first) {
        (0, _) => Vec::new(),
        (failed, Some((_, first))) => vec![format!("{failed} reads failed, first: {first}")],
        (failed, None) => vec![format!("{failed} reads failed")],
    }
}

/// The next id of the side that takes writes is above all that either side ever gave out.
fn taken_before((got, all): (u64, u64)) -> Option<String> {
    (got < all).then(|| format!("a new version got the globalId {got}, and {all} was given out before"))
}

fn claim(exit: u8, state: Option<&RunState>, other: Option<&SystemName>) -> Claim {
    let opened = |name: &SystemName| state.is_some_and(|state| state.written(&BackendName::new(name.as_str())));
    match exit {
        0 if other.is_some_and(opened) => Claim::Succeeded(Side::New),
        0 => Claim::Succeeded(Side::Old),
        7 => Claim::WentBack,
        8 => Claim::NeedsPerson,
        _ => Claim::Stopped,
    }
}

/// Where phases and their steps stand; attempts are not counted, for an attempt may begin again.
fn steps(state: &RunState) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (id, phase) in &state.phases {
        let Some(attempt) = &phase.current else {
            continue;
        };
        let closed = if attempt.closed { "closed" } else { "open" };
        all.insert(format!("phase {id}"), closed.to_owned());
        for (step, stands) in &attempt.steps {
            let stands = match stands {
                StepState::Intended(_) => "intended",
                StepState::Done { .. } => "done",
                StepState::Failed { .. } => "failed",
                StepState::Skipped { .. } => "skipped",
            };
            all.insert(format!("step {step}"), stands.to_owned());
        }
    }
    if let Some(rollback) = &state.rollback {
        let failed = rollback.failed.as_ref().map_or("under way", |_| "failed");
        all.insert("the way back".to_owned(), failed.to_owned());
    }
    if state.frozen.is_some() {
        all.insert("the freeze".to_owned(), "in force".to_owned());
    }
    all
}

/// `step_settled content`.
fn in_words(record: &Record) -> String {
    let value: Value = to_value::<&Body>(&record.body).unwrap_or_default();
    let word = |key: &str| value.get(key).and_then(Value::as_str);
    let kind = word("kind").unwrap_or("record");
    match word("step").or_else(|| word("phase")) {
        Some(of) => format!("{kind} {of}"),
        None => kind.to_owned(),
    }
}
