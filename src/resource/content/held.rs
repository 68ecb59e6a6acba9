//! Looks at a whole registry: one export, read to its end, and of a 2.6 the owners that its API names at the same time.

use std::{fs::File, io, io::BufReader, path::Path, sync::Arc};

use crate::{
    model::SystemName,
    registry::{ArtifactKey, Owners, ReadLimits, Snapshot, read_export},
    system::{
        Age, Held, Note, Observe, Spool, Spooled, SystemError,
        apicurio::{RegistryReader, ServerVersion},
        beside, causes,
    },
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
        snapshots.put(system, (None, snapshots.writes(system).1), None, &held);
        return Ok(held);
    }
    if let Some(held) = renewed(&registry, world).await? {
        return Ok(held);
    }
    let begun = snapshots.writes(system);
    let version = registry.version().await?;
    // Before the look: what is written while it is taken must show.
    let (mark, tries) = match snapshots.is_frozen() {
        true => (registry.mark(&version).await, TRIES_FROZEN),
        false => (None, TRIES),
    };
    // At the same time: the list of owners is there long before the export is.
    let taken = taken_whole(&registry, world.spool(), tries);
    let (taken, owners) = tokio::join!(taken, owners(&registry, &version));
    let Exported { spooled, snapshot } = taken?;
    let owned = owners.and_then(|owners| match owners {
        Some(owners) => with_owners(snapshot, owners, &spooled.path),
        None => Ok(snapshot),
    });
    let snapshot = match owned {
        Ok(snapshot) => snapshot,
        Err(error) => {
            world.spool().forget(&spooled.sha256)?;
            return Err(error);
        }
    };
    world.spool().keep_last(&registry.url(), &spooled.sha256)?;
    let held = Held {
        spooled,
        snapshot: Arc::new(snapshot),
    };
    snapshots.put(system, begun, mark, &held);
    Ok(held)
}

/// A look that was put in doubt, of a registry that still bears the mark that it had.
async fn renewed(registry: &RegistryReader<'_>, world: &Observe) -> Result<Option<Held>, SystemError> {
    let snapshots = world.snapshots();
    let Some((mark, held, begun)) = snapshots.doubted(registry.name()) else {
        return Ok(None);
    };
    let now = registry.mark(&registry.version().await?).await;
    let counts = now == Some(mark) && snapshots.confirm(registry.name(), begun);
    Ok(counts.then_some(held))
}

/// Who owns the artifacts of a 2.6; `None` for a 3.x, whose export says it.
async fn owners(registry: &RegistryReader<'_>, version: &ServerVersion) -> Result<Option<Owners>, SystemError> {
    if !version.is_v2() {
        return Ok(None);
    }
    let owners = registry.owners(version).await?.into_iter();
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

/// Exports of a 2.6 that clients write to, until none was torn by one of their writes; a hole that stays is a real one. On a
/// starved machine, where a create takes a tenth of a second, two writers tear every second one.
const TRIES: u32 = 6;

/// In a freeze nobody tears it: one more look for a write that was under way when it began, and then a hole is a hole.
const TRIES_FROZEN: u32 = 2;

/// Exports a registry into the spool and reads the export to its end.
///
/// # Errors
/// When it does not answer, or what it sends is not a whole export.
pub async fn take_snapshot(registry: &RegistryReader<'_>, spool: &Spool) -> Result<Exported, SystemError> {
    taken_whole(registry, spool, TRIES).await
}

async fn taken_whole(registry: &RegistryReader<'_>, spool: &Spool, tries: u32) -> Result<Exported, SystemError> {
    let mut taken = taken_once(registry, spool).await?;
    for _ in 1..tries {
        if !taken.snapshot.is_torn() {
            break;
        }
        let again = taken_once(registry, spool).await?;
        if again.spooled.sha256 != taken.spooled.sha256 {
            spool.forget(&taken.spooled.sha256)?;
        }
        taken = again;
    }
    Ok(taken)
}

async fn taken_once(registry: &RegistryReader<'_>, spool: &Spool) -> Result<Exported, SystemError> {
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
