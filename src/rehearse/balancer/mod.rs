//! The twin of the load balancer: the freeze rules, generations and the drain of the real one, before the twins of registries.
//!
//! ```text
//! client ──► server ──► route (admit, count) ──► backend
//!                          ▲ switch: compare, set, wait until the writes of before have ended
//! ```

mod route;
mod server;

#[cfg(test)]
mod tests;

pub use server::{BalancerTwin, Hand};
