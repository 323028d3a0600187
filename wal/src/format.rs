//! The bytes of a segment: its header block and its frames. `docs/wal-format.md` shows them as tables; a test compares it
//! with the constants here.
//!
//! Every frame carries two checksums, of its header and of its payload. The first is seeded with the identity of the
//! segment, so that bytes a client chose cannot pass for a frame, and a frame of another segment or store is none here; it
//! also makes the length trustworthy before it is used.

use std::ops::Range;

use crate::Lsn;

/// First bytes of a segment.
pub const HEADER_MAGIC: [u8; 8] = *b"icewal\r\n";
/// Version that this build writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 0;
/// Bytes of the header block, so that it shares no sector with a record.
pub const HEADER_BYTES: usize = 4096;
/// Offset of the format version in the header block.
pub const HEADER_VERSION_AT: usize = 8;
/// Offset of the header block's length.
pub const HEADER_LENGTH_AT: usize = 12;
/// Offset of the store id.
pub const HEADER_STORE_ID_AT: usize = 16;
/// Offset of the first LSN.
pub const HEADER_FIRST_LSN_AT: usize = 32;
/// Offset of the first LSN of the segment before.
pub const HEADER_PREVIOUS_FIRST_LSN_AT: usize = 40;
/// Offset of the last LSN of the segments before.
pub const HEADER_PREVIOUS_LAST_LSN_AT: usize = 48;
/// Offset of the number of known gaps in the segment before.
pub const HEADER_GAP_COUNT_AT: usize = 56;
/// Offset of the known gaps: pairs of offset and bytes.
pub const HEADER_GAPS_AT: usize = 64;
/// Bytes of a known gap.
pub const HEADER_GAP_BYTES: usize = 16;
/// Known gaps that a header holds; where there are more, the last one spans them.
pub const HEADER_GAPS_MAX: usize = 251;
/// Offset of the header's checksum, over all bytes before it.
pub const HEADER_CHECKSUM_AT: usize = HEADER_BYTES - 4;

/// First bytes of a frame.
pub const FRAME_MAGIC: [u8; 4] = [0xF7, b'r', b'e', 0xC0];
/// Bytes of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 40;
/// Frames and payloads start on multiples of this.
pub const FRAME_ALIGN: usize = 8;
/// Offset of the payload's length, padding not counted.
pub const FRAME_PAYLOAD_BYTES_AT: usize = 4;
/// Offset of the LSN.
pub const FRAME_LSN_AT: usize = 8;
/// Offset of the last LSN that was durable when the frame was written.
pub const FRAME_DURABLE_LSN_AT: usize = 16;
/// Offset of the number of definitions before this frame in the segment.
pub const FRAME_DEFINITIONS_BEFORE_AT: usize = 24;
/// Offset of the kind.
pub const FRAME_KIND_AT: usize = 28;
/// Offset of the payload's checksum, over payload and padding.
pub const FRAME_PAYLOAD_CHECKSUM_AT: usize = 32;
/// Offset of the header's checksum, over the bytes of the header before it.
pub const FRAME_HEADER_CHECKSUM_AT: usize = 36;

/// Kind of a frame that holds a record.
pub const KIND_RECORD: u8 = 1;
/// Kind of a frame that holds definitions.
pub const KIND_DEFINITIONS: u8 = 2;

/// Bytes in front of each definition: space, reference, length.
pub const DEFINITION_HEADER_BYTES: usize = 12;
/// Definitions start on multiples of this in their payload.
pub const DEFINITION_ALIGN: usize = 4;

/// Reads `N` bytes at an offset; zeros when there are not so many, which no caller lets happen.
fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .unwrap_or([0; N])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(target) = bytes.get_mut(at..at + value.len()) {
        target.copy_from_slice(value);
    }
}

/// `len` rounded up to a multiple of `align`.
pub(crate) const fn padded(len: usize, align: usize) -> usize {
    len.next_multiple_of(align)
}

/// What a segment says about itself and the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Identity of the store.
    pub store_id: [u8; 16],
    /// Number of the first record.
    pub first_lsn: Lsn,
    /// First LSN of the segment before, 0 when there is none.
    pub previous_first_lsn: Lsn,
    /// Last record of the segments before; what they hold above it was not acknowledged.
    pub previous_last_lsn: Lsn,
    /// Bytes of the segment before that an unfinished write left unusable, in front of records that are good. They were known
    /// when this segment began, and are no damage. At most [`HEADER_GAPS_MAX`].
    pub previous_gaps: Vec<Range<u64>>,
}

/// Why a header block cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// Wrong magic, checksum or length.
    Damaged,
    /// A valid header of a newer version.
    TooNew(u32),
}

