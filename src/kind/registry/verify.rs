use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Check, Inputs, KindError, PlanView, Verdict},
    model::{Digest, Findings, ResourceKey, Step, StepId, SystemName, Touches},
    registry::{ArtifactKey, Comparison, RestFacts, Row, SideFacts, Snapshot, compare},
    resource::{held, read_snapshot},
    system::{
        Act, Age, Progress, SystemError,
        apicurio::{ArtifactId, RegistryReader},
        hash_file, write_atomically,
    },
};

/// Rows in the output; the report has them all.
const FIRST: usize = 20;

/// Compares everything that two registries hold, by the equality contract.
pub struct RegistryVerify;

/// What is compared with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryVerifySpec {
    /// The registry that is right.
    pub left: SystemName,
    /// The registry that is compared with it.
    pub right: SystemName,
    /// Compare with what this step captured instead of what `left` holds now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<StepId>,
    /// Where the whole list of differences is written as JSON; relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

/// What the comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegistryVerifyOutput {
    /// Rows that differ and must not.
    pub differences: u64,
    /// Rows that differ by a coded row of the contract.
    pub expected: u64,
    /// Rows accepted by code and reason in the plan.
    pub accepted: u64,
    /// Versions compared on the left.
    pub versions: u64,
    /// Artifacts compared on the left.
    pub artifacts: u64,
    /// The first differences, for people.
    pub first: Vec<String>,
    /// The file with the whole list.
    pub report: Option<String>,
}

/// The file with the whole list.
#[derive(Serialize)]
struct Report<'a> {
    /// Raised when an old reader could misread it.
    format_version: u32,
    left: &'a SystemName,
    right: &'a SystemName,
    /// The step whose export is the left side.
    at: Option<&'a StepId>,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

impl Check for RegistryVerify {
    const NAME: &'static str = "registry.verify";
    const ABOUT: &'static str = "Compares everything that two registries hold, by the equality contract.";
    type Spec = RegistryVerifySpec;
    type Output = RegistryVerifyOutput;

    fn touches(spec: &RegistryVerifySpec, _step: &Step) -> Touches {
        let left = spec.at.is_none().then(|| spec.left.clone());
        Touches {
            // What a step captured does not change when `left` does.
            reads: left
                .iter()
                .chain([&spec.right])
                .map(|system| ResourceKey::of(system, "content"))
                .collect(),
            systems: left.iter().chain([&spec.right]).cloned().collect(),
            inputs: spec.at.iter().cloned().collect(),
            ..Touches::default()
        }
    }

    fn check(spec: &RegistryVerifySpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        super::needs_registry(plan, "left", &spec.left, out);
        super::needs_registry(plan, "right", &spec.right, out);
        if let Some(at) = &spec.at {
            super::needs_snapshot(plan, "at", at, out);
        }
    }

    async fn run(
        spec: &RegistryVerifySpec,
        _step: &Step,
        inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Verdict<RegistryVerifyOutput>, ApplyError> {
        let (left, left_facts) = match &spec.at {
            Some(step) => (Arc::new(captured(step, inputs, world).await?), SideFacts::default()),
            None => side(&world.registry(&spec.left)?, world, log).await?,
        };
        let (right, right_facts) = side(&world.registry(&spec.right)?, world, log).await?;
        let rest = RestFacts {
            left: left_facts,
            right: right_facts,
        };
        let comparison = compare(&left, &right, &rest, &[]);
        if let Some(report) = &spec.report {
            write_report(spec, report, &comparison, world)?;
        }
        Ok(verdict(spec, &comparison))
    }
}

/// What a registry holds, by export and by REST.
async fn side(
    registry: &RegistryReader<'_>,
    world: &Act,
    log: &Progress,
) -> Result<(Arc<Snapshot>, SideFacts), ApplyError> {
    log.say(format!("looking at {}", registry.name()));
    let snapshot = held(registry.name(), world, Age::Frozen).await?.snapshot;
    // The long sweep by the API runs before and after: while writes are frozen, exports are compared and counts.
    let facts = if world.snapshots().is_frozen() {
        counted(registry).await?
    } else {
        rest_facts(registry, log).await?
    };
    Ok((snapshot, facts))
}

async fn counted(registry: &RegistryReader<'_>) -> Result<SideFacts, SystemError> {
    let counts = registry.counts(&registry.version().await?).await?;
    Ok(SideFacts {
        artifacts: Some(counts.artifacts),
        versions: counts.versions,
        ..SideFacts::default()
    })
}

async fn rest_facts(registry: &RegistryReader<'_>, log: &Progress) -> Result<SideFacts, SystemError> {
    log.say(format!("asking {} for its latest versions", registry.name()));
    let version = registry.version().await?;
    let artifacts = registry.artifacts(&version).await?;
    let latest = registry.latest(&version, &artifacts, log).await?;
    let versions = if version.is_v2() {
        registry.version_counts(&version, &artifacts, log).await?.values().sum()
    } else {
        registry.counts(&version).await?.versions.unwrap_or_default()
    };
    let latest = latest
        .into_iter()
        .map(|(id, latest)| (key_of(&id), latest.map(|latest| latest.version)));
    Ok(SideFacts {
        latest: latest.collect::<BTreeMap<_, _>>(),
        artifacts: Some(count(&artifacts)),
        versions: Some(versions),
        comments: None,
    })
}

fn key_of(id: &ArtifactId) -> ArtifactKey {
    ArtifactKey::new(id.group.as_deref(), &id.artifact)
}

fn count(artifacts: &BTreeSet<ArtifactId>) -> u64 {
    u64::try_from(artifacts.len()).unwrap_or(u64::MAX)
}

/// What a step captured, if it is still that file.
async fn captured(step: &StepId, inputs: &Inputs, world: &Act) -> Result<Snapshot, ApplyError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Captured {
        /// By `registry.export`.
        File { file: String, sha256: Digest },
        /// By `registry.replicate`: it lies in the spool until the next one between these two registries.
        Pinned { source_sha256: Digest },
    }
    let captured = Captured::deserialize(inputs.of(step)?).map_err(|source| KindError::Shape {
        what: format!("steps.{step}"),
        source,
    })?;
    let (path, sha256) = match captured {
        Captured::File { file, sha256 } => (world.path(file), sha256),
        Captured::Pinned { source_sha256 } => (world.spool().path(&source_sha256), source_sha256),
    };
    let (found, _) = hash_file(&path)?;
    if found != sha256 {
        return Err(ApplyError::NotDone(format!(
            "{} is not what step `{step}` captured: its SHA-256 is {found}, not {sha256}",
            path.display()
        )));
    }
    Ok(read_snapshot(&path).await?)
}

