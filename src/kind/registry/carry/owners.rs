//! Owners of artifacts: an import makes of them what the versions say, and 2.6's exports do not say whose an artifact is.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Carry, id_of, number};
use crate::{
    kind::ApplyError,
    registry::ArtifactKey,
    system::{SystemError, crash_point},
};

/// Requests at a time: a KafkaSQL takes 44 ms for each (`reference/apicurio.md` §0 row 19), and none but us writes there.
const AT_ONCE: usize = 8;
/// Owners named in a receipt, which must fit a record; the rest is counted.
const NAMED: usize = 20;
/// Between two words of progress: some seconds on the slowest storage.
const EVERY: u64 = 200;

/// Gives artifacts their owners; what was set, for people. The last look proves it, also of artifacts that were not there any
/// more.
pub(super) async fn set(
    carry: &Carry<'_>,
    owners: &BTreeMap<ArtifactKey, Box<str>>,
) -> Result<Vec<String>, ApplyError> {
    let of = number(owners.len());
    let all: Vec<_> = owners.iter().map(|(key, owner)| set_one(carry, key, owner)).collect();
    let mut answers = stream::iter(all).buffered(AT_ONCE);
    let (mut asked, mut set) = (0_u64, Vec::new());
    while let Some(answer) = answers.try_next().await? {
        asked += 1;
        set.extend(answer);
        if asked.is_multiple_of(EVERY) {
            carry.log.count("owners set", asked, of);
        }
    }
    if !set.is_empty() {
        carry
            .log
            .say(format!("{} artifacts belong to their owners again", set.len()));
    }
    let more = set.len().saturating_sub(NAMED);
    set.truncate(NAMED);
    if more > 0 {
        set.push(format!("owners of {more} more"));
    }
    Ok(set)
}

/// `None` when it is not there any more.
async fn set_one(carry: &Carry<'_>, key: &ArtifactKey, owner: &str) -> Result<Option<String>, SystemError> {
    crash_point("carry.owner");
    let put = carry.writer.put_owner(&carry.version, &id_of(key), owner).await?;
    Ok(put.then(|| format!("owner of {key}")))
}
