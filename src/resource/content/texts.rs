//! The texts that making a registry equal to another one changes.

use super::{
    ContentState,
    side::{SideKey, of_spool},
};
use crate::{
    model::{SystemName, Texts},
    registry::{Backport, texts_to_move as changes},
    resource::{Export, read_texts},
    system::{Held, Observe, SystemError},
};

/// The texts that would change on `target` by what a deep look found; `None` when that look was not deep, or its exports are gone.
///
/// # Errors
/// When an export cannot be read.
pub async fn texts_to_move(
    key: &SideKey,
    target: &SystemName,
    seen: &ContentState,
    world: &Observe,
) -> Result<Option<Texts>, SystemError> {
    let pin = seen.sides.get(&key.system).and_then(|side| side.pin.as_ref());
    let (Some(pin), Some(deep)) = (pin, &seen.deep) else {
        return Ok(None);
    };
    let (source, there) = (of_spool(&pin.spool, world).await?, of_spool(&deep.spool, world).await?);
    let (Some(source), Some(there)) = (source, there) else {
        return Ok(None);
    };
    let found = {
        let (key, target, source, there) = (key.clone(), target.clone(), source.clone(), there.clone());
        tokio::task::spawn_blocking(move || {
            let fitted = Backport::between(&source.snapshot, &there.snapshot);
            let wanted = fitted.as_ref().map_or(&*source.snapshot, |fitted| &fitted.wanted);
            let delta = key.delta(wanted, &there.snapshot);
            changes(wanted, &there.snapshot, &delta, (key.system.as_str(), target.as_str()))
        })
        .await
    };
    let found = found.map_err(|error| SystemError::File {
        verb: "read",
        path: source.spooled.path.clone(),
        source: std::io::Error::other(error),
    })?;
    read_texts(found, export(source), export(there)).await.map(Some)
}

fn export(held: Held) -> Export {
    Export {
        path: held.spooled.path,
        snapshot: held.snapshot,
    }
}
