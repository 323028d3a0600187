//! Reading one segment: frame after frame while they are valid, and past damage to the next one that is.
//!
//! A frame counts only if both its checksums hold and it continues the sequence: the expected LSN, and as many definitions
//! before it as were seen. After damage a later LSN is accepted too, as far as the damaged bytes can have held the records
//! between.

use bytes::Bytes;

use crate::Lsn;
use crate::format::{
    FRAME_ALIGN, FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, FrameKind, HEADER_BYTES, decode_definitions, frame_seed,
};

/// One thing in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A payload for [`decode_definitions`], known to be well formed, and how many it holds.
    Definitions {
        /// The payload.
        payload: Bytes,
        /// Definitions in it.
        count: u32,
    },
    /// A record.
    Record {
        /// Its number.
        lsn: Lsn,
        /// Its body.
        body: Bytes,
    },
    /// Bytes that hold no valid frame, with valid frames after them.
    Damage {
        /// First damaged byte.
        offset: usize,
        /// Damaged bytes.
        bytes: usize,
        /// First lost record.
        first: Lsn,
        /// Last lost record; `first.previous()` when none is lost.
        last: Lsn,
        /// Lost definitions.
        definitions: u32,
    },
}

/// How a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanEnd {
    /// Number that a record after the last valid frame would have.
    pub next_lsn: Lsn,
    /// Last record found; the number before the segment's first when there is none.
    pub last_lsn: Lsn,
    /// Every record up to this one was durable when some frame found here was written; 0 when no frame was found.
    pub durable_lsn: Lsn,
    /// Everything before this byte was durable when some frame found here was written.
    pub proven_end: usize,
    /// First byte after the last valid frame.
    pub offset: usize,
    /// Bytes from there to the last one that is not zero, or to the first valid frame above the limit: an unfinished write, or
    /// damage. 0 when all records up to the limit were found, whatever follows.
    pub tail_bytes: usize,
    /// Bytes of valid frames.
    pub valid_bytes: u64,
}

/// An iterator over what a segment holds.
#[derive(Debug)]
pub struct Scan {
    bytes: Bytes,
    seed: u32,
    limit: Lsn,
    offset: usize,
    expected: Lsn,
    last: Lsn,
    definitions: u32,
    durable: Lsn,
    proven_end: usize,
    valid_bytes: u64,
    tail_bytes: usize,
    done: bool,
}

/// A frame whose checksums hold.
struct Frame {
    header: FrameHeader,
    payload: Bytes,
    definitions: u32,
}

enum At {
    Valid(Frame),
    /// No frame; the search goes on at this offset.
    Damaged(usize),
}

impl Scan {
    /// Scans the bytes of a segment file (its header block is skipped unread) up to the record `limit`.
    pub fn new(bytes: Bytes, store_id: &[u8; 16], first_lsn: Lsn, limit: Lsn) -> Scan {
        Scan {
            bytes,
            seed: frame_seed(store_id, first_lsn),
            limit,
            offset: HEADER_BYTES,
            expected: first_lsn,
            last: first_lsn.previous(),
            definitions: 0,
            durable: Lsn::ZERO,
            proven_end: HEADER_BYTES,
            valid_bytes: 0,
            tail_bytes: 0,
            done: false,
        }
    }

    /// How the segment ended; meaningful once the iterator gave `None`.
    pub fn end(&self) -> ScanEnd {
        ScanEnd {
            next_lsn: self.expected,
            last_lsn: self.last,
            durable_lsn: self.durable,
            proven_end: self.proven_end,
            offset: self.offset,
            tail_bytes: self.tail_bytes,
            valid_bytes: self.valid_bytes,
        }
    }

    fn frame_at(&self, offset: usize) -> At {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        let Some(header) = FrameHeader::decode(rest, self.seed) else {
            return At::Damaged(offset + FRAME_ALIGN);
        };
        let end = offset + header.frame_bytes();
        let Some(covered) = self.bytes.get(offset + FRAME_HEADER_BYTES..end) else {
            // The length is under a checksum: the file ends inside the frame.
            return At::Damaged(self.bytes.len());
        };
        if crc32c::crc32c(covered) != header.payload_checksum {
            return At::Damaged(end);
        }
        let start = offset + FRAME_HEADER_BYTES;
        let payload = self.bytes.slice(start..start + header.payload_bytes as usize);
        let definitions = match header.kind {
            FrameKind::Record => 0,
            FrameKind::Definitions => match decode_definitions(&payload) {
                Some(definitions) => definitions.len() as u32,
                None => return At::Damaged(end),
            },
        };
        At::Valid(Frame {
            header,
            payload,
            definitions,
        })
    }

