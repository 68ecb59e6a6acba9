//! Kinds of the registries' content.

mod back;
mod captured;
mod carry;
mod crosscheck;
mod export;
mod import;
mod judge;
mod moved;
mod preflight;
mod read_only;
mod replicate;
mod report;
mod verify;

pub use export::RegistryExport;
pub use import::RegistryImport;
pub use preflight::RegistryPreflight;
pub use read_only::RegistryReadOnly;
pub use replicate::RegistryReplicate;
pub use verify::RegistryVerify;

use super::{Capture as _, PlanView, is_later_kind, names};
use crate::model::{DocPath, Finding, Findings, StepId, SystemName};

/// A finding when the step that a field names is there and takes no export.
fn needs_export(plan: &PlanView<'_>, field: &str, step: &StepId, out: &mut Findings) {
    needs_step(plan, field, step, "export", |uses| uses == RegistryExport::NAME, out);
}

/// A finding when the step that a field names is there and is of no kind that will do; `what` is what such a step takes.
fn needs_step(
    plan: &PlanView<'_>,
    field: &str,
    step: &StepId,
    what: &str,
    will_do: impl Fn(&str) -> bool,
    out: &mut Findings,
) {
    let mut steps = plan.plan.phases.iter().flat_map(|phase| &phase.steps);
    let Some(found) = steps.find(|found| found.id == *step) else {
        return;
    };
    // A kind of a later version may well take one.
    if will_do(&found.uses) || is_later_kind(&found.uses) {
        return;
    }
    let kinds: Vec<String> = names()
        .filter(|name| will_do(name))
        .map(|name| format!("`{name}`"))
        .collect();
    let at = DocPath::root().key("with").key(field);
    let text = format!("step `{step}` is a {}, which takes no {what}", found.uses);
    let help = format!("Name a step that uses {}.", kinds.join(" or "));
    out.push(Finding::error("plan::wrong_step", at, text).help(help));
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

/// A line of an output: ids may have 512 characters, and outputs must fit a record (64 KiB).
fn short(text: &str) -> String {
    /// Two of them fill a wide terminal.
    const LINE: usize = 160;
    let mut short: String = text.chars().take(LINE).collect();
    if text.chars().count() > LINE {
        short.push('…');
    }
    short
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
