use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::carry::{Bounds, Carry, IntoV3, Source, Target as _};
use crate::{
    kind::{ApplyError, Effect, Inputs, KindError, PlanView, Receipt, Undo},
    model::{Action, Change, Digest, DocPath, Finding, Findings, ResourceKey, Step, StepId, SystemName, Touches},
    resource::{Content, ContentKey, ContentState, DeepContent, GroupRow},
    system::{Act, Progress},
};

/// Brings the content of an export into a 3.x registry, ids kept.
pub struct RegistryImport;

/// Which export, into which registry. Exactly one of `export` and `file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryImportSpec {
    /// The registry.
    pub to: SystemName,
    /// The `registry.export` step whose file is imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<StepId>,
    /// An export file that lies there already, relative to the plan file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Most versions in one request; 500 when absent. The server's limits hold in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub chunk_versions: Option<u32>,
}

/// What the registry holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegistryImportOutput {
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: u64,
    /// Over the content as the equality contract compares it.
    pub content_digest: Digest,
    /// Versions sent (only known when this run sent them).
    pub sent_versions: Option<u64>,
    /// Requests sent (only known when this run sent them).
    pub chunks: Option<u64>,
}

/// What the registry must hold: the summary of the export that was pinned.
#[derive(Debug, Deserialize)]
struct Wanted {
    groups: u64,
    artifacts: u64,
    versions: u64,
    max_global_id: Option<u64>,
    content_digest: Digest,
    #[serde(default)]
    group_rows: Vec<GroupRow>,
}

impl Effect for RegistryImport {
    const NAME: &'static str = "registry.import";
    const ABOUT: &'static str = "Brings the content of an export into a 3.x registry, ids kept.";
    type Spec = RegistryImportSpec;
    type On = Content;
    type Output = RegistryImportOutput;

    fn on(spec: &RegistryImportSpec, _step: &Step) -> ContentKey {
        ContentKey {
            files: spec.file.iter().cloned().collect(),
            ..ContentKey::of(&spec.to)
        }
    }

    fn touches(spec: &RegistryImportSpec, _step: &Step) -> Touches {
        Touches {
            writes: [ResourceKey::of(&spec.to, "content")].into(),
            reads: spec.file.iter().map(|file| ResourceKey::file(file)).collect(),
            systems: [spec.to.clone()].into(),
            inputs: spec.export.iter().cloned().collect(),
            ..Touches::default()
        }
    }

    fn check(spec: &RegistryImportSpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        super::needs_registry(plan, "to", &spec.to, out);
        if let Some(export) = &spec.export {
            super::needs_export(plan, "export", export, out);
        }
        let with = DocPath::root().key("with");
        if spec.export.is_some() == spec.file.is_some() {
            out.push(
                Finding::error(
                    "plan::one_of",
                    with.clone(),
                    "it needs exactly one of `export` and `file`",
                )
                .help("Name the `registry.export` step, or a file that lies there already."),
            );
        }
        if spec.chunk_versions == Some(0) {
            let at = with.key("chunk_versions");
            out.push(
                Finding::error("plan::range", at, "a request without versions moves nothing")
                    .help("Write 1 or more, or leave it out for 500."),
            );
        }
    }

    fn diff(spec: &RegistryImportSpec, now: &ContentState, inputs: &Inputs) -> Result<Change, KindError> {
        refuse_target(now)?;
        let wanted = wanted(spec, now, inputs)?;
        if let Some(deep) = &now.deep {
            return Ok(deep_change(now, deep, &wanted));
        }
        if now.versions == Some(wanted.versions) && now.artifacts == wanted.artifacts {
            return Ok(Change::none().summary(format!("{} versions, by counts", wanted.versions)));
        }
        Ok(change(now, &wanted))
    }

    fn after(spec: &RegistryImportSpec, now: &ContentState, inputs: &Inputs) -> Result<ContentState, KindError> {
        let wanted = wanted(spec, now, inputs)?;
        let deep = now.deep.as_ref().map(|deep| DeepContent {
            digest: wanted.content_digest.clone(),
            group_rows: wanted.group_rows.clone(),
            reserve_left: false,
            // Which it will be is known when it is made.
            reserved_above: Some(u64::MAX),
            ..deep.clone()
        });
        Ok(ContentState {
            groups: now.groups.max(wanted.groups),
            artifacts: wanted.artifacts,
            versions: Some(wanted.versions),
            max_global_id: wanted.max_global_id.or(now.max_global_id),
            deep,
            ..now.clone()
        })
    }

