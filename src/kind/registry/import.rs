use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Effect, Inputs, KindError, Receipt, Undo},
    model::{Change, Digest, ResourceKey, Step, StepId, SystemName, Touches},
    resource::{Content, ContentKey, ContentState},
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

impl Effect for RegistryImport {
    const NAME: &'static str = "registry.import";
    const ABOUT: &'static str = "Brings the content of an export into a 3.x registry, ids kept.";
    type Spec = RegistryImportSpec;
    type On = Content;
    type Output = RegistryImportOutput;

    fn on(spec: &RegistryImportSpec, _step: &Step) -> ContentKey {
        ContentKey {
            registry: spec.to.clone(),
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

    fn diff(_spec: &RegistryImportSpec, _now: &ContentState, _inputs: &Inputs) -> Result<Change, KindError> {
        Err(KindError::Refused("registry.import is not built yet".to_owned()))
    }

    fn after(_spec: &RegistryImportSpec, now: &ContentState, _inputs: &Inputs) -> Result<ContentState, KindError> {
        Ok(now.clone())
    }

    async fn apply(
        _spec: &RegistryImportSpec,
        _step: &Step,
        _change: &Change,
        _inputs: &Inputs,
        _world: &Act,
        _log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        Err(ApplyError::NotDone("registry.import is not built yet".to_owned()))
    }

    fn output(_spec: &RegistryImportSpec, settled: &ContentState, _receipt: Option<&Receipt>) -> RegistryImportOutput {
        RegistryImportOutput {
            artifacts: settled.artifacts,
            versions: settled.versions.unwrap_or_default(),
            content_digest: settled
                .deep
                .as_ref()
                .map_or(Digest::from(""), |deep| deep.digest.clone()),
            sent_versions: None,
            chunks: None,
        }
    }

    fn undo(_spec: &RegistryImportSpec, _before: &ContentState) -> Undo {
        Undo::Left("imported content stays: it is not served, and the next attempt completes it".to_owned())
    }
}
