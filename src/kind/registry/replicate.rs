use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    back,
    carry::{Bounds, Carried, Carry, Deletes, IntoV2, IntoV3, Source},
    judge, moved,
};
use crate::{
    kind::{ApplyError, Effect, Inputs, KindError, PlanView, Receipt, Undo},
    model::{
        BackendName, Change, Digest, DocPath, Finding, Findings, ResourceKey, Step, StepId, SystemName, Texts, Touches,
    },
    registry::{Accepted, Repair},
    resource::{Content, ContentKey, ContentState, Reserved, Settled, SideContent, SideKey, texts_to_move},
    system::{Act, Observe, Progress, Spooled, SystemError},
};

/// Makes a registry hold what another one holds, from whatever it holds now: a 3.x what a 2.6 holds, or on the way back a 2.6
/// what a 3.x holds, as far as it can.
pub struct RegistryReplicate;

/// Which registry is made equal to which, and within what bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryReplicateSpec {
    /// The registry that is right.
    pub from: SystemName,
    /// The registry that is made equal to it; no client may write to it yet.
    pub to: SystemName,
    /// What becomes of artifacts and groups, and of rules of groups and branches, that only `to` has; `refuse` when absent.
    #[serde(default)]
    pub deletes: Deletes,
    /// Most changes, settings included; more are refused before anything is written. Absent: as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_changes: Option<u64>,
    /// Most versions in one request; 500 when absent. The server's limits hold in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub chunk_versions: Option<u32>,
    /// Delete everything on `to` first when it holds something that stands in the way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
    /// On the way back: the step that captured `to` in the freeze (`registry.export` of it, or `registry.replicate` from it).
    /// A `to` that somebody wrote to since is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmoved_since: Option<StepId>,
    /// On the way back: what may stay behind because a 2.6 cannot hold it, by code (`residue_draft`, …) and reason. The rest is
    /// refused before anything is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<Accepted>,
    /// What is set by the API because no export holds it; all of it when absent, `[]` for nothing.
    #[serde(default = "Repair::all", skip_serializing_if = "is_all")]
    pub repair: BTreeSet<Repair>,
}

fn is_all(repair: &BTreeSet<Repair>) -> bool {
    *repair == Repair::all()
}

/// What the registry holds now, and what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegistryReplicateOutput {
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: u64,
    /// Over the content as the equality contract compares it.
    pub content_digest: Digest,
    /// The same of the snapshot of `from` that it was made equal to.
    pub source_digest: Digest,
    /// The SHA-256 of that snapshot's export.
    pub source_sha256: Digest,
    /// Greatest globalId of that snapshot.
    pub max_global_id: u64,
    /// Greatest contentId of that snapshot.
    pub max_content_id: u64,
    /// What `to` cannot hold and the plan accepts, and artifacts and groups that only `to` has and that stay.
    pub residue: u64,
    /// Versions sent (only known when this run sent them).
    pub sent_versions: Option<u64>,
    /// Requests sent (only known when this run sent them).
    pub chunks: Option<u64>,
    /// Artifacts and groups deleted (only known when this run did it).
    pub deleted: Option<u64>,
    /// Artifacts deleted and brought again whole (only known when this run did it).
    pub recreated: Option<u64>,
    /// What was changed by the API (only known when this run did it).
    pub repaired: Option<Vec<String>>,
    /// Role mappings and dynamic properties that differ and have no place on `to` (only known when this run was there).
    pub not_carried: Option<Vec<String>>,
    /// The differences that are left, each with its code (only known when this run was there).
    pub left: Option<Vec<String>>,
}

impl Effect for RegistryReplicate {
    const NAME: &'static str = "registry.replicate";
    const ABOUT: &'static str = "Makes a registry hold what another one holds, from whatever it holds now, ids kept.";
    type Spec = RegistryReplicateSpec;
    type On = Content;
    type Output = RegistryReplicateOutput;

    fn on(spec: &RegistryReplicateSpec, _step: &Step) -> ContentKey {
        key(spec, None)
    }

    fn on_after(spec: &RegistryReplicateSpec, _step: &Step, seen: &ContentState) -> ContentKey {
        key(spec, seen.sides.get(&spec.from).cloned())
    }

