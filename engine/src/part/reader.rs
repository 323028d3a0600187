//! An open part: its tail was verified when it was opened, its blocks are verified when they are read.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use icecore_wal::Lsn;
use icecore_wal::fs::{Fs, ReadFile};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use super::cache::PartCache;
use super::format::{INDEX_HEADER_BYTES, IndexHeader, PART_FORMAT, TILE_ENTRY_BYTES, TileEntry, key};
use super::sink::{tail_digits, value_position};
use super::types::{PartError, PartMeta};
use crate::ids::{StoreId, TenantId};
use crate::limits::CHECKSUM_BLOCK_BYTES;
use crate::time::{TimeRange, Window};

/// Bytes of Parquet's last words: the footer's length and the magic.
const FOOTER_END_BYTES: u64 = 8;
const PARQUET_MAGIC: &[u8; 4] = b"PAR1";

/// Slots of the cache that are no offsets.
mod slot {
    pub(super) const METADATA: u64 = u64::MAX;
    pub(super) const CHECKSUMS: u64 = u64::MAX - 1;
    pub(super) const TILES: u64 = u64::MAX - 2;
}

/// An open part. Resident are this struct and its path; the rest comes through the cache.
pub struct Part {
    fs: Arc<dyn Fs>,
    file: Arc<dyn ReadFile>,
    path: PathBuf,
    cache: Arc<PartCache>,
    number: u64,
    meta: PartMeta,
    slice_length_s: i64,
    bytes: u64,
    checksums_offset: u64,
    tail_crc: u32,
    header: IndexHeader,
    doomed: AtomicBool,
}

impl Part {
    /// Opens a part and verifies its tail (footer, page index, table of checksums) and the header of its index.
    pub fn open(fs: &Arc<dyn Fs>, path: &Path, cache: &Arc<PartCache>) -> Result<Arc<Self>, PartError> {
        let file = fs.open_read(path).map_err(|source| PartError::io(path, source))?;
        let bytes = file.len().map_err(|source| PartError::io(path, source))?;
        let footer = read_footer(&*file, path, bytes)?;
        let damaged = |reason: &str| PartError::damaged(path, bytes, reason);
        let checksums_offset = hex_value(&footer, key::CHECKSUMS_OFFSET)
            .filter(|offset| *offset < bytes)
            .ok_or_else(|| damaged("the footer does not say where the tail begins"))?;
        let tail = read_at(&*file, path, checksums_offset..bytes)?;
        let tail_crc = verify_tail(&tail).ok_or_else(|| damaged("the checksum of the tail"))?;
        let metadata = parse_metadata(tail, checksums_offset, bytes, path)?;
        let values = KeyValues(&metadata);
        let format: u32 = values.parse(key::FORMAT).ok_or_else(|| damaged("no format number"))?;
        if format > PART_FORMAT {
            return Err(PartError::NewerFormat {
                path: path.to_owned(),
                found: format,
                supported: PART_FORMAT,
            });
        }
        let meta = values.meta().ok_or_else(|| damaged("the footer's icecore values"))?;
        let slice_length_s = values
            .parse(key::SLICE_LENGTH_S)
            .ok_or_else(|| damaged("no slice length"))?;
        let index_offset = hex_value(&footer, key::INDEX_OFFSET).ok_or_else(|| damaged("no index offset"))?;
        let mut part = Self {
            fs: fs.clone(),
            file,
            path: path.to_owned(),
            cache: cache.clone(),
            number: cache.part_number(),
            header: IndexHeader {
                signal: meta.signal,
                rows: 0,
                time_range: TimeRange::new(0, -1),
                tiles: 0,
                groups: 0,
                keys: 0,
                term_blocks: 0,
                tile_table: Default::default(),
                key_table: Default::default(),
                term_directory: Default::default(),
                postings: Default::default(),
            },
            meta,
            slice_length_s,
            bytes,
            checksums_offset,
            tail_crc,
            doomed: AtomicBool::new(false),
        };
        let header = part.read_verified(index_offset..index_offset.saturating_add(INDEX_HEADER_BYTES as u64))?;
        part.header = IndexHeader::decode(&header)
            .filter(|header| header.signal == part.meta.signal)
            .ok_or_else(|| part.damaged(index_offset, "the header of the index"))?;
        Ok(Arc::new(part))
    }

