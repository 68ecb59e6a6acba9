//! The one way in which content moves: what the target lacks is sent, and nothing that a server answers is believed.
//!
//! ```text
//! Source ─load─► Snapshot A ─┐
//! look at the target ──► B ──┴─ delta ─► refuse ─► reserve ─► delete ─► chunks ─► repair ─► look again, compare
//! ```
//!
//! `registry.import` and `registry.replicate` share it. What differs by the server that is written is a [`Target`].

mod bounds;
mod into_v2;
mod into_v3;
mod owners;
mod pack;
mod pending;
mod proof;
mod refuse;
mod settings;
mod source;
mod target;
mod unmoved;

pub(super) use bounds::Bounds;
pub use bounds::Deletes;
pub(super) use into_v2::IntoV2;
pub(super) use into_v3::IntoV3;
pub(super) use source::Source;
pub(super) use target::{Fitted, Target};
pub(super) use unmoved::AsFrozen;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use self::{
    pack::{pack, unpackable},
    pending::Pending,
    proof::prove_next_ids,
    refuse::{boundary, refuse_native},
    settings::SettingsOf,
    source::Loaded,
};
use crate::{
    kind::ApplyError,
    model::SystemName,
    registry::{
        ArtifactKey, Chunk, ChunkLimits, Delta, Repair, Reservation, Residue, RestFacts, Row, Snapshot, chunks,
        compare, delta, mirror_delta,
    },
    resource::{Few, Reserved, held},
    system::{
        Act, Age, Note, Progress, SystemError,
        apicurio::{ArtifactId, Deletions, RegistryWriter, ServerVersion},
    },
};

/// Most versions in one request to a KafkaSQL: it takes 44 ms for each, and health probes grow impatient after ten seconds
/// (`reference/apicurio.md` §0 row 19).
const KAFKA_VERSIONS: usize = 200;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Carried {
    /// Versions sent.
    pub(super) versions: u64,
    /// Requests sent.
    pub(super) chunks: u64,
    /// Artifacts and groups that were deleted on the target and not brought again.
    pub(super) deleted: u64,
    /// Artifacts that were deleted on the target and brought again whole.
    pub(super) recreated: u64,
    /// What was changed by the API, for people.
    pub(super) repaired: Vec<String>,
    /// Settings that differ and were not carried, for people.
    #[serde(default)]
    pub(super) not_carried: Vec<String>,
    /// The differences that are left, as foreseen: rows by their code.
    pub(super) residue: Vec<String>,
    /// The greatest globalId of the source, also of what stays behind.
    #[serde(default)]
    pub(super) up_to: u64,
}

/// One carrying of content under way.
pub(super) struct Carry<'a> {
    writer: RegistryWriter<'a>,
    version: ServerVersion,
    loaded: Loaded,
    limits: ChunkLimits,
    unmoved: Option<AsFrozen>,
    settings: Option<SettingsOf>,
    /// Whether the target keeps a journal in Kafka, which has rules of its own (`reference/apicurio.md` §0 rows 18 to 20).
    kafka: bool,
    pending: Pending,
    reserved: Note<Reserved>,
    world: &'a Act,
    log: &'a Progress,
}

impl<'a> Carry<'a> {
    /// Reads the source and asks the target what it is.
    pub(super) async fn open<T: Target>(
        to: &SystemName,
        source: Source,
        chunk_versions: Option<u32>,
        world: &'a Act,
        log: &'a Progress,
    ) -> Result<Self, ApplyError> {
        let writer = world.registry_mut(to)?;
        let version = writer.reader().version().await?;
        if let Some(reason) = T::refuses(&version) {
            return Err(ApplyError::NotDone(format!("{to} cannot be written: {reason}")));
        }
        log.say(format!("reading {}", source.name()));
        let loaded = source.load().await?;
        let pending = Pending::of(writer.reader(), world.spool());
        let reserved = Reserved::note(writer.reader(), world.spool());
        let defaults = T::limits();
        let kafka = version.is_v3() && writer.reader().keeps_journal(&version).await?;
        let most = if kafka { KAFKA_VERSIONS } else { defaults.max_versions };
        let max_versions = chunk_versions.and_then(|n| usize::try_from(n).ok()).unwrap_or(most);
        Ok(Self {
            writer,
            version,
            loaded,
            unmoved: None,
            settings: None,
            limits: ChunkLimits {
                max_versions: if kafka { max_versions.min(most) } else { max_versions },
                ..defaults
            },
            kafka,
            pending,
            reserved,
            world,
            log,
        })
    }

