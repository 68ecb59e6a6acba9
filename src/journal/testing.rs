//! Journals for tests, written as the executor writes them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Body, Failure, Part, Record, RunState, SettledBy, fold, record::Link};
use crate::model::{BackendName, Class, Digest, PhaseId, ResourceKey, RunId, StepId, digest_of};

/// The digest that the steps of tests have.
pub(crate) fn digest(step: &str) -> Digest {
    digest_of(&Value::from(step))
}

/// What an intent says beyond its step.
#[derive(Default)]
pub(crate) struct Says {
    pub(crate) class: Option<Class>,
    pub(crate) resource: Option<ResourceKey>,
    pub(crate) before: Option<Value>,
    pub(crate) inputs: Vec<(&'static str, Value)>,
    pub(crate) opens: Option<BackendName>,
    pub(crate) freezes: Option<ResourceKey>,
    pub(crate) thaws: Option<ResourceKey>,
}

/// Moves that resource, which was so.
pub(crate) fn moves(resource: &str, before: impl Into<Value>) -> Says {
    Says {
        resource: Some(resource.into()),
        before: Some(before.into()),
        ..Says::default()
    }
}

/// A journal under construction; records of steps belong to the phase that was named last.
pub(crate) struct Log {
    pub(crate) records: Vec<Record>,
    link: Link,
    phase: PhaseId,
    attempt: u32,
    part: Part,
}

impl Log {
    /// Of a run that has started.
    pub(crate) fn new() -> Self {
        let log = Self {
            records: Vec::new(),
            link: Link::first(),
            phase: "none".into(),
            attempt: 1,
            part: Part::Forward,
        };
        log.body(Body::RunStarted {
            plan: "p".to_owned(),
            environment: "default".to_owned(),
            identities: [("v2".into(), json!("id-of-v2"))].into(),
            program: "0.1.0".to_owned(),
        })
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        let time = Timestamp::from_second(1_800_000_000 + i64::try_from(self.records.len()).unwrap()).unwrap();
        let (record, _) = Record::seal(&RunId::from("r1"), 1, time, &self.link, body).unwrap();
        self.link = record.link();
        self.records.push(record);
        self
    }

    pub(crate) fn state(&self) -> RunState {
        fold(&self.records).unwrap().unwrap()
    }

    /// Starts the first attempt of a phase with those steps.
    pub(crate) fn phase(self, phase: &str, steps: &[&str]) -> Self {
        self.phase_again(phase, 1, steps)
    }

    pub(crate) fn phase_again(mut self, phase: &str, attempt: u32, steps: &[&str]) -> Self {
        (self.phase, self.attempt, self.part) = (phase.into(), attempt, Part::Forward);
        let steps = steps.iter().map(|step| (StepId::from(*step), digest(step))).collect();
        self.body(Body::PhaseStarted {
            phase: phase.into(),
            attempt,
            steps,
        })
    }

    /// What follows belongs to the way back of that phase.
    pub(crate) fn back(mut self, phase: &str, attempt: u32) -> Self {
        (self.phase, self.attempt, self.part) = (phase.into(), attempt, Part::Rollback);
        self
    }

    pub(crate) fn intended(self, step: &str, says: Says) -> Self {
        let body = Body::StepIntended {
            phase: self.phase.clone(),
            attempt: self.attempt,
            part: self.part,
            step: step.into(),
            uses: "test.effect".to_owned(),
            class: says.class.unwrap_or(Class::Effect),
            digest: digest(step),
            resource: says.resource,
            before: says.before,
            change: None,
            inputs: says
                .inputs
                .into_iter()
                .map(|(step, value)| (step.into(), value))
                .collect(),
            opens: says.opens,
            freezes: says.freezes,
            thaws: says.thaws,
            condition: None,
        };
        self.body(body)
    }

    pub(crate) fn settled(self, step: &str, by: SettledBy, outputs: Value) -> Self {
        let body = Body::StepSettled {
            phase: self.phase.clone(),
            attempt: self.attempt,
            part: self.part,
            step: step.into(),
            by,
            digest: digest(step),
            resource: None,
            after: None,
            outputs,
            summary: format!("{step} is done"),
            reason: None,
        };
        self.body(body)
    }

