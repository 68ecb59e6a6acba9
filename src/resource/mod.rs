//! States outside that steps move and look at. Several kinds share one.

mod content;
mod guard;
mod read_only;
mod replicas;
mod route;
mod side;
mod texts;

pub use content::{
    Content, ContentKey, ContentState, Copied, DeepContent, Exported, Few, Frozen, GroupRow, OwnCounts, Pin, Reserved,
    Settled, SideContent, SideKey, SourceContent, Todo, held, of_spool, read_look, read_snapshot, settings_carried,
    take_snapshot, texts_to_move, with_noted_owners,
};
pub use guard::{Guard, GuardKey, GuardState};
pub use read_only::{ReadOnly, ReadOnlyKey, ReadOnlyState};
pub use replicas::{other_replicas, replica_rows};
pub use route::{Route, RouteKey, RouteState, RouteTo, RouteWrites};
pub(crate) use side::suspected_comments;
pub use side::{Ask, Side, file_side, registry_side};
pub use texts::{Export, read_texts};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    model::ResourceKey,
    system::{Observe, SystemError},
};

/// A state outside.
pub trait Resource: Send + Sync + 'static {
    /// What addresses it and what a probe needs to know.
    type Key: Clone + Send + Sync + 'static;
    /// A summary of it, at most 64 KiB as JSON; recorded.
    type State: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// The address under which it is probed once and simulated.
    fn address(key: &Self::Key) -> ResourceKey;

    /// Adds to a key what another one of the same address wants to know: steps that move one resource share one look.
    fn join(_key: &mut Self::Key, _other: &Self::Key) {}

    /// Looks, and cannot write.
    fn probe(
        key: &Self::Key,
        world: &Observe,
        depth: Depth,
    ) -> impl Future<Output = Result<Probed<Self::State>, SystemError>> + Send;
}

/// How closely a probe looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Cheap: version, counts, greatest ids. For `plan` and `status`.
    Shallow,
    /// Everything: exports. For `apply`, settling and `plan --deep`.
    Deep,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub enum Probed<S> {
    /// It is so.
    Seen(S),
    /// The system did not answer; only a pending step that provides it excuses that.
    Unreachable(String),
    /// Not looked at on purpose (`--no-exec`), and why.
    NotLooked(String),
}
