use super::{Record, RunState};

/// Why records do not make a state.
#[derive(Debug, thiserror::Error)]
#[error("record {sequence}: {reason}")]
pub struct FoldError {
    /// The record.
    pub sequence: u64,
    /// The illegal transition.
    pub reason: String,
}

/// The state that the records of one run make; `None` without records.
///
/// # Errors
/// At the first illegal transition.
pub fn fold(_records: &[Record]) -> Result<Option<RunState>, FoldError> {
    Ok(None)
}

impl RunState {
    /// Takes one more record of the same run; on an error the state is as it was.
    ///
    /// # Errors
    /// When the record does not follow, or is an illegal transition.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        Err(FoldError {
            sequence: record.sequence,
            reason: "not built yet".to_owned(),
        })
    }
}
