use std::{fs::File, io, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crosscheck::cross_check;
use crate::{
    kind::{ApplyError, Capture, PlanView},
    model::{Digest, Findings, ResourceKey, Step, SystemName, Touches},
    registry::Snapshot,
    resource::{GroupRow, OwnCounts, held},
    system::{Act, Age, Held, Observe, Progress, SystemError, hash_file, host_name, write_atomically},
};

/// Exports a registry into a file and proves that the file is whole.
pub struct RegistryExport;

/// Which registry, and into which file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryExportSpec {
    /// The registry: a system of type `apicurio`.
    pub from: SystemName,
    /// The file, relative to the plan file. A second attempt writes `NAME.attempt-2.zip`.
    pub to: String,
}

/// What was exported. Counts leave regplan's own groups out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryExportOutput {
    /// The file that was written, relative to the plan file.
    pub file: String,
    /// The host on which it lies.
    pub host: String,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// The server's version.
    pub version: String,
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: u64,
    /// Contents.
    pub contents: u64,
    /// Comments.
    pub comments: u64,
    /// Global and artifact rules.
    pub rules: u64,
    /// Greatest globalId.
    pub max_global_id: u64,
    /// Greatest contentId.
    pub max_content_id: u64,
    /// Over the content as the equality contract compares it.
    pub content_digest: Digest,
    /// A short hash of each group row, sorted; empty when there are more than 2,000.
    #[serde(default)]
    pub group_rows: Vec<GroupRow>,
}

impl Capture for RegistryExport {
    const NAME: &'static str = "registry.export";
    const ABOUT: &'static str = "Exports a registry into a file and proves that the file is whole.";
    type Spec = RegistryExportSpec;
    type Output = RegistryExportOutput;

    fn touches(spec: &RegistryExportSpec, _step: &Step) -> Touches {
        Touches {
            reads: [ResourceKey::of(&spec.from, "content")].into(),
            writes: [ResourceKey::file(&spec.to)].into(),
            systems: [spec.from.clone()].into(),
            ..Touches::default()
        }
    }

    fn check(spec: &RegistryExportSpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        super::needs_registry(plan, "from", &spec.from, out);
    }

    async fn take(
        spec: &RegistryExportSpec,
        _step: &Step,
        attempt: u32,
        world: &Act,
        log: &Progress,
    ) -> Result<RegistryExportOutput, ApplyError> {
        let registry = world.registry(&spec.from)?;
        let version = registry.version().await?;
        let taken = cross_check(&registry, &version, world, log).await?;
        let file = name_of_attempt(&spec.to, attempt);
        let path = world.path(&file);
        log.say(format!("writing {file}"));
        let (sha256, bytes) = place(&taken, path).await?;
        Ok(describe(file, sha256, bytes, version.to_string(), &taken))
    }

    async fn intact(
        _spec: &RegistryExportSpec,
        taken: &RegistryExportOutput,
        world: &Observe,
    ) -> Result<bool, ApplyError> {
        let path = world.path(&taken.file);
        if !path.exists() {
            return Ok(false);
        }
        let hashed = blocking(move || hash_file(&path)).await?;
        Ok(hashed == (taken.sha256.clone(), taken.bytes))
    }

    /// By another export, unless the registry shows that it took no write since (`RegistryReader::mark`).
    async fn moved(
        spec: &RegistryExportSpec,
        taken: &RegistryExportOutput,
        world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        let now = held(&spec.from, world, Age::Frozen).await?;
        if now.spooled.sha256 == taken.sha256 {
            return Ok(None);
        }
        Ok(difference(&spec.from, taken, &now.snapshot))
    }
}

fn difference(from: &SystemName, taken: &RegistryExportOutput, now: &Snapshot) -> Option<String> {
    if now.digest() == taken.content_digest && GroupRow::all(now) == taken.group_rows {
        return None;
    }
    let found = OwnCounts::of(now);
    let (was, is) = ((taken.artifacts, taken.versions), (found.artifacts, found.versions));
    let how = match was == is {
        true => "its counts are the same, and its content is not".to_owned(),
        false => format!("{} artifacts and {} versions, not {} and {}", is.0, is.1, was.0, was.1),
    };
    Some(format!("{from} holds something else than what was exported: {how}"))
}