    async fn apply(
        spec: &RegistryImportSpec,
        _step: &Step,
        _change: &Change,
        inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        let source = match (&spec.export, &spec.file) {
            (Some(export), _) => Source::recorded(export, inputs.of(export)?, world)?,
            (None, Some(file)) => Source::file(file, world),
            (None, None) => return Err(KindError::Refused("it names no export and no file".to_owned()).into()),
        };
        let carry = Carry::open::<IntoV3>(&spec.to, source, spec.chunk_versions, world, log).await?;
        let sent = carry.run::<IntoV3>(&Bounds::default()).await?;
        Ok(Receipt(
            serde_json::json!({"sent_versions": sent.versions, "chunks": sent.chunks}),
        ))
    }

    fn output(_spec: &RegistryImportSpec, settled: &ContentState, receipt: Option<&Receipt>) -> RegistryImportOutput {
        let sent = |field: &str| receipt.and_then(|receipt| receipt.0.get(field)).and_then(Value::as_u64);
        RegistryImportOutput {
            artifacts: settled.artifacts,
            versions: settled.versions.unwrap_or_default(),
            content_digest: settled
                .deep
                .as_ref()
                .map_or(Digest::from(""), |deep| deep.digest.clone()),
            sent_versions: sent("sent_versions"),
            chunks: sent("chunks"),
        }
    }

    fn undo(_spec: &RegistryImportSpec, _before: &ContentState) -> Undo {
        Undo::Left("imported content stays: it is not served, and the next attempt completes it".to_owned())
    }
}

/// An import writes 3.x alone.
fn refuse_target(now: &ContentState) -> Result<(), KindError> {
    let version: crate::system::apicurio::ServerVersion = now
        .version
        .parse()
        .map_err(|error: crate::system::apicurio::NoVersion| KindError::Refused(error.to_string()))?;
    match IntoV3::refuses(&version) {
        None => Ok(()),
        Some(reason) => Err(KindError::Refused(format!("the target cannot be written: {reason}"))),
    }
}

fn wanted(spec: &RegistryImportSpec, now: &ContentState, inputs: &Inputs) -> Result<Wanted, KindError> {
    if let Some(export) = &spec.export {
        return Wanted::deserialize(inputs.of(export)?).map_err(|source| KindError::Shape {
            what: format!("steps.{export}"),
            source,
        });
    }
    let source = now.files.iter().find(|source| Some(&source.file) == spec.file.as_ref());
    let source = source.ok_or_else(|| KindError::Refused("the export file was not looked at".to_owned()))?;
    Ok(Wanted {
        groups: source.groups,
        artifacts: source.artifacts,
        versions: source.versions,
        max_global_id: None,
        content_digest: source.digest.clone(),
        group_rows: source.group_rows.clone(),
    })
}

fn deep_change(now: &ContentState, deep: &DeepContent, wanted: &Wanted) -> Change {
    let rows_missing = wanted
        .group_rows
        .iter()
        .filter(|row| !deep.group_rows.contains(row))
        .count();
    // Too many rows for a record: none is there, and verify compares them.
    let rows_known = !deep.group_rows.is_empty() || now.groups == 0;
    let rows_missing = if rows_known { rows_missing } else { 0 };
    // Content that others brought whole has the reservation that they made, or none: the counters of a registry cannot be read.
    let reserved = deep.reserved_above.is_some_and(|id| Some(id) > wanted.max_global_id);
    if deep.digest == wanted.content_digest && rows_missing == 0 && !deep.reserve_left && reserved {
        return Change::none().summary(format!("{} versions, all equal", wanted.versions));
    }
    let mut change = change(now, wanted);
    if !reserved {
        change = change.field("ids reserved and proven", false, true);
    }
    if change.deltas.is_empty() {
        change = change.field("content", deep.digest.as_str(), wanted.content_digest.as_str());
    }
    if rows_missing > 0 {
        change = change.field("groups to repair", rows_missing, 0);
    }
    if deep.reserve_left {
        change = change.field("group regplan-reserve", "there", Value::Null);
    }
    change
}

