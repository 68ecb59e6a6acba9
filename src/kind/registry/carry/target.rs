use std::collections::BTreeSet;

use super::{Carry, reserved::Reserved};
use crate::{
    kind::ApplyError,
    registry::{ArtifactKey, Chunk, Delta, GroupKey, Row, Snapshot, delta},
    system::apicurio::ServerVersion,
};

/// What differs by the server that content is carried into; all else is [`Carry`]'s.
///
/// One type for each: `into_v3` and, for the way back, `into_v2`. Each function may be called twice.
pub(in crate::kind::registry) trait Target: Send + Sync {
    /// Why such a server cannot be carried into.
    fn refuses(version: &ServerVersion) -> Option<String>;

    /// What has to be done; what such a server cannot hold is left out, and is in the residue.
    fn delta(source: &Snapshot, target: &Snapshot) -> Delta {
        delta(source, target)
    }

    /// The rows in which both sides will differ when all is done, because such a server cannot hold what the source does.
    fn residue(_source: &Snapshot, _target: &Snapshot) -> Vec<Row> {
        Vec::new()
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