    fn pinned(spec: &RegistryReplicateSpec, mut now: ContentState, settled: &ContentState) -> ContentState {
        let Some(mut side) = settled.sides.get(&spec.from).cloned() else {
            return now;
        };
        if let Some(pin) = &mut side.pin {
            pin.settled = Some(Settled {
                artifacts: settled.artifacts,
                versions: settled.versions,
                digest: settled.deep.as_ref().map(|deep| deep.digest.clone()),
            });
        }
        now.sides.insert(spec.from.clone(), side);
        now
    }

    fn since(spec: &RegistryReplicateSpec, now: &ContentState, settled: &ContentState) -> Option<String> {
        let (now, then) = (now.sides.get(&spec.from)?, settled.sides.get(&spec.from)?);
        judge::behind(&spec.from, now, then)
    }

    fn touches(spec: &RegistryReplicateSpec, _step: &Step) -> Touches {
        Touches {
            writes: [ResourceKey::of(&spec.to, "content")].into(),
            reads: [ResourceKey::of(&spec.from, "content")].into(),
            systems: [spec.from.clone(), spec.to.clone()].into(),
            inputs: spec.unmoved_since.iter().cloned().collect(),
            ..Touches::default()
        }
    }

    fn check(spec: &RegistryReplicateSpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        super::needs_registry(plan, "from", &spec.from, out);
        super::needs_registry(plan, "to", &spec.to, out);
        let with = DocPath::root().key("with");
        if spec.from == spec.to {
            out.push(
                Finding::error(
                    "plan::same_system",
                    with.key("to"),
                    "it would copy a registry to itself",
                )
                .help("Name two registries."),
            );
        }
        if spec.chunk_versions == Some(0) {
            let at = DocPath::root().key("with").key("chunk_versions");
            out.push(
                Finding::error("plan::range", at, "a request without versions moves nothing")
                    .help("Write 1 or more, or leave it out for 500."),
            );
        }
    }

    fn diff(spec: &RegistryReplicateSpec, now: &ContentState, inputs: &Inputs) -> Result<Change, KindError> {
        judge::change(spec, now, inputs)
    }

    /// What the source will hold when the next step looks is not known.
    fn after(spec: &RegistryReplicateSpec, _now: &ContentState, _inputs: &Inputs) -> Result<ContentState, KindError> {
        Err(KindError::Refused(format!(
            "what {} holds then is known when it is done",
            spec.from
        )))
    }

    async fn apply(
        spec: &RegistryReplicateSpec,
        step: &Step,
        change: &Change,
        inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        let source = source(spec, change, world)?;
        if let Some(sha256) = source.sha256() {
            // Other steps may compare with what this one copied (`at:`), however often the two are copied again.
            let pin = format!("step {} of {}", step.id, world.run());
            world.spool().keep_last(&pin, sha256)?;
        }
        let bounds = Bounds {
            deletes: spec.deletes,
            versions_too: true,
            max_changes: spec.max_changes,
            reset: spec.reset,
            accept: spec.accept.clone(),
        };
        let carried = if world.registry(&spec.to)?.version().await?.is_v2() {
            let source = source.having_issued(back::issued(&spec.from, world, log).await?);
            let carry = Carry::open::<IntoV2>(&spec.to, source, spec.chunk_versions, world, log).await?;
            let frozen = back::as_frozen(spec, inputs, world).await?;
            let carry = carry.unmoved_since(frozen).with_owners(&spec.repair);
            carry.run::<IntoV2>(&bounds).await?
        } else {
            let reserved = Reserved::on(&world.registry(&spec.from)?, world.spool())?;
            let source = source.having_issued(reserved.map(|reserved| reserved.issued()).unwrap_or_default());
            let carry = Carry::open::<IntoV3>(&spec.to, source, spec.chunk_versions, world, log).await?;
            carry
                .with_owners(&spec.repair)
                .with_settings_of(&spec.from, &spec.repair)
                .run::<IntoV3>(&bounds)
                .await?
        };
        Reserved::note_taken(&world.registry(&spec.from)?, world.spool(), carried.up_to)?;
        let receipt = serde_json::to_value(carried).map_err(|source| KindError::Shape {
            what: Self::NAME.to_owned(),
            source,
        })?;
        Ok(Receipt(receipt))
    }

