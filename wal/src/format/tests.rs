#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! What is encoded is decoded, and nothing else is.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn frame_headers_read_back_and_refuse_every_flip(
        payload_bytes in any::<u32>(),
        lsn in any::<u64>(),
        durable in any::<u64>(),
        definitions_before in any::<u32>(),
        record in any::<bool>(),
        payload_checksum in any::<u32>(),
        seed in any::<u32>(),
        flip in 0..FRAME_HEADER_BYTES * 8,
    ) {
        let header = FrameHeader {
            kind: if record { FrameKind::Record } else { FrameKind::Definitions },
            payload_bytes,
            lsn: Lsn::new(lsn),
            durable_lsn: Lsn::new(durable),
            definitions_before,
            payload_checksum,
        };
        let mut bytes = header.encode(seed);
        prop_assert_eq!(FrameHeader::decode(&bytes, seed), Some(header));
        prop_assert_eq!(FrameHeader::decode(&bytes, seed ^ 1), None);
        bytes[flip / 8] ^= 1 << (flip % 8);
        prop_assert_eq!(FrameHeader::decode(&bytes, seed), None);
    }

    #[test]
    fn definitions_read_back(
        definitions in prop::collection::vec((any::<u32>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20),
    ) {
        let mut payload = Vec::new();
        for (space, reference, bytes) in &definitions {
            encode_definition(&mut payload, *space, *reference, |out| out.extend_from_slice(bytes));
        }
        let decoded = decode_definitions(&payload).unwrap();
        let decoded: Vec<_> = decoded.iter().map(|d| (d.space, d.reference, d.bytes.to_vec())).collect();
        prop_assert_eq!(decoded, definitions);
    }

    #[test]
    fn any_bytes_decode_or_not_but_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(definitions) = decode_definitions(&bytes) {
            let total: usize = definitions.iter().map(|d| d.bytes.len() + DEFINITION_HEADER_BYTES).sum();
            prop_assert!(total <= bytes.len());
        }
    }

    #[test]
    fn a_checksum_does_not_depend_on_the_pieces(bytes in prop::collection::vec(any::<u8>(), 0..100), cut in 0usize..100) {
        let (left, right) = bytes.split_at(cut.min(bytes.len()));
        let mut whole = bytes.clone();
        whole.resize(padded(bytes.len(), FRAME_ALIGN), 0);
        prop_assert_eq!(payload_checksum([left, right].into_iter()), crc32c::crc32c(&whole));
    }
}

#[test]
fn a_callback_that_cuts_the_buffer_harms_only_itself() {
    let mut payload = Vec::new();
    encode_definition(&mut payload, 1, 2, |out| out.extend_from_slice(b"kept"));
    encode_definition(&mut payload, 1, 3, Vec::clear);
    let decoded = decode_definitions(&payload);
    assert!(decoded.is_none_or(|definitions| definitions.len() <= 2));
}
