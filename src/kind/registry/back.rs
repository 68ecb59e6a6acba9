//! What only the way back asks: whether the frozen side moved, and which ids the other one has given out.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{captured::captured_if_there, carry::AsFrozen, replicate::RegistryReplicateSpec};
use crate::{
    kind::{ApplyError, Inputs, KindError},
    model::{Change, Digest, SystemName},
    registry::{Issued, SCRATCH_GROUP},
    resource::{ContentState, Reserved},
    system::{Act, Progress, apicurio::ArtifactId},
};

/// Bytes that nobody has, so that they get a contentId of their own: another one each time.
pub(super) fn new_content(purpose: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{{\"title\":\"regplan {purpose}\",\"at\":{}}}", now.as_nanos())
}

/// What the named step recorded of the frozen side: the digest that it had, and which freeze that was.
struct Recorded {
    digest: Digest,
    freeze: Digest,
}

fn recorded(spec: &RegistryReplicateSpec, inputs: &Inputs) -> Result<Option<Recorded>, KindError> {
    let Some(step) = &spec.unmoved_since else {
        return Ok(None);
    };
    let captured = inputs.of(step)?;
    // A replicate names the side it came from, an export itself.
    let of = |first: &str, second: &str| {
        let value = captured.get(first).or_else(|| captured.get(second));
        value.and_then(serde_json::Value::as_str).map(Digest::from)
    };
    match of("source_digest", "content_digest") {
        // An export says when it was taken, so each has a hash of its own.
        Some(digest) => Ok(Some(Recorded {
            freeze: of("source_sha256", "sha256").unwrap_or_else(|| digest.clone()),
            digest,
        })),
        None => Err(KindError::Refused(format!(
            "step `{step}` recorded no digest of a registry"
        ))),
    }
}

/// The frozen side as the named step captured it, with all that it held then if its file is still there.
pub(super) async fn as_frozen(
    spec: &RegistryReplicateSpec,
    inputs: &Inputs,
    world: &Act,
) -> Result<Option<AsFrozen>, ApplyError> {
    let (Some(step), Some(recorded)) = (&spec.unmoved_since, recorded(spec, inputs)?) else {
        return Ok(None);
    };
    let side = captured_if_there(step, inputs, world).await?;
    Ok(Some(AsFrozen {
        digest: recorded.digest,
        freeze: recorded.freeze,
        snapshot: side.map(|side| side.snapshot),
    }))
}

/// Refuses a frozen side that moved since; what a way back of this journal has written itself is no movement, and the act looks
/// at it closer.
pub(super) fn bounded(
    spec: &RegistryReplicateSpec,
    now: &ContentState,
    inputs: &Inputs,
    change: Change,
) -> Result<Change, KindError> {
    let Some(recorded) = recorded(spec, inputs)? else {
        return Ok(change.risk(format!(
            "nothing says that {} was left alone since it was frozen: name the step that captured it in `unmoved_since:`",
            spec.to
        )));
    };
    match &now.deep {
        Some(deep) if deep.digest != recorded.digest && deep.written_since.as_ref() != Some(&recorded.freeze) => {
            let step = spec.unmoved_since.as_ref().map_or("", |step| step.as_str());
            Err(KindError::Refused(format!(
                "{} moved since step `{step}` captured it: what was written there since is nowhere else; compare both sides and \
                 decide which is right",
                spec.to
            )))
        }
        Some(_) | None => Ok(change),
    }
}

/// Ids that the side which served has given out, to things that it may have deleted since: those reserved there, and the next
/// ones, which a rehearsed create shows while it takes writes.
pub(super) async fn issued(from: &SystemName, world: &Act, log: &Progress) -> Result<Issued, ApplyError> {
    let writer = world.registry_mut(from)?;
    let version = writer.reader().version().await?;
    let noted = Reserved::on(writer.reader(), world.spool())?;
    let noted = noted.map(|noted| Issued::from(noted.last)).unwrap_or_default();
    let of = ArtifactId::new(Some(SCRATCH_GROUP), "next-ids");
    let next = writer
        .next_ids(&version, &of, &new_content("asks for the next ids"))
        .await?;
    let Some(next) = next else {
        log.say(format!(
            "{from} takes no writes: its next ids are taken from what was reserved there"
        ));
        return Ok(noted);
    };
    Ok(noted.or(Issued {
        global_id: next.global_id,
        content_id: next.content_id,
        comment_id: 0,
    }))
}