    /// Demands that nobody else wrote to the target since.
    #[must_use]
    pub(super) fn unmoved_since(mut self, frozen: Option<AsFrozen>) -> Self {
        self.unmoved = frozen;
        self
    }

    /// Leaves the owners of artifacts alone, unless they are to be carried.
    #[must_use]
    pub(super) fn with_owners(mut self, repair: &BTreeSet<Repair>) -> Self {
        if !repair.contains(&Repair::Owners) {
            let snapshot = Arc::unwrap_or_clone(self.loaded.snapshot);
            self.loaded.snapshot = Arc::new(snapshot.without_owners());
        }
        self
    }

    /// Carries settings of that 2.6 as well.
    #[must_use]
    pub(super) fn with_settings_of(mut self, from: &SystemName, repair: &BTreeSet<Repair>) -> Self {
        self.settings = Some(SettingsOf {
            from: from.clone(),
            repair: repair.clone(),
        });
        self
    }

    /// Brings what is missing. May be called again at any time: it begins with a look.
    pub(super) async fn run<T: Target>(mut self, bounds: &Bounds) -> Result<Carried, ApplyError> {
        let registry = self.writer.reader();
        if self.pending.settle(registry, self.world.spool(), self.log).await? {
            self.world.snapshots().wrote(registry.name());
        }
        Deletions::mend(&self.writer, &self.version, self.world.spool()).await?;
        self.log.say("looking at the target");
        // Only a look from now says that the target did not move, and what may be deleted.
        let age = match self.unmoved.is_some() || bounds.reset {
            true => Age::Frozen,
            false => Age::Earlier,
        };
        let mut target = self.look(age).await?;
        let Fitted { wanted, residue } = T::fit(&self.loaded.snapshot, &target);
        let up_to = self.loaded.snapshot.max_global_id();
        // What stays behind has ids as well.
        self.loaded.issued = self.loaded.issued.or(self.loaded.snapshot.issued());
        self.loaded.snapshot = wanted;
        if bounds.reset && self.must_be_emptied(&target) {
            self.may_be_emptied::<T>(bounds, &residue, &target).await?;
            self.empty::<T>(&target).await?;
            target = self.look(Age::Frozen).await?;
        }
        let mut delta = self.delta(&target, bounds.deletes);
        // What is deleted must have been seen now: a client may have written there against the rules.
        if delta.deletes() && self.world.snapshots().is_frozen() {
            target = self.look(Age::Frozen).await?;
            delta = self.delta(&target, bounds.deletes);
        }
        bounds.refuse(&delta, &residue, self.source(), &target, self.settings(bounds).await?)?;
        let kept = bounds.kept(&delta, self.source(), &target);
        let noted = self.reserved.read()?;
        refuse_native(self.source(), &target, boundary(self.source(), noted)?)?;
        let chunks = self.sendable(&delta)?;
        T::guard(&self, &target, false).await?;
        self.outdate()?;
        T::reserve(&self, &target, noted).await?;
        let mut carried = self.delete::<T>(&target, &delta, bounds.deletes).await?;
        self.send::<T>(chunks, &mut carried).await?;
        carried.repaired = T::repair(&self, &delta).await?;
        if let Some(settings) = &self.settings {
            settings.carry(&self, &mut carried).await?;
        }
        // Before the last look, which is then that of the next step as well.
        prove_next_ids(&self, target.has_scratch_group()).await?;
        let settled = self.prove(&kept).await?;
        T::settled(&self, &settled)?;
        carried.residue = residue.0.iter().map(ToString::to_string).collect();
        carried.residue.extend(kept.iter().map(Row::to_string));
        carried.up_to = up_to;
        Ok(carried)
    }

    /// What has to be done.
    fn delta(&self, target: &Snapshot, deletes: Deletes) -> Delta {
        match deletes {
            Deletes::Mirror => mirror_delta(self.source(), target),
            Deletes::Keep | Deletes::Refuse => delta(self.source(), target),
        }
    }

