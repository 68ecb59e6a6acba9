//! The one way in which content moves: what the target lacks is sent, and nothing that a server answers is believed.
//!
//! ```text
//! Source ─load─► Snapshot A ─┐
//! look at the target ──► B ──┴─ delta ─► refuse ─► reserve ─► delete ─► chunks ─► repair ─► look again, compare
//! ```
//!
//! `registry.import` and `registry.replicate` share it. What differs by the server that is written is a [`Target`].

mod into_v3;
mod pack;
mod pending;
mod refuse;
mod reserved;
mod source;
mod target;

pub(super) use into_v3::IntoV3;
pub(super) use source::Source;
pub(super) use target::Target;

use std::{path::Path, sync::Arc};

use self::{
    pack::{pack, unpackable},
    pending::Pending,
    refuse::{boundary, refuse, refuse_native},
    reserved::ReservedNote,
    source::Loaded,
};
use crate::{
    kind::ApplyError,
    model::SystemName,
    registry::{ArtifactKey, Chunk, ChunkLimits, Delta, RestFacts, Row, Snapshot, chunks, compare},
    resource::take_snapshot,
    system::{
        Act, Progress, SystemError,
        apicurio::{ArtifactId, Deletions, RegistryWriter, ServerVersion},
    },
};

/// Rows named in an error; the rest is counted.
const NAMED: usize = 5;

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) versions: u64,
    pub(super) chunks: u64,
}

/// One carrying of content under way.
pub(super) struct Carry<'a> {
    writer: RegistryWriter<'a>,
    version: ServerVersion,
    loaded: Loaded,
    limits: ChunkLimits,
    pending: Pending,
    reserved: ReservedNote,
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
        let reserved = ReservedNote::of(writer.reader(), world.spool());
        let defaults = ChunkLimits::default();
        let max_versions = chunk_versions.and_then(|n| usize::try_from(n).ok());
        Ok(Self {
            writer,
            version,
            loaded,
            limits: ChunkLimits {
                max_versions: max_versions.unwrap_or(defaults.max_versions),
                ..defaults
            },
            pending,
            reserved,
            world,
            log,
        })
    }

    /// Brings what is missing. May be called again at any time: it begins with a look.
    pub(super) async fn run<T: Target>(&self) -> Result<Sent, ApplyError> {
        let registry = self.writer.reader();
        self.pending.settle(registry, self.world.spool(), self.log).await?;
        Deletions::mend(&self.writer, &self.version, self.world.spool()).await?;
        self.log.say("looking at the target");
        let target = self.look().await?;
        let delta = T::delta(self.source(), &target);
        let residue = T::residue(self.source(), &target);
        refuse(&delta)?;
        let noted = self.reserved.read()?;
        refuse_native(self.source(), &target, boundary(self.source(), noted)?)?;
        T::reserve(self, &target, noted).await?;
        if !delta.recreate.is_empty() {
            T::delete(self, &target, &delta.recreate).await?;
        }
        let sent = self.send::<T>(&delta).await?;
        T::repair(self, &delta).await?;
        self.prove(&residue).await?;
        Ok(sent)
    }

    /// What is carried.
    fn source(&self) -> &Snapshot {
        &self.loaded.snapshot
    }

    /// What the target holds now.
    async fn look(&self) -> Result<Snapshot, ApplyError> {
        let taken = take_snapshot(self.writer.reader(), self.world.spool()).await?;
        self.world.spool().forget(&taken.spooled.sha256)?;
        Ok(taken.snapshot)
    }

    async fn send<T: Target>(&self, delta: &Delta) -> Result<Sent, ApplyError> {
        let chunks = chunks(self.source(), delta, &self.limits).map_err(unpackable)?;
        let of = u64::try_from(chunks.len()).unwrap_or(u64::MAX);
        let (source, file) = (Arc::clone(&self.loaded.snapshot), self.loaded.file.clone());
        let mut packed = pack(source, file, self.world.spool().clone(), chunks.clone());
        let mut sent = Sent::default();
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
            sent.versions += u64::try_from(chunk.versions.len()).unwrap_or(u64::MAX);
        }
        if of > 0 {
            self.log.count(format!("{} versions sent", sent.versions), of, of);
        }
        Ok(sent)
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
        let target = self.look().await?;
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
    async fn prove(&self, residue: &[Row]) -> Result<(), ApplyError> {
        self.log.say(format!("comparing everything with {}", self.loaded.name));
        let target = self.look().await?;
        let comparison = compare(self.source(), &target, &RestFacts::default(), &[]);
        let foreseen = |row: &&Row| {
            residue
                .iter()
                .any(|known| known.code == row.code && known.what == row.what)
        };
        let rows = comparison.differences.iter().filter(|row| !foreseen(row));
        let rows: Vec<String> = rows.map(Row::to_string).collect();
        if rows.is_empty() {
            return Ok(());
        }
        Err(ApplyError::NotDone(format!(
            "everything was sent, and {} does not hold what {} holds: {}",
            self.writer.reader().name(),
            self.loaded.name,
            some_of(&rows)
        )))
    }
}

fn id_of(key: &ArtifactKey) -> ArtifactId {
    ArtifactId::new(key.group.as_option(), key.artifact.as_ref())
}

/// The first few, and how many more.
fn some_of(rows: &[String]) -> String {
    let mut text = rows.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if rows.len() > NAMED {
        text.push_str(&format!("; and {} more", rows.len() - NAMED));
    }
    text
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
