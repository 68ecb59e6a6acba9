//! The runner really dies, at each boundary of the journal and at requests on their way, and is resumed; the world must end
//! as if nothing had happened.
//!
//! ```text
//! this process                                             the runner: a child of the same program, started again and again
//!   campaign ─► world ─┬─ twins ◄──────────────────────────── registries of the plan
//!                      ├─ control ─► balancer, stand-ins ◄─── RemoteDoubles
//!                      ├─ load (readers, a writer)            KillingStore ─► SQLite
//!                      └─ executioner: kills it at a request
//! ```
//!
//! The runner gets an [`Order`]: one file in the rehearsal's directory, named by the environment variable [`ORDER`].

mod campaign;
mod control;
mod end;
mod executioner;
mod order;
mod point;
mod remote;
mod runner;
mod store;
mod summary;
mod world;

pub use campaign::{Campaign, Told};
pub use end::End;
pub use order::{ORDER, Order};
pub use point::{Kill, ParseKillError, RecordKill, When};
pub use runner::Runner;
pub use summary::{Failed, KillSummary};
pub use world::{KillError, Program as RunnerProgram, Setup};
