use super::*;
use crate::model::{Finding, Severity, StepId};

mod goldens;

/// The plan that the language must be able to say (the shared north-star example).
const EXAMPLE: &str = include_str!("minimal-downtime.yaml");

fn options() -> LoadOptions {
    LoadOptions {
        environment: "test".to_owned(),
        ..LoadOptions::default()
    }
}

fn read(text: &str) -> Loaded {
    load_text("plan.yaml", text.to_owned(), &options())
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.findings.iter().map(|finding| finding.code).collect()
}

fn errors(loaded: &Loaded) -> Vec<&Finding> {
    loaded
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect()
}

#[test]
fn the_north_star_example_has_only_warnings() {
    let loaded = read(EXAMPLE);
    assert_eq!(errors(&loaded), Vec::<&Finding>::new());
    assert!(
        loaded
            .findings
            .iter()
            .all(|finding| finding.code == "plan::not_supported_yet"),
        "{:?}",
        codes(&loaded)
    );
    let program = loaded.program.unwrap();
    assert_eq!(program.plan.phases.len(), 8);
    let region = &program.regions[0];
    assert_eq!((region.first.as_str(), region.last.as_str()), ("read_only", "to_v3"));
    let phases: Vec<_> = region.phases.iter().map(ToString::to_string).collect();
    assert_eq!(phases, ["freeze", "move_data", "switch"]);
    assert!(
        program.behaviour(&StepId::from("read_only")).is_none(),
        "hold is not supported yet"
    );
    assert!(program.behaviour(&StepId::from("to_v3")).is_some());
}

#[test]
fn the_guide_and_the_plan_with_a_short_freeze_have_no_finding() {
    for text in [
        include_str!("../../../plans/guide.yaml"),
        include_str!("../../../plans/minimal-downtime.yaml"),
    ] {
        assert_eq!(codes(&read(text)), Vec::<&str>::new());
    }
}

mod hostile;
mod language;
