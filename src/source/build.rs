//! The file as written → phases and steps of the model. What cannot be read is left out and remembered.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value};

use super::{
    file::{ApprovalFile, AssertionFile, NotBeforeFile, OnFailureFile, PhaseFile, RetryFile, StepFile},
    shape::{Broken, decode},
};
use crate::model::{
    Assertion, DocPath, Gates, OnFailure, Phase, PlanDuration, ResourceKey, Retry, Step, StepId, SystemName, digest_of,
};

/// Wait before the second try when `backoff` is absent.
const BACKOFF: PlanDuration = PlanDuration::new(Duration::from_secs(1));

/// Longest wait when `max_backoff` is absent.
const MAX_BACKOFF: PlanDuration = PlanDuration::new(Duration::from_secs(60));

/// A phase, and whether its author wrote what happens on failure.
pub(super) struct Built {
    pub phase: Phase,
    pub on_failure: Option<OnFailure>,
}

/// Reads a phase, as much of it as can be read.
pub(super) fn phase(value: &Value, at: &DocPath, broken: &mut Vec<Broken>) -> Option<Built> {
    let file: PhaseFile = decode(value, at, broken)?;
    let on_failure = file.on_failure.map(|written| match written {
        OnFailureFile::Stop => OnFailure::Stop,
        OnFailureFile::Rollback => OnFailure::Rollback,
    });
    let gates = Gates {
        window: file.window,
        approval: file
            .approval
            .as_ref()
            .and_then(|it: &ApprovalFile| serde_json::to_value(it).ok()),
        not_before: file
            .not_before
            .as_ref()
            .and_then(|it: &NotBeforeFile| serde_json::to_value(it).ok()),
    };
    let phase = Phase {
        id: file.id.as_str().into(),
        steps: steps(&file.steps, &at.key("steps"), broken),
        checkpoint: assertions(&file.checkpoint, &at.key("checkpoint"), broken),
        gates,
        on_failure: on_failure.unwrap_or_default(),
        rollback: file.rollback.map(|list| steps(&list, &at.key("rollback"), broken)),
        at: at.clone(),
    };
    Some(Built { phase, on_failure })
}

fn steps(values: &[Value], at: &DocPath, broken: &mut Vec<Broken>) -> Vec<Step> {
    let mut steps = Vec::with_capacity(values.len());
    let mut before: Option<StepId> = None;
    for (index, value) in values.iter().enumerate() {
        steps.extend(step(value, &at.index(index), before.as_ref(), broken));
        before = value.get("id").and_then(Value::as_str).map(Into::into).or(before);
    }
    steps
}

fn step(value: &Value, at: &DocPath, before: Option<&StepId>, broken: &mut Vec<Broken>) -> Option<Step> {
    let file: StepFile = decode(value, at, broken)?;
    let keys = |keys: Option<Vec<String>>| -> BTreeSet<ResourceKey> {
        keys.unwrap_or_default().into_iter().map(ResourceKey::new).collect()
    };
    Some(Step {
        id: file.id.as_str().into(),
        uses: file.uses,
        with: file
            .with
            .filter(|with| !with.is_null())
            .unwrap_or_else(|| Map::new().into()),
        needs: match file.needs {
            Some(needs) => needs.iter().map(|need| need.as_str().into()).collect(),
            None => before.cloned().into_iter().collect(),
        },
        condition: file.condition,
        retry: retry(file.retry),
        timeout: file.timeout,
        checkpoint: assertions(&file.checkpoint, &at.key("checkpoint"), broken),
        provides: file
            .provides
            .iter()
            .map(|name| SystemName::from(name.as_str()))
            .collect(),
        estimate: file.estimate,
        point_of_no_return: file.point_of_no_return,
        reads: keys(file.reads),
        writes: keys(file.writes),
        digest: digest_of(value),
        at: at.clone(),
    })
}

fn retry(file: Option<RetryFile>) -> Retry {
    let backoff = file.and_then(|file| file.backoff).unwrap_or(BACKOFF);
    Retry {
        attempts: file.map_or(1, |file| file.attempts.max(1)),
        backoff,
        max_backoff: file
            .and_then(|file| file.max_backoff)
            .unwrap_or(MAX_BACKOFF)
            .max(backoff),
    }
}

fn assertions(values: &[Value], at: &DocPath, broken: &mut Vec<Broken>) -> Vec<Assertion> {
    let mut assertions = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let at = at.index(index);
        let file: Option<AssertionFile> = decode(value, &at, broken);
        assertions.extend(file.map(|file| Assertion {
            expression: file.assert,
            message: file.message,
            within: file.within,
            held_for: file.held_for,
            every: file.every,
            at: at.key("assert"),
        }));
    }
    assertions
}
