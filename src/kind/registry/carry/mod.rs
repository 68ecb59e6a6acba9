//! The one way in which content moves: what the target lacks is sent, and nothing that a server answers is believed.
//!
//! ```text
//! Source ─load─► Snapshot A ─┐
//! look at the target ──► B ──┴─ delta ─► refuse ─► reserve ─► delete ─► chunks ─► repair ─► look again, compare
//! ```
//!
//! `registry.import` and `registry.replicate` share it. What differs by the server that is written is a [`Target`].

mod into_v2;
mod into_v3;
mod pack;
mod pending;
mod refuse;
mod reserved;
mod source;
mod target;
mod unmoved;

pub(super) use into_v2::IntoV2;
pub(super) use into_v3::IntoV3;
pub(super) use source::Source;
pub(super) use target::{Fitted, Gone, Target};

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
    model::{Digest, SystemName},
    registry::{ArtifactKey, Chunk, ChunkLimits, Delta, Residue, RestFacts, Row, Snapshot, chunks, compare},
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
    residue: Residue,
    limits: ChunkLimits,
    unmoved: Option<Digest>,
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
        let defaults = T::limits();
        let max_versions = chunk_versions.and_then(|n| usize::try_from(n).ok());
        Ok(Self {
            writer,
            version,
            loaded,
            residue: Residue::default(),
            unmoved: None,
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

    /// Demands that the target still holds what had this digest, before its first write.
    #[must_use]
    pub(super) fn unmoved_since(mut self, digest: Option<Digest>) -> Self {
        self.unmoved = digest;
        self
    }

    /// Brings what is missing. May be called again at any time: it begins with a look.
    pub(super) async fn run<T: Target>(mut self) -> Result<Sent, ApplyError> {
        let registry = self.writer.reader();
        self.pending.settle(registry, self.world.spool(), self.log).await?;
        Deletions::mend(&self.writer, &self.version, self.world.spool()).await?;
        self.log.say("looking at the target");
        let target = self.look().await?;
        let Fitted { wanted, residue } = T::fit(&self.loaded.snapshot, &target);
        (self.loaded.snapshot, self.residue) = (wanted, residue);
        let delta = T::delta(self.source(), &target);
        refuse(&delta)?;
        let noted = self.reserved.read()?;
        refuse_native(self.source(), &target, boundary(self.source(), noted)?)?;
        T::guard(&self, &target)?;
        T::reserve(&self, &target, noted).await?;
        let delta = self.delete::<T>(delta, &target).await?;
        let sent = self.send::<T>(&delta).await?;
        T::repair(&self, &delta).await?;
        self.prove().await?;
        T::proof(&self).await?;
        Ok(sent)
    }

    /// Deletes what goes, and says what is to be done after that.
    async fn delete<T: Target>(&self, delta: Delta, target: &Snapshot) -> Result<Delta, ApplyError> {
        let gone = Gone {
            artifacts: delta.recreate.clone(),
            groups: delta.recreate_groups.clone(),
        };
        if gone.is_empty() {
            return Ok(delta);
        }
        T::delete(self, target, &gone).await?;
        Ok(delta)
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

    /// Looks again, at everything: no difference, as what cannot be there was taken out of the source.
    async fn prove(&self) -> Result<(), ApplyError> {
        self.log.say(format!("comparing everything with {}", self.loaded.name));
        let target = self.look().await?;
        let comparison = compare(self.source(), &target, &RestFacts::default(), &[]);
        let rows: Vec<String> = comparison.differences.iter().map(Row::to_string).collect();
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
