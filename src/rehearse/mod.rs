//! Rehearsals: whole migrations in one process, against stand-ins of the systems on loopback.

pub mod balancer;
pub mod data;
pub mod faults;
pub mod kill;
mod late_twin;
pub mod load;
pub mod not_rehearsed;
pub mod phases;
pub mod proof;
mod recorded;
mod run;
mod secrets;
mod stage;
mod stand_ins;
pub mod summary;
pub mod twin;
mod witness;

pub use run::{Ran, Rehearsal, RehearseError, RehearseOptions};
pub use stage::StageError;
pub use witness::{Told, WitnessError};
