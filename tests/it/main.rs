//! End-to-end tests: the built program against real servers.
//!
//! `support` is the lab (servers, clients, the program); `real` holds one file per scenario. Servers come from
//! `scripts/stack`. Without them a test says what is missing and is skipped; with `CI=true` or `REGPLAN_REQUIRE_REAL=1`
//! it fails instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and files of a lab need not survive a crash"
)]

mod docs;
mod json;
mod real;
mod support;
