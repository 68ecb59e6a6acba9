use super::{View, kinds::place_in_with};
use crate::{
    model::{DocPath, Finding, Findings, Phase, Step, suggest},
    source::file::SYSTEM_TYPES,
};

/// Everything that names something else names something that exists and fits.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    for (_, step) in view.steps() {
        needs(view, step, out);
        provides(view, step, out);
        systems(view, step, out);
        types(view, step, out);
    }
    for (index, phase) in view.plan.phases.iter().enumerate() {
        gates(view, index, phase, out);
    }
    backends(view, out);
}

/// Backends and registries meet by name alone: that the content of an opened backend belongs to its clients is known of
/// the registry of the same name. Without any registry nothing of the plan could write there.
fn backends(view: &View<'_>, out: &mut Findings) {
    let systems = &view.names.systems;
    let registries: Vec<&str> = systems
        .iter()
        .filter(|(_, kind)| *kind == "apicurio")
        .map(|(name, _)| name.as_str())
        .collect();
    if registries.is_empty() {
        return;
    }
    for (balancer, declared) in &view.plan.systems {
        let backends = declared.spec.get("backends").and_then(serde_json::Value::as_object);
        for name in backends.into_iter().flat_map(serde_json::Map::keys) {
            if registries.contains(&name.as_str()) {
                continue;
            }
            let what = format!("backend `{name}` of `{balancer}` has the name of no registry");
            let at = declared.at.key("backends").key(name.clone());
            let finding = Finding::warning("plan::backend_without_registry", at, what).on_key();
            out.push(finding.help(format!(
                "Give both the same name; the registries of the plan are {}. Only then is the registry kept from being \
                 written by the plan once clients write to it.",
                registries.join(", ")
            )));
        }
    }
}

/// A finding about a name that does not exist.
pub(super) fn no_such(code: &'static str, at: DocPath, what: &str, name: &str, names: &[&str]) -> Finding {
    let finding = Finding::error(code, at, format!("there is no {what} `{name}`"));
    match suggest::help(name, names, &format!("The {what}s of the plan are")) {
        Some(help) => finding.help(help),
        None => finding.help(format!("The plan has no {what} at all.")),
    }
}

fn needs(view: &View<'_>, step: &Step, out: &mut Findings) {
    let back = view.names.step(step.id.as_str()).is_some_and(|named| named.back);
    for (index, need) in step.needs.iter().enumerate() {
        let at = step.at.key("needs").index(index);
        match view.names.step(need.as_str()) {
            Some(found) if found.back == back => {}
            Some(_) => {
                let what = format!("`{need}` is {} step", if back { "a forward" } else { "a rollback" });
                let help = "Steps of a rollback list wait only for each other; nothing else waits for them.";
                out.push(Finding::error("plan::needs", at, what).help(help));
            }
            None => {
                let names: Vec<&str> = view
                    .names
                    .steps
                    .iter()
                    .filter(|named| named.back == back && named.id != step.id.as_str())
                    .map(|named| named.id.as_str())
                    .collect();
                out.push(no_such("plan::unknown_step", at, "step", need.as_str(), &names));
            }
        }
    }
}

fn provides(view: &View<'_>, step: &Step, out: &mut Findings) {
    for name in &step.provides {
        if !view.names.systems.contains_key(name.as_str()) {
            let at = step.at.key("provides");
            out.push(unknown_system(view, at, name.as_str()));
        }
    }
}

fn unknown_system(view: &View<'_>, at: DocPath, name: &str) -> Finding {
    let names: Vec<&str> = view.names.systems.keys().map(String::as_str).collect();
    no_such("plan::unknown_system", at, "system", name, &names)
}

fn systems(view: &View<'_>, step: &Step, out: &mut Findings) {
    let Some(touches) = view.touches.get(&step.id) else {
        return;
    };
    for name in &touches.systems {
        if !view.names.systems.contains_key(name.as_str()) {
            out.push(unknown_system(view, place_in_with(step, name.as_str()), name.as_str()));
        }
    }
}

/// A route belongs to a balancer and content to a registry: what a kind moves says which type its system must have.
fn types(view: &View<'_>, step: &Step, out: &mut Findings) {
    let Some(touches) = view.touches.get(&step.id) else {
        return;
    };
    let routes = touches.writes.iter().map(|key| (key, "route"));
    let content = touches.writes.iter().chain(&touches.reads).map(|key| (key, "content"));
    for (key, part) in routes.chain(content) {
        let Some(name) = key.as_str().strip_suffix(part).and_then(|rest| rest.strip_suffix('/')) else {
            continue;
        };
        // A system whose type is wrong or missing has its own finding.
        let Some(kind) = view.names.systems.get(name) else {
            continue;
        };
        let Some(line) = SYSTEM_TYPES.iter().find(|line| line.name == kind) else {
            continue;
        };
        let (fits, wanted) = match part {
            "route" => (line.routes, "a load balancer (`nginx`, `haproxy`)"),
            _ => (line.name == "apicurio", "a registry (`apicurio`)"),
        };
        if !fits && touches.systems.iter().any(|system| system.as_str() == name) {
            let what = format!("`{name}` is a system of type `{kind}`, {wanted} was expected");
            let declared = DocPath::root().key("systems").key(name).key("type");
            let finding = Finding::error("plan::system_type", place_in_with(step, name), what);
            out.push(finding.related(declared, "declared here"));
        }
    }
}

fn gates(view: &View<'_>, index: usize, phase: &Phase, out: &mut Findings) {
    if let Some(window) = &phase.gates.window
        && !view.names.windows.contains(window)
    {
        let names: Vec<&str> = view.names.windows.iter().map(String::as_str).collect();
        out.push(no_such(
            "plan::unknown_window",
            phase.at.key("window"),
            "window",
            window,
            &names,
        ));
    }
    let after = phase
        .gates
        .not_before
        .as_ref()
        .and_then(|gate| gate.get("after")?.as_str());
    let Some(after) = after else { return };
    let at = phase.at.key("not_before").key("after");
    match view.names.phases.get(after) {
        Some(found) if *found < index => {}
        Some(_) => {
            let finding = Finding::error(
                "plan::not_before",
                at,
                format!("phase `{after}` is not before this one"),
            );
            out.push(finding.help("Name an earlier phase."));
        }
        None => {
            let names: Vec<&str> = view.names.phases.keys().map(String::as_str).collect();
            out.push(no_such("plan::unknown_phase", at, "phase", after, &names));
        }
    }
}
