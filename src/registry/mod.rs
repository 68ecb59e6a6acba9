//! The content of a registry as plain values: what exports hold, how two of them compare, what is missing, what to send.
//!
//! ```text
//! export ZIP ──read_export──► Snapshot ──┬── compare(left, right) ──► Comparison   three classes of rows
//!                                        ├── preflight(target) ──► findings        what will be lost, hit or changed
//!                                        ├── digest()                              one hash of all that must be equal
//!                                        ├── delta(source, target) ──► Delta ──chunks──► [Chunk] ──ChunkWriter──► ZIPs
//!                                        └── Backport::of(3.x) ──► what a 2.6 can hold, and the residue
//! ```
//!
//! Pure and synchronous: nothing here knows a network. Files come as `Read + Seek`. The facts are those of
//! Apicurio 2.6.13 and 3.3.3 (reference: apicurio.md §3 to §5).
//!
//! Keys of everything: globalId for versions, contentId for contents, (group, artifact) for artifacts, with the absent,
//! the empty and the `default` group being one.

mod builder;
mod certificate;
mod chunk;
mod compare;
mod conflict;
mod contents;
mod delta;
mod digest;
mod encode;
mod error;
mod foreign;
mod inflate;
mod judge;
mod key;
mod labels;
mod markdown;
mod moves;
mod namesakes;
mod owners;
mod parts;
pub mod preflight;
mod read;
mod reserve;
mod residue;
mod rule_change;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;
mod texts;
mod utf8;
mod wire;
mod write;

pub use certificate::{Certificate, CertificateCheck, CertificateError, Identity, Noted, Sealed};
pub use chunk::{Chunk, ChunkLimits, chunks};
pub use compare::{
    Accepted, Comparison, GroupPair, Replica, ReplicaSeen, RestFacts, Row, SideFacts, VerifyReport, codes, compare,
};
pub use conflict::Conflict;
pub use contents::ContentReader;
pub use delta::{Delta, GroupRepair, delta, mirror_delta};
pub use digest::GroupDigest;
pub use error::{ChunkError, ReadError};
pub use foreign::{foreign, movement};
pub use key::{
    ArtifactKey, ArtifactRuleKey, BranchKey, CommentKey, GroupKey, GroupRuleKey, RESERVE_GROUP, SCRATCH_GROUP,
};
pub use labels::Labels;
pub use moves::moves;
pub use owners::Owners;
pub use parts::ExtraPart;
pub use read::{ReadLimits, read_export};
pub use reserve::{Issued, Reservation, ReserveError};
pub use residue::{Backport, Capability, Remnant, Residue};
pub use rule_change::{RuleChange, RuleOf};
pub use settings::{Repair, RoleMapping, Settings, SettingsDelta};
pub use snapshot::{
    Artifact, Branch, Comment, Content, Counts, Format, Group, Hash, Manifest, Snapshot, Version, VersionState,
};
pub use texts::{TextChange, TextOf, TextSide, texts_that_differ, texts_to_move};
pub use write::ChunkWriter;
