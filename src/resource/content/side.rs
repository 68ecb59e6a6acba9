//! The other side of a content: the registry that a step makes it equal to.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{OwnCounts, Reserved, copied::taken_back, held::held, held::read_look};
use crate::{
    model::{Digest, SystemName},
    registry::{
        Accepted, Backport, Conflict, Delta, Issued, Repair, Residue, SettingsDelta, Snapshot, delta, mirror_delta,
        moves,
    },
    system::{
        Age, Held, Note, Observe, Spool, SystemError,
        apicurio::{RegistryReader, ServerVersion},
    },
};

/// What a step makes a registry equal to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SideKey {
    /// The registry.
    pub system: SystemName,
    /// The export of it that is meant, by its key in the spool; `None`: what it holds now.
    pub pinned: Option<SideContent>,
    /// Whether what only the target has is deleted there.
    pub mirror: bool,
    /// What of it may stay behind.
    pub accept: Vec<Accepted>,
    /// What of it is carried by the API.
    pub repair: BTreeSet<Repair>,
}

impl SideKey {
    /// What the target lacks of that source.
    pub(super) fn delta(&self, source: &Snapshot, target: &Snapshot) -> Delta {
        match self.mirror {
            true => mirror_delta(source, target),
            false => delta(source, target),
        }
    }
}

/// A summary of the other side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SideContent {
    /// The server's version.
    pub version: String,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions; absent from a shallow look at 2.6, which cannot count them cheaply.
    pub versions: Option<u64>,
    /// The export, and what the target lacks of it; from a deep look.
    pub pin: Option<Pin>,
}

/// A snapshot of the other side, kept in the spool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pin {
    /// The key of the export in the spool, its SHA-256.
    pub spool: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// As [`DeepContent::digest`].
    pub digest: Digest,
    /// Greatest globalId alive.
    pub max_global_id: u64,
    /// Greatest contentId in use.
    pub max_content_id: u64,
    /// What is to be done to the target; `None`: the file is gone, so only digests can be compared.
    pub todo: Option<Todo>,
    /// What the target held when a step had settled with this pin; set only to ask whether that still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

/// What a target held when a step was done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Settled {
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: Option<u64>,
    /// As [`DeepContent::digest`].
    pub digest: Option<Digest>,
}

/// What a target lacks, in numbers and first names.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Todo {
    /// Versions to send.
    pub versions: u64,
    /// Of those, versions that the target has in some form already.
    pub versions_again: u64,
    /// Artifacts that the target does not have, or that only need more versions.
    pub add: u64,
    /// Artifacts that differ in another way: deleted on the target and brought again whole.
    pub recreate: Few,
    /// Groups to make, to give other properties, or to bring again.
    pub groups: u64,
    /// Rules to make, to change or to remove.
    pub rules: u64,
    /// Versions that the source does not have, of artifacts that it has.
    pub extra_versions: Few,
    /// Artifacts that the source does not have.
    pub extra_artifacts: Few,
    /// Groups that the source does not have.
    pub extra_groups: Few,
    /// Rules of groups and branches that only the target has, on groups and artifacts that both have.
    #[serde(default, skip_serializing_if = "Few::is_none")]
    pub extra_parts: Few,
    /// Of those, what goes with something that has to be brought again.
    #[serde(default, skip_serializing_if = "Few::is_none")]
    pub lost_parts: Few,
    /// What somebody did to the target since the last copy, and this one takes back: rows of a comparison.
    #[serde(default, skip_serializing_if = "Few::is_none")]
    pub taken_back: Few,
    /// Whether ids are to be reserved, or it is to be shown that they are: this journal knows of no reservation that is enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reserve: bool,
    /// What makes sending wrong.
    pub conflicts: Few,
    /// What the target cannot hold, as the plan accepts it.
    #[serde(default)]
    pub residue: Few,
    /// What the target cannot hold, and the plan does not accept.
    #[serde(default)]
    pub refused: Few,
    /// Owners to give to artifacts.
    #[serde(default, skip_serializing_if = "Few::is_none")]
    pub owners: Few,
    /// Role mappings and properties to set.
    #[serde(default, skip_serializing_if = "Few::is_none")]
    pub settings: Few,
    /// What is sent, artifact by artifact, cut to a screen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<String>,
}

