//! The snapshot that an earlier step of the plan took, whatever kind it is of: a file of its own, or bytes in the spool.

use std::path::PathBuf;

use schemars::SchemaGenerator;
use serde::Deserialize;

use crate::{
    kind::{ApplyError, Inputs, KindError, PlanView, find},
    model::{Digest, Findings, StepId},
    resource::{Side, file_side},
    system::Act,
};

/// What a step records of a snapshot: a file and its hash, or the hash alone, under which the spool has it.
#[derive(Deserialize)]
struct Captured {
    file: Option<String>,
    sha256: Option<Digest>,
    #[serde(alias = "source_sha256")]
    spool: Option<Digest>,
}

/// A finding when the step that a field names is there and records no snapshot.
pub(super) fn needs_capture(plan: &PlanView<'_>, field: &str, step: &StepId, out: &mut Findings) {
    super::needs_step(plan, field, step, "snapshot", records_snapshot, out);
}

/// Whether the outputs of a kind say where a snapshot is.
fn records_snapshot(uses: &str) -> bool {
    let Some(kind) = find(uses) else { return false };
    let mut generator = SchemaGenerator::default();
    let schema = (kind.output_schema)(&mut generator);
    let definitions = generator.definitions().values();
    let has = |name: &str| {
        let of = |schema: &serde_json::Value| schema.pointer(&format!("/properties/{name}")).is_some();
        of(schema.as_value()) || definitions.clone().any(of)
    };
    (has("file") && has("sha256")) || has("spool") || has("source_sha256")
}

/// Where a captured snapshot lies.
struct Place {
    path: PathBuf,
    /// How people know it.
    shown: String,
    sha256: Digest,
}

/// Where a step says that its snapshot lies; `None` when it says nothing of one.
fn place(step: &StepId, inputs: &Inputs, world: &Act) -> Result<Option<Place>, KindError> {
    let captured = Captured::deserialize(inputs.of(step)?).map_err(|source| KindError::Shape {
        what: format!("steps.{step}"),
        source,
    })?;
    Ok(match captured {
        Captured {
            file: Some(file),
            sha256: Some(sha256),
            ..
        } => Some(Place {
            path: world.path(&file),
            shown: file,
            sha256,
        }),
        Captured {
            spool: Some(sha256), ..
        } => Some(Place {
            path: world.spool().path(&sha256),
            shown: format!("the snapshot of step `{step}`"),
            sha256,
        }),
        Captured { .. } => None,
    })
}

/// What a step captured, if it is still that.
pub(super) async fn captured(step: &StepId, inputs: &Inputs, world: &Act) -> Result<Side, ApplyError> {
    let Some(Place { path, shown, sha256 }) = place(step, inputs, world)? else {
        return Err(KindError::MissingOutput {
            step: step.clone(),
            field: "sha256".to_owned(),
        }
        .into());
    };
    if !path.exists() {
        return Err(ApplyError::NotDone(format!("{shown} is not there any more")));
    }
    let side = file_side(&path, shown.clone()).await?.as_looked(&path)?;
    if side.identity.export_sha256 != sha256 {
        return Err(ApplyError::NotDone(format!(
            "{shown} is not what step `{step}` captured: its SHA-256 is {}, not {sha256}",
            side.identity.export_sha256
        )));
    }
    Ok(side)
}

/// The same where its file is still there; `None` otherwise.
pub(super) async fn captured_if_there(step: &StepId, inputs: &Inputs, world: &Act) -> Result<Option<Side>, ApplyError> {
    match place(step, inputs, world)? {
        Some(place) if place.path.exists() => captured(step, inputs, world).await.map(Some),
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_record_where_a_snapshot_is_may_be_named() {
        assert!(records_snapshot("registry.export"));
        assert!(records_snapshot("registry.replicate"));
        assert!(!records_snapshot("lb.route"));
        assert!(!records_snapshot("registry.verify"));
        assert!(!records_snapshot("no.such.kind"));
    }
}