fn change(now: &ContentState, wanted: &Wanted) -> Change {
    let action = if now.artifacts == 0 {
        Action::Create
    } else {
        Action::Update
    };
    let change = Change::new(action)
        .field("versions", now.versions, wanted.versions)
        .field("artifacts", now.artifacts, wanted.artifacts);
    if now.versions > Some(wanted.versions) {
        return change
            .risk("it holds more than the export: what the export lacks is a conflict, and nothing is sent then");
    }
    change
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn spec() -> RegistryImportSpec {
        serde_json::from_value(json!({"to": "v3", "export": "snapshot"})).unwrap()
    }

    fn exported(versions: u64, digest: &str) -> Inputs {
        let output = json!({
            "groups": 2, "artifacts": 36, "versions": versions, "max_global_id": 70, "content_digest": digest,
            "group_rows": ["a", "b"], "file": "v2.zip",
        });
        Inputs(BTreeMap::from([(StepId::from("snapshot"), output)]))
    }

    fn registry(version: &str, artifacts: u64, versions: u64, deep: Option<(&str, &[&str], bool)>) -> ContentState {
        let row = |hash: &&str| GroupRow {
            hash: (*hash).to_owned(),
        };
        ContentState {
            version: version.to_owned(),
            groups: 3,
            artifacts,
            versions: Some(versions),
            max_global_id: Some(70),
            deep: deep.map(|(digest, rows, reserve_left)| DeepContent {
                digest: Digest::from(digest),
                group_rows: rows.iter().map(row).collect(),
                comments: 0,
                max_content_id: 0,
                reserve_left,
                spool: Digest::from(""),
                written_since: None,
                reserved_above: Some(1_000_000),
            }),
            files: Vec::new(),
            sides: BTreeMap::new(),
        }
    }

    fn shown(now: &ContentState) -> String {
        let change = RegistryImport::diff(&spec(), now, &exported(68, "d")).unwrap();
        let deltas = change
            .deltas
            .iter()
            .map(|d| format!("{}: {} → {}", d.field, d.before, d.after));
        format!("{:?} {}", change.action, deltas.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn a_shallow_look_compares_counts() {
        assert_eq!(
            shown(&registry("3.3.3", 0, 0, None)),
            "Create versions: 0 → 68, artifacts: 0 → 36"
        );
        assert_eq!(shown(&registry("3.3.3", 36, 7, None)), "Update versions: 7 → 68");
        assert_eq!(shown(&registry("3.3.3", 36, 68, None)), "None ");
    }

    #[test]
    fn equal_counts_with_other_content_are_a_change_for_a_deep_look() {
        assert_eq!(
            shown(&registry("3.3.3", 36, 68, Some(("other", &["a", "b"], false)))),
            r#"Update content: "other" → "d""#
        );
    }

    #[test]
    fn a_deep_look_wants_the_digest_the_groups_and_no_reservation_left() {
        assert_eq!(
            shown(&registry("3.3.3", 36, 68, Some(("d", &["a", "b", "more"], false)))),
            "None "
        );
        assert!(shown(&registry("3.3.3", 36, 68, Some(("d", &["a"], false)))).contains("groups to repair: 1 → 0"));
        assert!(shown(&registry("3.3.3", 36, 68, Some(("d", &["a", "b"], true)))).contains("regplan-reserve"));
    }

    #[test]
    fn content_that_others_brought_has_no_ids_reserved() {
        let mut now = registry("3.3.3", 36, 68, Some(("d", &["a", "b"], false)));
        for reserved in [None, Some(70)] {
            now.deep.as_mut().unwrap().reserved_above = reserved;
            assert!(shown(&now).contains("ids reserved and proven"), "{}", shown(&now));
        }
    }

    #[test]
    fn after_it_there_is_no_change() {
        for now in [
            registry("3.3.3", 0, 0, None),
            registry("3.3.3", 0, 0, Some(("none", &[], true))),
        ] {
            let inputs = exported(68, "d");
            let after = RegistryImport::after(&spec(), &now, &inputs).unwrap();
            assert!(RegistryImport::diff(&spec(), &after, &inputs).unwrap().is_none());
        }
    }

    #[test]
    fn a_target_that_drops_data_is_refused() {
        for version in ["2.6.13.Final", "3.0.6", "4.0.0"] {
            let refused = RegistryImport::diff(&spec(), &registry(version, 0, 0, None), &exported(68, "d"));
            assert!(matches!(refused, Err(KindError::Refused(_))), "{version}");
        }
    }

    #[test]
    fn without_the_export_there_is_no_answer_yet() {
        let asked = RegistryImport::diff(&spec(), &registry("3.3.3", 0, 0, None), &Inputs::default());
        assert!(matches!(asked, Err(KindError::MissingInput { .. })));
    }
}
