//! `registry.replicate` with twins: from whatever the target holds, after whatever clients did to the source.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

mod back;
mod back_property;
mod bounds;
mod busy;
mod changes;
mod foreign;
mod interrupted;
mod lab;
mod owners;
mod parts;
mod property;
mod real;
mod refusals;
mod reserved;
mod settings;
