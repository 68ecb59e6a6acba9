//! The executor on this machine: real commands and files, a journal in memory that can be cut anywhere.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test that cannot go on should say so and stop"
)]

mod bed;
mod failing;
mod frozen;
mod replicated;
mod resuming;
mod signals;