    /// Whose rows, and which.
    pub fn meta(&self) -> &PartMeta {
        &self.meta
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows.
    pub fn rows(&self) -> u64 {
        self.header.rows
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// First to last timestamp, in the signal's unit; empty without rows.
    pub fn time_range(&self) -> TimeRange {
        self.header.time_range
    }

    /// Groups: for metrics, series counted once per slice.
    pub fn group_count(&self) -> u64 {
        u64::from(self.header.groups)
    }

    /// Tiles, which are Parquet's row groups.
    pub fn tile_count(&self) -> usize {
        self.header.tiles as usize
    }

    /// Seconds of a slice.
    pub fn slice_length_s(&self) -> i64 {
        self.slice_length_s
    }

    /// Where each slice starts (seconds), ascending.
    pub fn slices(&self) -> Result<Vec<i64>, PartError> {
        let mut slices: Vec<i64> = self.tiles()?.iter().map(|tile| tile.slice_start_s).collect();
        slices.dedup();
        Ok(slices)
    }

    /// Removes the file when the last holder of this part lets go.
    pub fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    /// The header of the index.
    pub(crate) fn header(&self) -> &IndexHeader {
        &self.header
    }

    /// The cache and this part's number in it.
    pub(crate) fn cache(&self) -> (&PartCache, u64) {
        (&self.cache, self.number)
    }

    /// Where the checksummed body ends.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.checksums_offset
    }

    /// An error that names this file.
    pub(crate) fn damaged(&self, offset: u64, reason: &str) -> PartError {
        PartError::damaged(&self.path, offset, reason)
    }

    /// The Parquet metadata with its page index.
    pub fn parquet_metadata(&self) -> Result<Arc<ParquetMetaData>, PartError> {
        self.cache.get(self.number, slot::METADATA, || {
            let tail = self.read_tail()?;
            let metadata = parse_metadata(tail, self.checksums_offset, self.bytes, &self.path)?;
            let bytes = metadata.memory_size();
            Ok((metadata, bytes))
        })
    }

    /// The tail, verified against what it was when the part was opened.
    fn read_tail(&self) -> Result<Bytes, PartError> {
        let tail = read_at(&*self.file, &self.path, self.checksums_offset..self.bytes)?;
        match verify_tail(&tail) {
            Some(crc) if crc == self.tail_crc => Ok(tail),
            _ => Err(self.damaged(self.checksums_offset, "the checksum of the tail")),
        }
    }

    fn checksums(&self) -> Result<Arc<Vec<u32>>, PartError> {
        self.cache.get(self.number, slot::CHECKSUMS, || {
            let tail = self.read_tail()?;
            let blocks = self.checksums_offset.div_ceil(CHECKSUM_BLOCK_BYTES as u64) as usize;
            let table = tail
                .get(..blocks * 4)
                .ok_or_else(|| self.damaged(self.checksums_offset, "a table of checksums that is too short"))?;
            let (words, _) = table.as_chunks::<4>();
            let sums: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
            let bytes = sums.len() * 4;
            Ok((sums, bytes))
        })
    }

    /// The tile table.
    pub(crate) fn tiles(&self) -> Result<Arc<Vec<TileEntry>>, PartError> {
        self.cache.get(self.number, slot::TILES, || {
            let extent = self.header.tile_table;
            let table = self.read_extent(extent.offset, extent.bytes)?;
            let tiles: Option<Vec<TileEntry>> = table.chunks_exact(TILE_ENTRY_BYTES).map(TileEntry::decode).collect();
            let tiles = tiles
                .filter(|tiles| follow_one_another(tiles, &self.header))
                .ok_or_else(|| self.damaged(extent.offset, "the tile table"))?;
            let bytes = table.len();
            Ok((tiles, bytes))
        })
    }

    /// `bytes` from `offset`, verified.
    pub(crate) fn read_extent(&self, offset: u64, bytes: u64) -> Result<Bytes, PartError> {
        let end = offset
            .checked_add(bytes)
            .ok_or_else(|| self.damaged(offset, "an extent beyond the file"))?;
        self.read_verified(offset..end)
    }

    /// Reads a range of the file; every block that it touches is verified first. The tail is verified as a whole.
    pub fn read_verified(&self, range: Range<u64>) -> Result<Bytes, PartError> {
        if range.start > range.end || range.end > self.bytes {
            return Err(self.damaged(range.start, "a range beyond the file"));
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        if range.end <= self.checksums_offset {
            return self.read_blocks(range);
        }
        let tail = self.read_tail()?;
        let from_tail = |start: u64| {
            let start = (start - self.checksums_offset) as usize;
            let end = (range.end - self.checksums_offset) as usize;
            tail.slice(start..end)
        };
        if range.start >= self.checksums_offset {
            return Ok(from_tail(range.start));
        }
        let mut joined = BytesMut::from(self.read_blocks(range.start..self.checksums_offset)?.as_ref());
        joined.extend_from_slice(&from_tail(self.checksums_offset));
        Ok(joined.freeze())
    }

    fn read_blocks(&self, range: Range<u64>) -> Result<Bytes, PartError> {
        let block_bytes = CHECKSUM_BLOCK_BYTES as u64;
        let first_block = range.start / block_bytes;
        let start = first_block * block_bytes;
        let end = range
            .end
            .div_ceil(block_bytes)
            .saturating_mul(block_bytes)
            .min(self.checksums_offset);
        let checksums = self.checksums()?;
        let bytes = read_at(&*self.file, &self.path, start..end)?;
        let expected = checksums.get(first_block as usize..).unwrap_or_default();
        let blocks = bytes.chunks(CHECKSUM_BLOCK_BYTES);
        if expected.len() < blocks.len() {
            return Err(self.damaged(start, "no checksum for a block"));
        }
        for (i, (block, expected)) in blocks.zip(expected).enumerate() {
            if crc32c::crc32c(block) != *expected {
                return Err(self.damaged(start + i as u64 * block_bytes, "the checksum of a block"));
            }
        }
        Ok(bytes.slice((range.start - start) as usize..(range.end - start) as usize))
    }
}

/// Whether the tiles cover the rows and the groups that the header counts, without gap or overlap.
fn follow_one_another(tiles: &[TileEntry], header: &IndexHeader) -> bool {
    let (mut row, mut group) = (0u64, 0u32);
    for tile in tiles {
        let (Some(next_row), Some(next_group)) =
            (row.checked_add(u64::from(tile.rows)), group.checked_add(tile.groups))
        else {
            return false;
        };
        if (tile.first_row, tile.first_group) != (row, group) {
            return false;
        }
        (row, group) = (next_row, next_group);
    }
    (tiles.len(), row, group) == (header.tiles as usize, header.rows, header.groups)
}

impl Drop for Part {
    fn drop(&mut self) {
        self.cache.forget(self.number);
        if self.doomed.load(Ordering::Acquire) {
            // A file that stays is found again and removed at the next open: its range is covered by another part.
            let _ = self.fs.remove_file(&self.path);
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({}, {} rows)", self.path.display(), self.header.rows)
    }
}

fn read_at(file: &dyn ReadFile, path: &Path, range: Range<u64>) -> Result<Bytes, PartError> {
    file.read_at(range.start, (range.end - range.start) as usize)
        .map_err(|source| PartError::io(path, source))
}

/// The footer, unverified: only good for finding the tail.
fn read_footer(file: &dyn ReadFile, path: &Path, bytes: u64) -> Result<Bytes, PartError> {
    let damaged = |reason| PartError::damaged(path, bytes, reason);
    if bytes < FOOTER_END_BYTES {
        return Err(damaged("too short for a Parquet file"));
    }
    let end = read_at(file, path, bytes - FOOTER_END_BYTES..bytes)?;
    let (length, magic) = end.split_first_chunk::<4>().ok_or_else(|| damaged("no footer"))?;
    let length = u64::from(u32::from_le_bytes(*length));
    if magic != PARQUET_MAGIC || length + FOOTER_END_BYTES > bytes {
        return Err(damaged("no Parquet footer"));
    }
    read_at(file, path, bytes - FOOTER_END_BYTES - length..bytes)
}

/// A value of 16 hex digits, found in the bytes of the footer.
fn hex_value(footer: &[u8], name: &str) -> Option<u64> {
    let digits = footer.get(value_position(footer, name, 16)?)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The tail's checksum, if it is right.
fn verify_tail(tail: &[u8]) -> Option<u32> {
    let digits = tail_digits(tail)?;
    let stored = tail.get(digits.clone())?;
    let mut crc = crc32c::crc32c(tail.get(..digits.start)?);
    crc = crc32c::crc32c_append(crc, super::sink::TAIL_DIGITS_ZERO.as_bytes());
    crc = crc32c::crc32c_append(crc, tail.get(digits.end..)?);
    // Compared as text: digits of another case are damage too.
    (format!("{crc:08x}").as_bytes() == stored).then_some(crc)
}

/// Parses footer and page index out of a verified tail.
fn parse_metadata(tail: Bytes, tail_offset: u64, bytes: u64, path: &Path) -> Result<ParquetMetaData, PartError> {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader
        .try_parse_sized(&TailReader { tail, tail_offset }, bytes)
        .and_then(|()| reader.finish())
        .map_err(|error| PartError::damaged(path, tail_offset, error.to_string()))
}

/// The tail of a file, addressed as the file is.
struct TailReader {
    tail: Bytes,
    tail_offset: u64,
}

impl parquet::file::reader::Length for TailReader {
    fn len(&self) -> u64 {
        self.tail_offset + self.tail.len() as u64
    }
}

impl parquet::file::reader::ChunkReader for TailReader {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let length = self.tail.len() as u64;
        let rest = self.get_bytes(start, (self.tail_offset + length).saturating_sub(start) as usize)?;
        Ok(bytes::Buf::reader(rest))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let at = start
            .checked_sub(self.tail_offset)
            .and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| Some(at..at.checked_add(length)?))
            .filter(|range| range.end <= self.tail.len())
            .map(|range| self.tail.slice(range))
            .ok_or_else(|| parquet::errors::ParquetError::EOF(format!("byte {start} is not in the tail")))
    }
}

/// The footer's key-value pairs.
struct KeyValues<'a>(&'a ParquetMetaData);

impl KeyValues<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let pairs = self.0.file_metadata().key_value_metadata()?;
        pairs.iter().rfind(|pair| pair.key == name)?.value.as_deref()
    }

    fn parse<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn hex(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.text(name)?, 16).ok()
    }

    fn meta(&self) -> Option<PartMeta> {
        let store = u128::from_str_radix(self.text(key::STORE)?, 16).ok()?;
        Some(PartMeta {
            store: StoreId(store.to_be_bytes()),
            tenant: TenantId::new(self.text(key::TENANT)?).ok()?,
            signal: self.parse(key::SIGNAL)?,
            window: Window {
                start_s: self.parse(key::WINDOW_START_S)?,
                length_s: self.parse(key::WINDOW_LENGTH_S)?,
            },
            first_lsn: Lsn::new(self.hex(key::FIRST_LSN)?),
            last_lsn: Lsn::new(self.hex(key::LAST_LSN)?),
        })
    }
}
