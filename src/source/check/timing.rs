use super::View;
use crate::model::{Assertion, Finding, Findings};

/// Times that can be read and make no sense where they stand.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let phases = view.plan.phases.iter().flat_map(|phase| &phase.checkpoint);
    let steps = view.steps().flat_map(|(_, step)| &step.checkpoint);
    phases.chain(steps).for_each(|assertion| looks(assertion, out));
}

/// Looks without a pause between them would only load the system that is looked at.
fn looks(assertion: &Assertion, out: &mut Findings) {
    if assertion.every.is_some_and(|every| every.get().is_zero()) {
        let at = assertion.at.parent().unwrap_or_default().key("every");
        let finding = Finding::error("plan::duration", at, "there must be some time between two looks");
        out.push(finding.help("Write 1s or more, or leave it out: `1s` is what it is then."));
    }
}
