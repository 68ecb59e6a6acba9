use super::{Body, Record};
use crate::model::RunId;

/// Where a journal lives. One writer at a time, told apart by its fence.
pub trait Store: Send {
    /// The run of (plan, environment), if there was an apply.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn find_run(&self, plan: &str, environment: &str) -> Result<Option<RunId>, StoreError>;

    /// All records of a run, in order, with the chain checked.
    ///
    /// # Errors
    /// When the store cannot be read or the chain is broken.
    fn read(&self, run: &RunId) -> Result<Vec<Record>, StoreError>;

    /// Appends durably and returns the record as written. [`Body::RunStarted`] makes the run.
    ///
    /// # Errors
    /// When another writer has a greater fence, the run is not there (or is there already), or the disk refuses.
    fn append(&mut self, run: &RunId, fence: u64, body: Body) -> Result<Record, StoreError>;

    /// A fence greater than any given out before; taken once per lock.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn next_fence(&mut self) -> Result<u64, StoreError>;
}

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error("cannot open the journal {path}")]
    Open {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A query failed.
    #[error("cannot {verb} the journal")]
    Query {
        /// `read`, `write`.
        verb: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another writer took over.
    #[error("another regplan took over (fence {theirs}, ours is {ours}): this one stops")]
    Fenced {
        /// Ours.
        ours: u64,
        /// Theirs.
        theirs: u64,
    },
    /// A run begins with its first record, and only then can take others.
    #[error("the journal does not know run {run}: its first record must be `run_started`")]
    NoRun {
        /// The run.
        run: RunId,
    },
    /// A plan has one run in an environment.
    #[error("the journal has run {run} of this plan and environment already")]
    RunExists {
        /// The run that is there.
        run: RunId,
    },
    /// A record does not follow from the one before.
    #[error("record {sequence} of run {run} was altered: its hash chain is broken")]
    Chain {
        /// The run.
        run: RunId,
        /// The record.
        sequence: u64,
    },
    /// The writer of a record is newer than this program.
    #[error("record {sequence} has format {found}; this regplan reads up to {known}: use a newer one")]
    Format {
        /// The record.
        sequence: u64,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
}
