use std::collections::{BTreeMap, BTreeSet};

use super::Observations;
use crate::{
    journal::RunState,
    kind::Program,
    model::{ChangeSet, Counts, Digest, StepId},
};

/// The format of `plan --json`.
pub const CHANGE_SET_FORMAT: u32 = 1;

/// What the planner is given: values, not handles.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The plan with its behaviours.
    pub program: &'a Program,
    /// What the journal says; `None` before the first apply.
    pub state: Option<&'a RunState>,
    /// What was seen outside.
    pub observations: &'a Observations,
    /// The environment.
    pub environment: &'a str,
    /// Whether drift of closed phases is reported (`plan --drift`); it is never repaired. The observations must hold them.
    pub drift: bool,
}

/// What `apply` would do now, in order. Pure, and linear in the steps.
pub fn plan(input: &PlanInput<'_>) -> ChangeSet {
    ChangeSet {
        format_version: CHANGE_SET_FORMAT,
        plan: input.program.plan.name.clone(),
        environment: input.environment.to_owned(),
        run: None,
        journal_records: 0,
        observed_at: String::new(),
        observed_in_ms: 0,
        systems: BTreeMap::new(),
        phases: Vec::new(),
        regions: Vec::new(),
        counts: Counts::default(),
        digest: Digest::from(""),
    }
}

/// The done checks whose verdict no longer counts, because something that they read was written since.
pub fn void_checks(_program: &Program, _state: &RunState) -> BTreeSet<StepId> {
    BTreeSet::new()
}