/// How many there are, and the first ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Few {
    /// All.
    pub count: u64,
    /// At most [`Few::MOST`].
    pub first: Vec<String>,
}

impl Few {
    /// Names that a person reads; ids may be long, and all of it must fit a record.
    pub const MOST: usize = 5;

    /// Counts, and keeps the first.
    pub fn of(all: impl IntoIterator<Item = impl ToString>) -> Self {
        let mut few = Self::default();
        for one in all {
            if few.first.len() < Self::MOST {
                few.first.push(one.to_string());
            }
            few.count += 1;
        }
        few
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }

    /// The first few, and how many more; as people read it.
    pub fn in_words(&self) -> String {
        let mut text = self.first.join("; ");
        let more = self.count.saturating_sub(number(self.first.len()));
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        text
    }
}

impl Todo {
    /// Of that source, as the target can hold it, and that target.
    pub fn of(key: &SideKey, source: &Snapshot, residue: &Residue, target: &Snapshot) -> Self {
        let delta = key.delta(source, target);
        let (refused, accepted) = residue.split(&key.accept);
        let there = |id: &&u64| target.versions.contains_key(id);
        let extra = target.own_versions().filter(|(id, version)| {
            source.artifacts.contains_key(&version.artifact) && !source.versions.contains_key(id)
        });
        Self {
            versions: number(delta.versions.len()),
            versions_again: number(delta.versions.iter().filter(there).count()),
            add: number(delta.add.len()),
            recreate: Few::of(&delta.recreate),
            groups: groups(&delta),
            rules: number(delta.artifact_rules.len() + delta.global_rules.len() + delta.rules.len()),
            extra_versions: Few::of(extra.map(|(_, version)| version)),
            extra_artifacts: Few::of(&delta.extra_artifacts),
            extra_groups: Few::of(&delta.extra_groups),
            extra_parts: Few::of(&delta.extra_parts),
            lost_parts: Few::of(delta.extra_parts.iter().filter(|part| part.is_lost(&delta))),
            reserve: false,
            taken_back: Few::default(),
            conflicts: Few::of(delta.conflicts.iter().map(Conflict::to_string)),
            residue: Few::of(accepted),
            refused: Few::of(refused),
            owners: Few::of(delta.owners.iter().map(|(key, owner)| format!("{key} to {owner}"))),
            settings: Few::default(),
            moves: moves(source, &delta),
        }
    }

    /// Whether there is nothing to send, to delete, to repair or to reserve, extra artifacts and groups left aside.
    pub fn is_done(&self) -> bool {
        self.versions == 0
            && self.recreate.count == 0
            && self.groups == 0
            && self.rules == 0
            && !self.reserve
            && self.conflicts.count == 0
            && self.owners.count == 0
            && self.settings.count == 0
    }
}

