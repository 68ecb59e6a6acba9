//! Twins of Apicurio Registry 2.6.13 and 3.3.3: real HTTP on loopback, a registry's memory behind it, in this process.
//!
//! A twin copies what regplan and its clients meet, traps included: an import that answers 204 and has dropped something, ids
//! that are never given twice, a `latest` that follows arrival (reference: apicurio.md §0, §3, §4, §11). What it leaves out is
//! listed in `docs/twins.md`. One suite of requests is run against twins and real registries, and their answers are compared.
//!
//! ```text
//! server ──► faults ──► dispatch ──► v2 | v3 | ccompat | health ──► model      all below `dispatch` is pure and synchronous
//!                                    └── import, export ────────────►
//! ```
//!
//! The rows of exports are written down here a second time on purpose: a twin that read with the codecs under test would
//! agree with their mistakes.

mod archive;
mod ccompat;
mod connection;
mod dates;
mod dispatch;
mod export;
mod faults;
mod health;
mod http;
mod import;
mod metrics;
mod model;
mod render;
mod server;
mod v2;
mod v3;
mod wire;

pub use faults::{Faults, NoFaults, Outcome, Seen, Turn};
pub use server::{Twin, TwinError, TwinOptions, TwinVersion};
