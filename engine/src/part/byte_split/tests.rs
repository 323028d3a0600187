//! Doubles come back bit for bit, NaN payloads too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn bits_come_back(bits in prop::collection::vec(any::<u64>(), 0..50)) {
        let values: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
        let mut bytes = Vec::new();
        encode_split(&values, &mut bytes);
        let mut out = Vec::new();
        prop_assert_eq!(decode_split(&bytes, &mut out), Some(()));
        prop_assert_eq!(out.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), bits);
        bytes.push(0);
        prop_assert_eq!(decode_split(&bytes, &mut out), None);
    }
}
