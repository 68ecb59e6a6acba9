use std::collections::BTreeMap;

use super::{View, kinds::place_in_with, references::no_such};
use crate::{
    graph::{Reach, Station, StepGraph},
    model::{Class, Finding, Findings, ResourceKey, Step, StepId},
};

/// No loops, forward or in a rollback list; whether there is one.
pub(super) fn cycles(view: &View<'_>, out: &mut Findings) -> bool {
    let mut cyclic = false;
    let lists = view.plan.phases.iter().filter_map(|phase| {
        let list = phase.rollback.as_deref()?;
        Some(StepGraph::of_list(&phase.id, list).loops())
    });
    for found in std::iter::once(view.graph.loops()).chain(lists).flatten() {
        cyclic = true;
        out.push(cycle(view, &found));
    }
    cyclic
}

fn cycle(view: &View<'_>, found: &[Station]) -> Finding {
    let name = |station: &Station| match station {
        Station::Step(step) => format!("`{step}`"),
        Station::Phase(phase) => format!("all of phase `{phase}`"),
    };
    let mut names: Vec<String> = found.iter().map(name).collect();
    names.extend(found.first().map(name));
    let places: Vec<_> = found
        .iter()
        .filter_map(|station| match station {
            Station::Step(step) => view.names.step(step.as_str()).map(|named| named.at.key("needs")),
            Station::Phase(_) => None,
        })
        .collect();
    let at = places.first().cloned().unwrap_or_default();
    let what = if names.len() == 2 {
        format!("{} waits for itself", names[0])
    } else {
        format!("these wait for each other: {}", names.join(" → "))
    };
    let finding =
        Finding::error("plan::cycle", at, what).help("Remove one of the `needs`: nothing of the loop could start.");
    places
        .into_iter()
        .skip(1)
        .fold(finding, |finding, place| finding.related(place, "and here"))
}

/// Two writers of a resource, or a writer and a reader, that no order separates.
///
/// Looks at neighbours in the order only: if each writer is after the last writer and the readers since, all pairs are.
pub(super) fn unordered(view: &View<'_>, order: &[StepId], out: &mut Findings) {
    #[derive(Default)]
    struct Seen<'a> {
        writer: Option<&'a StepId>,
        readers: Vec<&'a StepId>,
    }
    let reach = view.graph.reach();
    let mut seen: BTreeMap<&ResourceKey, Seen<'_>> = BTreeMap::new();
    for step in order {
        let Some(touches) = view.touches.get(step) else {
            continue;
        };
        for key in &touches.writes {
            let seen = seen.entry(key).or_default();
            for (other, verb) in seen
                .writer
                .iter()
                .map(|it| (*it, "moves"))
                .chain(seen.readers.iter().map(|it| (*it, "reads")))
            {
                if !reach.is_before(other, step) {
                    out.push(race(view, key, (other, verb), (step, "moves")));
                }
            }
            seen.writer = Some(step);
            seen.readers.clear();
        }
        for key in touches.reads.difference(&touches.writes) {
            let seen = seen.entry(key).or_default();
            if let Some(writer) = seen.writer
                && !reach.is_before(writer, step)
            {
                out.push(race(view, key, (writer, "moves"), (step, "reads")));
            }
            seen.readers.push(step);
        }
    }
}

fn race(view: &View<'_>, key: &ResourceKey, first: (&StepId, &str), second: (&StepId, &str)) -> Finding {
    let place = |step: &StepId| {
        view.names
            .step(step.as_str())
            .map(|named| named.at.key("id"))
            .unwrap_or_default()
    };
    let what = format!(
        "`{}` {} {key} and `{}` {} it, and nothing says which comes first",
        first.0, first.1, second.0, second.1
    );
    Finding::error("plan::unordered", place(second.0), what)
        .help(format!(
            "Add `{}` to the `needs` of `{}`, or the other way round.",
            first.0, second.0
        ))
        .related(place(first.0), "the other step")
}

/// Inputs exist, are done before, and hand something on.
pub(super) fn inputs(view: &View<'_>, out: &mut Findings) {
    let reach = view.graph.reach();
    for (index, phase) in view.plan.phases.iter().enumerate() {
        for step in &phase.steps {
            input(view, step, &|input| reach.is_before(input, &step.id), out);
        }
        let list = phase.rollback.as_deref().unwrap_or_default();
        let back = StepGraph::of_list(&phase.id, list);
        let within: Reach<'_> = back.reach();
        for step in list {
            let before = |input: &StepId| {
                within.is_before(input, &step.id) || reach.phase_of(input).is_some_and(|phase| phase <= index)
            };
            input(view, step, &before, out);
        }
    }
}

fn input(view: &View<'_>, step: &Step, before: &dyn Fn(&StepId) -> bool, out: &mut Findings) {
    let Some(touches) = view.touches.get(&step.id) else {
        return;
    };
    for input in &touches.inputs {
        let at = place_in_with(step, input.as_str());
        let Some(named) = view.names.step(input.as_str()) else {
            let names: Vec<&str> = view.names.steps.iter().map(|named| named.id.as_str()).collect();
            out.push(no_such("plan::unknown_step", at, "step", input.as_str(), &names));
            continue;
        };
        let class = crate::kind::find(&named.uses).map(|kind| kind.class);
        if matches!(class, Some(Class::Check | Class::Wait)) {
            let what = format!(
                "`{input}` ({}) takes nothing that `{}` could use",
                named.uses, step.uses
            );
            out.push(Finding::error("plan::input", at, what).related(named.at.key("uses"), "its kind"));
        } else if !before(input) {
            let what = format!("`{input}` is not done when `{}` starts", step.id);
            let finding = Finding::error("plan::input", at, what).related(named.at.key("id"), "stands here");
            out.push(finding.help(format!("Put `{input}` before it, or add it to the `needs`.")));
        }
    }
}
