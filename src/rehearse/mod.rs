//! Rehearsals: whole migrations in one process, against stand-ins of the systems on loopback.

pub mod balancer;
pub mod twin;
