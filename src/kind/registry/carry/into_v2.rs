//! Into a 2.6, the way back: strict ZIPs that bring every content, comments gone before their artifact, ids above all of 3.x.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Carry, Fitted, Target, id_of,
    into_v3::repair_rule,
    owners,
    refuse::unreservable,
    unmoved::{demand_unmoved, note_arrival},
};
use crate::{
    kind::ApplyError,
    registry::{
        ArtifactKey, Backport, Chunk, ChunkLimits, Delta, GroupKey, RESERVE_GROUP, Reservation, Residue, Snapshot,
    },
    resource::Reserved,
    system::{
        SystemError,
        apicurio::{ArtifactId, Deletions, ServerVersion},
        crash_point,
    },
};

/// A 2.6.
pub(in crate::kind::registry) struct IntoV2;

impl Target for IntoV2 {
    /// Import and export of all 2.6 are the same code (`reference/apicurio.md` §0.1); older ones were not looked at.
    fn refuses(version: &ServerVersion) -> Option<String> {
        let fits = version.is_v2() && version.at_least(2, 6, 0);
        (!fits).then(|| format!("it is {version}: the way back leads to a 2.6"))
    }

    fn limits() -> ChunkLimits {
        ChunkLimits::v2_6()
    }

    fn fit(source: &Arc<Snapshot>, target: &Snapshot) -> Fitted {
        match Backport::between(source, target) {
            Some(fitted) => Fitted {
                wanted: Arc::new(fitted.wanted),
                residue: fitted.residue,
            },
            None => Fitted {
                wanted: Arc::clone(source),
                residue: Residue::default(),
            },
        }
    }

    async fn guard(carry: &Carry<'_>, target: &Snapshot, emptied: bool) -> Result<(), ApplyError> {
        match &carry.unmoved {
            Some(frozen) => demand_unmoved(carry, frozen, target, emptied).await,
            None => Ok(()),
        }
    }

    fn settled(carry: &Carry<'_>, _target: &Snapshot) -> Result<(), ApplyError> {
        match &carry.unmoved {
            Some(frozen) => note_arrival(carry, frozen),
            None => Ok(()),
        }
    }

    /// Before the first chunk, as the comment's counter of a 2.6 on PostgreSQL never recovers (`reference/apicurio.md` §0 row
    /// 14).
    async fn reserve(carry: &Carry<'_>, target: &Snapshot, noted: Option<Reserved>) -> Result<(), ApplyError> {
        let last = noted.map(|noted| noted.last);
        let issued = carry.loaded.issued;
        let reservation = Reservation::above_issued(carry.source(), target, issued, last).map_err(unreservable)?;
        carry.log.say("reserving ids");
        remove_dummy(carry).await?;
        let note = carry.send_reservation(reservation, target, noted).await?;
        remove_dummy(carry).await?;
        Ok(carry.reserved.write(&Reserved { made: true, ..note })?)
    }

    async fn delete(
        carry: &Carry<'_>,
        target: &Snapshot,
        artifacts: &BTreeSet<ArtifactKey>,
        groups: &BTreeSet<GroupKey>,
    ) -> Result<(), ApplyError> {
        let deletions = Deletions::begin(&carry.writer, &carry.version, carry.world.spool()).await?;
        for artifact in artifacts {
            carry.log.say(format!("deleting {artifact} on the target"));
            crash_point("carry.delete");
            delete_artifact(carry, &deletions, target, artifact).await?;
        }
        for group in groups.iter().filter_map(GroupKey::as_option) {
            carry.log.say(format!("deleting group {group} on the target"));
            deletions.group(group).await?;
        }
        Ok(deletions.end().await?)
    }

    async fn count(_carry: &Carry<'_>) -> Result<Option<u64>, ApplyError> {
        Ok(None)
    }

    /// 2.6 ends an import at the first problem and answers 204, so the last version tells; when it is not there, everything is
    /// looked at.
    async fn arrived(carry: &Carry<'_>, chunk: &Chunk, _before: Option<u64>, what: &str) -> Result<(), ApplyError> {
        let Some((id, version)) = chunk
            .versions
            .last()
            .and_then(|id| Some((*id, carry.source().versions.get(id)?)))
        else {
            return Ok(());
        };
        let of = id_of(&version.artifact);
        let registry = carry.writer.reader();
        let found = registry.global_id_of(&carry.version, &of, &version.version).await;
        match found {
            Ok(Some(found)) if found == id => Ok(()),
            // Odd version strings cannot stand in a path; the export has them.
            Ok(_) | Err(SystemError::Status { .. } | SystemError::Answer { .. }) => carry.all_there(chunk, what).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn repair(carry: &Carry<'_>, delta: &Delta) -> Result<Vec<String>, ApplyError> {
        let mut repaired = Vec::new();
        for rule in &delta.rules {
            repair_rule(carry, rule).await?;
            repaired.push(rule.to_string());
        }
        repaired.extend(owners::set(carry, &delta.owners).await?);
        Ok(repaired)
    }
}

/// The comment first: with it 2.6 answers 500 (`reference/apicurio.md` §0 row 23). An import makes no group there.
async fn remove_dummy(carry: &Carry<'_>) -> Result<(), ApplyError> {
    let of = ArtifactId::new(Some(RESERVE_GROUP), Reservation::ARTIFACT);
    let deletions = Deletions::begin(&carry.writer, &carry.version, carry.world.spool()).await?;
    all_comments(carry, &of, "1").await?;
    deletions.artifact(&of).await?;
    deletions.group(RESERVE_GROUP).await?;
    Ok(deletions.end().await?)
}

/// Deletes the comments of a version that the server lists; it is fine when there is no such version.
async fn all_comments(carry: &Carry<'_>, of: &ArtifactId, version: &str) -> Result<(), SystemError> {
    let comments = match carry.writer.reader().comments(&carry.version, of, version).await {
        Ok(comments) => comments,
        Err(SystemError::Status { status: 404, .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    for comment in comments {
        carry
            .writer
            .delete_comment(&carry.version, of, version, &comment)
            .await?;
    }
    Ok(())
}

/// Deletes an artifact, its comments before. An export can leave a comment out (`reference/apicurio.md` §3.2), so when it is
/// refused all versions are asked for theirs.
async fn delete_artifact(
    carry: &Carry<'_>,
    deletions: &Deletions<'_, '_>,
    target: &Snapshot,
    artifact: &ArtifactKey,
) -> Result<(), SystemError> {
    let of = id_of(artifact);
    let versions = target
        .versions
        .iter()
        .filter(|(_, version)| *version.artifact == *artifact);
    let versions: Vec<_> = versions.map(|(id, version)| (*id, &*version.version)).collect();
    for (id, version) in &versions {
        for key in target
            .own_comments()
            .map(|(key, _)| key)
            .filter(|key| key.global_id == *id)
        {
            carry
                .writer
                .delete_comment(&carry.version, &of, version, &key.comment_id)
                .await?;
        }
    }
    match deletions.artifact(&of).await {
        Err(SystemError::Status { status: 500, .. }) => {}
        done => return done,
    }
    for (_, version) in &versions {
        all_comments(carry, &of, version).await?;
    }
    deletions.artifact(&of).await
}
