use jiff::tz::TimeZone;

use super::*;
use crate::{
    journal::{Failure, RECORD_FORMAT},
    model::{Change, Class, Digest, RunId},
    report::Paint,
};

fn records(bodies: Vec<Body>) -> Vec<Record> {
    let record = |(index, body)| Record {
        format_version: RECORD_FORMAT,
        sequence: u64::try_from(index).unwrap() + 1,
        time: "2026-11-25T14:02:11Z".parse().unwrap(),
        run: RunId::new("r1"),
        fence: 1,
        previous: Digest::new(""),
        hash: Digest::new("h"),
        body,
    };
    bodies.into_iter().enumerate().map(record).collect()
}

#[test]
fn a_journal_reads_as_a_table() {
    let freeze = || PhaseId::new("freeze");
    let read_only = || StepId::new("read_only");
    let bodies = vec![
        Body::RunStarted {
            plan: "guide".to_owned(),
            environment: "prod".to_owned(),
            identities: std::collections::BTreeMap::new(),
            program: "0.1.0".to_owned(),
        },
        Body::PhaseStarted {
            phase: freeze(),
            attempt: 2,
            steps: [(read_only(), Digest::new("d"))].into(),
        },
        Body::StepIntended {
            phase: freeze(),
            attempt: 2,
            part: Part::Forward,
            step: read_only(),
            uses: "lb.route".to_owned(),
            class: Class::Effect,
            digest: Digest::new("d"),
            resource: None,
            before: None,
            change: Some(Change::none().summary("denies writes")),
            inputs: std::collections::BTreeMap::new(),
            opens: None,
            freezes: None,
            thaws: None,
            condition: None,
        },
        Body::StepFailed {
            phase: freeze(),
            attempt: 2,
            part: Part::Forward,
            step: read_only(),
            failure: Failure {
                error: "nginx -t ended with rc 1\nno such file".to_owned(),
                in_doubt: true,
            },
            outputs: None,
        },
        Body::CheckpointJudged {
            phase: freeze(),
            attempt: 2,
            step: None,
            passed: false,
            seen: vec![("a == 1".to_owned(), "a is 2".to_owned())],
        },
        Body::RollbackStarted {
            phases: vec![freeze()],
            reason: "read_only failed".to_owned(),
            interrupted: false,
        },
        Body::PhaseRolledBack {
            phase: freeze(),
            attempt: 2,
        },
        Body::FreezeMeasured { milliseconds: 12_340 },
        Body::RollbackFinished {
            left: vec!["import stays".to_owned()],
        },
    ];
    let look = Look {
        width: 90,
        paint: Paint::new(false),
        zone: TimeZone::UTC,
        verbose: false,
    };
    insta::assert_snapshot!(table(&records(bodies), &look));
}
