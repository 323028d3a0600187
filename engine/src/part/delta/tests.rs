//! Our encoding is what the Parquet library reads, and what we read back; damaged bytes never panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn values() -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![
        vec(any::<i64>(), 0..400),
        vec(-3i64..3, 0..400),
        (any::<i64>(), vec(0i64..50_000, 0..700)).prop_map(|(start, steps)| {
            let mut at = start;
            steps
                .into_iter()
                .map(|step| {
                    at = at.wrapping_add(step);
                    at
                })
                .collect()
        }),
    ]
}

proptest! {
    #[test]
    fn reads_back(values in values()) {
        let mut bytes = Vec::new();
        encode_delta(&values, &mut bytes);
        let mut out = Vec::new();
        prop_assert_eq!(decode_delta(&bytes, values.len(), &mut out), Some(()));
        prop_assert_eq!(out, values);
    }

    #[test]
    fn hostile_bytes_never_panic(mut bytes in vec(any::<u8>(), 0..300), honest in any::<bool>()) {
        if honest {
            bytes.splice(0..bytes.len().min(2), [128, 1, 4]);
        }
        let mut out = Vec::new();
        let _ = decode_delta(&bytes, 10_000, &mut out);
        prop_assert!(out.len() <= 10_000);
    }
}

#[test]
fn more_values_than_the_page_has_are_refused() {
    let mut bytes = Vec::new();
    encode_delta(&[1, 2, 3], &mut bytes);
    assert_eq!(decode_delta(&bytes, 2, &mut Vec::new()), None);
}
