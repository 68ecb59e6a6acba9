//! Kinds of the registries' content.

mod back;
mod carry;
mod crosscheck;
mod export;
mod import;
mod read_only;
mod replicate;
mod verify;

pub use export::RegistryExport;
pub use import::RegistryImport;
pub use read_only::RegistryReadOnly;
pub use replicate::RegistryReplicate;
pub use verify::RegistryVerify;

use super::{Capture as _, Effect as _, PlanView, is_later_kind};
use crate::model::{DocPath, Finding, Findings, StepId, SystemName};

/// A finding when the step that a field names is there and takes no export.
fn needs_export(plan: &PlanView<'_>, field: &str, step: &StepId, out: &mut Findings) {
    needs_one_of(plan, field, step, &[RegistryExport::NAME], out);
}

/// A finding when the step that a field names is there and works from no snapshot.
fn needs_snapshot(plan: &PlanView<'_>, field: &str, step: &StepId, out: &mut Findings) {
    needs_one_of(plan, field, step, &[RegistryExport::NAME, RegistryReplicate::NAME], out);
}

fn needs_one_of(plan: &PlanView<'_>, field: &str, step: &StepId, kinds: &[&str], out: &mut Findings) {
    let mut steps = plan.plan.phases.iter().flat_map(|phase| &phase.steps);
    let Some(found) = steps.find(|found| found.id == *step) else {
        return;
    };
    // A kind of a later version may well take one.
    if !kinds.contains(&found.uses.as_str()) && !is_later_kind(&found.uses) {
        let at = DocPath::root().key("with").key(field);
        let what = format!("step `{step}` is a {}, which takes no export", found.uses);
        let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let help = format!("Name a step that uses {}.", kinds.join(" or "));
        out.push(Finding::error("plan::wrong_step", at, what).help(help));
    }
}

/// A finding when the system that a field names is there and is no registry; a name that is not there at all is found
/// where references are checked.
fn needs_registry(plan: &PlanView<'_>, field: &str, system: &SystemName, out: &mut Findings) {
    let Some(kind) = plan.systems.get(system) else { return };
    if *kind != "apicurio" {
        let at = DocPath::root().key("with").key(field);
        out.push(
            Finding::error(
                "plan::wrong_system",
                at,
                format!("`{system}` is of type {kind}, not a registry"),
            )
            .help("Name a system of type `apicurio`."),
        );
    }
}

/// An export of the captured ones.
#[cfg(test)]
fn any_snapshot(name: &str) -> crate::registry::Snapshot {
    let file = std::fs::File::open(format!("{}/tests/data/{name}.zip", env!("CARGO_MANIFEST_DIR"))).unwrap();
    crate::registry::read_export(std::io::BufReader::new(file), &crate::registry::ReadLimits::default()).unwrap()
}

/// A step for functions that need one and do not look at it.
#[cfg(test)]
pub(super) fn any_step() -> crate::model::Step {
    crate::model::Step {
        id: "any".into(),
        uses: String::new(),
        with: serde_json::Value::Null,
        needs: Vec::new(),
        condition: None,
        retry: crate::model::Retry {
            attempts: 1,
            backoff: crate::model::PlanDuration::new(std::time::Duration::ZERO),
            max_backoff: crate::model::PlanDuration::new(std::time::Duration::ZERO),
        },
        timeout: None,
        checkpoint: Vec::new(),
        provides: std::collections::BTreeSet::new(),
        estimate: None,
        point_of_no_return: false,
        reads: std::collections::BTreeSet::new(),
        writes: std::collections::BTreeSet::new(),
        digest: "".into(),
        at: DocPath::root(),
    }
}
