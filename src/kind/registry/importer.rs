//! The act of an import: what is missing is sent in chunks, and nothing that the server answers is believed.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{sync::mpsc, time::sleep};

use super::{
    import::RegistryImportSpec,
    pending::Pending,
    reserved::{Reserved, ReservedNote},
};
use crate::{
    kind::{ApplyError, KindError},
    model::{Digest, StepId},
    registry::{
        ArtifactKey, Chunk, ChunkError, ChunkLimits, ChunkWriter, Conflict, Delta, GroupKey, GroupRepair,
        RESERVE_GROUP, Reservation, RestFacts, Row, RuleChange, Snapshot, Version, chunks, compare, delta,
    },
    resource::{read_snapshot, take_snapshot},
    system::{
        Act, Progress, SystemError,
        apicurio::{ArtifactId, Deletions, RegistryWriter, Rule, ServerVersion},
        hash_file,
    },
};

/// Rows named in an error; the rest is counted.
const NAMED: usize = 5;
/// A search index may lag behind the data for a moment (3.2 and later with Elasticsearch, `reference/apicurio.md` §2.4).
const INDEX_LOOKS: u32 = 20;
/// Between two looks at the count.
const INDEX_LOOK: Duration = Duration::from_millis(250);

/// Which export is imported.
pub(super) struct Source {
    file: String,
    /// The file must be this one; absent for a file that the plan names itself.
    sha256: Option<Digest>,
}

/// What was sent.
pub(super) struct Sent {
    pub(super) versions: u64,
    pub(super) chunks: u64,
}

/// One import under way.
pub(super) struct Importer<'a> {
    writer: RegistryWriter<'a>,
    version: ServerVersion,
    file: PathBuf,
    source: Arc<Snapshot>,
    limits: ChunkLimits,
    pending: Pending,
    reserved: ReservedNote,
    world: &'a Act,
    log: &'a Progress,
}

impl Source {
    /// The file that an export step recorded.
    pub(super) fn recorded(step: &StepId, output: &Value) -> Result<Self, KindError> {
        #[derive(Deserialize)]
        struct Recorded {
            file: String,
            sha256: Digest,
        }
        let recorded = Recorded::deserialize(output).map_err(|source| KindError::Shape {
            what: format!("steps.{step}"),
            source,
        })?;
        Ok(Self {
            file: recorded.file,
            sha256: Some(recorded.sha256),
        })
    }

    /// A file that the plan names.
    pub(super) fn file(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            sha256: None,
        }
    }
}