/// `v2.zip` of attempt 2 is `v2.attempt-2.zip`: what an earlier attempt took is never overwritten.
fn name_of_attempt(name: &str, attempt: u32) -> String {
    if attempt <= 1 {
        return name.to_owned();
    }
    let (directory, file) = name
        .rsplit_once('/')
        .map_or(("", name), |(directory, file)| (directory, file));
    let file = match file.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => format!("{stem}.attempt-{attempt}.{extension}"),
        _ => format!("{file}.attempt-{attempt}"),
    };
    if name.contains('/') {
        format!("{directory}/{file}")
    } else {
        file
    }
}

/// Puts the export at its place and reads it back: what is recorded is the hash of the file that lies there.
async fn place(taken: &Held, path: PathBuf) -> Result<(Digest, u64), ApplyError> {
    let from = taken.spooled.path.clone();
    let expected = taken.spooled.sha256.clone();
    let shown = path.clone();
    let written = blocking(move || {
        write_atomically(&path, |to| io::copy(&mut File::open(from)?, to).map(drop))?;
        hash_file(&path)
    })
    .await?;
    if written.0 != expected {
        return Err(ApplyError::NotDone(format!(
            "{} does not hold what was written to it: its SHA-256 is {}, not {expected}",
            shown.display(),
            written.0
        )));
    }
    Ok(written)
}

/// Does slow disk work where it is in nobody's way.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SystemError> + Send + 'static,
) -> Result<T, ApplyError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(ApplyError::NotDone(error.to_string())),
    }
}

fn describe(file: String, sha256: Digest, bytes: u64, version: String, taken: &Held) -> RegistryExportOutput {
    let snapshot = &taken.snapshot;
    let (own, all) = (OwnCounts::of(snapshot), snapshot.counts());
    RegistryExportOutput {
        file,
        host: host_name(),
        sha256,
        bytes,
        version,
        groups: own.groups,
        artifacts: own.artifacts,
        versions: own.versions,
        contents: all.contents,
        comments: all.comments,
        rules: all.artifact_rules + all.global_rules,
        max_global_id: snapshot.max_global_id(),
        max_content_id: snapshot.max_content_id(),
        content_digest: snapshot.digest(),
        group_rows: GroupRow::all(snapshot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_took_a_write_since_its_export_has_moved() {
        let zip = std::fs::read(format!("{}/tests/data/v2-rich.zip", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let read = || crate::registry::read_export(io::Cursor::new(&zip), &crate::registry::ReadLimits::default());
        let taken = Held {
            spooled: crate::system::Spooled {
                path: PathBuf::new(),
                sha256: Digest::from(""),
                bytes: 0,
            },
            snapshot: std::sync::Arc::new(read().unwrap()),
        };
        let taken = describe(
            "v2.zip".to_owned(),
            Digest::from(""),
            0,
            "2.6.13.Final".to_owned(),
            &taken,
        );
        let mut now = read().unwrap();
        assert_eq!(difference(&"v2".into(), &taken, &now), None);
        let version = now.versions.values_mut().next().unwrap();
        version.description = Some("edited".into());
        let edited = difference(&"v2".into(), &taken, &now).unwrap();
        assert!(edited.contains("its content is not"), "{edited}");
        now.versions.pop_first();
        let fewer = difference(&"v2".into(), &taken, &now).unwrap();
        assert!(fewer.contains("36 artifacts and 67 versions, not 36 and 68"), "{fewer}");
    }

    #[test]
    fn a_later_attempt_has_a_name_of_its_own() {
        for (name, attempt, expected) in [
            ("backups/v2.zip", 1, "backups/v2.zip"),
            ("backups/v2.zip", 2, "backups/v2.attempt-2.zip"),
            ("v2.zip", 3, "v2.attempt-3.zip"),
            ("a.b/v2", 2, "a.b/v2.attempt-2"),
            ("/abs/.hidden", 2, "/abs/.hidden.attempt-2"),
        ] {
            assert_eq!(name_of_attempt(name, attempt), expected);
        }
    }
}
