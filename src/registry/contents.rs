//! Bytes of contents, which stay in the file until somebody wants them.

use std::io::{Read, Seek, Write};

use sha2::{Digest as _, Sha256};
use zip::{ZipArchive, result::ZipError};

use super::{
    ChunkError, Content, ReadError, Snapshot,
    inflate::{InflateError, Inflater, Window},
};
use crate::model::Shown;

/// Longest text that is read to be shown, in bytes: schemas are a few KiB, and nobody reads more than this in a diff.
const LONGEST: u64 = 128 << 10;

/// Reads contents of an export as texts for people.
pub struct ContentReader<'s, R> {
    snapshot: &'s Snapshot,
    archive: ZipArchive<Window<R>>,
    inflater: Inflater,
}

impl<'s, R: Read + Seek> ContentReader<'s, R> {
    /// Opens the export that `snapshot` was read from.
    ///
    /// # Errors
    /// When it is not a ZIP any more.
    pub fn open(snapshot: &'s Snapshot, file: R) -> Result<Self, ReadError> {
        Ok(Self {
            snapshot,
            archive: ZipArchive::new(Window::new(file).map_err(ZipError::Io)?)?,
            inflater: Inflater::default(),
        })
    }

    /// The content as text, at most 128 KiB of it; or why it is not shown.
    pub fn text(&mut self, content_id: u64) -> Shown {
        let Some(content) = self.snapshot.contents.get(&content_id) else {
            return Shown::Not("not in the export".to_owned());
        };
        let size = content.size;
        let no_text = || Shown::Not(format!("{size} bytes that are no text"));
        if !content.is_utf8 {
            return no_text();
        }
        if size > LONGEST {
            return Shown::Not(format!("{size} bytes, too long to show"));
        }
        let mut bytes = Vec::new();
        match unpack(&mut self.inflater, &mut self.archive, (content_id, content), &mut bytes) {
            Err(_) => Shown::Not("cannot be read from the export any more".to_owned()),
            Ok(()) => match String::from_utf8(bytes) {
                Ok(text) if !text.contains('\0') => Shown::Text(text),
                Ok(_) | Err(_) => no_text(),
            },
        }
    }
}

/// Copies a content's bytes and proves that they are those that were read.
pub(super) fn unpack<R: Read + Seek>(
    inflater: &mut Inflater,
    archive: &mut ZipArchive<Window<R>>,
    (content_id, content): (u64, &Content),
    out: &mut impl Write,
) -> Result<(), ChunkError> {
    let mut hasher = Sha256::new();
    let mut left = content.size;
    let copied = inflater.unpack(archive, content.entry, |bytes| {
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or(ChunkError::Changed { content_id })?;
        hasher.update(bytes);
        Ok(out.write_all(bytes)?)
    });
    match copied {
        Ok(()) if <[u8; 32]>::from(hasher.finalize()) == content.sha256.0 => Ok(()),
        Err(InflateError::Taker(error)) => Err(error),
        Ok(()) | Err(InflateError::Zip(_) | InflateError::Damaged(_)) => Err(ChunkError::Changed { content_id }),
    }
}
