use std::{
    collections::BTreeMap,
    io::{Read, Seek},
    ops::ControlFlow,
};

use sha2::{Digest as _, Sha256};
use zip::{ZipArchive, result::ZipError};

use super::{
    Format, Hash, Manifest, ReadError, Snapshot,
    builder::Builder,
    inflate::{InflateError, Inflater, Window},
    utf8::Utf8,
    wire::{ContentRow, ManifestRow},
};

/// How much an export may be. No size that an archive declares is trusted: bytes are counted as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Entries of the ZIP.
    pub max_entries: usize,
    /// Bytes of one content, unpacked.
    pub max_entry_bytes: u64,
    /// Bytes of one row, unpacked: a row is kept in memory while it is read, a content is not.
    pub max_row_bytes: u64,
    /// Bytes of all entries, unpacked.
    pub max_total_bytes: u64,
}

impl Default for ReadLimits {
    /// Ten times the greatest registry that was measured (100,000 versions: 310,101 entries, 154 MB unpacked), rounded up;
    /// a content may be what a server takes as one request (50 MiB), and some more.
    ///
    /// Columns of a row are short (512 and 1,024 characters) but for labels and properties, which 2.6 takes at any length
    /// (reference: apicurio.md §1.6), references, and the version strings of a branch of 3.x, of at most 256 characters each:
    /// 16 MiB hold 60,000 of the longest, and more than a million of those that people use. An import into 3.x takes entries
    /// of 10 MiB (§2.3), so a longer row could not be carried either.
    fn default() -> Self {
        Self {
            max_entries: 4_000_000,
            max_entry_bytes: 128 << 20,
            max_row_bytes: 16 << 20,
            max_total_bytes: 16 << 30,
        }
    }
}

/// Reads a whole export: every entry to its end with its checksum, within limits, strict about names and fields.
///
/// Bytes of contents are hashed and dropped. Memory grows with the rows, not with the contents.
///
/// # Errors
/// When anything is not as an export of 2.6 or 3.x has it; nothing is skipped.
pub fn read_export(file: impl Read + Seek, limits: &ReadLimits) -> Result<Snapshot, ReadError> {
    let mut entries = Entries::open(file, limits)?;
    let (format, manifest) = entries.manifest()?;
    let mut builder = Builder::new(format);
    let mut halves = BTreeMap::new();
    for index in 0..entries.archive.len() {
        let name = entries.name(index)?;
        match name.kind.as_str() {
            "Manifest" => {}
            "Content" => {
                let half = entries.half(index, &name)?;
                if let Some((row, bytes)) = paired(&mut halves, name, half)? {
                    builder.content(row, bytes)?;
                }
            }
            _ if name.role == Role::Json => {
                let json = entries.json(index, &name)?;
                if builder.row(&name, json)?.is_break() {
                    return Err(ReadError::UnknownEntry { entry: name.full });
                }
            }
            _ => return Err(ReadError::UnknownEntry { entry: name.full }),
        }
    }
    match halves.into_values().next() {
        Some((entry, _)) => Err(ReadError::HalfContent { entry }),
        None => Ok(builder.finish(manifest)),
    }
}

/// An entry's name, taken apart: `c/0000001.Content.data` is kind `Content`, role data.
pub(super) struct EntryName {
    pub full: String,
    pub stem: String,
    pub kind: String,
    pub role: Role,
}

/// What an entry is to its stem.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Json,
    Data,
}

/// One of the two entries of a content.
enum Half {
    Row(ContentRow),
    Bytes(ContentBytes),
}

/// What is kept of a content's bytes.
pub(super) struct ContentBytes {
    entry: usize,
    size: u64,
    hasher: Sha256,
    is_utf8: bool,
}

impl ContentBytes {
    /// The entry's number and its unpacked size.
    pub(super) fn place(&self) -> (usize, u64) {
        (self.entry, self.size)
    }

    /// Whether the bytes are UTF-8.
    pub(super) fn is_utf8(&self) -> bool {
        self.is_utf8
    }

    /// SHA-256 of the bytes, and of the bytes followed by the references when there are any (reference: apicurio.md §3.4).
    pub(super) fn hashes(self, references: Option<&str>) -> (Hash, Hash) {
        let bytes = Hash(self.hasher.clone().finalize().into());
        match references {
            None => (bytes, bytes),
            Some(text) => (bytes, Hash(self.hasher.chain_update(text.as_bytes()).finalize().into())),
        }
    }
}

/// Puts the two entries of a content together; they need not follow each other.
fn paired(
    halves: &mut BTreeMap<String, (String, Half)>,
    name: EntryName,
    half: Half,
) -> Result<Option<(ContentRow, ContentBytes)>, ReadError> {
    match (halves.remove(&name.stem), half) {
        (None, half) => {
            halves.insert(name.stem, (name.full, half));
            Ok(None)
        }
        (Some((_, Half::Row(row))), Half::Bytes(bytes)) | (Some((_, Half::Bytes(bytes))), Half::Row(row)) => {
            Ok(Some((row, bytes)))
        }
        (Some(_), Half::Row(_) | Half::Bytes(_)) => Err(ReadError::DuplicateName),
    }
}

/// The entries of an archive, read within limits.
struct Entries<'l, R> {
    archive: ZipArchive<Window<R>>,
    inflater: Inflater,
    limits: &'l ReadLimits,
    total: u64,
    buffer: Vec<u8>,
}