    /// Intended and settled.
    pub(crate) fn done(self, step: &str, says: Says) -> Self {
        self.intended(step, says)
            .settled(step, SettledBy::Done, json!({ "of": step }))
    }

    pub(crate) fn failed(self, step: &str, in_doubt: bool) -> Self {
        let body = Body::StepFailed {
            phase: self.phase.clone(),
            attempt: self.attempt,
            part: self.part,
            step: step.into(),
            failure: Failure {
                error: "it broke".to_owned(),
                in_doubt,
            },
            outputs: None,
        };
        self.body(body)
    }

    pub(crate) fn skipped(self, step: &str) -> Self {
        let body = Body::StepSkipped {
            phase: self.phase.clone(),
            attempt: self.attempt,
            part: self.part,
            step: step.into(),
            reason: "run.written.v3 is false".to_owned(),
        };
        self.body(body)
    }

    pub(crate) fn judged(self, passed: bool) -> Self {
        let body = Body::CheckpointJudged {
            phase: self.phase.clone(),
            attempt: self.attempt,
            step: None,
            passed,
            seen: Vec::new(),
        };
        self.body(body)
    }

    pub(crate) fn closed(self) -> Self {
        let body = Body::PhaseClosed {
            phase: self.phase.clone(),
            attempt: self.attempt,
        };
        self.body(body)
    }

    pub(crate) fn standby(self, step: &str) -> Self {
        let body = Body::Standby {
            phase: self.phase.clone(),
            attempt: self.attempt,
            step: step.into(),
            undo: json!({"uses": "lb.route"}),
        };
        self.body(body)
    }

    pub(crate) fn rollback(self, phases: &[&str]) -> Self {
        self.body(Body::RollbackStarted {
            phases: phases.iter().map(|phase| PhaseId::from(*phase)).collect(),
            reason: "`verify` failed".to_owned(),
            interrupted: false,
        })
    }

    pub(crate) fn rolled_back(self) -> Self {
        let body = Body::PhaseRolledBack {
            phase: self.phase.clone(),
            attempt: self.attempt,
        };
        self.body(body)
    }
}

/// The journal of a whole migration that fails in its region, goes back, and succeeds in the second attempt.
pub(crate) fn migration() -> Log {
    let first = Log::new()
        .body(Body::SessionStarted {
            holder: "host a, pid 1".to_owned(),
        })
        .phase("prepare", &["route_v2", "deploy"])
        .settled("route_v2", SettledBy::AlreadySo, json!({"to": "v2"}))
        .intended("deploy", moves("command:deploy", json!({"done": false})))
        .failed("deploy", false)
        .done("deploy", moves("command:deploy", json!({"done": true})))
        .judged(true)
        .closed();
    region(region(first, 1, false), 2, true).body(Body::RunFinished)
}

/// The frozen region: to its good end, or back again.
fn region(log: Log, attempt: u32, well: bool) -> Log {
    let route = || Some(ResourceKey::from("lb/route"));
    let freeze = Says {
        freezes: route(),
        ..moves("lb/route", "v2 allow")
    };
    let thaw = |to: &str| Says {
        thaws: route(),
        opens: Some(to.into()),
        ..moves("lb/route", "v2 deny")
    };
    let log = log
        .phase_again("freeze", attempt, &["read_only"])
        .standby("read_only")
        .done("read_only", freeze)
        .judged(true)
        .closed()
        .phase_again("switch", attempt, &["export", "to_v3", "traffic"])
        .done(
            "export",
            Says {
                class: Some(Class::Capture),
                ..Says::default()
            },
        )
        .done("to_v3", thaw("v3"));
    if well {
        return log
            .body(Body::FreezeMeasured { milliseconds: 4_200 })
            .done("traffic", Says::default())
            .judged(true)
            .closed();
    }
    log.intended("traffic", Says::default())
        .failed("traffic", false)
        .rollback(&["switch", "freeze"])
        .back("switch", attempt)
        .done(
            "hold",
            Says {
                freezes: route(),
                ..moves("lb/route", "v3 allow")
            },
        )
        .skipped("back_port")
        .done("to_v2", thaw("v2"))
        .rolled_back()
        .back("freeze", attempt)
        .settled("read_only", SettledBy::AlreadySo, json!({}))
        .rolled_back()
        .body(Body::RollbackFinished { left: Vec::new() })
}
