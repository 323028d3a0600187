#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! One segment, frame by frame: prefixes, holes, limits, and time that does not explode on hostile bytes.

use proptest::prelude::*;

use super::*;
use crate::format::{encode_definition, payload_checksum};

const STORE: [u8; 16] = [3; 16];
const FIRST: Lsn = Lsn::new(10);

struct Writer {
    bytes: Vec<u8>,
    seed: u32,
    next: Lsn,
    definitions: u32,
    /// Where each record's frame starts.
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl Writer {
    fn new() -> Writer {
        Writer {
            bytes: vec![0; HEADER_BYTES],
            seed: frame_seed(&STORE, FIRST),
            next: FIRST,
            definitions: 0,
            starts: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn frame(&mut self, kind: FrameKind, payload: &[u8]) {
        let header = FrameHeader {
            kind,
            payload_bytes: payload.len() as u32,
            lsn: self.next,
            durable_lsn: self.next.previous(),
            definitions_before: self.definitions,
            payload_checksum: payload_checksum(std::iter::once(payload)),
        };
        self.bytes.extend_from_slice(&header.encode(self.seed));
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(self.bytes.len().next_multiple_of(FRAME_ALIGN), 0);
    }

    fn record(&mut self, body: &[u8]) {
        self.starts.push(self.bytes.len());
        self.frame(FrameKind::Record, body);
        self.ends.push(self.bytes.len());
        self.next = self.next.next();
    }

    fn define(&mut self, reference: u32) {
        let mut payload = Vec::new();
        encode_definition(&mut payload, 0, reference, |out| out.extend_from_slice(b"meaning"));
        self.frame(FrameKind::Definitions, &payload);
        self.definitions += 1;
    }

    /// Where each record's frame ends.
    fn ends(&self) -> impl Iterator<Item = usize> {
        self.ends.iter().copied()
    }

    fn written(bodies: &[Vec<u8>]) -> Writer {
        let mut writer = Writer::new();
        for (reference, body) in (0..).zip(bodies) {
            writer.define(reference);
            writer.record(body);
        }
        writer
    }
}

fn scan(bytes: &[u8], limit: Lsn) -> (Vec<Found>, ScanEnd) {
    let mut scan = Scan::new(Bytes::copy_from_slice(bytes), &STORE, FIRST, limit);
    let found: Vec<_> = (&mut scan).collect();
    (found, scan.end())
}

fn records(found: &[Found]) -> Vec<(Lsn, Vec<u8>)> {
    let record = |found: &Found| match found {
        Found::Record { lsn, body } => Some((*lsn, body.to_vec())),
        _ => None,
    };
    found.iter().filter_map(record).collect()
}

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..12)
}

proptest! {
    #[test]
    fn a_prefix_of_the_bytes_is_a_prefix_of_the_records(bodies in bodies(), cut in any::<prop::sample::Index>(), zeros in 0usize..200) {
        let writer = Writer::written(&bodies);
        let len = cut.index(writer.bytes.len() + 1);
        let mut bytes = writer.bytes[..len].to_vec();
        bytes.resize(len + zeros, 0);
        let (found, end) = scan(&bytes, Lsn::MAX);
        let ends: Vec<_> = writer.ends().filter(|end| *end <= len).collect();
        let expected: Vec<_> = (FIRST.get()..).map(Lsn::new).zip(bodies).take(ends.len()).collect();
        // Zeros behind the cut can complete the padding, or a body that ends in zeros.
        let completed = usize::from(zeros > 0);
        prop_assert!(records(&found).starts_with(&expected));
        prop_assert!(records(&found).len() <= expected.len() + completed);
        let damaged = found.iter().any(|found| matches!(found, Found::Damage { .. }));
        prop_assert!(!damaged);
        prop_assert!(end.offset + end.tail_bytes <= bytes.len().max(HEADER_BYTES));
    }

    #[test]
    fn a_hole_costs_the_records_it_touches(bodies in bodies(), at in any::<prop::sample::Index>(), len in 1usize..150) {
        let mut writer = Writer::written(&bodies);
        let start = HEADER_BYTES + at.index(writer.bytes.len() - HEADER_BYTES);
        let end = (start + len).min(writer.bytes.len());
        writer.bytes[start..end].fill(0xAA);
        let (found, _) = scan(&writer.bytes, Lsn::MAX);
        let kept = records(&found);
        for (index, from) in writer.starts.iter().enumerate() {
            let touched = start < writer.ends[index] && *from < end;
            let lsn = FIRST.plus(index as u64);
            let there = kept.iter().any(|(kept, body)| *kept == lsn && *body == bodies[index]);
            prop_assert!(there || touched, "record {} was not touched", lsn);
        }
        let end = FIRST.plus(bodies.len() as u64);
        prop_assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        prop_assert!(kept.iter().all(|(lsn, body)| *lsn < end && *body == bodies[(lsn.get() - FIRST.get()) as usize]));
    }

    #[test]
    fn nothing_above_the_limit_is_given(bodies in bodies(), limit in 0u64..30) {
        let writer = Writer::written(&bodies);
        let limit = Lsn::new(limit);
        let (found, end) = scan(&writer.bytes, limit);
        let expected = (bodies.len() as u64).min((limit.get() + 1).saturating_sub(FIRST.get()));
        prop_assert_eq!(records(&found).len() as u64, expected);
        prop_assert!(records(&found).iter().all(|(lsn, _)| *lsn <= limit));
        prop_assert_eq!(end.tail_bytes, 0);
    }

    #[test]
    fn any_bytes_scan_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut segment = vec![0; HEADER_BYTES];
        segment.extend_from_slice(&bytes);
        let (found, end) = scan(&segment, Lsn::MAX);
        prop_assert!(records(&found).is_empty());
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        prop_assert_eq!(end.tail_bytes, used);
    }
}

