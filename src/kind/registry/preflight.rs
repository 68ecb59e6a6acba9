use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    report::{write_json, write_text},
    short,
};
use crate::{
    kind::{ApplyError, Check, Inputs, PlanView, Verdict},
    model::{DocPath, Finding as PlanFinding, Findings, ResourceKey, Step, SystemName, Touches},
    registry::{
        Accepted,
        preflight::{Finding, Preflight, PreflightReport, Severity, Storage, Target, TargetVersion, preflight},
    },
    resource::{Ask, registry_side},
    system::{Act, Progress},
};

/// What a finding is about, shown in the output; the report has all.
const FIRST: usize = 5;

/// Finds what moving a registry would lose without a word, what hits a limit, and what clients would notice.
pub struct RegistryPreflight;

/// What is looked at, and where it shall go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryPreflightSpec {
    /// The registry whose content shall move.
    pub from: SystemName,
    /// The registry that it shall move to: its version is asked for. Give this or `to_version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<SystemName>,
    /// The version that it shall move to: `3.3.3`, or `3.3` for any release of that line. `2.6` asks for the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_version: Option<String>,
    /// What the target stores its data in. Absent: what the system `to` says under `storage`; when nobody says it, what only
    /// some storages do is a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Findings that do not block, with the reason why. What covers nothing is a warning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<Accepted>,
    /// Where all findings are written: as JSON, or as Markdown when the name ends in `.md`; relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegistryPreflightOutput {
    /// Findings that are not accepted and mean loss. Not 0: the step fails.
    pub blocking: u64,
    /// Findings that somebody should read.
    pub warnings: u64,
    /// Findings for information.
    pub infos: u64,
    /// Findings accepted by code and reason in the plan.
    pub accepted: u64,
    /// The version that was checked for.
    pub to_version: String,
    /// Every finding that is not accepted, worst first.
    pub findings: Vec<PreflightLine>,
    /// The file with all of it.
    pub report: Option<String>,
}

/// A finding in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PreflightLine {
    /// Stable: plans accept by it.
    pub code: String,
    /// `blocking`, `warning` or `info`.
    pub severity: String,
    /// How many versions, artifacts, groups or contents it is about.
    pub concerned: u64,
    /// The first of them.
    pub first: Vec<String>,
}

impl Check for RegistryPreflight {
    const NAME: &'static str = "registry.preflight";
    const ABOUT: &'static str =
        "Finds what moving a registry would lose without a word, what hits a limit, and what clients would notice.";
    type Spec = RegistryPreflightSpec;
    type Output = RegistryPreflightOutput;

    fn touches(spec: &RegistryPreflightSpec, _step: &Step) -> Touches {
        Touches {
            reads: [ResourceKey::of(&spec.from, "content")].into(),
            systems: spec.to.iter().chain([&spec.from]).cloned().collect(),
            ..Touches::default()
        }
    }

    fn check(spec: &RegistryPreflightSpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        super::needs_registry(plan, "from", &spec.from, out);
        if let Some(to) = &spec.to {
            super::needs_registry(plan, "to", to, out);
        }
        let at = |key: &str| DocPath::root().key("with").key(key);
        match (&spec.to, &spec.to_version) {
            (Some(_), Some(_)) => out.push(
                PlanFinding::error("plan::one_of", at("to_version"), "`to` and `to_version` are both given")
                    .help("Take out one: `to` asks the registry for its version."),
            ),
            (None, None) => out.push(
                PlanFinding::error(
                    "plan::one_of",
                    DocPath::root().key("with"),
                    "neither `to` nor `to_version` is given",
                )
                .help("Write `to_version: \"3.3.3\"`, or `to:` with the name of the new registry."),
            ),
            (None, Some(version)) => {
                if let Err(error) = version.parse::<TargetVersion>() {
                    out.push(PlanFinding::error(
                        "plan::not_a_version",
                        at("to_version"),
                        error.to_string(),
                    ));
                }
            }
            (Some(_), None) => {}
        }
    }

