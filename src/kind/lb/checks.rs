use serde_json::Value;

use super::route::{LbRouteSpec, Writes};
use crate::{
    kind::PlanView,
    model::{DocPath, Finding, Findings, suggest},
};

/// What can be said about a route step from the plan alone. A system that is not there at all is found where references
/// are checked.
pub(super) fn check(spec: &LbRouteSpec, plan: &PlanView<'_>, out: &mut Findings) {
    let with = DocPath::root().key("with");
    if spec.writes == Writes::Hold {
        out.push(
            Finding::warning(
                "plan::not_supported_yet",
                with.key("writes"),
                "`writes: hold` is not supported yet",
            )
            .help("`apply` refuses it; use `deny`: writes then get a 405 with `Retry-After`."),
        );
    }
    let Some(kind) = plan.systems.get(&spec.lb) else { return };
    if !matches!(*kind, "nginx" | "haproxy") {
        let what = format!("`{}` is of type {kind}, not a load balancer", spec.lb);
        out.push(Finding::error("plan::wrong_system", with.key("lb"), what).help("Name a system of type `nginx`."));
        return;
    }
    backend(spec, plan, &with, out);
}

/// The backend must be declared; backends of an unusable shape are found where systems are read.
fn backend(spec: &LbRouteSpec, plan: &PlanView<'_>, with: &DocPath, out: &mut Findings) {
    let declared = plan
        .plan
        .systems
        .get(&spec.lb)
        .and_then(|system| system.spec.get("backends")?.as_object());
    let (Some(to), Some(declared)) = (&spec.to, declared) else {
        return;
    };
    if declared.contains_key(to.as_str()) {
        return;
    }
    let what = format!("`{}` has no backend `{to}`", spec.lb);
    out.push(Finding::error("plan::unknown_backend", with.key("to"), what).help(help(to.as_str(), declared)));
}

fn help(word: &str, declared: &serde_json::Map<String, Value>) -> String {
    let names: Vec<&str> = declared.keys().map(String::as_str).collect();
    suggest::help(word, &names, "Its backends are")
        .unwrap_or_else(|| "Declare it in `backends:` of the system.".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::model::{BackendName, Limits, Plan, Severity, SystemDecl, Vars};

    fn found(kind: &str, to: &str, writes: Writes) -> Vec<(Severity, &'static str, String, Option<String>)> {
        let system = SystemDecl {
            kind: kind.to_owned(),
            spec: json!({"backends": {"v2_old": ["h:1"], "v3_new": ["h:2"]}}),
            at: DocPath::root(),
        };
        let plan = Plan {
            name: "p".to_owned(),
            description: None,
            systems: [("lb".into(), system)].into(),
            vars: Vars::default(),
            limits: Limits::default(),
            phases: Vec::new(),
        };
        let systems: BTreeMap<_, _> = plan
            .systems
            .iter()
            .map(|(name, system)| (name, system.kind.as_str()))
            .collect();
        let spec = LbRouteSpec {
            lb: "lb".into(),
            to: Some(BackendName::new(to)),
            writes,
        };
        let mut out = Findings::default();
        check(&spec, &PlanView { plan: &plan, systems }, &mut out);
        out.iter()
            .map(|one| (one.severity, one.code, one.at.to_string(), one.help.clone()))
            .collect()
    }

    #[test]
    fn a_declared_backend_of_a_balancer_is_fine() {
        assert_eq!(found("nginx", "v2_old", Writes::Deny), []);
    }

    #[test]
    fn an_unknown_backend_is_an_error_that_names_the_nearest() {
        let [(Severity::Error, "plan::unknown_backend", at, Some(help))] = &found("nginx", "v3_mew", Writes::Allow)[..]
        else {
            panic!("one error")
        };
        assert_eq!((at.as_str(), help.as_str()), ("/with/to", "Did you mean `v3_new`?"));
    }

    #[test]
    fn a_registry_is_no_balancer_and_hold_is_a_warning() {
        assert_eq!(found("apicurio", "v2_old", Writes::Allow)[0].1, "plan::wrong_system");
        let hold = found("nginx", "v2_old", Writes::Hold);
        assert_eq!(
            (hold[0].0, hold[0].1, hold[0].2.as_str()),
            (Severity::Warning, "plan::not_supported_yet", "/with/writes")
        );
    }
}
