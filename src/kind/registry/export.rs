use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{ApplyError, Capture},
    model::{Digest, ResourceKey, Step, SystemName, Touches},
    system::{Act, Observe, Progress},
};

/// Exports a registry into a file and proves that the file is whole.
pub struct RegistryExport;

/// Which registry, and into which file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryExportSpec {
    /// The registry: a system of type `apicurio`.
    pub from: SystemName,
    /// The file, relative to the plan file. A second attempt writes `NAME.attempt-2.zip`.
    pub to: String,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryExportOutput {
    /// The file that was written, relative to the plan file.
    pub file: String,
    /// The host on which it lies.
    pub host: String,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// The server's version.
    pub version: String,
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: u64,
    /// Contents.
    pub contents: u64,
    /// Comments.
    pub comments: u64,
    /// Global and artifact rules.
    pub rules: u64,
    /// Greatest globalId.
    pub max_global_id: u64,
    /// Greatest contentId.
    pub max_content_id: u64,
    /// Over the content as the equality contract compares it.
    pub content_digest: Digest,
}

impl Capture for RegistryExport {
    const NAME: &'static str = "registry.export";
    const ABOUT: &'static str = "Exports a registry into a file and proves that the file is whole.";
    type Spec = RegistryExportSpec;
    type Output = RegistryExportOutput;

    fn touches(spec: &RegistryExportSpec, _step: &Step) -> Touches {
        Touches {
            reads: [ResourceKey::of(&spec.from, "content")].into(),
            writes: [ResourceKey::file(&spec.to)].into(),
            systems: [spec.from.clone()].into(),
            ..Touches::default()
        }
    }

    async fn take(
        _spec: &RegistryExportSpec,
        _step: &Step,
        _attempt: u32,
        _world: &Act,
        _log: &Progress,
    ) -> Result<RegistryExportOutput, ApplyError> {
        Err(ApplyError::NotDone("registry.export is not built yet".to_owned()))
    }

    async fn intact(
        _spec: &RegistryExportSpec,
        _taken: &RegistryExportOutput,
        _world: &Observe,
    ) -> Result<bool, ApplyError> {
        Err(ApplyError::NotDone("registry.export is not built yet".to_owned()))
    }
}