impl SegmentHeader {
    /// The header block.
    pub fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; HEADER_BYTES];
        put(&mut block, 0, &HEADER_MAGIC);
        put(&mut block, HEADER_VERSION_AT, &FORMAT_VERSION.to_le_bytes());
        put(&mut block, HEADER_LENGTH_AT, &(HEADER_BYTES as u32).to_le_bytes());
        put(&mut block, HEADER_STORE_ID_AT, &self.store_id);
        put(&mut block, HEADER_FIRST_LSN_AT, &self.first_lsn.get().to_le_bytes());
        put(
            &mut block,
            HEADER_PREVIOUS_FIRST_LSN_AT,
            &self.previous_first_lsn.get().to_le_bytes(),
        );
        put(
            &mut block,
            HEADER_PREVIOUS_LAST_LSN_AT,
            &self.previous_last_lsn.get().to_le_bytes(),
        );
        let gaps = self.previous_gaps.iter().take(HEADER_GAPS_MAX);
        put(&mut block, HEADER_GAP_COUNT_AT, &(gaps.len() as u32).to_le_bytes());
        for (index, gap) in gaps.enumerate() {
            let at = HEADER_GAPS_AT + index * HEADER_GAP_BYTES;
            put(&mut block, at, &gap.start.to_le_bytes());
            put(&mut block, at + 8, &(gap.end - gap.start).to_le_bytes());
        }
        let checksum = block.get(..HEADER_CHECKSUM_AT).map_or(0, crc32c::crc32c);
        put(&mut block, HEADER_CHECKSUM_AT, &checksum.to_le_bytes());
        block
    }

    /// Reads a header block.
    ///
    /// # Errors
    /// [`HeaderError`] when it is not one that this build reads.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, HeaderError> {
        let block = bytes.get(..HEADER_BYTES).ok_or(HeaderError::Damaged)?;
        let covered = block.get(..HEADER_CHECKSUM_AT).ok_or(HeaderError::Damaged)?;
        if !block.starts_with(&HEADER_MAGIC) || crc32c::crc32c(covered) != u32_at(block, HEADER_CHECKSUM_AT) {
            return Err(HeaderError::Damaged);
        }
        let version = u32_at(block, HEADER_VERSION_AT);
        if version > FORMAT_VERSION {
            return Err(HeaderError::TooNew(version));
        }
        if u32_at(block, HEADER_LENGTH_AT) != HEADER_BYTES as u32 {
            return Err(HeaderError::Damaged);
        }
        let gap_count = u32_at(block, HEADER_GAP_COUNT_AT) as usize;
        if gap_count > HEADER_GAPS_MAX {
            return Err(HeaderError::Damaged);
        }
        let gap = |index| {
            let at = HEADER_GAPS_AT + index * HEADER_GAP_BYTES;
            let start = u64_at(block, at);
            start..start.saturating_add(u64_at(block, at + 8))
        };
        Ok(SegmentHeader {
            previous_gaps: (0..gap_count).map(gap).collect(),
            store_id: bytes_at(block, HEADER_STORE_ID_AT),
            first_lsn: Lsn::new(u64_at(block, HEADER_FIRST_LSN_AT)),
            previous_first_lsn: Lsn::new(u64_at(block, HEADER_PREVIOUS_FIRST_LSN_AT)),
            previous_last_lsn: Lsn::new(u64_at(block, HEADER_PREVIOUS_LAST_LSN_AT)),
        })
    }
}

/// The seed of a segment's frame checksums. It follows from the store and the file's name, so that records can be read even
/// when the header block is damaged.
pub fn frame_seed(store_id: &[u8; 16], first_lsn: Lsn) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(store_id), &first_lsn.get().to_le_bytes())
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// The body of a record.
    Record,
    /// Definitions that the record of the same LSN is the first to need.
    Definitions,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the payload is.
    pub kind: FrameKind,
    /// Bytes of the payload, padding not counted.
    pub payload_bytes: u32,
    /// The record, or the record that the definitions stand before.
    pub lsn: Lsn,
    /// Every record up to this one was durable when the frame was written.
    pub durable_lsn: Lsn,
    /// Definitions before this frame in the segment, by which lost ones are noticed.
    pub definitions_before: u32,
    /// CRC32C of payload and padding.
    pub payload_checksum: u32,
}

