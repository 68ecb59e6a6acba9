//! Twins of registries against recorded exports, against regplan's own client, and, where there are any, against real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

mod balancer;
mod exports;
mod faults;
mod generated;
#[path = "../it/support/http.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod http;
mod limits;
mod normal;
#[path = "../it/support/registry.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod registry;
#[path = "../it/support/rich.rs"]
mod rich;
mod scenario;
#[path = "../it/support/stack.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod stack;
mod suite;
mod support;
