use super::{Exit, args::Schema, error::CliError, terminal::Terminal};
use crate::{
    kind,
    report::{
        self,
        explain::KindText,
        reference::{FactRow, Reference, SystemSection},
    },
    source,
};

/// Plans that come with the program: the reference takes its examples from them.
const PLANS: &[(&str, &str)] = &[
    ("plans/guide.yaml", include_str!("../../plans/guide.yaml")),
    (
        "plans/minimal-downtime.yaml",
        include_str!("../../plans/minimal-downtime.yaml"),
    ),
    ("plans/commands.yaml", include_str!("../../plans/commands.yaml")),
    ("plans/closed-copy.yaml", include_str!("../../plans/closed-copy.yaml")),
    ("plans/preflight.yaml", include_str!("../../plans/preflight.yaml")),
];

/// `schema`: the JSON Schema of the plan language, for editors, or its reference, for people.
pub(super) fn run(arguments: &Schema, terminal: &Terminal) -> Result<Exit, CliError> {
    if arguments.reference {
        terminal.data(&reference())?;
    } else if arguments.preflight {
        terminal.data(&report::preflight_page())?;
    } else {
        terminal.data(&report::json::document("the schema", &source::plan_schema())?)?;
    }
    Ok(Exit::Done)
}

fn reference() -> String {
    let plan = source::plan_schema();
    let types = source::system_types();
    let systems: Vec<SystemSection<'_>> = types
        .iter()
        .map(|system| SystemSection {
            name: system.name,
            supported: system.supported,
            spec: &system.spec,
            facts: system.facts.iter().map(row).collect(),
        })
        .collect();
    let explained: Vec<source::Explained> = kind::names().filter_map(source::explain).collect();
    let kinds: Vec<KindText<'_>> = explained
        .iter()
        .map(|kind| KindText {
            name: kind.name,
            about: kind.about,
            class: kind.class,
            spec: &kind.spec,
            output: &kind.output,
        })
        .collect();
    let run_facts: Vec<FactRow<'_>> = source::run_facts().iter().map(row).collect();
    report::reference::markdown(&Reference {
        plan: &plan,
        systems: &systems,
        run_facts: &run_facts,
        kinds: &kinds,
        later: kind::KNOWN_LATER_KINDS,
        plans: PLANS,
    })
}

fn row(fact: &source::Fact) -> FactRow<'static> {
    (fact.path, fact.of_type, fact.about)
}