    /// Whether a frame found `distance` bytes after the last valid one can continue the sequence.
    fn continues(&self, header: &FrameHeader, distance: usize) -> bool {
        let possible = (distance / FRAME_HEADER_BYTES) as u64;
        let lost_definitions = header.definitions_before.checked_sub(self.definitions);
        header.lsn >= self.expected
            && header.lsn.get() - self.expected.get() <= possible
            && lost_definitions.is_some_and(|lost| lost == 0 || distance > 0)
    }

    /// The next valid frame at or after `from` that continues the sequence.
    fn find_frame(&self, from: usize) -> Option<(usize, Frame)> {
        let mut offset = from;
        loop {
            let rest = self.bytes.get(offset..)?;
            let skip = rest
                .chunks_exact(FRAME_ALIGN)
                .position(|chunk| chunk.starts_with(&FRAME_MAGIC))?;
            offset += skip * FRAME_ALIGN;
            match self.frame_at(offset) {
                At::Valid(frame) if self.continues(&frame.header, offset - self.offset) => {
                    return Some((offset, frame));
                }
                At::Valid(_) => offset += FRAME_ALIGN,
                At::Damaged(next) => offset = next,
            }
        }
    }

    /// Takes a valid frame that continues the sequence without a gap.
    fn accept(&mut self, frame: Frame) -> Option<Found> {
        let header = frame.header;
        if header.lsn > self.limit {
            // What follows was written again, into a later segment.
            self.done = true;
            return None;
        }
        if header.durable_lsn > self.durable && header.durable_lsn >= header.lsn.previous() {
            self.proven_end = self.offset;
        }
        self.offset += header.frame_bytes();
        self.valid_bytes += header.frame_bytes() as u64;
        self.durable = self.durable.max(header.durable_lsn);
        match header.kind {
            FrameKind::Definitions => {
                self.definitions = self.definitions.saturating_add(frame.definitions);
                Some(Found::Definitions {
                    payload: frame.payload,
                    count: frame.definitions,
                })
            }
            FrameKind::Record => {
                self.expected = header.lsn.next();
                self.last = header.lsn;
                Some(Found::Record {
                    lsn: header.lsn,
                    body: frame.payload,
                })
            }
        }
    }

    /// Steps over damage to a frame found at `offset`; the frame itself comes with the next call.
    fn skip_to(&mut self, offset: usize, header: &FrameHeader) -> Option<Found> {
        if header.lsn > self.limit {
            self.done = true;
            self.tail_bytes = offset - self.offset;
            return None;
        }
        let found = Found::Damage {
            offset: self.offset,
            bytes: offset - self.offset,
            first: self.expected,
            last: header.lsn.previous(),
            definitions: header.definitions_before - self.definitions,
        };
        self.offset = offset;
        self.expected = header.lsn;
        self.definitions = header.definitions_before;
        Some(found)
    }

    fn finish(&mut self) -> Option<Found> {
        self.done = true;
        let tail = self.bytes.get(self.offset..).unwrap_or_default();
        self.tail_bytes = len_without_zeros(tail);
        None
    }
}

impl Iterator for Scan {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.done {
            return None;
        }
        if self.expected > self.limit {
            self.done = true;
            return None;
        }
        let resume = match self.frame_at(self.offset) {
            At::Valid(frame) if self.continues(&frame.header, 0) => return self.accept(frame),
            At::Valid(_) => self.offset + FRAME_ALIGN,
            At::Damaged(next) => next,
        };
        match self.find_frame(resume) {
            Some((offset, frame)) => self.skip_to(offset, &frame.header),
            None => self.finish(),
        }
    }
}

/// Length up to the last byte that is not zero.
fn len_without_zeros(bytes: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    let blocks = bytes.chunks(BLOCK);
    let mut end = bytes.len();
    for block in blocks.rev() {
        // A fold without an early exit, which compiles to wide instructions.
        if block.iter().fold(0, |all, byte| all | byte) != 0 {
            let start = end - block.len();
            return start + block.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        }
        end -= block.len();
    }
    0
}

#[cfg(test)]
mod tests;