    async fn run(
        spec: &RegistryPreflightSpec,
        _step: &Step,
        _inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Verdict<RegistryPreflightOutput>, ApplyError> {
        let target = target(spec, world).await?;
        let side = registry_side(&spec.from, world, Ask::Counts, log).await?;
        let found = preflight(&side.snapshot, &target, &side.facts, &spec.accept);
        let report = PreflightReport::new(&side.identity, &target, &found);
        match &spec.report {
            Some(file) if file.ends_with(".md") => write_text(file, &report.markdown(), world)?,
            Some(file) => write_json(file, &report, world)?,
            None => {}
        }
        Ok(verdict(spec, &target, &found))
    }
}

async fn target(spec: &RegistryPreflightSpec, world: &Act) -> Result<Target, ApplyError> {
    let text = match (&spec.to_version, &spec.to) {
        (Some(version), _) => version.clone(),
        (None, Some(to)) => world.registry(to)?.version().await?.to_string(),
        (None, None) => return Err(ApplyError::NotDone("neither `to` nor `to_version` is given".to_owned())),
    };
    let version = text.parse().map_err(|source| ApplyError::Content {
        context: "the version to move to is not known".to_owned(),
        source: Box::<crate::registry::preflight::NoTarget>::new(source),
    })?;
    let said = match &spec.to {
        Some(to) => world.registry(to)?.storage(),
        None => None,
    };
    Ok(Target {
        version,
        storage: spec.storage.or(said),
    })
}

fn verdict(spec: &RegistryPreflightSpec, target: &Target, found: &Preflight) -> Verdict<RegistryPreflightOutput> {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let output = RegistryPreflightOutput {
        blocking: found.count(Severity::Blocking),
        warnings: found.count(Severity::Warning),
        infos: found.count(Severity::Info),
        accepted: number(found.accepted.len()),
        to_version: target.version.to_string(),
        findings: found.findings.iter().map(PreflightLine::of).collect(),
        report: spec.report.clone(),
    };
    let worth_showing = found
        .findings
        .iter()
        .filter(|finding| finding.severity != Severity::Info);
    Verdict {
        passed: found.is_clean(),
        summary: found.summary(),
        findings: worth_showing.map(line).collect(),
        output,
    }
}

impl PreflightLine {
    fn of(finding: &Finding) -> Self {
        let first = finding.concerned.iter().take(FIRST);
        Self {
            code: finding.code.to_owned(),
            severity: finding.severity.as_str().to_owned(),
            concerned: u64::try_from(finding.concerned.len()).unwrap_or(u64::MAX),
            first: first.map(|concern| short(&concern.to_string())).collect(),
        }
    }
}

/// `blocking id_empty: an artifact's id is empty: default/ version 1, and 3 more`.
fn line(finding: &Finding) -> String {
    let first = finding.concerned.first().map(ToString::to_string).unwrap_or_default();
    let more = match finding.concerned.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!(
        "{} {}: {}: {}{more}",
        finding.severity.as_str(),
        finding.code,
        finding.about,
        short(&first)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{kind::registry::any_snapshot, registry::SideFacts};

    fn spec(with: serde_json::Value) -> RegistryPreflightSpec {
        serde_json::from_value(with).unwrap()
    }

    fn judged(accept: &serde_json::Value) -> Verdict<RegistryPreflightOutput> {
        let spec = spec(json!({"from": "v2", "to_version": "3.3.3", "accept": accept}));
        let target = Target {
            version: "3.3.3".parse().unwrap(),
            storage: None,
        };
        let found = preflight(&any_snapshot("v2-lossy"), &target, &SideFacts::default(), &spec.accept);
        verdict(&spec, &target, &found)
    }

    #[test]
    fn what_blocks_fails_until_every_bit_of_it_is_accepted_and_outputs_say_how_much() {
        let blocked = judged(&json!([]));
        assert!(!blocked.passed);
        assert_eq!(blocked.output.blocking, 5);
        assert!(
            blocked.findings[0].starts_with("blocking property_value_too_long"),
            "{:?}",
            blocked.findings
        );
        let accept: Vec<_> = blocked
            .output
            .findings
            .iter()
            .filter(|line| line.severity == "blocking")
            .map(|line| json!({"code": line.code, "reason": "nobody reads them"}))
            .collect();
        let passed = judged(&json!(accept));
        assert!(passed.passed, "{}", passed.summary);
        assert_eq!((passed.output.blocking, passed.output.accepted), (0, 5));
    }

    #[test]
    fn outputs_fit_a_record_whatever_ids_are_like() {
        let output = serde_json::to_vec(&judged(&json!([])).output).unwrap();
        assert!(output.len() < 32 << 10, "{}", output.len());
    }
}
