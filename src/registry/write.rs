use std::io::{Read, Seek, Write};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{
    Chunk, ChunkError, Snapshot,
    contents::unpack,
    encode,
    inflate::{Inflater, Window},
};

/// Packs chunks as ZIPs of the 2.6 format, with bytes of contents from the export that the snapshot was read from.
///
/// Entry names are short and made up (reference: apicurio.md §3.1), time stamps fixed: the same chunk gives the same bytes.
pub struct ChunkWriter<'s, R> {
    source: &'s Snapshot,
    archive: ZipArchive<Window<R>>,
    inflater: Inflater,
    empty_values: bool,
}

impl<'s, R: Read + Seek> ChunkWriter<'s, R> {
    /// Opens the export that `source` was read from.
    ///
    /// # Errors
    /// When it is not a ZIP any more.
    pub fn open(source: &'s Snapshot, file: R) -> Result<Self, ChunkError> {
        Ok(Self {
            source,
            archive: ZipArchive::new(Window::new(file)?)?,
            inflater: Inflater::default(),
            empty_values: false,
        })
    }

    /// Labels without a value travel as properties with an empty one: KafkaSQL loses the others (reference: apicurio.md §0 row
    /// 18), and to the equality contract both are the same.
    #[must_use]
    pub fn with_empty_values(mut self, wanted: bool) -> Self {
        self.empty_values = wanted;
        self
    }

    /// Writes one chunk and returns what it was given, flushed but not synced.
    ///
    /// # Errors
    /// When the export is another one than was read, or the disk fails. What was written by then is no ZIP.
    pub fn write<W: Write + Seek>(&mut self, chunk: &Chunk, out: W) -> Result<W, ChunkError> {
        let source = self.source;
        let mut pack = Pack::new(out);
        pack.row("m", "Manifest", &encode::manifest(Some(source))?)?;
        for id in &chunk.contents {
            let content = source
                .contents
                .get(id)
                .ok_or_else(|| foreign(format!("content {id}")))?;
            pack.row("c", "Content", &encode::content(*id, content)?)?;
            pack.data("c", "Content")?;
            unpack(&mut self.inflater, &mut self.archive, (*id, content), &mut pack.zip)?;
        }
        for key in &chunk.groups {
            let group = source.groups.get(key).ok_or_else(|| foreign(format!("group {key}")))?;
            pack.row("g", "Group", &encode::group(key, group)?)?;
        }
        for id in &chunk.versions {
            let version = source
                .versions
                .get(id)
                .ok_or_else(|| foreign(format!("globalId {id}")))?;
            pack.row(
                "v",
                "ArtifactVersion",
                &encode::version(*id, version, self.empty_values)?,
            )?;
        }
        for key in &chunk.comments {
            let comment = source
                .comments
                .get(key)
                .ok_or_else(|| foreign(format!("comment {}", key.comment_id)))?;
            pack.row("t", "Comment", &encode::comment(key, comment)?)?;
        }
        for key in &chunk.artifact_rules {
            let rule = source
                .artifact_rules
                .get(key)
                .ok_or_else(|| foreign(format!("rule {}", key.rule)))?;
            pack.row("r", "ArtifactRule", &encode::artifact_rule(key, rule)?)?;
        }
        for key in &chunk.global_rules {
            let rule = source
                .global_rules
                .get(key)
                .ok_or_else(|| foreign(format!("rule {key}")))?;
            pack.row("r", "GlobalRule", &encode::global_rule(key, rule)?)?;
        }
        pack.finish()
    }
}

fn foreign(what: String) -> ChunkError {
    ChunkError::Foreign { what }
}

/// A ZIP being written: `v/0000001.ArtifactVersion.json` and so on, numbered through.
pub(super) struct Pack<W: Write + Seek> {
    pub zip: ZipWriter<W>,
    number: usize,
}

impl<W: Write + Seek> Pack<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            zip: ZipWriter::new(out),
            number: 0,
        }
    }

    /// One row.
    pub(super) fn row(&mut self, folder: &str, kind: &str, json: &[u8]) -> Result<(), ChunkError> {
        self.number += 1;
        self.start(&format!("{folder}/{:07}.{kind}.json", self.number))?;
        Ok(self.zip.write_all(json)?)
    }

    /// Starts the bytes that belong to the row before; 2.6 wants them right after it (reference: apicurio.md §4.7).
    pub(super) fn data(&mut self, folder: &str, kind: &str) -> Result<(), ChunkError> {
        self.start(&format!("{folder}/{:07}.{kind}.data", self.number))
    }

    fn start(&mut self, name: &str) -> Result<(), ChunkError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default());
        Ok(self.zip.start_file(name, options)?)
    }

    pub(super) fn finish(self) -> Result<W, ChunkError> {
        let mut out = self.zip.finish()?;
        out.flush()?;
        Ok(out)
    }
}
