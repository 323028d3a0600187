//! Where a part's bytes go: straight to the file in checksummed blocks, but for the tail, which waits for its own checksum.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecore_wal::fs::{Fs, WriteFile};

use super::format::key::TAIL_CRC32C;
use crate::limits::CHECKSUM_BLOCK_BYTES;

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 16 * CHECKSUM_BLOCK_BYTES;
/// The tail checksum's digits before it is known.
pub(crate) const TAIL_DIGITS_ZERO: &str = "00000000";

/// A file being written: body, then tail.
pub(crate) struct PartSink {
    path: PathBuf,
    file: Box<dyn WriteFile>,
    written: u64,
    buffer: Vec<u8>,
    checksums: Vec<u8>,
    in_tail: bool,
}

impl PartSink {
    /// Creates the file; it must not exist.
    pub(crate) fn create(fs: &Arc<dyn Fs>, path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: fs.create(path)?,
            written: 0,
            buffer: Vec::with_capacity(WRITE_BYTES + CHECKSUM_BLOCK_BYTES),
            checksums: Vec::new(),
            in_tail: false,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the whole blocks of the buffer, or all of it, each with its checksum.
    fn write_blocks(&mut self, all: bool) -> io::Result<()> {
        let whole = self.buffer.len() / CHECKSUM_BLOCK_BYTES * CHECKSUM_BLOCK_BYTES;
        let length = if all { self.buffer.len() } else { whole };
        let (blocks, _) = self.buffer.split_at(length);
        for block in blocks.chunks(CHECKSUM_BLOCK_BYTES) {
            self.checksums.extend_from_slice(&crc32c::crc32c(block).to_le_bytes());
        }
        self.file.write_at(blocks, self.written)?;
        self.written += length as u64;
        self.buffer.drain(..length);
        Ok(())
    }

    /// Ends the body and gives the table of checksums: what is written from here on is the tail, which starts with it.
    pub(crate) fn begin_tail(&mut self) -> io::Result<Vec<u8>> {
        self.write_blocks(true)?;
        self.in_tail = true;
        Ok(std::mem::take(&mut self.checksums))
    }

    /// Puts the tail's checksum into the tail, writes it and makes the file durable. Gives the file's length.
    pub(crate) fn finish(&mut self) -> io::Result<u64> {
        let digits = tail_digits(&self.buffer).ok_or_else(|| io::Error::other("a tail without its checksum's key"))?;
        let crc = crc32c::crc32c(&self.buffer);
        if let Some(slot) = self.buffer.get_mut(digits) {
            slot.copy_from_slice(format!("{crc:08x}").as_bytes());
        }
        self.file.write_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        self.file.sync_all()?;
        Ok(self.written)
    }
}

impl Write for PartSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if !self.in_tail && self.buffer.len() >= WRITE_BYTES {
            self.write_blocks(false)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a value of `digits` characters stands behind `name` in the footer's key-value pairs: thrift's compact protocol
/// writes one byte for the field and one for the length between them. The last occurrence is the pair itself, since the
/// pairs come after everything that users named.
pub(crate) fn value_position(tail: &[u8], name: &str, digits: u8) -> Option<std::ops::Range<usize>> {
    let mut pattern = name.as_bytes().to_vec();
    pattern.extend_from_slice(&[0x18, digits]);
    let start = tail.windows(pattern.len()).rposition(|window| window == pattern)? + pattern.len();
    let end = start + usize::from(digits);
    (end <= tail.len()).then_some(start..end)
}

/// Where the digits of the tail's checksum stand.
pub(crate) fn tail_digits(tail: &[u8]) -> Option<std::ops::Range<usize>> {
    value_position(tail, TAIL_CRC32C, TAIL_DIGITS_ZERO.len() as u8)
}
