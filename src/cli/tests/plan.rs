use std::collections::BTreeMap;

use super::*;
use crate::model::{Counts, Digest, PhaseChange, PhaseId, StepChange, StepId, WayBack};

fn set(standings: Vec<Standing>, counts: Counts) -> ChangeSet {
    let step = |standing| StepChange {
        id: StepId::new("s"),
        uses: "lb.route".to_owned(),
        class: None,
        resource: None,
        standing,
        provides: Vec::new(),
        notes: Vec::new(),
        drift: None,
        texts: None,
        way_back: WayBack::Nothing,
        point_of_no_return: false,
    };
    ChangeSet {
        format_version: 1,
        plan: "p".to_owned(),
        environment: "default".to_owned(),
        run: None,
        journal_records: 0,
        observed_at: String::new(),
        observed_in_ms: 0,
        systems: BTreeMap::new(),
        refusals: Vec::new(),
        phases: vec![PhaseChange {
            rollback: Vec::new(),
            id: PhaseId::new("p"),
            attempt: 1,
            closed: false,
            gates: Vec::new(),
            rolls_back: false,
            steps: standings.into_iter().map(step).collect(),
            checkpoint: Vec::new(),
            digest: Digest::new(""),
        }],
        regions: Vec::new(),
        counts,
        digest: Digest::new(""),
    }
}

#[test]
fn plan_ends_with_2_only_when_asked_and_something_is_to_do() {
    let to_do = |to_do, decided_later| Counts {
        to_do,
        decided_later,
        ..Counts::default()
    };
    for (counts, detailed, code) in [
        (to_do(0, 0), false, 0),
        (to_do(0, 0), true, 0),
        (to_do(1, 0), false, 0),
        (to_do(1, 0), true, 2),
        (to_do(0, 1), true, 2),
    ] {
        assert_eq!(exit(&set(vec![Standing::Takes], counts), detailed).code(), code);
    }
}

#[test]
fn a_regress_is_refused_and_a_system_that_does_not_answer_is_an_error() {
    let regress = || Standing::Regress {
        reason: "v3 takes writes".to_owned(),
    };
    let silent = || Standing::Unreachable {
        reason: "v2 does not answer".to_owned(),
    };
    assert_eq!(exit(&set(vec![regress(), silent()], Counts::default()), true).code(), 4);
    assert_eq!(exit(&set(vec![silent()], Counts::default()), true).code(), 1);
    assert_eq!(
        exit(&set(vec![Standing::NotSupported], Counts::default()), false).code(),
        0
    );
}
