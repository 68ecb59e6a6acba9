//! That a frozen registry did not move: nobody wrote to it but the way back itself.
//!
//! Before the first write it must hold what it held in the freeze. From then on each of its rows must be as it was at the last
//! look that was explained, or as the source wants it, or absent because it goes and comes again. Each try begins with such a
//! look and notes it, so the next one has it to compare with. A way back that arrived leaves a registry that must not differ at
//! all. Another freeze begins anew.

use std::{borrow::Cow, sync::Arc};

use super::{Carry, IntoV2, Target as _, some_of};
use crate::{
    kind::ApplyError,
    model::Digest,
    registry::{Row, Snapshot, foreign, movement},
    resource::{Frozen, read_look},
    system::{Age, Spool, SystemError},
};

/// A registry as it was captured in a freeze.
pub(in crate::kind::registry) struct AsFrozen {
    /// Its digest.
    pub(in crate::kind::registry) digest: Digest,
    /// Which freeze: see [`Frozen::freeze`].
    pub(in crate::kind::registry) freeze: Digest,
    /// All that it held; `None` when that file is gone.
    pub(in crate::kind::registry) snapshot: Option<Arc<Snapshot>>,
}

/// Refuses a registry that somebody else wrote to, and notes what it holds before it is written now.
pub(super) async fn demand_unmoved(
    carry: &Carry<'_>,
    frozen: &AsFrozen,
    target: &Snapshot,
    emptied: bool,
) -> Result<(), ApplyError> {
    let (registry, spool) = (carry.writer.reader(), carry.world.spool());
    let note = Frozen::note(registry, spool);
    let before = note.read()?;
    match before.as_ref().filter(|noted| noted.freeze == frozen.freeze) {
        Some(noted) => explained(noted, spool, carry.source().owners_known, target).await?,
        None => {
            if frozen.snapshot.is_none() {
                carry.log.say(format!(
                    "the export of the freeze is gone: that {} did not move is known by its digest alone, without rows of groups",
                    registry.name()
                ));
            }
            as_in_the_freeze(frozen, target)?;
        }
    }
    let now = Frozen {
        freeze: frozen.freeze.clone(),
        held: last_look(carry)?,
        source: Some(carried(carry)?),
        emptied,
    };
    Ok(now.replace(before.as_ref(), &note, spool)?)
}

/// Notes that all is there, and nothing is written any more.
pub(super) fn note_arrival(carry: &Carry<'_>, frozen: &AsFrozen) -> Result<(), ApplyError> {
    let note = Frozen::note(carry.writer.reader(), carry.world.spool());
    let arrived = Frozen {
        freeze: frozen.freeze.clone(),
        held: last_look(carry)?,
        source: None,
        emptied: false,
    };
    Ok(arrived.replace(note.read()?.as_ref(), &note, carry.world.spool())?)
}

/// The export that the last look at the target took: one that is shared may have lost its place in the spool to an attempt
/// that ended before its first write, and is kept there by the note of that attempt.
fn last_look(carry: &Carry<'_>) -> Result<Digest, ApplyError> {
    let shared = carry.world.snapshots().get(carry.writer.reader().name(), Age::Frozen);
    if let Some(shared) = shared {
        return Ok(shared.spooled.sha256);
    }
    let last = carry.world.spool().last(&carry.writer.reader().url())?;
    let last = last.ok_or_else(|| ApplyError::NotDone("the last look at the target is not in the spool".to_owned()))?;
    Ok(last.sha256)
}

/// The export that is carried.
fn carried(carry: &Carry<'_>) -> Result<Digest, ApplyError> {
    let sha256 = carry.loaded.sha256.clone();
    sha256.ok_or_else(|| ApplyError::NotDone(format!("{} lies in no spool", carry.loaded.name)))
}

fn as_in_the_freeze(frozen: &AsFrozen, target: &Snapshot) -> Result<(), ApplyError> {
    if let Some(then) = &frozen.snapshot {
        unmoved(&movement(then, target))?;
    }
    let found = target.digest();
    if found == frozen.digest {
        return Ok(());
    }
    let how = format!(
        "its content has the digest {found}, and had {} in the freeze",
        frozen.digest
    );
    Err(moved(&how))
}

