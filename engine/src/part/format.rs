//! The constants and fixed-width records of the part format; `docs/part-format.md` shows them as tables and a test compares.

use crate::ids::Signal;
use crate::time::TimeRange;

use super::wire::{take_array, take_i64, take_u32, take_u64};

/// Version of the part format that is written, and the newest that is read.
pub const PART_FORMAT: u32 = 0;
/// First bytes of the index header.
pub const INDEX_MAGIC: [u8; 8] = *b"ICEINDEX";
/// Bytes of the index header.
pub const INDEX_HEADER_BYTES: usize = 128;
/// Bytes of one entry of the tile table.
pub const TILE_ENTRY_BYTES: usize = 72;
/// Bytes of one entry of a tile's block directory.
pub const BLOCK_ENTRY_BYTES: usize = 8;
/// Groups of one group block at most.
pub const GROUPS_PER_BLOCK: usize = 256;
/// Log rows of one group.
pub const LOG_ROWS_PER_GROUP: usize = 1_024;
/// A term block is closed when its entries reach this many bytes.
pub const TERM_BLOCK_BYTES: usize = 8 * 1_024;
/// Postings of at most this many groups stand in the term block itself.
pub const INLINE_POSTINGS_MAX: usize = 8;

/// Names of the key-value pairs in the Parquet footer.
pub mod key {
    /// `PART_FORMAT`, decimal.
    pub const FORMAT: &str = "icecore.format";
    /// Store id, 32 hex digits.
    pub const STORE: &str = "icecore.store";
    /// Tenant's name.
    pub const TENANT: &str = "icecore.tenant";
    /// Signal's name.
    pub const SIGNAL: &str = "icecore.signal";
    /// First second of the partition's window, decimal.
    pub const WINDOW_START_S: &str = "icecore.window_start_s";
    /// Length of the partition's window in seconds, decimal.
    pub const WINDOW_LENGTH_S: &str = "icecore.window_length_s";
    /// Length of a slice in seconds, decimal.
    pub const SLICE_LENGTH_S: &str = "icecore.slice_length_s";
    /// First LSN covered, 16 hex digits.
    pub const FIRST_LSN: &str = "icecore.first_lsn";
    /// Last LSN covered, 16 hex digits.
    pub const LAST_LSN: &str = "icecore.last_lsn";
    /// Offset of the index header, 16 hex digits.
    pub const INDEX_OFFSET: &str = "icecore.index_offset";
    /// Offset of the checksum table, where the index ends and the tail begins, 16 hex digits.
    pub const CHECKSUMS_OFFSET: &str = "icecore.checksums_offset";
    /// CRC32C of the tail with these very digits as zeros, 8 hex digits.
    pub const TAIL_CRC32C: &str = "icecore.tail_crc32c";
}

/// Bits of a group's flags.
pub mod group_flag {
    /// The last sample is a stale marker.
    pub const LAST_IS_STALE: u8 = 1;
    /// A sample is a native histogram.
    pub const HAS_HISTOGRAMS: u8 = 2;
    /// A sample has a start time.
    pub const HAS_START_TIMESTAMPS: u8 = 4;
    /// The samples say their temporality.
    pub const HAS_TEMPORALITY: u8 = 8;
}

/// Nanoseconds or milliseconds of one second, by the signal's unit of time.
pub(crate) const fn units_per_second(signal: Signal) -> i64 {
    match signal {
        Signal::Metrics => 1_000,
        Signal::Logs | Signal::Traces => 1_000_000_000,
    }
}

/// Units of the signal's time in one unit of the index: group times are milliseconds for every signal.
pub(crate) const fn units_per_index_unit(signal: Signal) -> i64 {
    match signal {
        Signal::Metrics => 1,
        Signal::Logs | Signal::Traces => 1_000_000,
    }
}

/// A stretch of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// The header of the index: what stays resident of an open part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexHeader {
    pub(crate) signal: Signal,
    pub(crate) rows: u64,
    pub(crate) time_range: TimeRange,
    pub(crate) tiles: u32,
    pub(crate) groups: u32,
    pub(crate) keys: u32,
    pub(crate) term_blocks: u32,
    pub(crate) tile_table: Extent,
    pub(crate) key_table: Extent,
    pub(crate) term_directory: Extent,
    pub(crate) postings: Extent,
}