    /// The looks so far say nothing of the target any more: it is about to be written.
    fn outdate(&self) -> Result<(), SystemError> {
        self.world.spool().drop_last(&self.writer.reader().url())
    }

    /// Whether the target holds something that stands in the way.
    fn must_be_emptied(&self, target: &Snapshot) -> bool {
        let delta = self.delta(target, Deletes::Refuse);
        let extras = delta.extra_artifacts.len() + delta.extra_groups.len() + delta.extra_parts.len();
        extras > 0 || !delta.conflicts.is_empty()
    }

    /// How many settings are to be set, where that counts.
    async fn settings(&self, bounds: &Bounds) -> Result<u64, ApplyError> {
        match &self.settings {
            Some(settings) if bounds.max_changes.is_some() => settings.changes(self).await,
            Some(_) | None => Ok(0),
        }
    }

    /// What is sent, and that it can be: known before the first write, as what is deleted to be brought again must come again.
    fn sendable(&self, delta: &Delta) -> Result<Vec<Chunk>, ApplyError> {
        let all = chunks(self.source(), delta, &self.limits).map_err(unpackable)?;
        if all.is_empty() || self.loaded.file.exists() {
            return Ok(all);
        }
        Err(ApplyError::NotDone(format!(
            "{} is not at {} any more, so nothing was sent: take it again",
            self.loaded.name,
            self.loaded.file.display()
        )))
    }

    /// Whether all can be brought again once everything on the target is deleted: then it would be too late to refuse.
    async fn may_be_emptied<T: Target>(
        &self,
        bounds: &Bounds,
        residue: &Residue,
        target: &Snapshot,
    ) -> Result<(), ApplyError> {
        let emptied = target.emptied();
        let delta = self.delta(&emptied, bounds.deletes);
        let artifacts = target.own_artifacts().count();
        let gone = number(artifacts + target.groups.keys().filter(|group| !group.is_scratch()).count());
        let besides = self.settings(bounds).await? + gone;
        bounds.refuse(&delta, residue, self.source(), &emptied, besides)?;
        self.sendable(&delta)?;
        T::guard(self, target, true).await
    }

    /// Deletes everything on the target. Contents stay behind for a while on 3.x: what of them is in the way is refused after.
    async fn empty<T: Target>(&self, target: &Snapshot) -> Result<(), ApplyError> {
        self.log.say("deleting everything on the target, as `reset` says");
        self.outdate()?;
        let artifacts = target.own_artifacts().map(|(key, _)| (**key).clone()).collect();
        let groups = target.groups.keys().filter(|group| !group.is_scratch()).cloned();
        T::delete(self, target, &artifacts, &groups.collect()).await
    }

    /// Deletes what is to go, and what is brought again.
    async fn delete<T: Target>(
        &self,
        target: &Snapshot,
        delta: &Delta,
        deletes: Deletes,
    ) -> Result<Carried, ApplyError> {
        let (mut artifacts, mut groups) = (delta.recreate.clone(), delta.recreate_groups.clone());
        let mut carried = Carried {
            recreated: number(artifacts.len()),
            ..Carried::default()
        };
        if deletes == Deletes::Mirror {
            artifacts.extend(delta.extra_artifacts.iter().cloned());
            groups.extend(delta.extra_groups.iter().cloned());
            carried.deleted = number(delta.extra_artifacts.len() + delta.extra_groups.len());
        }
        if !(artifacts.is_empty() && groups.is_empty()) {
            T::delete(self, target, &artifacts, &groups).await?;
        }
        Ok(carried)
    }

    /// What is carried.
    fn source(&self) -> &Snapshot {
        &self.loaded.snapshot
    }

    /// What the target holds now.
    async fn look(&self, age: Age) -> Result<Arc<Snapshot>, ApplyError> {
        Ok(held(self.writer.reader().name(), self.world, age).await?.snapshot)
    }

