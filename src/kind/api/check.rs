use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{round_trip, session::Session, traffic};
use crate::{
    kind::{ApplyError, Check, Inputs, PlanView, Verdict},
    model::{DocPath, Finding, Findings, ResourceKey, Step, SystemName, Touches},
    system::{Act, Progress},
};

/// Failures in the output; the rest is counted.
const FIRST: usize = 20;

/// Speaks with a registry as clients do and says what does not answer as it should.
pub struct ApiCheck;

/// Through which address, and what to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiCheckSpec {
    /// A load balancer or a registry: whose address is used.
    pub through: SystemName,
    /// What is tried, in order.
    pub suites: Vec<Suite>,
    /// The registry that serves the address now. `write_round_trip` uses its login, and its settings to remove what it
    /// wrote: a 3.x lets nobody delete unless that is switched on, which is done for that moment. Without it, what was
    /// written through a balancer to a 3.x stays in the group `regplan-probe`, and the findings say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<SystemName>,
}

/// A set of requests with the answers they must get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// The address answers reads, and which version serves it.
    Traffic,
    /// An artifact is created in the scratch group `regplan-probe`, read by all its ids, and removed.
    WriteRoundTrip,
    /// Not supported yet.
    V2Compat,
    /// Not supported yet.
    Confluent,
    /// Not supported yet.
    V3Core,
    /// Not supported yet.
    Auth,
}

/// What was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApiCheckOutput {
    /// Requests that answered as they should.
    pub passed: u64,
    /// Requests that did not.
    pub failed: u64,
    /// The version that serves the address; empty when it did not say.
    pub version: String,
    /// The first failures, for people.
    pub first: Vec<String>,
}

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Suite::Traffic => "traffic",
            Suite::WriteRoundTrip => "write_round_trip",
            Suite::V2Compat => "v2_compat",
            Suite::Confluent => "confluent",
            Suite::V3Core => "v3_core",
            Suite::Auth => "auth",
        }
    }

    fn is_supported(self) -> bool {
        matches!(self, Suite::Traffic | Suite::WriteRoundTrip)
    }
}

impl Check for ApiCheck {
    const NAME: &'static str = "api.check";
    const ABOUT: &'static str = "Speaks with a registry as clients do and says what does not answer as it should.";
    type Spec = ApiCheckSpec;
    type Output = ApiCheckOutput;

    fn touches(spec: &ApiCheckSpec, _step: &Step) -> Touches {
        let writes = spec.suites.contains(&Suite::WriteRoundTrip);
        let scratch = [&spec.through].into_iter().chain(&spec.registry);
        Touches {
            reads: [ResourceKey::of(&spec.through, "route")].into(),
            writes: scratch
                .filter(|_| writes)
                .map(|system| ResourceKey::of(system, "scratch"))
                .collect(),
            systems: [&spec.through].into_iter().chain(&spec.registry).cloned().collect(),
            ..Touches::default()
        }
    }

    fn check(spec: &ApiCheckSpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        let with = DocPath::root().key("with");
        if spec.suites.is_empty() {
            out.push(
                Finding::error(
                    "plan::empty",
                    with.key("suites"),
                    "a check without suites checks nothing",
                )
                .help("Write suites: [traffic]."),
            );
        }
        for (index, suite) in spec
            .suites
            .iter()
            .enumerate()
            .filter(|(_, suite)| !suite.is_supported())
        {
            let at = with.key("suites").index(index);
            let what = format!("the suite `{}` is not supported yet", suite.name());
            out.push(
                Finding::warning("plan::not_supported_yet", at, what)
                    .help("`apply` refuses it; supported are traffic and write_round_trip."),
            );
        }
        wrong_systems(spec, plan, out);
    }

