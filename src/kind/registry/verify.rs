use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    captured::{captured, needs_capture},
    moved,
    report::{write_json, write_text},
};
use crate::{
    kind::{ApplyError, Check, Inputs, PlanView, Verdict},
    model::{BackendName, Digest, Findings, ResourceKey, Step, StepId, SystemName, Touches},
    registry::{Accepted, Certificate, Comparison, RestFacts, Row, Sealed, VerifyReport, compare},
    resource::{Ask, Side, held, other_replicas, registry_side, replica_rows},
    system::{Act, Age, Observe, Progress},
};

/// Rows, and groups, in the output; the report has them all.
const FIRST: usize = 20;

/// Compares everything that two registries hold, by the equality contract.
pub struct RegistryVerify;

/// What is compared with what. Either side may be 2.6 or 3.x, and each of its replicas must hold the same: replicas of a KafkaSQL,
/// which have a store each, are exported whole, and so are those of a 2.6 whose `storage` the plan does not say; others share a
/// database, and are asked for their counts and greatest globalId.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryVerifySpec {
    /// The registry that is right.
    pub left: SystemName,
    /// The registry that is compared with it.
    pub right: SystemName,
    /// Compare with the snapshot that this step took instead of what `left` holds now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<StepId>,
    /// Differences that do not count, with the reason why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<Accepted>,
    /// Where the whole list of differences is written: as JSON, or as Markdown when the name ends in `.md`; relative to the
    /// plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Where a certificate is written, which `regplan verify --certificate` can check later against a saved export;
    /// relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
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
    /// Groups that were compared, the default group included.
    pub groups: u64,
    /// Replicas beyond the first of each side that were looked at too.
    pub replicas: u64,
    /// The first groups that hold something else.
    pub other_groups: Vec<String>,
    /// Over everything that the left side holds.
    pub left_digest: Digest,
    /// Over everything that the right side holds; the same when all versions, contents, comments and rules are.
    pub right_digest: Digest,
    /// Over what that digest leaves out and the left side's export holds, such as rows of groups.
    pub left_rest: Digest,
    /// The same of the right side; another one than the left's where one is a 2.6.
    pub right_rest: Digest,
    /// The first differences, for people.
    pub first: Vec<String>,
    /// The file with the whole list.
    pub report: Option<String>,
    /// The certificate.
    pub certificate: Option<String>,
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
            systems: left.iter().chain([&spec.right]).cloned().collect::<BTreeSet<_>>(),
            inputs: spec.at.iter().cloned().collect(),
            ..Touches::default()
        }
    }

    fn check(spec: &RegistryVerifySpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        super::needs_registry(plan, "left", &spec.left, out);
        super::needs_registry(plan, "right", &spec.right, out);
        if let Some(at) = &spec.at {
            needs_capture(plan, "at", at, out);
        }
    }

    async fn run(
        spec: &RegistryVerifySpec,
        _step: &Step,
        inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Verdict<RegistryVerifyOutput>, ApplyError> {
        let Looked {
            left,
            right,
            replicas,
            rows,
        } = Box::pin(look(spec, inputs, world, log)).await?;
        let sealed = (left.seal(), right.seal());
        let rest = RestFacts {
            left: left.facts,
            right: right.facts,
        };
        let comparison = compare(&left.snapshot, &right.snapshot, &rest, &spec.accept).and(rows, &spec.accept);
        let report = VerifyReport::new(&sealed.0, &sealed.1, spec.at.as_ref().map(StepId::as_str), &comparison);
        match &spec.report {
            Some(file) if file.ends_with(".md") => write_text(file, &report.markdown(), world)?,
            Some(file) => write_json(file, &report, world)?,
            None => {}
        }
        let verdict = verdict(spec, &report, &sealed, replicas);
        if let Some(file) = &spec.certificate {
            let certificate = certificate(sealed, &comparison, &spec.accept);
            write_json(file, &certificate, world)?;
        }
        Ok(verdict)
    }

    async fn moved(
        spec: &RegistryVerifySpec,
        outputs: &Value,
        opened: &BackendName,
        world: &Observe,
    ) -> Result<Option<String>, ApplyError> {
        let sides = [
            (&spec.left, ["left_digest", "left_rest"], spec.at.is_none()),
            (&spec.right, ["right_digest", "right_rest"], true),
        ];
        for (side, names, live) in sides {
            if !live || side.as_str() == opened.as_str() {
                continue;
            }
            let said = names.map(|name| outputs.get(name).and_then(Value::as_str).map(Digest::from));
            let [digest, rest] = said;
            let now = held(side, world, Age::Frozen).await?.snapshot;
            let then = digest.unwrap_or_else(|| Digest::from(""));
            if let Some(how) = moved::by_digest(side, &then, &now).or_else(|| moved::by_rest(side, rest.as_ref(), &now))
            {
                return Ok(Some(how));
            }
        }
        Ok(None)
    }
}