    async fn moved(
        spec: &RegistryReplicateSpec,
        outputs: &Value,
        opened: &BackendName,
        world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        if spec.from.as_str() == opened.as_str() {
            return Ok(None);
        }
        moved::since_copied(&spec.from, outputs, world).await
    }

    async fn texts(
        spec: &RegistryReplicateSpec,
        now: &ContentState,
        world: &Observe,
    ) -> Result<Option<Texts>, SystemError> {
        texts_to_move(&side_key(spec, None), &spec.to, now, world).await
    }

    fn output(
        spec: &RegistryReplicateSpec,
        settled: &ContentState,
        receipt: Option<&Receipt>,
    ) -> RegistryReplicateOutput {
        let none = || Digest::from("");
        let pin = settled.sides.get(&spec.from).and_then(|side| side.pin.as_ref());
        let todo = pin.and_then(|pin| pin.todo.as_ref());
        let carried = receipt.and_then(|receipt| Carried::deserialize(&receipt.0).ok());
        let count = |of: fn(&Carried) -> u64| carried.as_ref().map(of);
        RegistryReplicateOutput {
            artifacts: settled.artifacts,
            versions: settled.versions.unwrap_or_default(),
            content_digest: settled.deep.as_ref().map_or_else(none, |deep| deep.digest.clone()),
            source_digest: pin.map_or_else(none, |pin| pin.digest.clone()),
            source_sha256: pin.map_or_else(none, |pin| pin.spool.clone()),
            max_global_id: pin.map_or(0, |pin| pin.max_global_id),
            max_content_id: pin.map_or(0, |pin| pin.max_content_id),
            residue: todo.map_or(0, |todo| {
                todo.residue.count + todo.extra_artifacts.count + todo.extra_groups.count + todo.extra_parts.count
            }),
            sent_versions: count(|carried| carried.versions),
            chunks: count(|carried| carried.chunks),
            deleted: count(|carried| carried.deleted),
            recreated: count(|carried| carried.recreated),
            repaired: carried.as_ref().map(|carried| few(&carried.repaired)),
            not_carried: carried.as_ref().map(|carried| few(&carried.not_carried)),
            left: carried.as_ref().map(|carried| few(&carried.residue)),
        }
    }

    fn undo(_spec: &RegistryReplicateSpec, _before: &ContentState) -> Undo {
        Undo::Left("what was brought stays: it is not served, and the next attempt brings the rest".to_owned())
    }
}

/// As many as a record takes; the rest is counted.
fn few(all: &[String]) -> Vec<String> {
    const MOST: usize = 50;
    let mut few: Vec<String> = all.iter().take(MOST).cloned().collect();
    if all.len() > MOST {
        few.push(format!("and {} more", all.len() - MOST));
    }
    few
}

fn side_key(spec: &RegistryReplicateSpec, pinned: Option<SideContent>) -> SideKey {
    SideKey {
        system: spec.from.clone(),
        pinned: pinned.filter(|side| side.pin.is_some()),
        mirror: spec.deletes == Deletes::Mirror,
        accept: spec.accept.clone(),
        repair: spec.repair.clone(),
    }
}

fn key(spec: &RegistryReplicateSpec, pinned: Option<SideContent>) -> ContentKey {
    ContentKey {
        sides: BTreeSet::from([side_key(spec, pinned)]),
        ..ContentKey::of(&spec.to)
    }
}

/// The snapshot that the change was made from.
fn source(spec: &RegistryReplicateSpec, change: &Change, world: &Act) -> Result<Source, KindError> {
    #[derive(Deserialize)]
    struct Pinned {
        sha256: Digest,
        bytes: u64,
    }
    let pinned = change.pins.get("source").map(Pinned::deserialize).transpose();
    let pinned = pinned.map_err(|source| KindError::Shape {
        what: RegistryReplicate::NAME.to_owned(),
        source,
    })?;
    let pinned = pinned.ok_or_else(|| KindError::Refused("no snapshot of the source was taken".to_owned()))?;
    let read = world.snapshots().by_file(&pinned.sha256).map(|held| held.snapshot);
    let spooled = Spooled {
        path: world.spool().path(&pinned.sha256),
        sha256: pinned.sha256,
        bytes: pinned.bytes,
    };
    Ok(Source::spooled(
        format!("the snapshot of {}", spec.from),
        &spooled,
        read,
    ))
}