/// Whether everything on it is as it was noted, or comes from what is written since. Without `owners` nobody carries those, and
/// what an import made of them stays.
async fn explained(noted: &Frozen, spool: &Spool, owners: bool, target: &Snapshot) -> Result<(), ApplyError> {
    let held = noted_export(spool, &noted.held).await?;
    let (held, target) = match owners {
        true => (held, Cow::Borrowed(target)),
        false => (held.without_owners(), Cow::Owned(target.clone().without_owners())),
    };
    let target = &*target;
    let Some(source) = &noted.source else {
        return unmoved(&movement(&held, target));
    };
    let source = Arc::new(noted_export(spool, source).await?);
    let wanted = IntoV2::fit(&source, target).wanted;
    unmoved(&foreign(&held, &wanted, target, noted.emptied))
}

/// Without it nobody can tell who wrote what, and less is not guessed.
async fn noted_export(spool: &Spool, sha256: &Digest) -> Result<Snapshot, ApplyError> {
    let path = spool.path(sha256);
    match read_look(&path).await {
        Ok(snapshot) => Ok(snapshot),
        Err(SystemError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(ApplyError::NotDone(format!(
                "a way back has begun before, and {}, an export that it began with, is gone: nobody can tell what others wrote \
                 since, so nothing was sent; put it back, or compare both sides with `regplan verify`, and when the source is \
                 right in everything, take `unmoved_since` out of the step",
                path.display()
            )))
        }
        Err(error) => Err(error.into()),
    }
}

fn unmoved(rows: &[Row]) -> Result<(), ApplyError> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
    Err(moved(&format!("{} (left: as it was; right: as it is)", some_of(&rows))))
}

fn moved(how: &str) -> ApplyError {
    ApplyError::NotDone(format!(
        "the target moved since it was frozen, so nothing was sent: {how}; what was written there since is on no other side: \
         look at it with `regplan verify` and decide which side is right"
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::super::any_snapshot, *};

    fn frozen(of: &str, by_file: bool) -> AsFrozen {
        let snapshot = any_snapshot(of);
        AsFrozen {
            digest: snapshot.digest(),
            freeze: "f".into(),
            snapshot: by_file.then(|| Arc::new(snapshot)),
        }
    }

    #[test]
    fn a_registry_that_moved_since_the_freeze_is_refused_by_name_or_by_digest() {
        let now = any_snapshot("v2-rich-after");
        as_in_the_freeze(&frozen("v2-rich-after", true), &now).unwrap();
        as_in_the_freeze(&frozen("v2-rich-after", false), &now).unwrap();
        let named = as_in_the_freeze(&frozen("v2-rich", true), &now)
            .unwrap_err()
            .to_string();
        assert!(
            named.contains("moved since it was frozen") && named.contains("version_extra"),
            "{named}"
        );
        let digest = as_in_the_freeze(&frozen("v2-rich", false), &now)
            .unwrap_err()
            .to_string();
        assert!(digest.contains("has the digest"), "{digest}");
    }

    #[test]
    fn rows_of_groups_are_in_no_digest_and_are_looked_at_where_the_file_is_there() {
        let mut now = any_snapshot("v2-rich-after");
        now.groups.values_mut().next().unwrap().description = Some("theirs".into());
        let named = as_in_the_freeze(&frozen("v2-rich-after", true), &now)
            .unwrap_err()
            .to_string();
        assert!(named.contains("group_description"), "{named}");
        as_in_the_freeze(&frozen("v2-rich-after", false), &now).unwrap();
    }

    #[tokio::test]
    async fn without_the_export_that_it_began_with_a_way_back_is_refused_and_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned());
        let noted = Frozen {
            freeze: "f".into(),
            held: "abc".into(),
            source: None,
            emptied: false,
        };
        let refused = explained(&noted, &spool, true, &any_snapshot("v2-rich"))
            .await
            .unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("abc") && text.contains("unmoved_since"), "{text}");
    }
}