impl IndexHeader {
    /// The bytes at `icecore.index_offset`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(INDEX_HEADER_BYTES);
        out.extend_from_slice(&INDEX_MAGIC);
        out.extend_from_slice(&PART_FORMAT.to_le_bytes());
        out.extend_from_slice(&(self.signal as u32).to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.extend_from_slice(&self.time_range.start.to_le_bytes());
        out.extend_from_slice(&self.time_range.end.to_le_bytes());
        for count in [self.tiles, self.groups, self.keys, self.term_blocks] {
            out.extend_from_slice(&count.to_le_bytes());
        }
        for extent in [self.tile_table, self.key_table, self.term_directory, self.postings] {
            out.extend_from_slice(&extent.offset.to_le_bytes());
            out.extend_from_slice(&extent.bytes.to_le_bytes());
        }
        out.resize(INDEX_HEADER_BYTES, 0);
        out
    }

    /// Reads what `encode` wrote.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        if take_array::<8>(input)? != INDEX_MAGIC || take_u32(input)? != PART_FORMAT {
            return None;
        }
        let signal = Signal::from_u8(u8::try_from(take_u32(input)?).ok()?)?;
        let rows = take_u64(input)?;
        let time_range = TimeRange::new(take_i64(input)?, take_i64(input)?);
        let [tiles, groups, keys, term_blocks] =
            [take_u32(input)?, take_u32(input)?, take_u32(input)?, take_u32(input)?];
        let mut extent = || {
            Some(Extent {
                offset: take_u64(input)?,
                bytes: take_u64(input)?,
            })
        };
        Some(Self {
            signal,
            rows,
            time_range,
            tiles,
            groups,
            keys,
            term_blocks,
            tile_table: extent()?,
            key_table: extent()?,
            term_directory: extent()?,
            postings: extent()?,
        })
    }
}

/// One tile in the tile table. Times are in the signal's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileEntry {
    pub(crate) first_row: u64,
    pub(crate) rows: u32,
    pub(crate) first_group: u32,
    pub(crate) groups: u32,
    pub(crate) group_blocks: u32,
    pub(crate) slice_start_s: i64,
    pub(crate) min: i64,
    pub(crate) max: i64,
    /// Block directory, then group blocks.
    pub(crate) index_offset: u64,
    pub(crate) index_bytes: u32,
    /// Length of the hash table that follows.
    pub(crate) hashes_bytes: u32,
    /// Flags of all its groups, joined.
    pub(crate) flags: u32,
}

impl TileEntry {
    /// Appends the entry.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first_row.to_le_bytes());
        for number in [self.rows, self.first_group, self.groups, self.group_blocks] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for time in [self.slice_start_s, self.min, self.max] {
            out.extend_from_slice(&time.to_le_bytes());
        }
        out.extend_from_slice(&self.index_offset.to_le_bytes());
        for number in [self.index_bytes, self.hashes_bytes, self.flags, 0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Reads what `encode` wrote.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        Some(Self {
            first_row: take_u64(input)?,
            rows: take_u32(input)?,
            first_group: take_u32(input)?,
            groups: take_u32(input)?,
            group_blocks: take_u32(input)?,
            slice_start_s: take_i64(input)?,
            min: take_i64(input)?,
            max: take_i64(input)?,
            index_offset: take_u64(input)?,
            index_bytes: take_u32(input)?,
            hashes_bytes: take_u32(input)?,
            flags: take_u32(input)?,
        })
    }

    /// First row after it.
    pub(crate) fn end_row(&self) -> u64 {
        self.first_row + u64::from(self.rows)
    }

    /// First group after it.
    pub(crate) fn end_group(&self) -> u32 {
        self.first_group + self.groups
    }

    /// First instant to last.
    pub(crate) fn time_range(&self) -> TimeRange {
        TimeRange::new(self.min, self.max)
    }
}

/// What a group block says of one group; `first_row` counts from the tile's first, times are index units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) rows: u32,
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) flags: u8,
}
