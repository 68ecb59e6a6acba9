//! An export against what the registry counts itself: a registry that fails on an entity still answers 200
//! (`reference/apicurio.md` §1.3), so a whole ZIP proves nothing about what should be in it.

use std::collections::BTreeMap;

use futures_util::future::try_join;

use crate::{
    kind::ApplyError,
    registry::{CommentKey, Snapshot},
    resource::{Few, held, suspected_comments},
    system::{
        Age, Held, Observe, Progress, SystemError,
        apicurio::{ArtifactId, Counts, RegistryReader, ServerVersion},
    },
};

/// How often an export is taken again because somebody wrote while it was taken.
const TRIES: u32 = 3;

/// Takes an export that agrees with the registry's own counts.
///
/// An export of a registry in use may disagree because it moved meanwhile: then it is taken again, a few times.
pub(super) async fn cross_check(
    registry: &RegistryReader<'_>,
    version: &ServerVersion,
    world: &Observe,
    log: &Progress,
) -> Result<Held, ApplyError> {
    let mut before = registry.counts(version).await?;
    for left in (0..TRIES).rev() {
        log.say(format!("exporting {}", registry.name()));
        // At the same time: writes may be frozen meanwhile.
        let (taken, counted) = try_join(
            held(registry.name(), world, Age::Frozen),
            counted(registry, version, log),
        )
        .await?;
        let mut holes = counted.holes(&taken.snapshot);
        if version.is_v2() {
            holes.extend(lost_comments(registry, version, &taken.snapshot).await?);
        }
        if holes.is_empty() {
            return Ok(taken);
        }
        let after = registry.counts(version).await?;
        if left == 0 || after == before {
            return Err(ApplyError::NotDone(refusal(registry, &holes, after != before)));
        }
        log.say("somebody wrote while the export was taken; taking it again");
        before = after;
    }
    Err(ApplyError::NotDone("the export was not tried".to_owned()))
}

fn refusal(registry: &RegistryReader<'_>, holes: &[String], moving: bool) -> String {
    let why = if moving {
        "somebody writes to it"
    } else {
        "nobody wrote meanwhile, so the server left something out: look for errors in its log"
    };
    format!(
        "the export of {} does not hold what the registry counts ({why}): {}",
        registry.name(),
        Few::of(holes).in_words()
    )
}

/// What a registry counts itself.
struct Counted {
    totals: Counts,
    /// Versions by artifact; 2.6 only, which cannot count them all at once.
    versions: Option<BTreeMap<ArtifactId, u64>>,
}

async fn counted(
    registry: &RegistryReader<'_>,
    version: &ServerVersion,
    log: &Progress,
) -> Result<Counted, SystemError> {
    let totals = registry.counts(version).await?;
    let versions = match version.is_v2() {
        true => {
            let artifacts = registry.artifacts(version).await?;
            Some(registry.version_counts(version, &artifacts, log).await?)
        }
        false => None,
    };
    Ok(Counted { totals, versions })
}

impl Counted {
    /// What an export lacks or has too much.
    fn holes(&self, snapshot: &Snapshot) -> Vec<String> {
        let mut holes = by_totals(snapshot, &self.totals);
        if let Some(versions) = &self.versions {
            holes.extend(by_artifact(snapshot, versions));
        }
        holes
    }
}

/// Comments that 2.6 left out because two of them got one entry name.
async fn lost_comments(
    registry: &RegistryReader<'_>,
    version: &ServerVersion,
    snapshot: &Snapshot,
) -> Result<Vec<String>, SystemError> {
    let suspected = suspected_comments(registry, version, snapshot).await?;
    let keys = suspected.into_iter().map(|(global_id, comment)| CommentKey {
        global_id,
        comment_id: comment.into(),
    });
    let lost = keys.filter(|key| !snapshot.comments.contains_key(key));
    Ok(lost
        .map(|key| format!("{} is not in the export", snapshot.comment_name(&key)))
        .collect())
}

fn by_totals(snapshot: &Snapshot, counted: &Counts) -> Vec<String> {
    let held = snapshot.counts();
    let totals = [
        ("artifacts", held.artifacts, Some(counted.artifacts)),
        ("versions", held.versions, counted.versions),
        ("groups", held.groups, Some(counted.groups)),
    ];
    totals
        .into_iter()
        .filter_map(|(what, held, counted)| {
            let counted = counted.filter(|counted| *counted != held)?;
            Some(format!("{held} {what} in the export, {counted} in the registry"))
        })
        .collect()
}

fn by_artifact(snapshot: &Snapshot, counts: &BTreeMap<ArtifactId, u64>) -> Vec<String> {
    let mut held: BTreeMap<ArtifactId, u64> = BTreeMap::new();
    for (artifact, versions) in snapshot.versions_by_artifact() {
        let id = ArtifactId::new(artifact.group.as_option(), artifact.artifact.as_ref());
        held.insert(id, u64::try_from(versions.len()).unwrap_or(u64::MAX));
    }
    let mut all: Vec<&ArtifactId> = held.keys().chain(counts.keys()).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
        .filter_map(|id| {
            let (held, counted) = (held.get(id).copied(), counts.get(id).copied());
            let (held, counted) = (held.unwrap_or_default(), counted.unwrap_or_default());
            (held != counted).then(|| format!("{id}: {held} versions in the export, {counted} in the registry"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Cursor, Write as _},
        sync::Arc,
    };

    use super::*;
    use crate::registry::{ArtifactKey, ReadLimits, Version, VersionState, read_export};

    /// An export with nothing but a manifest.
    fn nothing() -> Snapshot {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("manifest.Manifest.json", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(
            br#"{"systemVersion":"2.6.13.Final","systemName":"x","systemDescription":"x","exportVersion":"1.0","exportedOn":1,"exportedBy":""}"#,
        )
        .unwrap();
        read_export(zip.finish().unwrap(), &ReadLimits::default()).unwrap()
    }

    fn version() -> Version {
        Version {
            artifact: Arc::new(ArtifactKey::new(None, "orders")),
            version: "1".into(),
            order: 1,
            content_id: 1,
            state: VersionState::Enabled,
            name: None,
            description: None,
            owner: None,
            created_on: 0,
            modified_by: None,
            modified_on: None,
            labels: Default::default(),
            artifact_type: "JSON".into(),
            is_latest: true,
        }
    }

    fn export(versions: &[u64]) -> Snapshot {
        let mut snapshot = nothing();
        snapshot.versions = versions.iter().map(|id| (*id, version())).collect();
        snapshot
    }

    #[test]
    fn an_artifact_that_the_export_lacks_is_named() {
        let export = export(&[1, 2]);
        let id = |artifact: &str| ArtifactId::new(None, artifact);
        assert!(by_artifact(&export, &BTreeMap::from([(id("orders"), 2)])).is_empty());
        assert_eq!(
            by_artifact(&export, &BTreeMap::from([(id("orders"), 3), (id("gone"), 1)])),
            [
                "default/gone: 0 versions in the export, 1 in the registry",
                "default/orders: 2 versions in the export, 3 in the registry"
            ]
        );
    }

    #[test]
    fn totals_that_differ_are_named_and_what_cannot_be_counted_is_not() {
        let counted = Counts {
            groups: 0,
            artifacts: 1,
            versions: None,
        };
        assert_eq!(
            by_totals(&nothing(), &counted),
            ["0 artifacts in the export, 1 in the registry"]
        );
    }
}