/// Both sides, and what their replicas beyond the first say.
struct Looked {
    left: Side,
    right: Side,
    /// Replicas beyond the first that were looked at.
    replicas: usize,
    /// Those that hold something else than the first.
    rows: Vec<Row>,
}

/// Looks at both sides and their replicas, all at the same time.
async fn look(spec: &RegistryVerifySpec, inputs: &Inputs, world: &Act, log: &Progress) -> Result<Looked, ApplyError> {
    // The long sweep by the API runs before and after: while writes are frozen, exports are compared and counts.
    let ask = if world.snapshots().is_frozen() {
        Ask::Little
    } else {
        Ask::Latest
    };
    let others = async |side: &SystemName| Ok::<_, ApplyError>(other_replicas(side, world).await?);
    let left = async {
        match &spec.at {
            Some(step) => captured(step, inputs, world).await,
            None => Ok(registry_side(&spec.left, world, ask, log).await?),
        }
    };
    let of_left = async {
        match &spec.at {
            Some(_) => Ok(Vec::new()),
            None => others(&spec.left).await,
        }
    };
    let right = async { Ok::<_, ApplyError>(registry_side(&spec.right, world, ask, log).await?) };
    let (left, of_left, right, of_right) = tokio::try_join!(left, of_left, right, others(&spec.right))?;
    let replicas = of_left.len() + of_right.len();
    let mut rows = replica_rows(&spec.left, &left, of_left, world, log).await?;
    rows.extend(replica_rows(&spec.right, &right, of_right, world, log).await?);
    Ok(Looked {
        left,
        right,
        replicas,
        rows,
    })
}

fn certificate(sealed: (Sealed, Sealed), comparison: &Comparison, accept: &[Accepted]) -> Certificate {
    let now = jiff::Timestamp::now().to_string();
    Certificate::new(now, sealed, comparison, accept)
}

fn verdict(
    spec: &RegistryVerifySpec,
    report: &VerifyReport<'_>,
    (left, right): &(Sealed, Sealed),
    replicas: usize,
) -> Verdict<RegistryVerifyOutput> {
    let comparison = report.comparison;
    let rest = |side: &Sealed| side.rest.clone().unwrap_or_else(|| Digest::from(""));
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let lines = |rows: &[Row]| rows.iter().map(Row::to_string).collect::<Vec<_>>();
    let output = RegistryVerifyOutput {
        differences: number(comparison.differences.len()),
        expected: number(comparison.expected.len()),
        accepted: number(comparison.accepted.len()),
        versions: comparison.versions,
        artifacts: comparison.artifacts,
        groups: number(report.groups.len()),
        replicas: number(replicas),
        other_groups: report.other_groups().take(FIRST).map(super::short).collect(),
        left_digest: report.left_digest.clone(),
        right_digest: report.right_digest.clone(),
        left_rest: rest(left),
        right_rest: rest(right),
        first: lines(comparison.differences.get(..FIRST).unwrap_or(&comparison.differences)),
        report: spec.report.clone(),
        certificate: spec.certificate.clone(),
    };
    Verdict {
        passed: comparison.is_equal(),
        summary: comparison.summary(),
        findings: lines(&comparison.differences),
        output,
    }
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

    fn sides() -> (Sealed, Sealed) {
        let sealed = |name: &str| {
            let snapshot = crate::kind::registry::any_snapshot(name);
            let identity = crate::registry::Identity {
                source: name.to_owned(),
                version: snapshot.manifest.system_version.to_string(),
                format: snapshot.format,
                export_sha256: "0".into(),
                exported_on: 0,
            };
            Sealed::of(identity, &snapshot)
        };
        (sealed("v2-rich"), sealed("v3-rich"))
    }

    fn spec(at: Option<&str>) -> RegistryVerifySpec {
        serde_json::from_value(json!({"left": "v2", "right": "v3", "at": at})).unwrap()
    }

    #[test]
    fn one_difference_fails_and_expected_rows_do_not() {
        let sides = sides();
        let mut comparison = Comparison {
            expected: vec![row("a"), row("b")],
            versions: 68,
            ..Comparison::default()
        };
        let equal = verdict(
            &spec(None),
            &VerifyReport::new(&sides.0, &sides.1, None, &comparison),
            &sides,
            0,
        );
        assert!(equal.passed);
        assert_eq!(equal.summary, "0 differences in 68 versions, 2 expected");
        comparison.differences.push(row("payments/semver version 1.0.0"));
        let differs = verdict(
            &spec(None),
            &VerifyReport::new(&sides.0, &sides.1, None, &comparison),
            &sides,
            0,
        );
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
        let sides = sides();
        let comparison = Comparison {
            differences: (0..100).map(|n| row(&n.to_string())).collect(),
            ..Comparison::default()
        };
        let verdict = verdict(
            &spec(None),
            &VerifyReport::new(&sides.0, &sides.1, None, &comparison),
            &sides,
            0,
        );
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
