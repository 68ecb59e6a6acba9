use thiserror::Error;

/// Why an export cannot be used. Nothing of it is: an export is whole or refused.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Not a ZIP, or cut, or damaged.
    #[error("the export is not a whole ZIP")]
    Zip(#[from] zip::result::ZipError),
    /// An entry's bytes end early or have another checksum.
    #[error("the export's entry `{entry}` cannot be read to its end")]
    Damaged {
        /// Its name.
        entry: String,
        /// What the reader says.
        #[source]
        source: std::io::Error,
    },
    /// More entries than the limit.
    #[error("the export has {found} entries, more than {limit}")]
    TooManyEntries {
        /// As many as there are.
        found: usize,
        /// As many as may be.
        limit: usize,
    },
    /// An entry unpacks to more than the limit.
    #[error("the export's entry `{entry}` unpacks to more than {limit} bytes")]
    EntryTooLarge {
        /// Its name.
        entry: String,
        /// In bytes.
        limit: u64,
    },
    /// All entries together unpack to more than the limit.
    #[error("the export unpacks to more than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: u64,
    },
    /// Two entries have one name; only one of them could be read.
    #[error("two entries of the export have the same name")]
    DuplicateName,
    /// A name that leads out of a directory, or is not text.
    #[error("the export has an entry with the unsafe name `{entry}`")]
    UnsafeName {
        /// Its name, made printable.
        entry: String,
    },
    /// An entry that no known export has.
    #[error("the export has an entry of an unknown kind, `{entry}`")]
    UnknownEntry {
        /// Its name.
        entry: String,
    },
    /// No manifest, so that the format is not known.
    #[error("the export has no manifest")]
    NoManifest,
    /// Manifests that contradict each other or themselves, or a format of the future.
    #[error("the export's manifest says version {system_version} and format {export_version}, which do not fit")]
    Manifest {
        /// The server's version.
        system_version: String,
        /// The format's version.
        export_version: String,
    },
    /// Not the JSON that this kind of entry must be: a field unknown, missing or of another type.
    #[error("the export's entry `{entry}` is not as expected")]
    Json {
        /// Its name.
        entry: String,
        /// What is wrong, and where.
        #[source]
        source: serde_json::Error,
    },
    /// Two rows for the same thing.
    #[error("the export says {what} twice")]
    DuplicateRow {
        /// The thing.
        what: String,
    },
    /// A content's description without its bytes, or the other way round.
    #[error("the export's entry `{entry}` lacks its other half")]
    HalfContent {
        /// The entry that is there.
        entry: String,
    },
}

/// Why something cannot be packed into chunks.
#[derive(Debug, Error)]
pub enum ChunkError {
    /// One version with its content and comments is more than a request may carry.
    #[error("{what} alone is larger than one request may be ({bytes} bytes in {entries} entries)")]
    TooLarge {
        /// The version or content.
        what: String,
        /// Unpacked.
        bytes: u64,
        /// Entries of the ZIP.
        entries: usize,
    },
    /// A version's content is neither in the source nor on the target.
    #[error("content {content_id} of {what} is not in the export")]
    NoContent {
        /// The content.
        content_id: u64,
        /// The version that needs it.
        what: String,
    },
    /// A state or type that 2.6's format cannot say.
    #[error("{what} is {state}, which the 2.6 format cannot say")]
    State {
        /// The version.
        what: String,
        /// Its state.
        state: String,
    },
    /// The chunk names something that its snapshot lacks; chunks belong to the snapshot they were made from.
    #[error("the chunk names {what}, which the snapshot lacks")]
    Foreign {
        /// The thing.
        what: String,
    },
    /// The export file changed since the snapshot was read.
    #[error("content {content_id} in the file is not the one that was read")]
    Changed {
        /// The content.
        content_id: u64,
    },
    /// The ZIP cannot be read or written.
    #[error("the chunk cannot be packed")]
    Zip(#[from] zip::result::ZipError),
    /// The disk, or a content that cannot be read to its end.
    #[error("the chunk cannot be packed")]
    Io(#[from] std::io::Error),
    /// A row cannot be written as JSON.
    #[error("the chunk cannot be packed")]
    Json(#[from] serde_json::Error),
}