impl<'a> Importer<'a> {
    /// Reads the source and asks the target what it is.
    pub(super) async fn open(
        spec: &RegistryImportSpec,
        source: Source,
        world: &'a Act,
        log: &'a Progress,
    ) -> Result<Self, ApplyError> {
        let writer = world.registry_mut(&spec.to)?;
        let version = writer.reader().version().await?;
        if !(version.is_v3() && version.at_least(3, 0, 7)) {
            return Err(ApplyError::NotDone(format!(
                "{} is {version}: an import needs 3.0.7 or later",
                spec.to
            )));
        }
        let file = world.path(&source.file);
        log.say(format!("reading {}", source.file));
        let snapshot = read_source(&file, source.sha256).await?;
        let pending = Pending::of(writer.reader(), world.spool());
        let reserved = ReservedNote::of(writer.reader(), world.spool());
        let defaults = ChunkLimits::default();
        let max_versions = spec.chunk_versions.and_then(|n| usize::try_from(n).ok());
        Ok(Self {
            writer,
            version,
            file,
            source: Arc::new(snapshot),
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
    pub(super) async fn run(&self) -> Result<Sent, ApplyError> {
        let registry = self.writer.reader();
        self.pending.settle(registry, self.world.spool(), self.log).await?;
        Deletions::mend(&self.writer, &self.version, self.world.spool()).await?;
        self.log.say("looking at the target");
        let target = self.look().await?;
        let delta = delta(&self.source, &target);
        refuse(&delta)?;
        let noted = self.reserved.read()?;
        refuse_native(&self.source, &target, boundary(&self.source, noted)?)?;
        self.reserve(&target, noted).await?;
        self.delete(&delta.recreate).await?;
        let sent = self.send(&delta).await?;
        self.repair(&delta).await?;
        self.prove().await?;
        Ok(sent)
    }

    async fn look(&self) -> Result<Snapshot, ApplyError> {
        let taken = take_snapshot(self.writer.reader(), self.world.spool()).await?;
        self.world.spool().forget(&taken.spooled.sha256)?;
        Ok(taken.snapshot)
    }

    /// Raises the counters above everything that the source ever gave out, before the first chunk: so whatever of the
    /// content is there, the ids are reserved. Also when no chunk has to be sent, as others may have brought the content; only
    /// a step that finds nothing at all to do does not come here.
    async fn reserve(&self, target: &Snapshot, noted: Option<Reserved>) -> Result<(), ApplyError> {
        let last = noted.map(|noted| noted.last);
        let reservation = Reservation::above(&self.source, target, last).map_err(refused)?;
        self.log.say("reserving ids");
        if target.has_reserve_group() {
            self.remove_dummy().await?;
        }
        let file = self.world.spool().scratch()?;
        reservation.write(file.as_file()).map_err(unpackable)?;
        self.reserved.write(&Reserved::and(noted, reservation, target))?;
        self.post(file.path(), "the reservation of ids", "import.reserve")
            .await?;
        self.remove_dummy().await
    }

    async fn remove_dummy(&self) -> Result<(), ApplyError> {
        let deletions = Deletions::begin(&self.writer, &self.version, self.world.spool()).await?;
        let gone = async {
            deletions
                .artifact(&ArtifactId::new(Some(RESERVE_GROUP), Reservation::ARTIFACT))
                .await?;
            deletions.group(RESERVE_GROUP).await
        };
        let gone = gone.await;
        deletions.end().await?;
        gone?;
        Ok(())
    }

    /// Deletes artifacts that differ otherwise than by missing versions; all their versions are sent again.
    async fn delete(&self, artifacts: &std::collections::BTreeSet<ArtifactKey>) -> Result<(), ApplyError> {
        if artifacts.is_empty() {
            return Ok(());
        }
        let deletions = Deletions::begin(&self.writer, &self.version, self.world.spool()).await?;
        let mut result = Ok(());
        for artifact in artifacts {
            self.log
                .say(format!("deleting {artifact} on the target, to bring it again whole"));
            result = deletions.artifact(&id_of(artifact)).await;
            if result.is_err() {
                break;
            }
        }
        deletions.end().await?;
        Ok(result?)
    }

    async fn send(&self, delta: &Delta) -> Result<Sent, ApplyError> {
        let chunks = chunks(&self.source, delta, &self.limits).map_err(unpackable)?;
        let of = u64::try_from(chunks.len()).unwrap_or(u64::MAX);
        let mut packed = pack(Arc::clone(&self.source), self.file.clone(), self.world, chunks.clone());
        let mut sent = Sent { versions: 0, chunks: 0 };
        for chunk in &chunks {
            let n = sent.chunks + 1;
            self.log.count(format!("chunk {n} of {of}"), sent.chunks, of);
            let file = packed
                .recv()
                .await
                .ok_or_else(|| ApplyError::NotDone("packing ended early".to_owned()))??;
            let before = self.count().await?;
            self.post(file.path(), &format!("chunk {n} of {of}"), "import.chunk")
                .await?;
            self.arrived(chunk, before, &format!("chunk {n} of {of}")).await?;
            sent.chunks = n;
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

    async fn count(&self) -> Result<u64, ApplyError> {
        let counts = self.writer.reader().counts(&self.version).await?;
        Ok(counts.versions.unwrap_or_default())
    }

    /// Whether all versions of a chunk are there: a 204 comes also when some were dropped.
    async fn arrived(&self, chunk: &Chunk, before: u64, what: &str) -> Result<(), ApplyError> {
        let expected = before + u64::try_from(chunk.versions.len()).unwrap_or(u64::MAX);
        for _ in 0..INDEX_LOOKS {
            if self.count().await? >= expected {
                return Ok(());
            }
            sleep(INDEX_LOOK).await;
        }
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
        match self.source.versions.get(&global_id) {
            Some(version) => format!(
                "{} version {} (globalId {global_id})",
                version.artifact, version.version
            ),
            None => format!("globalId {global_id}"),
        }
    }

    /// What no ZIP carries.
    async fn repair(&self, delta: &Delta) -> Result<(), ApplyError> {
        for (group, repair) in &delta.group_repairs {
            self.repair_group(group, repair).await?;
        }
        for rule in &delta.rules {
            self.repair_rule(rule).await?;
        }
        Ok(())
    }

    async fn repair_group(&self, group: &GroupKey, repair: &GroupRepair) -> Result<(), ApplyError> {
        let Some(name) = group.as_option() else { return Ok(()) };
        let labels = repair.labels.iter();
        let labels = labels
            .map(|(key, value)| (key.to_owned(), value.unwrap_or_default().to_owned()))
            .collect();
        if self
            .writer
            .put_group(&self.version, name, &repair.description, &labels)
            .await?
        {
            self.log.say(format!("repaired the properties of group {group}"));
        }
        Ok(())
    }

    async fn repair_rule(&self, change: &RuleChange) -> Result<(), ApplyError> {
        let of = change.artifact.as_ref().map(id_of);
        match &change.configuration {
            Some(config) => {
                let rule = Rule {
                    kind: change.rule.to_string(),
                    config: config.to_string(),
                };
                self.writer.put_rule(&self.version, of.as_ref(), &rule).await?;
            }
            None => {
                self.writer
                    .delete_rule(&self.version, of.as_ref(), &change.rule)
                    .await?;
            }
        }
        Ok(())
    }

    /// Looks again, at everything.
    async fn prove(&self) -> Result<(), ApplyError> {
        self.log.say("comparing everything with the export");
        let target = self.look().await?;
        let comparison = compare(&self.source, &target, &RestFacts::default(), &[]);
        if comparison.is_equal() {
            return Ok(());
        }
        let rows: Vec<String> = comparison.differences.iter().map(Row::to_string).collect();
        Err(ApplyError::NotDone(format!(
            "everything was sent, and {} does not hold what the export holds: {}",
            self.writer.reader().name(),
            some_of(&rows)
        )))
    }
}

async fn read_source(file: &Path, sha256: Option<Digest>) -> Result<Snapshot, ApplyError> {
    if let Some(expected) = sha256 {
        let path = file.to_owned();
        let hashed = tokio::task::spawn_blocking(move || hash_file(&path)).await;
        let (found, _) = hashed.map_err(|error| ApplyError::NotDone(error.to_string()))??;
        if found != expected {
            return Err(ApplyError::NotDone(format!(
                "{} is not the file that was exported: its SHA-256 is {found}, not {expected}",
                file.display()
            )));
        }
    }
    Ok(read_snapshot(file).await?)
}

/// Nothing is sent when an id means something else on the target, or when it holds what the source does not have.
fn refuse(delta: &Delta) -> Result<(), ApplyError> {
    let mut reasons: Vec<String> = delta.conflicts.iter().map(Conflict::to_string).collect();
    reasons.extend(
        delta
            .extra_artifacts
            .iter()
            .map(|artifact| format!("{artifact} is not in the export")),
    );
    if reasons.is_empty() {
        return Ok(());
    }
    Err(ApplyError::NotDone(format!(
        "the target holds something else, so nothing was sent: {}; delete it there, or give the target an empty storage",
        some_of(&reasons)
    )))
}

/// The globalId above which the target makes its own: the least that was ever reserved there, or what would be reserved now.
fn boundary(source: &Snapshot, noted: Option<Reserved>) -> Result<u64, ApplyError> {
    match noted {
        Some(noted) => Ok(noted.lowest),
        None => Ok(Reservation::above(source, source, None).map_err(refused)?.global_id),
    }
}

/// A version above the boundary that did not come from the source was born on the target: its clients write there already,
/// and what is theirs must not be deleted to be "brought again". The source may have crossed the boundary since.
fn refuse_native(source: &Snapshot, target: &Snapshot, boundary: u64) -> Result<(), ApplyError> {
    let came = |id: u64, there: &Version| {
        // None of them ever changes; what else differs was edited.
        source.versions.get(&id).is_some_and(|ours| {
            ours.artifact == there.artifact && ours.version == there.version && ours.created_on == there.created_on
        })
    };
    let native = target
        .own_versions()
        .filter(|(id, version)| *id > boundary && !came(*id, version));
    let native: Vec<String> = native
        .map(|(id, version)| format!("{} version {} (globalId {id})", version.artifact, version.version))
        .collect();
    if native.is_empty() {
        return Ok(());
    }
    Err(ApplyError::NotDone(format!(
        "clients have written to the target, so nothing was sent: {}",
        some_of(&native)
    )))
}

/// Packs chunks ahead of the sending, one at a time on a thread of its own.
fn pack(
    source: Arc<Snapshot>,
    file: PathBuf,
    world: &Act,
    chunks: Vec<Chunk>,
) -> mpsc::Receiver<Result<NamedTempFile, ApplyError>> {
    let (send, receive) = mpsc::channel(1);
    let spool = world.spool().clone();
    tokio::task::spawn_blocking(move || {
        let packed = || -> Result<(), ApplyError> {
            let open = File::open(&file).map_err(|error| unpackable(error.into()))?;
            let mut writer = ChunkWriter::open(&source, BufReader::new(open)).map_err(unpackable)?;
            for chunk in &chunks {
                let file = spool.scratch()?;
                writer.write(chunk, file.as_file()).map_err(unpackable)?;
                // Nobody receives any more: the import has failed or was dropped.
                if send.blocking_send(Ok(file)).is_err() {
                    break;
                }
            }
            Ok(())
        };
        if let Err(error) = packed() {
            // As above.
            let _nobody_there = send.blocking_send(Err(error));
        }
    });
    receive
}

fn id_of(key: &ArtifactKey) -> ArtifactId {
    ArtifactId::new(key.group.as_option(), key.artifact.as_ref())
}

fn refused(error: crate::registry::ReserveError) -> ApplyError {
    ApplyError::Content {
        context: "no ids can be reserved".to_owned(),
        source: Box::new(error),
    }
}

fn unpackable(error: ChunkError) -> ApplyError {
    ApplyError::Content {
        context: "the export cannot be packed for the import".to_owned(),
        source: Box::new(error),
    }
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
    use super::{super::any_snapshot, *};

    #[test]
    fn nothing_is_sent_to_a_target_that_holds_something_else() {
        let mut delta = Delta::default();
        assert!(refuse(&delta).is_ok());
        delta.conflicts.push(Conflict::ContentId { content_id: 7 });
        delta.extra_artifacts.insert(ArtifactKey::new(Some("g"), "theirs"));
        let text = refuse(&delta).unwrap_err().to_string();
        assert!(text.contains("content 7 holds other bytes on the target"), "{text}");
        assert!(text.contains("g/theirs is not in the export"), "{text}");
    }

    #[test]
    fn versions_born_on_the_target_are_refused_also_when_the_source_has_crossed_the_boundary() {
        let (mut source, mut target) = (any_snapshot("v2-rich"), any_snapshot("v3-rich"));
        let with = |side: &mut Snapshot, id: u64, name: &str, created_on: i64| {
            let mut version = side.versions[&70].clone();
            (version.version, version.created_on) = (name.into(), created_on);
            side.versions.insert(id, version);
        };
        let first = Reservation::above(&source, &target, None).unwrap();
        let noted = Some(Reserved::and(None, first, &target));
        // 2.6 crosses the boundary, and an earlier attempt brought what it made there.
        with(&mut source, 1_000_500, "98", 1);
        with(&mut target, 1_000_500, "98", 1);
        assert!(boundary(&source, None).unwrap() > 1_000_500, "the note matters");
        let border = boundary(&source, noted).unwrap();
        assert!(refuse_native(&source, &target, border).is_ok());
        with(&mut target, 1_000_001, "99", 2);
        let text = refuse_native(&source, &target, border).unwrap_err().to_string();
        assert!(text.contains("version 99 (globalId 1000001)"), "{text}");
        // The same id and the same version, made by both.
        with(&mut source, 1_000_001, "99", 3);
        assert!(refuse_native(&source, &target, border).is_err());
    }

    #[test]
    fn a_long_list_names_the_first_and_counts_the_rest() {
        let rows: Vec<String> = (1..=7).map(|n| n.to_string()).collect();
        assert_eq!(some_of(&rows), "1; 2; 3; 4; 5; and 2 more");
        assert_eq!(some_of(&rows[..2]), "1; 2");
    }

    #[test]
    fn the_recorded_file_is_bound_to_its_hash() {
        let output = serde_json::json!({"file": "v2.zip", "sha256": "abc", "versions": 3});
        let source = Source::recorded(&"snapshot".into(), &output).unwrap();
        assert_eq!(
            (source.file.as_str(), source.sha256),
            ("v2.zip", Some(Digest::from("abc")))
        );
        assert!(Source::recorded(&"snapshot".into(), &serde_json::json!({"file": "v2.zip"})).is_err());
    }

    #[tokio::test]
    async fn another_file_at_the_place_of_the_export_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v2.zip");
        crate::system::write_atomically(&path, |file| std::io::Write::write_all(file, b"other")).unwrap();
        let refused = read_source(&path, Some(Digest::from("abc"))).await.unwrap_err();
        assert!(
            refused.to_string().contains("is not the file that was exported"),
            "{refused}"
        );
    }
}
