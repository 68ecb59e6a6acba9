//! Rehearsals: whole migrations in one process, against stand-ins of the systems on loopback.

pub mod balancer;
pub mod data;
pub mod load;
pub mod phases;
pub mod summary;
mod late_twin;
mod run;
mod stage;
mod stand_ins;
pub mod twin;

pub use run::{Ran, RehearseError, RehearseOptions, Rehearsal};
pub use stage::StageError;
