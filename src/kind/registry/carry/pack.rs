use std::{fs::File, io::BufReader, path::PathBuf, sync::Arc};

use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use crate::{
    kind::ApplyError,
    registry::{Chunk, ChunkError, ChunkWriter, Snapshot},
    system::Spool,
};

/// Packs chunks ahead of the sending, one at a time on a thread of its own.
pub(super) fn pack(
    source: Arc<Snapshot>,
    file: PathBuf,
    spool: Spool,
    chunks: Vec<Chunk>,
    empty_values: bool,
) -> mpsc::Receiver<Result<NamedTempFile, ApplyError>> {
    let (send, receive) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let packed = || -> Result<(), ApplyError> {
            let open = File::open(&file).map_err(|error| unpackable(error.into()))?;
            let writer = ChunkWriter::open(&source, BufReader::new(open)).map_err(unpackable)?;
            let mut writer = writer.with_empty_values(empty_values);
            for chunk in &chunks {
                let file = spool.scratch()?;
                writer.write(chunk, file.as_file()).map_err(unpackable)?;
                // Nobody receives any more: the import has failed or was dropped.
                if send.blocking_send(Ok(file)).is_err() {
                    break;
                }
            }
            Ok(())
        };
        if let Err(error) = packed() {
            // As above.
            let _nobody_there = send.blocking_send(Err(error));
        }
    });
    receive
}

pub(super) fn unpackable(error: ChunkError) -> ApplyError {
    ApplyError::Content {
        context: "the export cannot be packed for the import".to_owned(),
        source: Box::new(error),
    }
}