fn write_report(spec: &RegistryVerifySpec, file: &str, comparison: &Comparison, world: &Act) -> Result<(), ApplyError> {
    let report = Report {
        format_version: 1,
        left: &spec.left,
        right: &spec.right,
        at: spec.at.as_ref(),
        comparison,
    };
    let text = serde_json::to_vec_pretty(&report).map_err(|source| KindError::Shape {
        what: file.to_owned(),
        source,
    })?;
    write_atomically(&world.path(file), |out| {
        std::io::Write::write_all(out, &text)?;
        std::io::Write::write_all(out, b"\n")
    })?;
    Ok(())
}

fn verdict(spec: &RegistryVerifySpec, comparison: &Comparison) -> Verdict<RegistryVerifyOutput> {
    let number = |rows: &[Row]| u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let lines = |rows: &[Row]| rows.iter().map(Row::to_string).collect::<Vec<_>>();
    let output = RegistryVerifyOutput {
        differences: number(&comparison.differences),
        expected: number(&comparison.expected),
        accepted: number(&comparison.accepted),
        versions: comparison.versions,
        artifacts: comparison.artifacts,
        first: lines(comparison.differences.get(..FIRST).unwrap_or(&comparison.differences)),
        report: spec.report.clone(),
    };
    Verdict {
        passed: comparison.is_equal(),
        summary: summary(&output),
        findings: lines(&comparison.differences),
        output,
    }
}

fn summary(output: &RegistryVerifyOutput) -> String {
    let s = if output.differences == 1 { "" } else { "s" };
    let mut text = format!("{} difference{s} in {} versions", output.differences, output.versions);
    for (number, class) in [(output.expected, "expected"), (output.accepted, "accepted")] {
        if number > 0 {
            text.push_str(&format!(", {number} {class}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(what: &str) -> Row {
        Row {
            code: "version_missing",
            what: what.to_owned(),
            left: "1".to_owned(),
            right: String::new(),
        }
    }

    fn spec(at: Option<&str>) -> RegistryVerifySpec {
        serde_json::from_value(json!({"left": "v2", "right": "v3", "at": at})).unwrap()
    }

    #[test]
    fn one_difference_fails_and_expected_rows_do_not() {
        let mut comparison = Comparison {
            expected: vec![row("a"), row("b")],
            versions: 68,
            ..Comparison::default()
        };
        let equal = verdict(&spec(None), &comparison);
        assert!(equal.passed);
        assert_eq!(equal.summary, "0 differences in 68 versions, 2 expected");
        comparison.differences.push(row("payments/semver version 1.0.0"));
        let differs = verdict(&spec(None), &comparison);
        assert!(!differs.passed);
        assert_eq!(differs.summary, "1 difference in 68 versions, 2 expected");
        assert!(
            differs.findings[0].contains("payments/semver version 1.0.0"),
            "{:?}",
            differs.findings
        );
    }

    #[test]
    fn the_output_holds_the_first_differences_only() {
        let comparison = Comparison {
            differences: (0..100).map(|n| row(&n.to_string())).collect(),
            ..Comparison::default()
        };
        let verdict = verdict(&spec(None), &comparison);
        assert_eq!((verdict.output.differences, verdict.output.first.len()), (100, FIRST));
        assert_eq!(verdict.findings.len(), 100);
    }

    #[test]
    fn compared_with_a_capture_the_left_registry_is_not_needed() {
        let touches = RegistryVerify::touches(&spec(Some("snapshot")), &crate::kind::registry::any_step());
        assert_eq!(touches.systems, BTreeSet::from([SystemName::from("v3")]));
        assert_eq!(touches.reads, BTreeSet::from([ResourceKey::new("v3/content")]));
        assert_eq!(touches.inputs, BTreeSet::from([StepId::from("snapshot")]));
    }
}
