//! Deciding, and doing what was decided.
//!
//! ```text
//! refresh ─► Observations ─► plan ─► ChangeSet        Schedule ─► what may run now
//! (looks)                   (pure)                   (pure)
//! ```
//!
//! `planner`, `scheduler` and `facts` cannot do anything: they are given values, not handles. `refresh` gets a
//! handle that cannot write. Nothing here names a kind: the class decides.

mod digests;
mod executor;
mod facts;
mod observations;
mod planner;
mod precheck;
mod prove_back;
mod refresh;
mod rollback;
mod scheduler;
mod simulation;
#[cfg(test)]
mod testing;
mod texts;
mod way_back;

pub use executor::{ApplyRequest, EngineError, Outcome, apply};
pub use facts::{FactsOf, facts};
pub use observations::{Observations, Observed};
pub use planner::{CHANGE_SET_FORMAT, PlanInput, plan, void_checks};
pub use refresh::refresh;
pub use scheduler::{Blocked, Schedule};
pub use texts::texts;

#[cfg(test)]
mod tests;