#[test]
fn lost_definitions_are_counted() {
    let mut writer = Writer::new();
    writer.define(1);
    writer.record(b"a");
    let hole = writer.bytes.len();
    writer.define(2);
    writer.define(3);
    let end = writer.bytes.len();
    writer.record(b"b");
    writer.bytes[hole..end].fill(1);
    let (found, _) = scan(&writer.bytes, Lsn::MAX);
    let damage = Found::Damage {
        offset: hole,
        bytes: end - hole,
        first: FIRST.next(),
        last: FIRST,
        definitions: 2,
    };
    assert!(found.contains(&damage), "{found:?}");
    assert_eq!(records(&found).len(), 2);
}

#[test]
fn frames_of_another_segment_or_sequence_do_not_count() {
    let writer = Writer::written(&[b"8 bytes.".to_vec(), b"8 others".to_vec()]);
    let mut other = Scan::new(writer.bytes.clone().into(), &STORE, FIRST.next(), Lsn::MAX);
    assert_eq!(other.next(), None, "another first record");
    let mut other = Scan::new(writer.bytes.clone().into(), &[4; 16], FIRST, Lsn::MAX);
    assert_eq!(other.next(), None, "another store");
    // The same frames twice: the second time they do not continue the sequence.
    let mut twice = writer.bytes.clone();
    twice.extend_from_slice(&writer.bytes[HEADER_BYTES..]);
    let (found, end) = scan(&twice, Lsn::MAX);
    assert_eq!(records(&found).len(), 2);
    assert_eq!(end.tail_bytes, writer.bytes.len() - HEADER_BYTES);
}

#[test]
fn zeros_at_the_end_are_found_to_the_byte() {
    for len in [0, 1, 4095, 4096, 4097, 10_000] {
        for used in [0, 1, 4095, 4096, 4097] {
            let mut bytes = vec![0; len];
            let expected = if used > 0 && used <= len {
                bytes[used - 1] = 1;
                used
            } else {
                0
            };
            assert_eq!(len_without_zeros(&bytes), expected);
        }
    }
}
