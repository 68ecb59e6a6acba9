//! Everything intended, done, seen and skipped: append-only and hash-chained.
//!
//! ```text
//! executor ─► Store::append ─► records ─► fold ─► RunState ─► planner, executor
//! ```
//!
//! Recovery is a pure function of records; an illegal transition is an error value of the fold.

#[cfg(test)]
mod conformance;
mod fold;
mod legal;
mod lock;
mod record;
mod sqlite;
mod steps;
mod store;
#[cfg(test)]
pub(crate) mod testing;

pub use fold::{FoldError, fold};
pub use lock::{LockError, RunLock};
pub use record::{Body, Failure, Part, RECORD_FORMAT, Record, SettledBy};
pub use sqlite::SqliteStore;
pub use state::{Attempt, Frozen, Intent, PhaseState, RollbackState, RunState, StepState};
pub use store::{Store, StoreError};

mod state;

#[cfg(test)]
mod tests;
