//! ZIPs as Java's `ZipInputStream` reads them: entry after entry from the front, without the directory at the end. So a ZIP
//! that was cut is read up to the cut, and one that lacks only its end is whole (reference: apicurio.md §2.3, §4.7).

use flate2::{Decompress, FlushDecompress, Status};

/// An entry with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Why the next entry cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// It ends in the middle, or its bytes are no deflate.
    Cut,
    /// It is longer than it may be.
    TooLong,
}

/// The entries of a ZIP.
pub(super) struct Entries<'b> {
    rest: &'b [u8],
    /// Bytes that one entry may have, unpacked.
    limit: usize,
    ended: bool,
}

impl<'b> Entries<'b> {
    pub fn new(zip: &'b [u8], limit: usize) -> Self {
        Self {
            rest: zip,
            limit,
            ended: false,
        }
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Broken::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn entry(&mut self) -> Result<Entry, Broken> {
        let head = self.take(30)?;
        let word = |at: usize| usize::from(u16::from_le_bytes([byte(head, at), byte(head, at + 1)]));
        let (flags, method, name, extra) = (word(6), word(8), word(26), word(28));
        let size = word(18) | word(20) << 16;
        let name = String::from_utf8_lossy(self.take(name)?).into_owned();
        self.take(extra)?;
        let bytes = match method {
            0 if size > self.limit => return Err(Broken::TooLong),
            0 => self.take(size)?.to_vec(),
            8 => self.inflate()?,
            _ => return Err(Broken::Cut),
        };
        // Bit 3: sizes and checksum follow the bytes, with or without a signature of their own.
        if flags & 8 != 0 {
            let signed = self.rest.starts_with(b"PK\x07\x08");
            self.take(if signed { 16 } else { 12 })?;
        }
        Ok(Entry { name, bytes })
    }

    fn inflate(&mut self) -> Result<Vec<u8>, Broken> {
        let (mut state, mut out) = (Decompress::new(false), Vec::new());
        let mut buffer = vec![0; 64 << 10];
        loop {
            let (read, written) = (state.total_in(), state.total_out());
            let status = state.decompress(self.rest, &mut buffer, FlushDecompress::None);
            let moved = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
            let (taken, given) = (moved(state.total_in(), read), moved(state.total_out(), written));
            self.rest = self.rest.get(taken..).unwrap_or_default();
            out.extend_from_slice(buffer.get(..given).unwrap_or_default());
            if out.len() > self.limit {
                return Err(Broken::TooLong);
            }
            match status {
                Ok(Status::StreamEnd) => return Ok(out),
                Ok(Status::Ok | Status::BufError) if taken > 0 || given > 0 => {}
                Ok(Status::Ok | Status::BufError) | Err(_) => return Err(Broken::Cut),
            }
        }
    }
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Broken>;

    /// Ends where no entry begins: at the directory, or at once for what is no ZIP.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || !self.rest.starts_with(b"PK\x03\x04") {
            return None;
        }
        let entry = self.entry();
        self.ended = entry.is_err();
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn zip() -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["a.json", "b.json"] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(&name.repeat(50).into_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn names(zip: &[u8]) -> Vec<Result<String, Broken>> {
        Entries::new(zip, 1_000)
            .map(|entry| entry.map(|entry| entry.name))
            .collect()
    }

    #[test]
    fn entries_are_read_from_the_front_also_without_a_directory() {
        let zip = zip();
        let both = [Ok("a.json".to_owned()), Ok("b.json".to_owned())];
        assert_eq!(names(&zip), both);
        assert_eq!(names(&zip[..zip.len() - 30]), both);
        assert_eq!(
            Entries::new(&zip, 1_000).next().unwrap().unwrap().bytes,
            "a.json".repeat(50).into_bytes()
        );
    }

    #[test]
    fn a_cut_shows_after_what_came_before_it() {
        let zip = zip();
        let second = zip.windows(4).rposition(|window| window == b"PK\x03\x04").unwrap();
        assert_eq!(names(&zip[..second + 40]), [Ok("a.json".to_owned()), Err(Broken::Cut)]);
        assert_eq!(names(b"no zip"), []);
        assert_eq!(Entries::new(&zip, 299).collect::<Vec<_>>(), [Err(Broken::TooLong)]);
    }

    #[test]
    fn a_real_export_is_read_whole() {
        let zip = std::fs::read("tests/data/v2-rich.zip").unwrap();
        let all = Entries::new(&zip, 1 << 20).collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(all.len(), 209);
    }
}
