//! Sums that do not lose small values, means that do not overflow, quantiles by their definition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn a_compensated_sum_keeps_what_a_plain_one_loses() {
    let sum = [1.0, 1e100, 1.0, -1e100].into_iter().fold(Sum::default(), Sum::add);
    assert_eq!(sum.total(), 2.0);
    let infinite = [f64::INFINITY, 1.0].into_iter().fold(Sum::default(), Sum::add);
    assert_eq!(infinite.total(), f64::INFINITY);
}

#[test]
fn a_mean_survives_values_whose_sum_overflows() {
    let mut mean = Mean::default();
    for _ in 0..10 {
        mean.add(1.7e308);
    }
    assert!((mean.mean() / 1.7e308 - 1.0).abs() < 1e-12);
    let mut of_infinities = Mean::default();
    of_infinities.add(f64::INFINITY);
    of_infinities.add(f64::NEG_INFINITY);
    assert!(of_infinities.mean().is_nan());
}

#[test]
fn quantiles_interpolate_and_say_infinity_outside() {
    let mut values = [3.0, 1.0, 2.0, 4.0];
    assert_eq!(quantile(0.5, &mut values), 2.5);
    assert_eq!(quantile(0.0, &mut values), 1.0);
    assert_eq!(quantile(1.0, &mut values), 4.0);
    assert_eq!(quantile(-0.1, &mut values), f64::NEG_INFINITY);
    assert_eq!(quantile(1.1, &mut values), f64::INFINITY);
    assert!(quantile(f64::NAN, &mut values).is_nan());
}

#[test]
fn arithmetic_never_makes_an_absent_value() {
    let stale = std::hint::black_box(ABSENT);
    assert!(is_absent(stale));
    assert!(!is_absent(stale + 1.0));
    assert!(!is_absent(f64::NAN));
}
