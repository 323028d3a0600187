//! Quantiles of buckets, worked out by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
    pairs
        .iter()
        .map(|(bound, count)| Bucket {
            bound: *bound,
            count: *count,
        })
        .collect()
}

#[test]
fn quantiles_interpolate_within_the_bucket() {
    let all = buckets(&[(1.0, 10.0), (2.0, 30.0), (4.0, 40.0), (f64::INFINITY, 40.0)]);
    for (q, expected) in [(0.0, 0.0), (0.25, 1.0), (0.5, 1.5), (0.875, 3.0), (1.0, 4.0)] {
        assert!(
            (bucket_quantile(q, &mut all.clone()).0 - expected).abs() < 1e-12,
            "φ {q}"
        );
    }
    let open = buckets(&[(1.0, 10.0), (f64::INFINITY, 100.0)]);
    assert_eq!(
        bucket_quantile(0.9, &mut open.clone()).0,
        1.0,
        "the open bucket gives its lower bound"
    );
}

#[test]
fn what_has_no_quantile_is_nan_or_infinite() {
    let no_open_end = buckets(&[(1.0, 1.0), (2.0, 2.0)]);
    assert!(bucket_quantile(0.5, &mut no_open_end.clone()).0.is_nan());
    let empty = buckets(&[(1.0, 0.0), (f64::INFINITY, 0.0)]);
    assert!(bucket_quantile(0.5, &mut empty.clone()).0.is_nan());
    assert_eq!(bucket_quantile(1.5, &mut empty.clone()).0, f64::INFINITY);
    let alone = buckets(&[(f64::INFINITY, 5.0)]);
    assert!(bucket_quantile(0.5, &mut alone.clone()).0.is_nan());
}

#[test]
fn falling_counts_are_raised_and_told_of_unless_they_are_rounding() {
    let falling = buckets(&[(1.0, 10.0), (2.0, 5.0), (f64::INFINITY, 20.0)]);
    let (value, forced) = bucket_quantile(0.5, &mut falling.clone());
    assert!(forced);
    assert_eq!(value, 1.0);
    let rounding = buckets(&[(1.0, 10.0), (2.0, 10.0 - 1e-13), (f64::INFINITY, 10.0)]);
    assert!(!bucket_quantile(0.5, &mut rounding.clone()).1);
}

#[test]
fn fractions_are_shares_of_observations() {
    let all = buckets(&[(1.0, 10.0), (2.0, 30.0), (f64::INFINITY, 40.0)]);
    assert!((bucket_fraction(0.0, 1.5, &mut all.clone()) - 0.5).abs() < 1e-12);
    assert!((bucket_fraction(f64::NEG_INFINITY, f64::INFINITY, &mut all.clone()) - 1.0).abs() < 1e-12);
    assert_eq!(bucket_fraction(2.0, 1.0, &mut all.clone()), 0.0);
}
