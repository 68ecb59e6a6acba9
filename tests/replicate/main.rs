//! `registry.replicate` with twins: from whatever the target holds, after whatever clients did to the source.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

mod bounds;
mod changes;
mod interrupted;
mod lab;
mod property;
