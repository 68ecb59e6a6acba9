//! Into a 3.x: additive imports, deletions behind switches, groups and rules by the API.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::sleep;

use super::{Carry, Target, id_of, owners, refuse::unreservable};
use crate::{
    kind::ApplyError,
    registry::{
        ArtifactKey, Chunk, Delta, GroupKey, GroupRepair, RESERVE_GROUP, Reservation, RuleChange, RuleOf, Snapshot,
    },
    resource::{Copied, Reserved},
    system::{
        SystemError,
        apicurio::{ArtifactId, Deletions, Rule, ServerVersion},
        crash_point,
    },
};

/// A search index may lag behind the data for a moment (3.2 and later with Elasticsearch, `reference/apicurio.md` §2.4).
const INDEX_LOOKS: u32 = 20;
/// Between two looks at the count.
const INDEX_LOOK: Duration = Duration::from_millis(250);

/// A 3.x from 3.0.7.
pub(in crate::kind::registry) struct IntoV3;

impl Target for IntoV3 {
    /// Only a version that appends to what is there and keeps `latest` (`reference/apicurio.md` §0.1, §4.5: 3.0.7).
    fn refuses(version: &ServerVersion) -> Option<String> {
        let fits = version.is_v3() && version.at_least(3, 0, 7);
        (!fits).then(|| {
            format!("it is {version}: an import needs 3.0.7 or later, which adds to what is there and keeps `latest`")
        })
    }

    /// From here on what it holds is not what the last copy left.
    async fn guard(carry: &Carry<'_>, _target: &Snapshot, _emptied: bool) -> Result<(), ApplyError> {
        Ok(Copied::note(carry.writer.reader(), carry.world.spool()).remove()?)
    }

    fn settled(carry: &Carry<'_>, target: &Snapshot) -> Result<(), ApplyError> {
        let Some(source) = carry.loaded.sha256.clone() else {
            return Ok(());
        };
        let digest = target.digest();
        Ok(Copied::note(carry.writer.reader(), carry.world.spool()).write(&Copied { digest, source })?)
    }

    /// Before the first chunk: so whatever of the content is there, the ids are reserved. Also when no chunk has to be sent,
    /// as others may have brought the content: a step without a reservation is not done.
    async fn reserve(carry: &Carry<'_>, target: &Snapshot, noted: Option<Reserved>) -> Result<(), ApplyError> {
        let last = noted.map(|noted| noted.last);
        let issued = carry.loaded.issued;
        let reservation = Reservation::above_issued(carry.source(), target, issued, last).map_err(unreservable)?;
        // Inside a freeze every request counts, and a KafkaSQL never forgets an entity that was sent twice.
        let made = noted.is_some_and(|noted| noted.made && noted.last == reservation);
        let in_use = target.own_versions().next().is_some() && !target.has_reserve_group();
        if made && in_use && (carry.kafka || carry.world.snapshots().is_frozen()) {
            return Ok(());
        }
        carry.log.say("reserving ids");
        if target.has_reserve_group() {
            remove_dummy(carry).await?;
        }
        let note = carry.send_reservation(reservation, target, noted).await?;
        remove_dummy(carry).await?;
        Ok(carry.reserved.write(&Reserved { made: true, ..note })?)
    }

    async fn delete(
        carry: &Carry<'_>,
        _target: &Snapshot,
        artifacts: &BTreeSet<ArtifactKey>,
        groups: &BTreeSet<GroupKey>,
    ) -> Result<(), ApplyError> {
        let deletions = Deletions::begin(&carry.writer, &carry.version, carry.world.spool()).await?;
        let gone = async {
            for artifact in artifacts {
                carry.log.say(format!("deleting {artifact} on the target"));
                crash_point("carry.delete");
                deletions.artifact(&id_of(artifact)).await?;
            }
            for group in groups.iter().filter_map(GroupKey::as_option) {
                carry.log.say(format!("deleting group {group} on the target"));
                deletions.group(group).await?;
            }
            Ok::<(), SystemError>(())
        };
        let gone = gone.await;
        deletions.end().await?;
        Ok(gone?)
    }

    async fn count(carry: &Carry<'_>) -> Result<Option<u64>, ApplyError> {
        let counts = carry.writer.reader().counts(&carry.version).await?;
        Ok(Some(counts.versions.unwrap_or_default()))
    }

    async fn arrived(carry: &Carry<'_>, chunk: &Chunk, before: Option<u64>, what: &str) -> Result<(), ApplyError> {
        let sent = u64::try_from(chunk.versions.len()).unwrap_or(u64::MAX);
        let expected = before.unwrap_or_default() + sent;
        for _ in 0..INDEX_LOOKS {
            if Self::count(carry).await? >= Some(expected) {
                return Ok(());
            }
            sleep(INDEX_LOOK).await;
        }
        carry.all_there(chunk, what).await
    }

    async fn repair(carry: &Carry<'_>, delta: &Delta) -> Result<Vec<String>, ApplyError> {
        let mut repaired = Vec::new();
        for (group, repair) in &delta.group_repairs {
            if repair_group(carry, group, repair).await? {
                repaired.push(format!("group {group}"));
            }
        }
        for rule in &delta.rules {
            repair_rule(carry, rule).await?;
            repaired.push(rule.to_string());
        }
        repaired.extend(owners::set(carry, &delta.owners).await?);
        Ok(repaired)
    }
}

async fn remove_dummy(carry: &Carry<'_>) -> Result<(), ApplyError> {
    let deletions = Deletions::begin(&carry.writer, &carry.version, carry.world.spool()).await?;
    let gone = async {
        deletions
            .artifact(&ArtifactId::new(Some(RESERVE_GROUP), Reservation::ARTIFACT))
            .await?;
        deletions.group(RESERVE_GROUP).await
    };
    let gone = gone.await;
    deletions.end().await?;
    gone?;
    Ok(())
}

async fn repair_group(carry: &Carry<'_>, group: &GroupKey, repair: &GroupRepair) -> Result<bool, ApplyError> {
    let Some(name) = group.as_option() else {
        return Ok(false);
    };
    let labels = repair.labels.iter();
    let labels = labels
        .map(|(key, value)| (key.to_owned(), value.unwrap_or_default().to_owned()))
        .collect();
    let put = carry
        .writer
        .put_group(&carry.version, name, &repair.description, &labels);
    let repaired = put.await?;
    if repaired {
        carry.log.say(format!("repaired the properties of group {group}"));
    }
    Ok(repaired)
}

pub(super) async fn repair_rule(carry: &Carry<'_>, change: &RuleChange) -> Result<(), ApplyError> {
    let of = match &change.of {
        // None is ever set: a source that has some is no source of a 3.x.
        RuleOf::Group(group) => {
            let deleted = carry
                .writer
                .delete_group_rule(&carry.version, group.as_str(), &change.rule);
            return Ok(deleted.await?);
        }
        RuleOf::Artifact(artifact) => Some(id_of(artifact)),
        RuleOf::All => None,
    };
    match &change.configuration {
        Some(config) => {
            let rule = Rule {
                kind: change.rule.to_string(),
                config: config.to_string(),
            };
            carry.writer.put_rule(&carry.version, of.as_ref(), &rule).await?;
        }
        None => {
            carry
                .writer
                .delete_rule(&carry.version, of.as_ref(), &change.rule)
                .await?;
        }
    }
    Ok(())
}
