use std::io::{self, Read, Seek, SeekFrom};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use zip::{CompressionMethod, ZipArchive, result::ZipError};

/// Unpacks entries one after the other with one decompressor.
///
/// The `zip` crate makes a new one for each entry: 40 KiB to clear, and between them the rows that stay, so that the heap of
/// 100,000 versions grew to 4 GB (seen with glibc 2.36).
pub(super) struct Inflater {
    state: Decompress,
    packed: Box<[u8]>,
    plain: Box<[u8]>,
}

/// Why an entry ended early.
pub(super) enum InflateError<E> {
    /// The archive cannot be used.
    Zip(ZipError),
    /// The entry's bytes are not what the archive says.
    Damaged(io::Error),
    /// Whoever takes the bytes wants no more.
    Taker(E),
}

impl Default for Inflater {
    fn default() -> Self {
        Self {
            state: Decompress::new(false),
            // Most entries are a few hundred bytes, the largest some MiB: one turn for nearly all.
            packed: vec![0; 32 << 10].into(),
            plain: vec![0; 64 << 10].into(),
        }
    }
}

impl Inflater {
    /// Hands an entry's bytes to `take`, piece by piece, and proves size and checksum at its end.
    pub(super) fn unpack<R: Read + Seek, E>(
        &mut self,
        archive: &mut ZipArchive<R>,
        index: usize,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), InflateError<E>> {
        let mut entry = archive.by_index_raw(index).map_err(InflateError::Zip)?;
        let (size, checksum, method) = (entry.size(), entry.crc32(), entry.compression());
        if entry.encrypted() || !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(InflateError::Zip(ZipError::UnsupportedArchive(
                "entries must be stored or deflated, in the clear",
            )));
        }
        let (mut crc, mut total) = (Crc::new(), 0_u64);
        let mut count = |bytes: &[u8]| {
            crc.update(bytes);
            total += bytes.len() as u64;
            take(bytes).map_err(InflateError::Taker)
        };
        if method == CompressionMethod::Stored {
            loop {
                let n = entry.read(&mut self.plain).map_err(InflateError::Damaged)?;
                match self.plain.get(..n) {
                    Some(bytes) if n > 0 => count(bytes)?,
                    _ => break,
                }
            }
        } else {
            self.inflate(&mut entry, &mut count)?;
        }
        if total == size && crc.sum() == checksum {
            Ok(())
        } else {
            Err(damaged("its size or checksum is wrong"))
        }
    }

    fn inflate<E>(
        &mut self,
        entry: &mut impl Read,
        count: &mut impl FnMut(&[u8]) -> Result<(), InflateError<E>>,
    ) -> Result<(), InflateError<E>> {
        self.state.reset(false);
        let (mut from, mut to, mut at_end) = (0, 0, false);
        loop {
            if from == to && !at_end {
                (from, to) = (0, entry.read(&mut self.packed).map_err(InflateError::Damaged)?);
                at_end = to == 0;
            }
            let input = self.packed.get(from..to).unwrap_or_default();
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, &mut self.plain, FlushDecompress::None);
            let moved = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
            let taken = moved(self.state.total_in(), read);
            let given = moved(self.state.total_out(), written);
            from = from.saturating_add(taken);
            count(self.plain.get(..given).unwrap_or_default())?;
            match status {
                Ok(Status::StreamEnd) if from == to => return Ok(()),
                Ok(Status::StreamEnd) => return Err(damaged("there is more after its end")),
                Ok(Status::Ok | Status::BufError) if taken > 0 || given > 0 || (from == to && !at_end) => {}
                Ok(Status::Ok | Status::BufError) => return Err(damaged("it ends early")),
                Err(error) => return Err(InflateError::Damaged(error.into())),
            }
        }
    }
}

fn damaged<E>(why: &'static str) -> InflateError<E> {
    InflateError::Damaged(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// A file of which a window is in memory: a ZIP is read with many small steps and seeks that nearly all stay close.
/// [`io::BufReader`] throws its buffer away at each seek.
pub(super) struct Window<R> {
    file: R,
    at: u64,
    start: u64,
    held: Vec<u8>,
}

impl<R: Read + Seek> Window<R> {
    /// Read at once: some hundred entries.
    const LENGTH: u64 = 128 << 10;

    pub(super) fn new(mut file: R) -> io::Result<Self> {
        let at = file.stream_position()?;
        Ok(Self {
            file,
            at,
            start: at,
            held: Vec::new(),
        })
    }

    /// What of the window lies at and after the position.
    fn ahead(&self) -> &[u8] {
        let offset = self
            .at
            .checked_sub(self.start)
            .and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| self.held.get(offset..)).unwrap_or_default()
    }
}

impl<R: Read + Seek> Read for Window<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ahead().is_empty() {
            self.start = self.file.seek(SeekFrom::Start(self.at))?;
            self.held.clear();
            self.file.by_ref().take(Self::LENGTH).read_to_end(&mut self.held)?;
        }
        let n = self.ahead().read(into)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl<R: Read + Seek> Seek for Window<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(_) => self.file.seek(to)?,
            SeekFrom::Current(by) => self
                .at
                .checked_add_signed(by)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?,
        };
        Ok(self.at)
    }
}
