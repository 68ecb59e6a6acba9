//! The vocabulary: plain values, no network, no terminal, no `async`.
//!
//! Everything else in the program speaks in these types; this module imports nothing of ours.

mod change;
mod change_set;
mod duration;
mod event;
mod finding;
mod id;
mod path;
mod plan;
mod secret;
pub mod suggest;
mod texts;
mod unseen;

pub use change::{Action, Change, Delta};
pub use change_set::{ChangeSet, ClosedDrift, Counts, PhaseChange, Region, Standing, StepChange, SystemSeen, WayBack};
pub use duration::{PlanDuration, PlanDurationError};
pub use event::Event;
pub use finding::{Finding, Findings, Place, Related, Severity};
pub use id::{BackendName, Digest, PhaseId, ResourceKey, RunId, StepId, SystemName, digest_of};
pub use path::{DocPath, Segment};
pub use plan::{Assertion, Class, Gates, Limits, OnFailure, Phase, Plan, Retry, Step, SystemDecl, Touches, Vars};
pub use secret::{SecretSource, SecretText};
pub use texts::{NamedText, Shown, TextDiff, TextDiffs, TextPair, Texts};
pub use unseen::{is_unseen, seen};
