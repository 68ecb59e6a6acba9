//! Rehearsals: whole migrations in one process, against stand-ins of the systems on loopback.

pub mod data;
pub mod load;
pub mod phases;
pub mod summary;
pub mod twin;
