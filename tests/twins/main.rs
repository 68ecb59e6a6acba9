//! Twins of registries against recorded exports, against regplan's own client, and, where there are any, against real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

mod exports;
mod faults;
mod limits;
mod normal;
mod scenario;
mod suite;
mod support;
