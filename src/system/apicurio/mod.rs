//! The client of an Apicurio Registry, 2.6 and 3.x told apart by `system/info` (`reference/apicurio.md` §1, §2).
//!
//! [`RegistryReader`] has no method that writes. Reads are repeated when nobody answered; a write is sent once, and when its
//! answer is lost the error says that its outcome is unknown: whoever sent it looks before it sends again.

mod api;
mod client;
mod deletions;
mod export;
mod import;
mod listing;
mod login;
mod mark;
mod probe;
mod public;
mod reader;
mod settings;
mod spec;
#[cfg(test)]
mod tests;
mod tokens;
mod version;
mod writer;

pub use client::Apicurio;
pub use deletions::Deletions;
pub use listing::{ArtifactId, Latest};
pub use mark::Mark;
pub use probe::ProbeVersion;
pub use public::{ContentBy, PublicApi, PublicArtifact};
pub use reader::{Counts, RegistryReader, ReplicaMode};
pub use spec::{ApicurioAuth, ApicurioSpec, BasicAuth, OidcAuth};
pub use version::{NoVersion, ServerVersion};
pub use writer::{RegistryWriter, Rule};
