//! That a frozen registry did not move: nobody wrote to it but the way back itself.

use super::some_of;
use crate::{
    kind::ApplyError,
    model::Digest,
    registry::{Snapshot, Version},
    resource::Frozen,
    system::Note,
};

/// Refuses a registry that moved since it had this digest, and notes what it holds before the way back begins.
///
/// Once that has begun the digest says nothing more: then a version above those of the freeze that the source does not have
/// was written by somebody else.
pub(super) fn demand_unmoved(
    note: &Note<Frozen>,
    expected: Option<&Digest>,
    source: &Snapshot,
    target: &Snapshot,
) -> Result<(), ApplyError> {
    let Some(expected) = expected else { return Ok(()) };
    let noted = note.read()?.filter(|noted| noted.digest == *expected);
    if let Some(noted) = noted {
        return refuse_foreign(source, target, noted.max_global_id);
    }
    let found = target.digest();
    if found != *expected {
        let how = format!("its content has the digest {found}, and had {expected} in the freeze");
        return Err(moved(&how));
    }
    note.write(&Frozen {
        digest: found,
        max_global_id: target.max_global_id(),
    })?;
    Ok(())
}

fn refuse_foreign(source: &Snapshot, target: &Snapshot, frozen_max: u64) -> Result<(), ApplyError> {
    let came = |id: u64, there: &Version| {
        source
            .versions
            .get(&id)
            .is_some_and(|ours| ours.artifact == there.artifact && ours.version == there.version)
    };
    let foreign = target
        .own_versions()
        .filter(|(id, version)| *id > frozen_max && !came(*id, version));
    let foreign: Vec<String> = foreign
        .map(|(id, version)| format!("{version} (globalId {id})"))
        .collect();
    if foreign.is_empty() {
        return Ok(());
    }
    Err(moved(&format!("somebody made {}", some_of(&foreign))))
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

    fn note(dir: &tempfile::TempDir) -> Note<Frozen> {
        Note::at(dir.path().join("import-x.frozen"))
    }

    #[test]
    fn a_registry_that_moved_since_the_freeze_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (source, frozen) = (any_snapshot("v3-after-cutover"), any_snapshot("v2-rich-after"));
        let before = any_snapshot("v2-rich").digest();
        let refused = demand_unmoved(&note(&dir), Some(&before), &source, &frozen).unwrap_err();
        assert!(refused.to_string().contains("moved since it was frozen"), "{refused}");
        assert_eq!(note(&dir).read().unwrap(), None, "a refusal notes nothing");
        demand_unmoved(&note(&dir), Some(&frozen.digest()), &source, &frozen).unwrap();
        demand_unmoved(&note(&dir), None, &source, &any_snapshot("v2-rich")).unwrap();
    }

    #[test]
    fn what_the_way_back_wrote_itself_is_no_movement_and_what_somebody_else_wrote_is() {
        let dir = tempfile::tempdir().unwrap();
        let (source, frozen) = (any_snapshot("v3-after-cutover"), any_snapshot("v2-rich-after"));
        demand_unmoved(&note(&dir), Some(&frozen.digest()), &source, &frozen).unwrap();
        // Half of it arrived before the process was killed.
        let mut half = any_snapshot("v2-after-rollback");
        half.versions.remove(&86);
        demand_unmoved(&note(&dir), Some(&frozen.digest()), &source, &half).unwrap();
        let mut theirs = half.versions[&85].clone();
        theirs.version = "99".into();
        half.versions.insert(90, theirs);
        let refused = demand_unmoved(&note(&dir), Some(&frozen.digest()), &source, &half).unwrap_err();
        assert!(refused.to_string().contains("version 99 (globalId 90)"), "{refused}");
    }

    #[test]
    fn the_note_of_an_earlier_freeze_is_worth_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (source, frozen) = (any_snapshot("v3-after-cutover"), any_snapshot("v2-rich-after"));
        demand_unmoved(&note(&dir), Some(&frozen.digest()), &source, &frozen).unwrap();
        let later = any_snapshot("v2-after-rollback");
        assert!(demand_unmoved(&note(&dir), Some(&later.digest()), &source, &frozen).is_err());
        demand_unmoved(&note(&dir), Some(&later.digest()), &source, &later).unwrap();
    }
}
