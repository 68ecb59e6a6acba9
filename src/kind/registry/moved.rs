//! Whether a frozen registry still holds what a step read of it.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kind::{ApplyError, KindError},
    model::{Digest, SystemName},
    registry::{Row, Snapshot, movement},
    resource::{held, of_spool},
    system::{Age, Observe},
};

/// What a replicate records of its source.
#[derive(Deserialize)]
struct Copied {
    source_sha256: Digest,
    source_digest: Digest,
}

/// How a registry differs from the snapshot that was copied: by everything that an export holds, or by the digest when the
/// snapshot is gone.
pub(super) async fn since_copied(
    from: &SystemName,
    outputs: &Value,
    world: &Observe,
) -> Result<Option<String>, ApplyError> {
    let copied = Copied::deserialize(outputs).map_err(|source| KindError::Shape {
        what: format!("what was copied from {from}"),
        source,
    })?;
    // Kept over the look: that takes the place of an earlier one, also in the spool.
    let then = of_spool(&copied.source_sha256, world).await?;
    let now = held(from, world, Age::Frozen).await?;
    if now.spooled.sha256 == copied.source_sha256 {
        return Ok(None);
    }
    let now = now.snapshot;
    Ok(match then {
        Some(then) => difference(from, &then.snapshot, &now),
        None => by_digest(from, &copied.source_digest, &now),
    })
}

fn difference(from: &SystemName, then: &Snapshot, now: &Snapshot) -> Option<String> {
    let rows = movement(then, now);
    let first = rows.first()?;
    Some(format!(
        "{from} is not what was copied: {}",
        match rows.len() {
            1 => Row::to_string(first),
            all => format!("{first}; and {} more", all - 1),
        }
    ))
}

/// How a registry differs from what had that digest.
pub(super) fn by_digest(from: &SystemName, then: &Digest, now: &Snapshot) -> Option<String> {
    (now.digest() != *then).then(|| format!("{from} holds something else than what was read of it"))
}

/// As [`by_digest`], of what that digest leaves out; `None`: nobody noted that.
pub(super) fn by_rest(from: &SystemName, then: Option<&Digest>, now: &Snapshot) -> Option<String> {
    let differs = then.is_some_and(|then| now.rest_digest() != *then);
    differs.then(|| {
        format!("{from} is not what was read of it: rows or rules of groups, artifacts or branches were changed since")
    })
}

#[cfg(test)]
mod tests {
    use super::{super::any_snapshot, *};

    #[test]
    fn what_an_export_holds_and_the_digest_does_not_is_seen_as_well() {
        let (v2, then) = (SystemName::from("v2"), any_snapshot("v2-rich"));
        let mut now = any_snapshot("v2-rich");
        assert_eq!(difference(&v2, &then, &now), None);
        assert_eq!(by_digest(&v2, &then.digest(), &now), None);
        let group = now.groups.values_mut().next().unwrap();
        group.description = Some("edited".into());
        let edited = difference(&v2, &then, &now).unwrap();
        assert!(edited.contains("v2 is not what was copied"), "{edited}");
        let noted = then.rest_digest();
        assert_eq!(by_rest(&v2, Some(&noted), &then), None);
        assert_eq!(by_rest(&v2, None, &now), None);
        assert!(by_rest(&v2, Some(&noted), &now).is_some());
        now.versions.pop_last();
        assert!(by_digest(&v2, &then.digest(), &now).is_some());
    }
}
