//! One segment being written: its frames are put into the group's buffer here, with the definitions that they are the first
//! to need.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::Lsn;
use crate::definitions::Defined;
use crate::format::{
    FRAME_ALIGN, FrameHeader, FrameKind, SegmentHeader, encode_definition, frame_seed, padded, payload_checksum,
};
use crate::limits::{DEFINITIONS_FRAME_BYTES, SEGMENT_DEFINITIONS_FACTOR};
use crate::queue::Pending;
use crate::zero::Spare;

/// Ending of the names of segments; in front of it stands the first LSN.
pub(crate) const SEGMENT_SUFFIX: &str = ".wal";

/// The file name of a segment.
pub(crate) fn segment_name(first_lsn: Lsn) -> String {
    format!("{first_lsn}{SEGMENT_SUFFIX}")
}

/// The first LSN in a segment's file name; `None` for any other name.
pub(crate) fn parse_segment_name(name: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(SEGMENT_SUFFIX)?;
    let canonical = digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let number = u64::from_str_radix(digits, 16).ok()?;
    (canonical && number > 0).then_some(Lsn::new(number))
}

/// The callback that writes what a reference means.
pub(crate) type Define = Box<dyn Fn(u32, u32, &mut Vec<u8>) + Send>;

/// The active segment.
pub(crate) struct Segment {
    pub(crate) spare: Spare,
    /// The name it has, or will get with its first group.
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    /// Whether the file has its name: from then on a crash keeps it.
    pub(crate) named: bool,
    /// End of what was written successfully.
    pub(crate) position: u64,
    seed: u32,
    defined: Defined,
    definitions: u32,
    definition_bytes: u64,
}

/// What encoding a group counted.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Encoded {
    pub(crate) records: usize,
    pub(crate) definitions: u64,
}

impl Segment {
    pub(crate) fn new(spare: Spare, path: PathBuf, header: SegmentHeader) -> Segment {
        Segment {
            spare,
            path,
            seed: frame_seed(&header.store_id, header.first_lsn),
            header,
            named: false,
            position: 0,
            defined: Defined::default(),
            definitions: 0,
            definition_bytes: 0,
        }
    }

    /// The name it has now.
    pub(crate) fn current_path(&self) -> &Path {
        if self.named { &self.path } else { &self.spare.path }
    }

    /// Bytes at which the segment is full.
    pub(crate) fn capacity(&self, segment_bytes: u64) -> u64 {
        segment_bytes.max(self.definition_bytes.saturating_mul(SEGMENT_DEFINITIONS_FACTOR))
    }

    /// Puts frames of `batch` into `buffer` until the segment is full; a segment without records takes at least one.
    /// `next_lsn` is the first one's number.
    pub(crate) fn encode<'a, T: 'a>(
        &mut self,
        batch: impl Iterator<Item = &'a Pending<T>>,
        next_lsn: Lsn,
        durable_lsn: Lsn,
        segment_bytes: u64,
        define: &Define,
        buffer: &mut Vec<u8>,
    ) -> Encoded {
        if !self.named {
            buffer.extend_from_slice(&self.header.encode());
        }
        let mut encoded = Encoded::default();
        let mut lsn = next_lsn;
        for pending in batch {
            let end = self.position + buffer.len() as u64 + u64::from(pending.payload_bytes);
            if end > self.capacity(segment_bytes) && lsn > self.header.first_lsn {
                break;
            }
            encoded.definitions += self.put_definitions(pending, lsn, durable_lsn, define, buffer);
            self.put_frame(
                FrameHeader {
                    kind: FrameKind::Record,
                    payload_bytes: pending.payload_bytes,
                    lsn,
                    durable_lsn,
                    definitions_before: self.definitions,
                    payload_checksum: pending.payload_checksum,
                },
                &pending.record.body,
                buffer,
            );
            encoded.records += 1;
            lsn = lsn.next();
        }
        encoded
    }

    fn put_definitions<T>(
        &mut self,
        pending: &Pending<T>,
        lsn: Lsn,
        durable_lsn: Lsn,
        define: &Define,
        buffer: &mut Vec<u8>,
    ) -> u64 {
        let space = pending.record.space;
        let mut frames: Vec<(u32, Vec<u8>)> = Vec::new();
        self.defined.add_all(space, &pending.record.refs, |reference| {
            if !matches!(frames.last(), Some((_, payload)) if payload.len() < DEFINITIONS_FRAME_BYTES) {
                frames.push((0, Vec::new()));
            }
            if let Some((count, payload)) = frames.last_mut() {
                encode_definition(payload, space, reference, |bytes| define(space, reference, bytes));
                *count += 1;
            }
        });
        let mut written = 0;
        for (count, payload) in frames {
            let header = FrameHeader {
                kind: FrameKind::Definitions,
                payload_bytes: u32::try_from(payload.len()).unwrap_or(u32::MAX),
                lsn,
                durable_lsn,
                definitions_before: self.definitions,
                payload_checksum: payload_checksum(std::iter::once(payload.as_slice())),
            };
            self.definition_bytes += header.frame_bytes() as u64;
            self.definitions += count;
            written += u64::from(count);
            self.put_frame(header, &[payload.into()], buffer);
        }
        written
    }

    fn put_frame(&self, header: FrameHeader, pieces: &[Bytes], buffer: &mut Vec<u8>) {
        buffer.reserve(header.frame_bytes());
        buffer.extend_from_slice(&header.encode(self.seed));
        for piece in pieces {
            buffer.extend_from_slice(piece);
        }
        // The header block and every frame are multiples of the alignment, and so is the buffer's place in the file.
        buffer.resize(padded(buffer.len(), FRAME_ALIGN), 0);
    }
}

/// What the log knows of a segment file.
#[derive(Debug, Clone)]
pub(crate) struct SegmentInfo {
    pub(crate) path: PathBuf,
    pub(crate) first_lsn: Lsn,
    /// Last record; of the active segment the last one written so far.
    pub(crate) last_lsn: Lsn,
    pub(crate) bytes: u64,
}
