//! The bytes on disk: a segment spelled out, and `docs/wal-format.md` against the constants.

use std::sync::Arc;

use icecore_wal::format::*;
use icecore_wal::fs::{Fs, SimFs};
use icecore_wal::{Lsn, WalOptions};

use crate::harness::{open, options};

fn le(value: u64, bytes: usize) -> Vec<u8> {
    value.to_le_bytes()[..bytes].to_vec()
}

fn frame(seed: u32, kind: u8, lsn: u64, durable: u64, definitions_before: u64, payload: &[u8]) -> Vec<u8> {
    let mut body = payload.to_vec();
    body.resize(body.len().next_multiple_of(8), 0);
    let mut frame = vec![0xF7, 0x72, 0x65, 0xC0];
    frame.extend(le(payload.len() as u64, 4));
    frame.extend(le(lsn, 8));
    frame.extend(le(durable, 8));
    frame.extend(le(definitions_before, 4));
    frame.extend([kind, 0, 0, 0]);
    frame.extend(crc32c::crc32c(&body).to_le_bytes());
    frame.extend(crc32c::crc32c_append(seed, &frame).to_le_bytes());
    frame.extend(body);
    frame
}

#[test]
fn a_segment_has_these_bytes() {
    let fs = SimFs::new();
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let options = WalOptions {
        segment_bytes: 1 << 20,
        ..options()
    };
    let (_, wal, _) = open(&shared, &options);
    let append = |body: &'static [u8], refs: &[u32]| {
        let record = icecore_wal::Record {
            body: vec![body.into()],
            lane: 0,
            space: 5,
            refs: refs.to_vec(),
            attachment: 0,
        };
        wal.append(record).unwrap().wait().unwrap();
    };
    append(b"first", &[3]);
    append(b"second..", &[3, 4]);
    wal.close().unwrap();

    let mut header = b"icewal\r\n".to_vec();
    header.extend(le(0, 4));
    header.extend(le(4096, 4));
    header.extend(b"test store id 16");
    header.extend(le(1, 8));
    header.extend(le(0, 8));
    header.extend(le(0, 8));
    header.resize(4092, 0);
    header.extend(crc32c::crc32c(&header).to_le_bytes());

    let seed = crc32c::crc32c(&[b"test store id 16".as_slice(), &le(1, 8)].concat());
    let definition = |reference: u64, text: &[u8]| {
        let mut bytes = [le(5, 4), le(reference, 4), le(text.len() as u64, 4), text.to_vec()].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let expected = [
        header,
        frame(seed, 2, 1, 0, 0, &definition(3, b"series 5/3")),
        frame(seed, 1, 1, 0, 1, b"first"),
        frame(seed, 2, 2, 1, 1, &definition(4, b"series 5/4")),
        frame(seed, 1, 2, 1, 2, b"second.."),
    ]
    .concat();
    let path = fs
        .files()
        .into_iter()
        .find(|path| path.ends_with("0000000000000001.wal"))
        .unwrap();
    let content = fs.content(&path).unwrap();
    assert_eq!(content[..expected.len()], expected);
    assert!(content[expected.len()..].iter().all(|byte| *byte == 0));
    // The same in one number, so that a change of the helper above cannot hide a change of the format.
    assert_eq!(crc32c::crc32c(&expected), GOLDEN_CHECKSUM);
}

const GOLDEN_CHECKSUM: u32 = 373_143_503;

#[test]
fn headers_read_back_and_refuse_every_change() {
    let header = SegmentHeader {
        store_id: *b"0123456789abcdef",
        first_lsn: Lsn::new(1 << 40),
        previous_first_lsn: Lsn::new(77),
        previous_last_lsn: Lsn::new((1 << 40) - 1),
        previous_gaps: (0..HEADER_GAPS_MAX as u64).map(|i| i * 100..i * 100 + 8).collect(),
    };
    let block = header.encode();
    assert_eq!(SegmentHeader::decode(&block), Ok(header));
    for at in 0..block.len() {
        let mut changed = block.clone();
        changed[at] ^= 0x10;
        assert_eq!(SegmentHeader::decode(&changed), Err(HeaderError::Damaged));
    }
    assert_eq!(SegmentHeader::decode(&block[..4095]), Err(HeaderError::Damaged));
}

