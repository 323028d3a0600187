//! Packed bodies come out whole; bombs are refused within the limit and within the budget.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::io::Write as _;

use super::*;
use icecore_engine::budget::{MemoryBudget, MemoryClass};
use icecore_engine::ids::Signal;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn run(encoding: Encoding, packed: &[u8], bytes_max: usize, memory_bytes: u64) -> Result<Vec<u8>, Refusal> {
    let budget = MemoryBudget::new(memory_bytes);
    let mut reservation = budget.try_reserve(MemoryClass::Decode(Signal::Logs), 0).unwrap();
    inflate(encoding, packed, bytes_max, &mut reservation)
}

proptest! {
    #[test]
    fn what_was_packed_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..200_000)) {
        prop_assert_eq!(&run(Encoding::Gzip, &gzip(&bytes), 1 << 20, 256 * MIB).unwrap(), &bytes);
        prop_assert_eq!(&run(Encoding::Zstd, &zstd(&bytes), 1 << 20, 256 * MIB).unwrap(), &bytes);
    }

    #[test]
    fn damaged_bytes_are_invalid_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            if let Err(refusal) = run(encoding, &bytes, 1 << 20, 256 * MIB) {
                prop_assert!(matches!(refusal.kind, Kind::Invalid | Kind::TooLarge));
            }
        }
    }
}

#[test]
fn exactly_the_limit_passes_and_one_byte_more_does_not() {
    let bytes = vec![7; 100_000];
    for (encoding, packed) in [(Encoding::Gzip, gzip(&bytes)), (Encoding::Zstd, zstd(&bytes))] {
        assert_eq!(run(encoding, &packed, 100_000, 256 * MIB).unwrap().len(), 100_000);
        assert_eq!(
            run(encoding, &packed, 99_999, 256 * MIB).unwrap_err().kind,
            Kind::TooLarge
        );
    }
}

#[test]
fn a_bomb_above_the_budget_may_come_again_later() {
    let bomb = zstd(&vec![0; 48 << 20]);
    assert!(bomb.len() < 100_000);
    let refusal = run(Encoding::Zstd, &bomb, 64 << 20, 32 * MIB).unwrap_err();
    assert_eq!(refusal.kind, Kind::Busy);
    assert!(refusal.retry_after.is_some());
}

#[test]
fn a_window_of_gigabytes_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&vec![1; 1 << 20]).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(
        run(Encoding::Zstd, &packed, 64 << 20, 256 * MIB).unwrap_err().kind,
        Kind::Invalid
    );
}