    async fn send<T: Target>(&self, chunks: Vec<Chunk>, sent: &mut Carried) -> Result<(), ApplyError> {
        let of = number(chunks.len());
        let (source, file) = (Arc::clone(&self.loaded.snapshot), self.loaded.file.clone());
        let mut packed = pack(source, file, self.world.spool().clone(), chunks.clone(), self.kafka);
        for chunk in &chunks {
            let what = format!("chunk {} of {of}", sent.chunks + 1);
            self.log.count(what.clone(), sent.chunks, of);
            let file = packed
                .recv()
                .await
                .ok_or_else(|| ApplyError::NotDone("packing ended early".to_owned()))??;
            let before = T::count(self).await?;
            self.post(file.path(), &what, "import.chunk").await?;
            T::arrived(self, chunk, before, &what).await?;
            sent.chunks += 1;
            sent.versions += number(chunk.versions.len());
        }
        if of > 0 {
            self.log.count(format!("{} versions sent", sent.versions), of, of);
        }
        Ok(())
    }

    /// Sends a reservation of ids. It is noted before, so that none is ever forgotten; the note does not say yet that it is made.
    async fn send_reservation(
        &self,
        reservation: Reservation,
        target: &Snapshot,
        noted: Option<Reserved>,
    ) -> Result<Reserved, ApplyError> {
        let file = self.world.spool().scratch()?;
        reservation.write(file.as_file()).map_err(unpackable)?;
        let note = Reserved::and(noted, reservation, target);
        self.reserved.write(&note)?;
        self.post(file.path(), "the reservation of ids", "import.reserve")
            .await?;
        Ok(note)
    }

    /// Sends a file, noted before and after; `point` begins the names of its crash points.
    async fn post(&self, file: &Path, what: &str, point: &str) -> Result<(), ApplyError> {
        self.pending.begin(what)?;
        match self.writer.import_zip(&self.version, file, point).await {
            Ok(()) => Ok(self.pending.end()?),
            // It answered, or the request never left: nothing of it runs any more.
            Err(error @ (SystemError::Status { .. } | SystemError::Unreachable { .. })) => {
                self.pending.end()?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks for every version of a chunk, and names what the server dropped.
    async fn all_there(&self, chunk: &Chunk, what: &str) -> Result<(), ApplyError> {
        let target = self.look(Age::Frozen).await?;
        let lost = chunk.versions.iter().filter(|id| !target.versions.contains_key(id));
        let lost: Vec<String> = lost.map(|id| self.name_of(*id)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        Err(ApplyError::NotDone(format!(
            "{what}: the registry answered that all is well and dropped {}",
            some_of(&lost)
        )))
    }

    fn name_of(&self, global_id: u64) -> String {
        match self.source().versions.get(&global_id) {
            Some(version) => format!(
                "{} version {} (globalId {global_id})",
                version.artifact, version.version
            ),
            None => format!("globalId {global_id}"),
        }
    }

    /// Looks again, at everything: no difference but those that were foreseen.
    async fn prove(&self, residue: &[Row]) -> Result<Arc<Snapshot>, ApplyError> {
        self.log.say(format!("comparing everything with {}", self.loaded.name));
        let target = self.look(Age::Frozen).await?;
        let comparison = compare(self.source(), &target, &RestFacts::default(), &[]);
        let foreseen = |row: &&Row| {
            residue
                .iter()
                .any(|known| known.code == row.code && known.what == row.what)
        };
        let rows = comparison.differences.iter().filter(|row| !foreseen(row));
        let rows: Vec<String> = rows.map(Row::to_string).collect();
        if rows.is_empty() {
            return Ok(target);
        }
        Err(ApplyError::NotDone(format!(
            "everything was sent, and {} does not hold what {} holds: {}",
            self.writer.reader().name(),
            self.loaded.name,
            some_of(&rows)
        )))
    }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn id_of(key: &ArtifactKey) -> ArtifactId {
    ArtifactId::new(key.group.as_option(), key.artifact.as_ref())
}

/// The first few, and how many more.
fn some_of(rows: &[String]) -> String {
    Few::of(rows).in_words()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_names_the_first_and_counts_the_rest() {
        let rows: Vec<String> = (1..=7).map(|n| n.to_string()).collect();
        assert_eq!(some_of(&rows), "1; 2; 3; 4; 5; and 2 more");
        assert_eq!(some_of(&rows[..2]), "1; 2");
    }
}