    async fn run(
        spec: &ApiCheckSpec,
        _step: &Step,
        _inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Verdict<ApiCheckOutput>, ApplyError> {
        if let Some(suite) = spec.suites.iter().find(|suite| !suite.is_supported()) {
            let name = suite.name();
            return Err(ApplyError::NotDone(format!("the suite `{name}` is not supported yet")));
        }
        let mut session = Session::open(&spec.through, spec.registry.as_ref(), world)?;
        for suite in &spec.suites {
            log.say(format!("suite {}", suite.name()));
            match suite {
                Suite::Traffic => traffic::run(&mut session).await,
                Suite::WriteRoundTrip => round_trip::run(&mut session, world).await,
                Suite::V2Compat | Suite::Confluent | Suite::V3Core | Suite::Auth => {}
            }
        }
        Ok(verdict(session))
    }
}

fn wrong_systems(spec: &ApiCheckSpec, plan: &PlanView<'_>, out: &mut Findings) {
    let with = DocPath::root().key("with");
    if let Some(kind) = plan.systems.get(&spec.through)
        && !matches!(*kind, "apicurio" | "nginx" | "haproxy")
    {
        let what = format!(
            "`{}` is of type {kind}, which has no address of a registry",
            spec.through
        );
        out.push(
            Finding::error("plan::wrong_system", with.key("through"), what)
                .help("Name a load balancer, or a system of type `apicurio`."),
        );
    }
    if let Some((registry, kind)) = spec
        .registry
        .as_ref()
        .and_then(|name| Some((name, plan.systems.get(name)?)))
        && *kind != "apicurio"
    {
        let what = format!("`{registry}` is of type {kind}, not a registry");
        out.push(
            Finding::error("plan::wrong_system", with.key("registry"), what).help("Name a system of type `apicurio`."),
        );
    }
}

fn verdict(session: Session<'_>) -> Verdict<ApiCheckOutput> {
    let failed = u64::try_from(session.failures.len()).unwrap_or(u64::MAX);
    let by = if session.version.is_empty() {
        "nobody who says a version".to_owned()
    } else {
        session.version.clone()
    };
    let first = session.failures.get(..FIRST).unwrap_or(&session.failures).to_vec();
    let mut findings = session.failures;
    findings.extend(session.notes);
    Verdict {
        passed: failed == 0,
        summary: format!(
            "{} of {} requests answered as they should, by {by}",
            session.passed,
            session.passed + failed
        ),
        findings,
        output: ApiCheckOutput {
            passed: session.passed,
            failed,
            version: session.version,
            first,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::model::{Plan, Severity};

    fn found(with: serde_json::Value) -> Vec<(Severity, &'static str, String)> {
        let spec: ApiCheckSpec = serde_json::from_value(with).unwrap();
        let plan = Plan {
            name: "p".to_owned(),
            description: None,
            systems: BTreeMap::new(),
            vars: Default::default(),
            limits: Default::default(),
            phases: Vec::new(),
        };
        let (lb, pg) = (SystemName::from("lb"), SystemName::from("pg"));
        let view = PlanView {
            plan: &plan,
            systems: BTreeMap::from([(&lb, "nginx"), (&pg, "postgres")]),
        };
        let mut out = Findings::default();
        ApiCheck::check(&spec, &crate::kind::registry::any_step(), &view, &mut out);
        out.iter().map(|f| (f.severity, f.code, f.at.to_string())).collect()
    }

    #[test]
    fn a_suite_of_a_later_version_is_a_warning_at_its_place() {
        assert_eq!(
            found(json!({"through": "lb", "suites": ["traffic", "v2_compat"]})),
            [(
                Severity::Warning,
                "plan::not_supported_yet",
                "/with/suites/1".to_owned()
            )]
        );
    }

    #[test]
    fn a_system_without_a_registrys_address_is_an_error() {
        assert_eq!(
            found(json!({"through": "pg", "suites": ["traffic"], "registry": "lb"})),
            [
                (Severity::Error, "plan::wrong_system", "/with/through".to_owned()),
                (Severity::Error, "plan::wrong_system", "/with/registry".to_owned()),
            ]
        );
    }

    #[test]
    fn no_suite_is_an_error() {
        assert_eq!(
            found(json!({"through": "lb", "suites": []})),
            [(Severity::Error, "plan::empty", "/with/suites".to_owned())]
        );
    }
}