impl<'l, R: Read + Seek> Entries<'l, R> {
    fn open(file: R, limits: &'l ReadLimits) -> Result<Self, ReadError> {
        let archive = ZipArchive::new(Window::new(file).map_err(ZipError::Io)?)?;
        if archive.has_duplicate_names() {
            return Err(ReadError::DuplicateName);
        }
        if archive.len() > limits.max_entries {
            return Err(ReadError::TooManyEntries {
                found: archive.len(),
                limit: limits.max_entries,
            });
        }
        Ok(Self {
            archive,
            inflater: Inflater::default(),
            limits,
            total: 0,
            buffer: Vec::new(),
        })
    }

    /// The one manifest, wherever it lies, and the format that it stands for.
    fn manifest(&mut self) -> Result<(Format, Manifest), ReadError> {
        let mut found = None;
        for index in 0..self.archive.len() {
            let name = self.name(index)?;
            if name.kind == "Manifest" && name.role == Role::Json {
                let row: ManifestRow = parse(&name, self.json(index, &name)?)?;
                if found.replace(row).is_some() {
                    return Err(ReadError::DuplicateRow {
                        what: "the manifest".to_owned(),
                    });
                }
            }
        }
        let row = found.ok_or(ReadError::NoManifest)?;
        let format = match (row.system_version.chars().next(), row.export_version.chars().next()) {
            (Some('1' | '2'), Some('1' | '2')) => Format::V2,
            (Some('3'), Some('3')) => Format::V3,
            _ => {
                return Err(ReadError::Manifest {
                    system_version: row.system_version.into(),
                    export_version: row.export_version.into(),
                });
            }
        };
        let manifest = Manifest {
            system_version: row.system_version,
            export_version: row.export_version,
            exported_on: row.exported_on.unwrap_or(0),
        };
        Ok((format, manifest))
    }

    /// The name of an entry, when it is safe and has the two last parts that say what it is.
    fn name(&self, index: usize) -> Result<EntryName, ReadError> {
        let entry = self.archive.by_index_data(index)?;
        let full = match entry.name() {
            Ok(name) if is_safe(&name) => name.into_owned(),
            Ok(name) => {
                return Err(ReadError::UnsafeName {
                    entry: name.escape_debug().to_string(),
                });
            }
            Err(_) => {
                return Err(ReadError::UnsafeName {
                    entry: entry.name_raw().escape_ascii().to_string(),
                });
            }
        };
        let (stem, role) = match full.rsplit_once('.') {
            Some((stem, "json")) => (stem, Role::Json),
            Some((stem, "data")) => (stem, Role::Data),
            _ => return Err(ReadError::UnknownEntry { entry: full }),
        };
        let Some((_, kind)) = stem.rsplit_once('.') else {
            return Err(ReadError::UnknownEntry { entry: full });
        };
        Ok(EntryName {
            stem: stem.to_owned(),
            kind: kind.to_owned(),
            role,
            full,
        })
    }

    fn half(&mut self, index: usize, name: &EntryName) -> Result<Half, ReadError> {
        match name.role {
            Role::Json => Ok(Half::Row(parse(name, self.json(index, name)?)?)),
            Role::Data => {
                let (mut hasher, mut text) = (Sha256::new(), Utf8::default());
                let size = self.stream(index, name, |bytes| {
                    hasher.update(bytes);
                    text.take(bytes);
                })?;
                Ok(Half::Bytes(ContentBytes {
                    entry: index,
                    size,
                    hasher,
                    is_utf8: text.is_whole(),
                }))
            }
        }
    }

    /// The whole of an entry, in a buffer that the next one reuses.
    fn json(&mut self, index: usize, name: &EntryName) -> Result<&[u8], ReadError> {
        let mut json = std::mem::take(&mut self.buffer);
        json.clear();
        let read = self.stream(index, name, |bytes| json.extend_from_slice(bytes));
        self.buffer = json;
        read?;
        Ok(&self.buffer)
    }

    /// Reads an entry to its end, which checks its checksum, and returns how many bytes there were.
    fn stream(&mut self, index: usize, name: &EntryName, mut take: impl FnMut(&[u8])) -> Result<u64, ReadError> {
        let (mut size, total, limits) = (0, &mut self.total, self.limits);
        let longest = match name.role {
            Role::Json => limits.max_row_bytes.min(limits.max_entry_bytes),
            Role::Data => limits.max_entry_bytes,
        };
        let counted = |bytes: &[u8]| {
            size += bytes.len() as u64;
            *total += bytes.len() as u64;
            if size > longest {
                return Err(ReadError::EntryTooLarge {
                    entry: name.full.clone(),
                    limit: longest,
                });
            }
            if *total > limits.max_total_bytes {
                return Err(ReadError::TooLarge {
                    limit: limits.max_total_bytes,
                });
            }
            take(bytes);
            Ok(())
        };
        match self.inflater.unpack(&mut self.archive, index, counted) {
            Ok(()) => Ok(size),
            Err(InflateError::Zip(error)) => Err(error.into()),
            Err(InflateError::Taker(error)) => Err(error),
            Err(InflateError::Damaged(source)) => Err(ReadError::Damaged {
                entry: name.full.clone(),
                source,
            }),
        }
    }
}

/// Whether a name stays below a directory. Nothing is unpacked here, but an export that tries is no export. The `zip` crate's
/// own check would also refuse `a:b`, which is an artifact id like any other.
fn is_safe(name: &str) -> bool {
    !name.starts_with(['/', '\\']) && !name.contains('\0') && name.split(['/', '\\']).all(|part| part != "..")
}

/// A row out of its JSON.
pub(super) fn parse<'a, T: serde::Deserialize<'a>>(name: &EntryName, json: &'a [u8]) -> Result<T, ReadError> {
    serde_json::from_slice(json).map_err(|source| ReadError::Json {
        entry: name.full.clone(),
        source,
    })
}

/// What became of a row: taken, or of a kind that this format does not have.
pub(super) type Taken = ControlFlow<()>;
