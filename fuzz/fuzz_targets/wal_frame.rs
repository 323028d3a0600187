//! The log's decoder over hostile bytes: raw ones, and frames with good checksums around hostile lengths, numbers and
//! payloads, which raw bytes would hardly ever reach.

#![no_main]

use bytes::Bytes;
use icecore_wal::Lsn;
use icecore_wal::format::{FrameHeader, FrameKind, HEADER_BYTES, SegmentHeader, frame_seed};
use icecore_wal::scan::{Found, Scan};
use libfuzzer_sys::fuzz_target;

const STORE: [u8; 16] = *b"fuzzed store id.";
const FIRST: Lsn = Lsn::new(5);

/// Turns the input into frames: of every 8 bytes the first six say what the header claims and how long the payload is.
fn framed(mut input: &[u8]) -> Vec<u8> {
    let seed = frame_seed(&STORE, FIRST);
    let mut segment = vec![0; HEADER_BYTES];
    while let Some(([kind, lsn, definitions, claim, len, damage, _, _], rest)) = input.split_first_chunk::<8>() {
        let (payload, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        input = rest;
        let mut padded = payload.to_vec();
        padded.resize(payload.len().next_multiple_of(8), 0);
        let header = FrameHeader {
            kind: if kind % 2 == 0 { FrameKind::Record } else { FrameKind::Definitions },
            payload_bytes: if *claim == 0 { u32::MAX } else { payload.len() as u32 },
            lsn: Lsn::new(u64::from(*lsn)),
            durable_lsn: Lsn::new(u64::from(kind / 2)),
            definitions_before: u32::from(*definitions),
            payload_checksum: crc32c(&padded),
        };
        let mut bytes = header.encode(seed).to_vec();
        bytes.extend_from_slice(&padded);
        if let Some(byte) = bytes.get_mut(usize::from(*damage)) {
            *byte ^= damage & 0x81;
        }
        segment.extend_from_slice(&bytes);
    }
    segment
}

/// CRC32C, bit by bit, so that the target does not lean on the code it tests.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
        crc
    })
}

fn check(segment: Vec<u8>) {
    let len = segment.len();
    let mut scan = Scan::new(Bytes::from(segment), &STORE, FIRST, Lsn::new(200));
    let mut last = FIRST.previous();
    let mut bytes = 0;
    for found in &mut scan {
        match found {
            Found::Record { lsn, body } => {
                assert!(lsn > last && lsn <= Lsn::new(200));
                last = lsn;
                bytes += body.len();
            }
            Found::Definitions { payload, .. } => bytes += payload.len(),
            Found::Damage { bytes: damaged, .. } => bytes += damaged,
        }
    }
    let end = scan.end();
    assert!(bytes <= len);
    assert!(end.offset + end.tail_bytes <= len.max(HEADER_BYTES));
}

fuzz_target!(|input: &[u8]| {
    let _ = SegmentHeader::decode(input);
    let _ = icecore_wal::format::decode_definitions(input);
    let mut raw = vec![0; HEADER_BYTES];
    raw.extend_from_slice(input);
    check(raw);
    check(framed(input));
});