impl FrameHeader {
    /// The header's bytes in a segment with this seed.
    pub fn encode(&self, seed: u32) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        put(&mut bytes, 0, &FRAME_MAGIC);
        put(&mut bytes, FRAME_PAYLOAD_BYTES_AT, &self.payload_bytes.to_le_bytes());
        put(&mut bytes, FRAME_LSN_AT, &self.lsn.get().to_le_bytes());
        put(&mut bytes, FRAME_DURABLE_LSN_AT, &self.durable_lsn.get().to_le_bytes());
        put(
            &mut bytes,
            FRAME_DEFINITIONS_BEFORE_AT,
            &self.definitions_before.to_le_bytes(),
        );
        let kind = match self.kind {
            FrameKind::Record => KIND_RECORD,
            FrameKind::Definitions => KIND_DEFINITIONS,
        };
        put(&mut bytes, FRAME_KIND_AT, &[kind]);
        put(
            &mut bytes,
            FRAME_PAYLOAD_CHECKSUM_AT,
            &self.payload_checksum.to_le_bytes(),
        );
        let checksum = bytes
            .get(..FRAME_HEADER_CHECKSUM_AT)
            .map_or(0, |covered| crc32c::crc32c_append(seed, covered));
        put(&mut bytes, FRAME_HEADER_CHECKSUM_AT, &checksum.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of `bytes`; `None` when there is no valid one of a segment with this seed. The payload
    /// is not looked at.
    pub fn decode(bytes: &[u8], seed: u32) -> Option<FrameHeader> {
        let bytes = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
        let covered = bytes.get(..FRAME_HEADER_CHECKSUM_AT)?;
        if !bytes.starts_with(&FRAME_MAGIC)
            || crc32c::crc32c_append(seed, covered) != u32_at(bytes, FRAME_HEADER_CHECKSUM_AT)
        {
            return None;
        }
        let kind = match bytes_at(bytes, FRAME_KIND_AT) {
            [KIND_RECORD, 0, 0, 0] => FrameKind::Record,
            [KIND_DEFINITIONS, 0, 0, 0] => FrameKind::Definitions,
            _ => return None,
        };
        Some(FrameHeader {
            kind,
            payload_bytes: u32_at(bytes, FRAME_PAYLOAD_BYTES_AT),
            lsn: Lsn::new(u64_at(bytes, FRAME_LSN_AT)),
            durable_lsn: Lsn::new(u64_at(bytes, FRAME_DURABLE_LSN_AT)),
            definitions_before: u32_at(bytes, FRAME_DEFINITIONS_BEFORE_AT),
            payload_checksum: u32_at(bytes, FRAME_PAYLOAD_CHECKSUM_AT),
        })
    }

    /// Bytes of header, payload and padding.
    pub fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + padded(self.payload_bytes as usize, FRAME_ALIGN)
    }
}

/// Checksum of a payload in pieces, with its padding.
pub(crate) fn payload_checksum<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> u32 {
    let (mut checksum, mut len) = (0, 0);
    for piece in pieces {
        checksum = crc32c::crc32c_append(checksum, piece);
        len += piece.len();
    }
    let padding = [0; FRAME_ALIGN];
    let count = padded(len, FRAME_ALIGN) - len;
    crc32c::crc32c_append(checksum, padding.get(..count).unwrap_or_default())
}

/// One definition in a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition<'a> {
    /// Name space of the reference.
    pub space: u32,
    /// The reference.
    pub reference: u32,
    /// What it means.
    pub bytes: &'a [u8],
}

/// The definitions of a payload; `None` when it is malformed.
pub fn decode_definitions(payload: &[u8]) -> Option<Vec<Definition<'_>>> {
    let mut definitions = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let body = rest.get(DEFINITION_HEADER_BYTES..)?;
        let len = u32_at(rest, 8) as usize;
        definitions.push(Definition {
            space: u32_at(rest, 0),
            reference: u32_at(rest, 4),
            bytes: body.get(..len)?,
        });
        rest = body.get(padded(len, DEFINITION_ALIGN)..)?;
    }
    Some(definitions)
}

/// Appends a definition to a payload: room for its header, the bytes that `fill` pushes, padding.
pub(crate) fn encode_definition(payload: &mut Vec<u8>, space: u32, reference: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = payload.len();
    payload.extend_from_slice(&[0; DEFINITION_HEADER_BYTES]);
    let body = payload.len();
    fill(payload);
    // A callback can only push; one that cuts the buffer gets an empty definition.
    payload.resize(payload.len().max(body), 0);
    let len = u32::try_from(payload.len() - body).unwrap_or(u32::MAX);
    payload.resize(padded(payload.len() - body, DEFINITION_ALIGN) + body, 0);
    put(payload, start, &space.to_le_bytes());
    put(payload, start + 4, &reference.to_le_bytes());
    put(payload, start + 8, &len.to_le_bytes());
}

#[cfg(test)]
mod tests;
