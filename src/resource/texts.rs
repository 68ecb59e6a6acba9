use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    model::{NamedText, TextPair, Texts},
    registry::{ContentReader, Snapshot, TextChange, TextOf, TextSide},
    system::SystemError,
};

/// Pairs that are read and shown; more of them nobody reads, the rest is counted.
const FIRST: usize = 20;

/// An export and what it holds.
pub struct Export {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub snapshot: Arc<Snapshot>,
}

/// Reads the first texts of those changes, out of the exports of source and target.
///
/// # Errors
/// When an export is not there any more. A single text that cannot be read is not shown, and says why.
pub async fn read_texts(changes: Vec<TextChange>, source: Export, target: Export) -> Result<Texts, SystemError> {
    let path = source.path.clone();
    let read = move || {
        let mut source = open(&source)?;
        let mut target = open(&target)?;
        let mut text = |of: TextOf| NamedText {
            text: match of.side {
                TextSide::Source => source.text(of.content_id),
                TextSide::Target => target.text(of.content_id),
            },
            name: of.name,
        };
        Ok(Texts {
            total: u64::try_from(changes.len()).unwrap_or(u64::MAX),
            first: (changes.into_iter().take(FIRST))
                .map(|change| TextPair {
                    before: change.before.map(&mut text),
                    after: text(change.after),
                })
                .collect(),
        })
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| failed(&path, std::io::Error::other(error)))?
}

fn open(export: &Export) -> Result<ContentReader<'_, BufReader<File>>, SystemError> {
    let file = File::open(&export.path).map_err(|error| failed(&export.path, error))?;
    ContentReader::open(&export.snapshot, BufReader::new(file))
        .map_err(|error| failed(&export.path, std::io::Error::other(error)))
}

fn failed(path: &Path, source: std::io::Error) -> SystemError {
    SystemError::File {
        verb: "read",
        path: path.to_owned(),
        source,
    }
}
