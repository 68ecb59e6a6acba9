//! That ids which the target gives out next lie above all that were reserved: only a version that it makes itself shows them
//! (`reference/apicurio.md` §4.9).

use super::Carry;
use crate::{
    kind::ApplyError,
    registry::{Reservation, SCRATCH_GROUP},
    resource::Reserved,
    system::{
        SystemError,
        apicurio::{ArtifactId, Deletions, ProbeVersion},
        crash_point,
    },
};

/// Makes a version of its own in the scratch group, looks at its ids and deletes it, once for each reservation: counters never
/// fall again. `group_stays`: the group was there before.
///
/// The ids that it takes are nobody's: they lie above all that is carried.
pub(super) async fn prove_next_ids(carry: &Carry<'_>, group_stays: bool) -> Result<(), ApplyError> {
    let Some(reserved) = carry.reserved.read()?.filter(|reserved| !reserved.proven) else {
        return Ok(());
    };
    carry.log.say("proving the next ids with a version of its own");
    remove_probe(carry, true).await?;
    let content = reserved.last.proof();
    let made = carry.writer.create_probe(&carry.version, &probe(), &content).await;
    crash_point("carry.proof");
    remove_probe(carry, group_stays).await?;
    below(&made?, &reserved.last, carry)?;
    Ok(carry.reserved.write(&Reserved {
        proven: true,
        ..reserved
    })?)
}

fn probe() -> ArtifactId {
    ArtifactId::new(Some(SCRATCH_GROUP), "next-ids")
}

/// Whether ids of a native version lie above all that was reserved.
fn below(made: &ProbeVersion, reserved: &Reservation, carry: &Carry<'_>) -> Result<(), ApplyError> {
    if made.global_id > reserved.global_id && made.content_id > reserved.content_id {
        return Ok(());
    }
    Err(ApplyError::NotDone(format!(
        "everything was sent, but the next ids of {} are globalId {} and contentId {}, not above {} and {}: ids would be given \
         out twice",
        carry.writer.reader().name(),
        made.global_id,
        made.content_id,
        reserved.global_id,
        reserved.content_id,
    )))
}

/// A create makes the group's row, and deleting the artifact leaves it.
async fn remove_probe(carry: &Carry<'_>, group_stays: bool) -> Result<(), ApplyError> {
    let deletions = Deletions::begin(&carry.writer, &carry.version, carry.world.spool()).await?;
    let gone = async {
        deletions.artifact(&probe()).await?;
        if !group_stays {
            deletions.group(SCRATCH_GROUP).await?;
        }
        Ok::<(), SystemError>(())
    };
    let gone = gone.await;
    deletions.end().await?;
    Ok(gone?)
}
