//! What replay gives to its visitor, and what it tells about the state of the log.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;

use crate::Lsn;

/// One thing found by replay, in the order of the log.
#[derive(Debug)]
pub enum Replayed<'a> {
    /// A segment begins: references defined before mean nothing from here on.
    Segment {
        /// LSN of its first record.
        first_lsn: Lsn,
        /// Whether it is the newest segment.
        last: bool,
    },
    /// What a reference means in this segment, in front of the first record that uses it.
    Definition {
        /// Name space of the reference.
        space: u32,
        /// The reference.
        reference: u32,
        /// What the `define` callback wrote.
        bytes: &'a [u8],
    },
    /// A record.
    Record {
        /// Its number.
        lsn: Lsn,
        /// Its body, from an 8-byte boundary on; it keeps the segment's map alive.
        body: Bytes,
    },
    /// Something before this point is lost: the log goes on after damage.
    Gap {
        /// First lost record.
        first: Lsn,
        /// Last lost record; `first.previous()` when only definitions are lost.
        last: Lsn,
        /// Definitions lost with them. When not 0, later records of this segment may use references that are not defined:
        /// such a record cannot be read and is lost too.
        definitions: u32,
    },
}

/// Why a range cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageReason {
    /// Bytes differ from their checksum.
    Checksum,
    /// The disk could not read some of them.
    Unreadable,
    /// The segment's header is damaged; its records were found without it.
    Header,
    /// The segment belongs to another store and was not replayed.
    ForeignStore,
    /// The file ends, or is zero, where records should be.
    Lost,
}

/// A damaged stretch of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedRange {
    /// The segment.
    pub path: PathBuf,
    /// First byte that cannot be used.
    pub offset: u64,
    /// Bytes up to the next valid frame, or to the end of what is not zero.
    pub bytes: u64,
    /// First lost record.
    pub first_lsn: Lsn,
    /// Last lost record; `first_lsn.previous()` when no record is lost.
    pub last_lsn: Lsn,
    /// Why.
    pub reason: DamageReason,
}

impl fmt::Display for DamagedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            DamageReason::Checksum => "checksum mismatch",
            DamageReason::Unreadable => "unreadable",
            DamageReason::Header => "damaged header",
            DamageReason::ForeignStore => "segment of another store",
            DamageReason::Lost => "records missing",
        };
        write!(
            f,
            "{} at byte {}, {} bytes, {}: {reason}",
            self.path.display(),
            self.offset,
            self.bytes,
            crate::error::lsn_range(self.first_lsn, self.last_lsn)
        )
    }
}

/// Records that were in a segment whose file is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingSegment {
    /// First record that no file holds.
    pub first_lsn: Lsn,
    /// Last record that no file holds.
    pub last_lsn: Lsn,
}

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Segments read.
    pub segments: u64,
    /// Records given to the visitor.
    pub records: u64,
    /// Definitions given to the visitor.
    pub definitions: u64,
    /// Bytes of valid frames.
    pub bytes: u64,
    /// Bytes of an unfinished write at the end of the newest segment. They were never acknowledged under
    /// [`crate::SyncPolicy::EveryCommit`], unless the last group itself was damaged later: the two look the same.
    pub torn_tail_bytes: u64,
    /// Damaged ranges, the first [`crate::limits::DAMAGED_RANGES_MAX`] of them.
    pub damaged: Vec<DamagedRange>,
    /// Damaged ranges, all of them.
    pub damaged_ranges: u64,
    /// Bytes of damaged ranges.
    pub damaged_bytes: u64,
    /// Records lost in damaged ranges.
    pub damaged_records: u64,
    /// Missing segments.
    pub missing: Vec<MissingSegment>,
    /// Number that the next record gets.
    pub next_lsn: Lsn,
}

impl ReplayReport {
    /// Whether nothing acknowledged is known to be lost.
    pub fn is_whole(&self) -> bool {
        self.damaged_ranges == 0 && self.missing.is_empty()
    }
}
