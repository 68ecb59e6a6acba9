use std::{collections::BTreeSet, future::ready, sync::Arc};

use super::Carry;
use crate::{
    kind::ApplyError,
    registry::{ArtifactKey, Chunk, ChunkLimits, Delta, GroupKey, Residue, Snapshot},
    resource::Reserved,
    system::apicurio::ServerVersion,
};

/// A source as a server can hold it, and the rest.
pub(in crate::kind::registry) struct Fitted {
    /// What can arrive; its bytes are in the export of the source.
    pub(in crate::kind::registry) wanted: Arc<Snapshot>,
    /// What cannot.
    pub(in crate::kind::registry) residue: Residue,
}

/// What differs by the server that content is carried into; all else is [`Carry`]'s.
///
/// One type for each: `into_v3` and, for the way back, `into_v2`. Each function may be called twice.
pub(in crate::kind::registry) trait Target: Send + Sync {
    /// Why such a server cannot be carried into.
    fn refuses(version: &ServerVersion) -> Option<String>;

    /// What a request may carry.
    fn limits() -> ChunkLimits {
        ChunkLimits::default()
    }

    /// The source without what such a server cannot hold.
    fn fit(source: &Arc<Snapshot>, _target: &Snapshot) -> Fitted {
        Fitted {
            wanted: Arc::clone(source),
            residue: Residue::default(),
        }
    }

    /// What forbids to write this server besides the delta; the last look before the first write. `emptied`: all on it is
    /// deleted next.
    fn guard(
        _carry: &Carry<'_>,
        _target: &Snapshot,
        _emptied: bool,
    ) -> impl Future<Output = Result<(), ApplyError>> + Send {
        ready(Ok(()))
    }

    /// Everything is there, as the last look has shown; nothing is written any more.
    fn settled(_carry: &Carry<'_>, _target: &Snapshot) -> Result<(), ApplyError> {
        Ok(())
    }

    /// Raises the counters above everything that either side ever gave out.
    fn reserve(
        carry: &Carry<'_>,
        target: &Snapshot,
        noted: Option<Reserved>,
    ) -> impl Future<Output = Result<(), ApplyError>> + Send;

    /// Deletes artifacts, comments included, and then groups; switches of the server are as before when it returns.
    fn delete(
        carry: &Carry<'_>,
        target: &Snapshot,
        artifacts: &BTreeSet<ArtifactKey>,
        groups: &BTreeSet<GroupKey>,
    ) -> impl Future<Output = Result<(), ApplyError>> + Send;

    /// How many versions the server counts; `None` when it cannot be asked cheaply.
    fn count(carry: &Carry<'_>) -> impl Future<Output = Result<Option<u64>, ApplyError>> + Send;

    /// Whether all versions of a chunk are there: a 204 comes also when some were dropped. `before` is what
    /// [`Target::count`] said before it was sent.
    fn arrived(
        carry: &Carry<'_>,
        chunk: &Chunk,
        before: Option<u64>,
        what: &str,
    ) -> impl Future<Output = Result<(), ApplyError>> + Send;

    /// Changes by the API what no ZIP carries; says what, for people.
    fn repair(carry: &Carry<'_>, delta: &Delta) -> impl Future<Output = Result<Vec<String>, ApplyError>> + Send;
}
