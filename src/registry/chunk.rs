use std::collections::BTreeSet;

use super::{ArtifactRuleKey, ChunkError, CommentKey, Delta, GroupKey, Snapshot, encode};

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
pub fn chunks(source: &Snapshot, delta: &Delta, limits: &ChunkLimits) -> Result<Vec<Chunk>, ChunkError> {
    let mut packer = Packer::new(source, limits)?;
    for key in &delta.groups {
        let group = source.groups.get(key).ok_or_else(|| foreign(key))?;
        let size = Size::default().entry(encode::group(key, group)?.len());
        packer
            .room_for(&size, &format!("group {key}"), false)?
            .groups
            .push(key.clone());
    }
    let mut contents = delta.contents.clone();
    let mut comments = delta.comments.iter().peekable();
    for id in &delta.versions {
        let mut unit = Chunk::default();
        while let Some(key) = comments.next_if(|key| key.global_id <= *id) {
            unit.comments.push(key.clone());
        }
        packer.version(*id, &mut contents, unit)?;
    }
    for key in &delta.artifact_rules {
        let rule = source.artifact_rules.get(key).ok_or_else(|| foreign(&key.artifact))?;
        let size = Size::default().entry(encode::artifact_rule(key, rule)?.len());
        let what = format!("rule {} of {}", key.rule, key.artifact);
        packer.room_for(&size, &what, false)?.artifact_rules.push(key.clone());
    }
    for key in &delta.global_rules {
        let rule = source.global_rules.get(key).ok_or_else(|| foreign(key))?;
        let size = Size::default().entry(encode::global_rule(key, rule)?.len());
        let what = format!("global rule {key}");
        packer.room_for(&size, &what, false)?.global_rules.push(key.clone());
    }
    Ok(packer.finish())
}

fn foreign(what: &dyn std::fmt::Display) -> ChunkError {
    ChunkError::Foreign { what: what.to_string() }
}

/// What something adds to a ZIP.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    entries: usize,
    bytes: u64,
    largest: u64,
}

impl Size {
    /// Most that one entry costs besides its bytes: two headers (76 bytes), two short names (64), and what deflate adds to
    /// bytes that it cannot make smaller, up to a few KiB.
    const OVERHEAD: u64 = 256;

    fn entry(self, bytes: usize) -> Self {
        self.large_entry(bytes as u64)
    }

    fn large_entry(mut self, bytes: u64) -> Self {
        self.entries += 1;
        self.bytes += bytes;
        self.largest = self.largest.max(bytes);
        self
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
            largest: self.largest.max(other.largest),
        }
    }

    fn fits(&self, limits: &ChunkLimits) -> bool {
        // Deflate adds at most five bytes to 16 KiB that it cannot make smaller.
        let packed = self.bytes + self.bytes / 1024 + self.entries as u64 * Self::OVERHEAD;
        self.entries <= limits.max_entries
            && self.bytes <= limits.max_total_bytes
            && packed <= limits.max_body_bytes
            && self.largest <= limits.max_entry_bytes
    }
}

/// Fills one chunk after the other.
struct Packer<'s> {
    source: &'s Snapshot,
    limits: &'s ChunkLimits,
    empty: Size,
    size: Size,
    open: Chunk,
    done: Vec<Chunk>,
}

impl<'s> Packer<'s> {
    fn new(source: &'s Snapshot, limits: &'s ChunkLimits) -> Result<Self, ChunkError> {
        let empty = Size::default().entry(encode::manifest(Some(source))?.len());
        Ok(Self {
            source,
            limits,
            empty,
            size: empty,
            open: Chunk::default(),
            done: Vec::new(),
        })
    }

    /// Puts a version in, with its comments and its content if that was not sent yet.
    fn version(&mut self, id: u64, contents: &mut BTreeSet<u64>, mut unit: Chunk) -> Result<(), ChunkError> {
        let source = self.source;
        let version = source
            .versions
            .get(&id)
            .ok_or_else(|| foreign(&format_args!("globalId {id}")))?;
        let mut size = Size::default().entry(encode::version(id, version, true)?.len());
        if contents.remove(&version.content_id) {
            let content = source
                .contents
                .get(&version.content_id)
                .ok_or_else(|| ChunkError::NoContent {
                    content_id: version.content_id,
                    what: version.to_string(),
                })?;
            let row = encode::content(version.content_id, content)?;
            size = size.entry(row.len()).large_entry(content.size);
            unit.contents.push(version.content_id);
        }
        for key in &unit.comments {
            let comment = source.comments.get(key).ok_or_else(|| foreign(&key.comment_id))?;
            size = size.entry(encode::comment(key, comment)?.len());
        }
        let chunk = self.room_for(&size, &version.to_string(), true)?;
        chunk.versions.push(id);
        chunk.contents.append(&mut unit.contents);
        chunk.comments.append(&mut unit.comments);
        Ok(())
    }

    /// The chunk that takes something of this size: the open one, or a new one.
    fn room_for(&mut self, size: &Size, what: &str, is_version: bool) -> Result<&mut Chunk, ChunkError> {
        let full = is_version && self.open.versions.len() >= self.limits.max_versions.max(1);
        if full || !self.size.plus(size).fits(self.limits) {
            if !self.empty.plus(size).fits(self.limits) {
                return Err(ChunkError::TooLarge {
                    what: what.to_owned(),
                    bytes: size.bytes,
                    entries: size.entries,
                });
            }
            self.close();
        }
        self.size = self.size.plus(size);
        Ok(&mut self.open)
    }

    fn close(&mut self) {
        if self.size.entries > self.empty.entries {
            let mut chunk = std::mem::take(&mut self.open);
            chunk.entries = self.size.entries;
            chunk.bytes = self.size.bytes;
            self.done.push(chunk);
        }
        self.size = self.empty;
    }

    fn finish(mut self) -> Vec<Chunk> {
        self.close();
        self.done
    }
}