fn groups(delta: &Delta) -> u64 {
    let repaired = delta.group_repairs.keys();
    let new = repaired.filter(|group| !delta.groups.contains(*group)).count();
    number(delta.groups.len() + new)
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The exports with which settings were carried to a registry as well, to the end.
pub fn settings_carried(registry: &RegistryReader<'_>, spool: &Spool) -> Note<BTreeSet<Digest>> {
    Note::of(&registry.url(), spool, "import", "settings")
}

/// Role mappings and properties to set on a 3.x, where the other side is a 2.6 and is looked at now. A pinned export says nothing
/// of them: where they were carried with it that was looked at, and a 2.6 that is gone since is not asked again.
pub(super) async fn settings(key: &SideKey, target: &SystemName, world: &Observe) -> Result<Few, SystemError> {
    if key.repair.is_empty() {
        return Ok(Few::default());
    }
    let to = world.registry(target)?;
    if let Some(pinned) = &key.pinned {
        let carried = settings_carried(&to, world.spool()).read()?.unwrap_or_default();
        let of_v2 = pinned
            .version
            .parse()
            .is_ok_and(|version: ServerVersion| version.is_v2());
        if !of_v2 || pinned.pin.as_ref().is_none_or(|pin| carried.contains(&pin.spool)) {
            return Ok(Few::default());
        }
    }
    let from = world.registry(&key.system)?;
    let (before, after): (ServerVersion, ServerVersion) = tokio::try_join!(from.version(), to.version())?;
    if !(before.is_v2() && after.is_v3()) {
        return Ok(Few::default());
    }
    let (source, there) = tokio::try_join!(from.settings(&before), to.settings(&after))?;
    Ok(Few::of(SettingsDelta::between(&source, &there, &key.repair).lines()))
}

/// Only counts.
pub(super) async fn shallow(key: &SideKey, world: &Observe) -> Result<SideContent, SystemError> {
    if let Some(pinned) = &key.pinned {
        return Ok(pinned.clone());
    }
    let registry = world.registry(&key.system)?;
    let version = registry.version().await?;
    let counts = registry.counts(&version).await?;
    Ok(SideContent {
        version: version.to_string(),
        artifacts: counts.artifacts,
        versions: counts.versions,
        pin: None,
    })
}

/// The whole of it, without the comparison: the export that is pinned, or what it holds now. `None`: the pinned one is gone.
pub(super) async fn whole(key: &SideKey, world: &Observe) -> Result<Option<(String, Held)>, SystemError> {
    let Some(pinned) = &key.pinned else {
        let version = world.registry(&key.system)?.version().await?;
        let held = held(&key.system, world, Age::Frozen).await?;
        return Ok(Some((version.to_string(), held)));
    };
    let Some(pin) = &pinned.pin else { return Ok(None) };
    let held = of_spool(&pin.spool, world).await?;
    Ok(held.map(|held| (pinned.version.clone(), held)))
}

/// An export that lies in the spool; `None`: it does not any more.
///
/// # Errors
/// When it cannot be read.
pub async fn of_spool(sha256: &Digest, world: &Observe) -> Result<Option<Held>, SystemError> {
    if let Some(held) = world.snapshots().by_file(sha256) {
        return Ok(Some(held));
    }
    let Some(spooled) = world.spool().find(sha256)? else {
        return Ok(None);
    };
    let snapshot = Arc::new(read_look(&spooled.path).await?);
    Ok(Some(Held { spooled, snapshot }))
}

/// What this journal has noted of a copy.
pub(super) struct Noted<'a> {
    /// What is reserved on the target.
    pub(super) reserved: Option<Reserved>,
    /// The ids that were reserved on the source.
    pub(super) issued: Issued,
    /// What was copied last, where the target is not that any more.
    pub(super) before: Option<&'a Snapshot>,
}

/// Summarises it, compared with the target; without what the target cannot hold.
pub(super) fn summarise(
    version: String,
    key: &SideKey,
    source: &Held,
    target: &Snapshot,
    noted: &Noted<'_>,
) -> SideContent {
    let none = Residue::default();
    let whole = match key.repair.contains(&Repair::Owners) {
        true => Cow::Borrowed(&*source.snapshot),
        false => Cow::Owned(Snapshot::clone(&source.snapshot).without_owners()),
    };
    let fitted = Backport::between(&whole, target);
    let (snapshot, residue) = match &fitted {
        Some(fitted) => (&fitted.wanted, &fitted.residue),
        None => (&*whole, &none),
    };
    let own = OwnCounts::of(snapshot);
    // What stays behind has ids as well.
    let issued = noted.issued.or(source.snapshot.issued());
    let enough = noted
        .reserved
        .is_some_and(|reserved| reserved.is_enough(snapshot, target, issued));
    SideContent {
        version,
        artifacts: own.artifacts,
        versions: Some(own.versions),
        pin: Some(Pin {
            spool: source.spooled.sha256.clone(),
            bytes: source.spooled.bytes,
            digest: snapshot.digest(),
            max_global_id: snapshot.max_global_id(),
            max_content_id: snapshot.max_content_id(),
            todo: Some(Todo {
                reserve: !enough,
                taken_back: Few::of(
                    noted
                        .before
                        .into_iter()
                        .flat_map(|before| taken_back(before, snapshot, target)),
                ),
                ..Todo::of(key, snapshot, residue, target)
            }),
            settled: None,
        }),
    }
}
