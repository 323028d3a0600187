//! The compact form and the Arrow column give back what was put in, and hostile bytes give an error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn buckets() -> impl Strategy<Value = Buckets> {
    (any::<i32>(), vec(any::<u64>(), 0..20)).prop_map(|(offset, counts)| Buckets { offset, counts })
}

fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("NaN is not equal to itself", |value| !value.is_nan())
}

fn histogram() -> impl Strategy<Value = NativeHistogram> {
    (
        (any::<i32>(), double(), any::<u64>(), any::<u64>()),
        (option::of(double()), option::of(double()), option::of(double())),
        (buckets(), buckets(), vec(double(), 0..8)),
    )
        .prop_map(
            |((schema, zero_threshold, zero_count, count), (sum, min, max), (p, n, bounds))| NativeHistogram {
                schema,
                zero_threshold,
                zero_count,
                count,
                sum,
                min,
                max,
                positive: p,
                negative: n,
                custom_bounds: bounds,
            },
        )
}

proptest! {
    #[test]
    fn bytes_round_trip(all in vec(histogram(), 1..4)) {
        let mut bytes = Vec::new();
        all.iter().for_each(|one| one.encode(&mut bytes));
        let mut input = bytes.as_slice();
        for one in &all {
            prop_assert_eq!(&NativeHistogram::decode(&mut input).unwrap(), one);
        }
        prop_assert!(input.is_empty());
    }

    #[test]
    fn cut_bytes_are_an_error(one in histogram(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        one.encode(&mut bytes);
        let mut input = &bytes[..cut.index(bytes.len())];
        prop_assert!(NativeHistogram::decode(&mut input).is_err());
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in vec(any::<u8>(), 0..100)) {
        let mut input = bytes.as_slice();
        if let Ok(one) = NativeHistogram::decode(&mut input) {
            prop_assert!(one.bucket_count() <= HISTOGRAM_BUCKETS_MAX);
        }
    }

    #[test]
    fn arrow_round_trip(all in vec(option::of(histogram()), 1..6)) {
        let borrowed: Vec<_> = all.iter().map(Option::as_ref).collect();
        let column = histograms_to_arrow(&borrowed);
        for (row, one) in all.iter().enumerate() {
            prop_assert_eq!(&histogram_from_arrow(&column, row), one);
        }
        prop_assert_eq!(histogram_from_arrow(&column, all.len()), None);
    }
}

#[test]
fn too_many_buckets_are_refused_before_they_are_allocated() {
    let mut bytes = Vec::new();
    NativeHistogram::default().encode(&mut bytes);
    // The last byte is the number of custom bounds, the two before it the negative side's offset and length.
    let length = bytes.len();
    bytes.truncate(length - 1);
    put_varint(&mut bytes, u64::from(u32::MAX));
    assert_eq!(
        NativeHistogram::decode(&mut bytes.as_slice()),
        Err(InvalidHistogram::TooManyBuckets(u32::MAX as usize))
    );
}
