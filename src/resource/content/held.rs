//! Looks at a whole registry: one export, read to its end, and of a 2.6 the owners that its API names at the same time.

use std::{fs::File, io, io::BufReader, path::Path, sync::Arc};

use crate::{
    model::SystemName,
    registry::{ArtifactKey, Owners, ReadLimits, Snapshot, read_export},
    system::{Age, Held, Note, Observe, Spool, Spooled, SystemError, apicurio::RegistryReader, beside, causes},
};

/// A registry's export in the spool, and what it holds.
pub struct Exported {
    /// The file.
    pub spooled: Spooled,
    /// What is in it.
    pub snapshot: Snapshot,
}

/// What a registry holds: the look that is shared while writes are frozen, if it is new enough, or a new one.
///
/// The file stays in the spool until the next look at that registry.
///
/// # Errors
/// When it does not answer, or what it sends is not a whole export.
pub async fn held(system: &SystemName, world: &Observe, age: Age) -> Result<Held, SystemError> {
    let snapshots = world.snapshots();
    if let Some(held) = snapshots.get(system, age) {
        return Ok(held);
    }
    let registry = world.registry(system)?;
    if age == Age::Earlier
        && snapshots.is_frozen()
        && let Some(held) = of_earlier_process(&registry, world).await?
    {
        snapshots.put(system, (None, snapshots.writes(system).1), &held);
        return Ok(held);
    }
    let begun = snapshots.writes(system);
    // At the same time: the list of owners is there long before the export is.
    let taken = take_snapshot(&registry, world.spool());
    let (Exported { spooled, snapshot }, owners) = tokio::try_join!(taken, owners(&registry))?;
    let snapshot = match owners {
        Some(owners) => with_owners(snapshot, owners, &spooled.path)?,
        None => snapshot,
    };
    world.spool().keep_last(&registry.url(), &spooled.sha256)?;
    let held = Held {
        spooled,
        snapshot: Arc::new(snapshot),
    };
    snapshots.put(system, begun, &held);
    Ok(held)
}

/// Who owns the artifacts of a 2.6; `None` for a 3.x, whose export says it.
async fn owners(registry: &RegistryReader<'_>) -> Result<Option<Owners>, SystemError> {
    let version = registry.version().await?;
    if !version.is_v2() {
        return Ok(None);
    }
    let owners = registry.owners(&version).await?.into_iter();
    let owners = owners.map(|(id, owner)| (ArtifactKey::new(id.group.as_deref(), &id.artifact), owner.into()));
    Ok(Some(Owners::new(owners)))
}

/// With owners, which are noted beside its file, so that who reads that again knows them as well.
fn with_owners(snapshot: Snapshot, owners: Owners, file: &Path) -> Result<Snapshot, SystemError> {
    let owners = owners.beyond(&snapshot);
    Note::at(beside(file)).write(&owners)?;
    Ok(snapshot.with_owners(&owners))
}

/// With the owners that were noted beside its file, if any were.
///
/// # Errors
/// When the note cannot be read.
pub fn with_noted_owners(snapshot: Snapshot, file: &Path) -> Result<Snapshot, SystemError> {
    Ok(match Note::<Owners>::at(beside(file)).read()? {
        Some(owners) => snapshot.with_owners(&owners),
        None => snapshot,
    })
}

/// The last look of an earlier process, which is still in the spool when nothing was written by us since.
async fn of_earlier_process(registry: &RegistryReader<'_>, world: &Observe) -> Result<Option<Held>, SystemError> {
    let Some(spooled) = world.spool().last(&registry.url())? else {
        return Ok(None);
    };
    let snapshot = read_look(&spooled.path).await?;
    Ok(Some(Held {
        spooled,
        snapshot: Arc::new(snapshot),
    }))
}

/// Exports a registry into the spool and reads the export to its end.
///
/// # Errors
/// When it does not answer, or what it sends is not a whole export.
pub async fn take_snapshot(registry: &RegistryReader<'_>, spool: &Spool) -> Result<Exported, SystemError> {
    let spooled = registry.export(spool).await?;
    let unusable = |reason: String| SystemError::Answer {
        system: registry.name().clone(),
        request: "GET admin/export".to_owned(),
        reason,
    };
    match read_look(&spooled.path).await {
        Ok(snapshot) => Ok(Exported { spooled, snapshot }),
        Err(SystemError::File { source, .. }) => {
            spool.forget(&spooled.sha256)?;
            Err(unusable(causes(&source)))
        }
        Err(error) => Err(error),
    }
}

/// Reads an export that this program took of a registry, which clients may have written to meanwhile; with the owners that are
/// noted beside it.
///
/// # Errors
/// As [`read_snapshot`].
pub async fn read_look(path: &Path) -> Result<Snapshot, SystemError> {
    with_noted_owners(read_snapshot(path).await?.without_unfinished(), path)
}

/// Reads an export file to its end with all checksums.
///
/// # Errors
/// When it cannot be read, or is not a whole export.
pub async fn read_snapshot(path: &Path) -> Result<Snapshot, SystemError> {
    let failed = |source| SystemError::File {
        verb: "read",
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    tokio::task::spawn_blocking(move || read_export(BufReader::new(file), &ReadLimits::default()))
        .await
        .map_err(|error| failed(io::Error::other(error)))?
        .map_err(|error| failed(io::Error::other(error)))
}
