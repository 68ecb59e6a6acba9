//! Kinds that speak with a registry as a client does.

mod check;

pub use check::ApiCheck;