/// Rows `| offset | bytes | ...` of the table under a heading.
fn table(document: &str, heading: &str) -> Vec<(usize, usize, String)> {
    let section = document
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .expect(heading);
    section
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            Some((
                cells.first()?.parse().ok()?,
                cells.get(1)?.parse().ok()?,
                (*cells.get(2)?).to_owned(),
            ))
        })
        .collect()
}

#[test]
fn the_document_tells_the_same_as_the_constants() {
    let document = include_str!("../../../docs/wal-format.md");
    let offsets = |rows: &[(usize, usize, String)]| -> Vec<(usize, String)> {
        rows.iter().map(|(offset, _, name)| (*offset, name.clone())).collect()
    };
    let named = |pairs: &[(usize, &str)]| -> Vec<(usize, String)> {
        pairs
            .iter()
            .map(|(offset, name)| (*offset, (*name).to_owned()))
            .collect()
    };
    let header = table(document, "Header block");
    let expected = [
        (0, "magic"),
        (HEADER_VERSION_AT, "format version"),
        (HEADER_LENGTH_AT, "header bytes"),
        (HEADER_STORE_ID_AT, "store id"),
        (HEADER_FIRST_LSN_AT, "first LSN"),
        (HEADER_PREVIOUS_FIRST_LSN_AT, "previous first LSN"),
        (HEADER_PREVIOUS_LAST_LSN_AT, "previous last LSN"),
        (HEADER_GAP_COUNT_AT, "gap count"),
        (HEADER_GAP_COUNT_AT + 4, "zeros"),
        (HEADER_GAPS_AT, "gaps"),
        (HEADER_GAPS_AT + HEADER_GAPS_MAX * HEADER_GAP_BYTES, "zeros"),
        (HEADER_CHECKSUM_AT, "checksum"),
    ];
    assert_eq!(offsets(&header), named(&expected));
    let frame = table(document, "Frame");
    let expected = [
        (0, "magic"),
        (FRAME_PAYLOAD_BYTES_AT, "payload bytes"),
        (FRAME_LSN_AT, "LSN"),
        (FRAME_DURABLE_LSN_AT, "durable LSN"),
        (FRAME_DEFINITIONS_BEFORE_AT, "definitions before"),
        (FRAME_KIND_AT, "kind"),
        (FRAME_KIND_AT + 1, "zeros"),
        (FRAME_PAYLOAD_CHECKSUM_AT, "payload checksum"),
        (FRAME_HEADER_CHECKSUM_AT, "header checksum"),
    ];
    assert_eq!(offsets(&frame), named(&expected));
    for (rows, total) in [(&header, HEADER_BYTES), (&frame, FRAME_HEADER_BYTES)] {
        let mut at = 0;
        for (offset, bytes, name) in rows {
            assert_eq!(*offset, at, "{name} follows the field before it");
            at += bytes;
        }
        assert_eq!(at, total);
    }
    let definition = table(document, "Definitions");
    assert_eq!(
        definition.iter().map(|(_, bytes, _)| bytes).sum::<usize>(),
        DEFINITION_HEADER_BYTES
    );
    for sentence in [
        format!("format version {FORMAT_VERSION}"),
        format!("up to {HEADER_GAPS_MAX} pairs"),
        format!("`{KIND_RECORD}` record"),
        format!("`{KIND_DEFINITIONS}` definitions"),
        format!("multiple of {FRAME_ALIGN}"),
        format!("multiple of {DEFINITION_ALIGN}"),
        FRAME_MAGIC.map(|byte| format!("{byte:02X}")).join(" "),
        HEADER_MAGIC.map(|byte| format!("{byte:02X}")).join(" "),
    ] {
        assert!(
            document.contains(&sentence),
            "docs/wal-format.md does not say: {sentence}"
        );
    }
}
