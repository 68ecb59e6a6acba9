use std::{io::Cursor, time::Duration};

use super::{
    load::GROUP,
    proof::{Claim, Evidence, Landed, Violation},
    stage::Stage,
};
use crate::{
    model::SystemName,
    registry::{ArtifactKey, ReadError, ReadLimits, SCRATCH_GROUP, Snapshot, read_export},
    system::{SystemError, Visitor},
};

/// The one write that shows who is writable; in the group that comparisons leave out.
const PROBE: &str = "regplan-proof";

/// Longer than a balancer holds a write.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nobody could look.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// No client can be made.
    #[error("the balancer cannot be asked")]
    Client(#[from] SystemError),
    /// A twin does not say what it holds.
    #[error("the twin of `{0}` does not export what it holds")]
    NoExport(SystemName),
    /// What it says is no export.
    #[error("the export of a twin cannot be read")]
    Export(#[from] ReadError),
}

/// What clients were told and what was there before.
#[derive(Debug, Clone, Copy)]
pub struct Told<'t> {
    /// What the old registry held before the run.
    pub began_with: &'t Snapshot,
    /// Artifacts of the clients' group whose writes were acknowledged.
    pub acknowledged: &'t [String],
}

/// What was seen in both registries after one more write through the balancer.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// What the old one holds.
    pub old: Snapshot,
    /// What the new one holds; `None` when it never came up.
    pub new: Option<Snapshot>,
}

impl Seen {
    /// What must be and is not.
    pub fn judge(&self, claim: Claim, told: Told<'_>) -> Vec<Violation> {
        let evidence = Evidence {
            claim,
            began_with: told.began_with,
            old: &self.old,
            new: self.new.as_ref(),
            landed: Landed {
                old: probe_in(&self.old).is_some(),
                new: self.new.as_ref().and_then(probe_in).is_some(),
            },
            group: GROUP,
            acknowledged: told.acknowledged,
        };
        evidence.judge()
    }

    /// The globalId that the write got, and the greatest that either side has given out; `None` when it landed nowhere.
    pub fn ids(&self) -> Option<(u64, u64)> {
        let greatest = |snapshot: &Snapshot| snapshot.versions.keys().next_back().copied().unwrap_or_default();
        let got = probe_in(&self.old).or_else(|| self.new.as_ref().and_then(probe_in))?;
        let all = greatest(&self.old).max(self.new.as_ref().map(greatest).unwrap_or_default());
        Some((got, all))
    }
}

/// The globalId of the proving write in that registry.
fn probe_in(snapshot: &Snapshot) -> Option<u64> {
    let probe = ArtifactKey::new(Some(SCRATCH_GROUP), PROBE);
    let found = snapshot.versions.iter().find(|(_, version)| *version.artifact == probe);
    found.map(|(id, _)| *id)
}

/// Looks from outside when a run has ended: writes once through the balancer, and reads both registries. `None` when the plan
/// has no balancer or no 2.6, so that there is nothing to prove.
///
/// # Errors
/// When a twin cannot be looked at.
pub(super) async fn look(stage: &Stage) -> Result<Option<Seen>, WitnessError> {
    let (Some(public), Some(old)) = (&stage.public, &stage.old) else {
        return Ok(None);
    };
    write_once(public).await?;
    let old = match exported(stage, old).await? {
        Some(old) => old,
        None => return Err(WitnessError::NoExport(old.clone())),
    };
    let new = match &stage.new {
        Some(new) => exported(stage, new).await?,
        None => None,
    };
    Ok(Some(Seen { old, new }))
}

/// Where it lands is seen in the registries, whatever is answered.
async fn write_once(public: &str) -> Result<(), SystemError> {
    let visitor = Visitor::new(&SystemName::new("public"), public, None, PATIENCE)?;
    let path = format!("/apis/registry/v2/groups/{SCRATCH_GROUP}/artifacts");
    let headers = [
        ("content-type", "application/json"),
        ("x-registry-artifactid", PROBE),
        ("x-registry-artifacttype", "JSON"),
    ];
    if let Err(error) = visitor.post(&path, &headers, b"{}".to_vec()).await {
        tracing::debug!(%error, "the proving write was not answered");
    }
    Ok(())
}

/// What a registry holds; `None` when it never came up.
async fn exported(stage: &Stage, name: &SystemName) -> Result<Option<Snapshot>, ReadError> {
    match stage.export(name).await {
        Some(zip) => read_export(Cursor::new(zip), &ReadLimits::default()).map(Some),
        None => Ok(None),
    }
}
