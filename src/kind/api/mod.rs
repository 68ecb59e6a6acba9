//! Kinds that speak with a registry as a client does.

mod check;
mod round_trip;
mod session;
mod traffic;

pub use check::ApiCheck;
