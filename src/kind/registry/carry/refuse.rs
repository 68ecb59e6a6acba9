//! What was born on the target, and must not be touched.

use super::some_of;
use crate::{
    kind::ApplyError,
    registry::{Reservation, Snapshot, Version},
    resource::Reserved,
};

/// The globalId above which the target makes its own: the least that was ever reserved there, or what would be reserved now. What
/// was copied from it to the other side since lies below.
pub(super) fn boundary(source: &Snapshot, noted: Option<Reserved>) -> Result<u64, ApplyError> {
    match noted {
        Some(noted) => Ok(noted.lowest.max(noted.taken)),
        None => Ok(Reservation::above(source, source, None)
            .map_err(unreservable)?
            .global_id),
    }
}

/// A version above the boundary that did not come from the source was born on the target: its clients write there already,
/// and what is theirs must not be deleted to be "brought again". The source may have crossed the boundary since.
pub(super) fn refuse_native(source: &Snapshot, target: &Snapshot, boundary: u64) -> Result<(), ApplyError> {
    let came = |id: u64, there: &Version| {
        // None of them ever changes; what else differs was edited. But a 3.x on KafkaSQL gives what its own clients made the
        // time of its last start (3.3.3, docs/matrix.md): then the bytes tell.
        source.versions.get(&id).is_some_and(|ours| {
            let same_time = || ours.created_on == there.created_on;
            let bytes = |side: &Snapshot, version: &Version| side.contents.get(&version.content_id).map(|c| c.sha256);
            let same_bytes = || bytes(source, ours).is_some_and(|ours| bytes(target, there) == Some(ours));
            ours.artifact == there.artifact && ours.version == there.version && (same_time() || same_bytes())
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

pub(super) fn unreservable(error: crate::registry::ReserveError) -> ApplyError {
    ApplyError::Content {
        context: "no ids can be reserved".to_owned(),
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::any_snapshot, *};

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
        // The same id and the same version, made by both with other bytes.
        with(&mut source, 1_000_001, "99", 3);
        let content = source.versions[&1].content_id;
        source.versions.get_mut(&1_000_001).unwrap().content_id = content;
        assert!(refuse_native(&source, &target, border).is_err());
        // The same bytes: the target's clock was set back to its last start.
        source.versions.get_mut(&1_000_001).unwrap().content_id = source.versions[&70].content_id;
        assert!(refuse_native(&source, &target, border).is_ok());
    }

    #[test]
    fn what_a_way_back_has_taken_may_go_on_the_source_and_what_came_later_is_refused() {
        let (source, mut target) = (any_snapshot("v2-rich"), any_snapshot("v3-rich"));
        let first = Reservation::above(&source, &target, None).unwrap();
        let mut born = |id: u64| {
            let mut version = target.versions[&70].clone();
            version.version = id.to_string().into();
            target.versions.insert(id, version);
            target.clone()
        };
        let noted = Reserved {
            taken: 1_000_001,
            ..Reserved::and(None, first, &source)
        };
        let taken = born(1_000_001);
        let border = |noted| boundary(&source, Some(noted)).unwrap();
        assert!(refuse_native(&source, &taken, border(Reserved { taken: 0, ..noted })).is_err());
        assert!(refuse_native(&source, &taken, border(noted)).is_ok());
        assert!(refuse_native(&source, &born(1_000_002), border(noted)).is_err());
        let again = Reserved::and(Some(noted), first, &taken);
        assert_eq!(again.taken, 1_000_001, "another reservation forgets nothing");
        assert_eq!(
            again.lowest, first.global_id,
            "and above what was taken the boundary begins anew"
        );
    }
}
