//! The outside: one folder per system, and the two handles through which everything else reaches it.
//!
//! [`Observe`] cannot write: probes and `plan` get only that. [`Act`] can, and is made by the executor alone.

pub mod apicurio;
mod balancer;
mod crash;
mod double;
mod error;
pub(crate) mod files;
pub mod freeze_rules;
mod handle;
mod host;
mod http;
mod lookup;
mod mortal;
pub mod nginx;
mod note;
mod people;
mod process;
mod progress;
mod secrets;
mod snapshots;
mod spool;
mod visitor;
mod world;

pub use balancer::{BalancerReader, BalancerWriter};
pub use crash::crash_point;
pub use double::{BalancerDouble, Doubles};
pub use error::{SystemError, causes};
pub use files::{create, replace};
pub use handle::{Act, Observe};
pub use host::host_name;
pub use mortal::{Death, Mortal, die, dies_with_parent};
pub use note::Note;
pub use people::{Answer, NobodyThere, People};
pub use process::{CommandLine, Ended, Environment};
pub use progress::{Progress, ProgressUpdate};
pub use secrets::Secrets;
pub use snapshots::{Age, Held, Snapshots};
pub use spool::{Spool, SpoolWriter, Spooled, beside, hash_bytes, hash_file, write_atomically};
pub use visitor::{Visit, VisitError, Visitor};
pub use world::{SystemClient, World, WorldOptions};
