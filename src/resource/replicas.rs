//! The replicas of a registry beyond the first, which is the one that all else is asked of.

use std::{sync::Arc, time::Duration};

use futures_util::future::{join, join_all};

use super::{Side, take_snapshot};
use crate::{
    model::SystemName,
    registry::{Replica, ReplicaSeen, Row},
    system::{
        Observe, Progress, SystemError,
        apicurio::{RegistryReader, ServerVersion},
        causes,
    },
};

/// How often a replica that holds something else is looked at again: it may only be behind.
const TRIES: u32 = 5;

/// The pause before: a KafkaSQL replica reads a record within 10 ms (`reference/apicurio.md` §2.8), a long import later.
const PAUSE: Duration = Duration::from_secs(1);

/// Looks at the replicas beyond the first, all at the same time.
///
/// Those of a KafkaSQL have a store each and are exported, and so are those of a 2.6 unless the plan says under `storage` what they
/// have; others share one database, so that they are asked for their counts and their greatest globalId: enough to see that one is on
/// another database. One that does not answer is told as such.
///
/// # Errors
/// When the first one does not answer.
pub async fn other_replicas(system: &SystemName, world: &Observe) -> Result<Vec<Replica>, SystemError> {
    let registry = world.registry(system)?;
    let others: Vec<RegistryReader<'_>> = registry.other_replicas().collect();
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let version = registry.version().await?;
    // A 2.6 does not say what it stores its data in.
    let may_differ = version.is_v2() && registry.storage().is_none();
    if may_differ || registry.keeps_journal(&version).await? {
        let whole = async |replica: &RegistryReader<'_>| Replica {
            url: replica.url(),
            seen: match whole(replica, world).await {
                Ok(seen) => seen,
                Err(error) => ReplicaSeen::Silent(causes(&error)),
            },
        };
        return Ok(join_all(others.iter().map(whole)).await);
    }
    // All at the same time: clients may be writing.
    let counts = join_all(others.iter().map(|replica| counted(replica, &version)));
    let (first, counts) = join(counted(&registry, &version), counts).await;
    let first = first?;
    let seen = others.iter().zip(counts).map(|(replica, counted)| Replica {
        url: replica.url(),
        seen: match counted {
            Ok(this) => ReplicaSeen::Counted {
                first: first.clone(),
                this,
            },
            Err(error) => ReplicaSeen::Silent(causes(&error)),
        },
    });
    Ok(seen.collect())
}

/// The replicas that hold something else than the first, whose content is `first`; one that differs is looked at again a few times.
///
/// # Errors
/// When the first one does not answer any more.
pub async fn replica_rows(
    system: &SystemName,
    first: &Side,
    mut seen: Vec<Replica>,
    world: &Observe,
    log: &Progress,
) -> Result<Vec<Row>, SystemError> {
    for left in (0..TRIES).rev() {
        let rows: Vec<Row> = (seen.iter())
            .filter_map(|replica| replica.row(system.as_str(), &first.snapshot, first.facts.redates))
            .collect();
        if rows.is_empty() || left == 0 {
            return Ok(rows);
        }
        log.say(format!(
            "a replica of {system} holds something else; it may be behind, so it is looked at again"
        ));
        tokio::time::sleep(PAUSE).await;
        seen = other_replicas(system, world).await?;
    }
    Ok(Vec::new())
}

async fn whole(replica: &RegistryReader<'_>, world: &Observe) -> Result<ReplicaSeen, SystemError> {
    let taken = take_snapshot(replica, world.spool()).await?;
    // Nobody asks for the file again; the same bytes that somebody else keeps stay.
    world.spool().keep_last(&replica.url(), &taken.spooled.sha256)?;
    world.spool().drop_last(&replica.url())?;
    Ok(ReplicaSeen::Whole(Arc::new(taken.snapshot)))
}

async fn counted(replica: &RegistryReader<'_>, version: &ServerVersion) -> Result<String, SystemError> {
    let (its, counts, greatest) = tokio::try_join!(
        replica.version(),
        replica.counts(version),
        replica.max_global_id(version)
    )?;
    let mut words = format!("{its}, {} groups, {} artifacts", counts.groups, counts.artifacts);
    if let Some(versions) = counts.versions {
        words = format!("{words}, {versions} versions");
    }
    if let Some(greatest) = greatest {
        words = format!("{words}, globalIds up to {greatest}");
    }
    Ok(words)
}
