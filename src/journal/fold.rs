use std::collections::BTreeMap;

use super::{Body, Record, RunState, legal, steps};

/// Why records do not make a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {sequence}: {reason}")]
pub struct FoldError {
    /// The record.
    pub sequence: u64,
    /// The illegal transition.
    pub reason: String,
}

/// The reason of an illegal transition.
pub(super) type Illegal = String;

/// The state that the records of one run make; `None` without records.
///
/// # Errors
/// At the first illegal transition.
pub fn fold(records: &[Record]) -> Result<Option<RunState>, FoldError> {
    let Some((first, rest)) = records.split_first() else {
        return Ok(None);
    };
    let mut state = RunState::begin(first)?;
    for record in rest {
        state.apply(record)?;
    }
    Ok(Some(state))
}

impl RunState {
    /// The state after the first record of a run.
    ///
    /// # Errors
    /// When it is no first record.
    pub fn begin(record: &Record) -> Result<Self, FoldError> {
        let illegal = |reason: &str| FoldError {
            sequence: record.sequence,
            reason: reason.to_owned(),
        };
        if record.sequence != 1 {
            return Err(illegal("the records before it are missing"));
        }
        let Body::RunStarted {
            plan,
            environment,
            identities,
            ..
        } = &record.body
        else {
            return Err(illegal("a run begins with `run_started`"));
        };
        Ok(Self {
            run: record.run.clone(),
            plan: plan.clone(),
            environment: environment.clone(),
            started: record.time,
            identities: identities.clone(),
            records: 1,
            last_hash: record.hash.clone(),
            fence: record.fence,
            phases: BTreeMap::new(),
            frozen: None,
            rollback: None,
            opened: BTreeMap::new(),
            last_freeze_ms: None,
            finished: false,
        })
    }

    /// Whether a record with that body may follow. Asked before it is written: a journal with an illegal record could never
    /// be read again.
    ///
    /// # Errors
    /// When it is an illegal transition.
    pub fn admits(&self, body: &Body) -> Result<(), FoldError> {
        legal::check(self, body).map_err(|reason| FoldError {
            sequence: self.records + 1,
            reason,
        })
    }

    /// Takes one more record of the same run; on an error the state is as it was.
    ///
    /// # Errors
    /// When the record does not follow the one before, or is an illegal transition.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        follows(self, record)
            .and_then(|()| legal::check(self, &record.body))
            .map_err(|reason| FoldError {
                sequence: record.sequence,
                reason,
            })?;
        steps::take(self, record);
        self.records = record.sequence;
        self.fence = record.fence;
        self.last_hash = record.hash.clone();
        Ok(())
    }
}

/// Whether the record is the next one of this run.
fn follows(state: &RunState, record: &Record) -> Result<(), Illegal> {
    if record.run != state.run {
        return Err(format!("it belongs to run {}", record.run));
    }
    if record.sequence != state.records + 1 {
        return Err(format!("it follows record {}", state.records));
    }
    if record.fence < state.fence {
        return Err(format!(
            "its writer (fence {}) was replaced ({})",
            record.fence, state.fence
        ));
    }
    Ok(())
}
