//! Window functions against numbers worked out by hand from their definitions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::promql::values::is_absent;

fn eval(function: RangeFunction, samples: &[(i64, f64)], end: i64, range_ms: i64, params: Params) -> f64 {
    let times: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
    let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    let falls = values.windows(2).any(|pair| pair[1] < pair[0]);
    let window = Window {
        times: &times,
        values: &values,
        end,
        range_ms,
        now: end,
        falls,
        delta: false,
    };
    evaluate(function, window, params)
}

#[test]
fn rate_stretches_to_near_edges_only() {
    // Samples at 10..60 s by 10 s, window (0, 60]: both edges are within 1.1 of the distance.
    let samples: Vec<(i64, f64)> = (1..=6).map(|i| (i * 10_000, 100.0 + i as f64)).collect();
    assert!((eval(RangeFunction::Increase, &samples, 60_000, 60_000, [0.0; 2]) - 6.0).abs() < 1e-12);
    assert!((eval(RangeFunction::Rate, &samples, 60_000, 60_000, [0.0; 2]) - 0.1).abs() < 1e-12);
    // With the window ending at 100 s the right edge is far: half a distance is added.
    let far = eval(RangeFunction::Increase, &samples, 100_000, 100_000, [0.0; 2]);
    assert!((far - 5.0 * (50.0 + 10.0 + 5.0) / 50.0).abs() < 1e-12);
}

#[test]
fn a_counter_is_never_stretched_below_zero() {
    let samples = [(10_000, 1.0), (20_000, 11.0)];
    // Zero lies one second before the first sample.
    let increase = eval(RangeFunction::Increase, &samples, 20_000, 20_000, [0.0; 2]);
    assert!((increase - 11.0).abs() < 1e-12);
    let delta = eval(RangeFunction::Delta, &samples, 20_000, 20_000, [0.0; 2]);
    assert!((delta - 20.0).abs() < 1e-12);
}

#[test]
fn resets_are_added_back() {
    let samples = [(10_000, 100.0), (20_000, 110.0), (30_000, 5.0), (40_000, 15.0)];
    let increase = eval(RangeFunction::Increase, &samples, 40_000, 30_001, [0.0; 2]);
    assert!((increase - 25.0 * 30.001 / 30.0).abs() < 1e-9);
    assert_eq!(eval(RangeFunction::Resets, &samples, 40_000, 40_000, [0.0; 2]), 1.0);
    assert_eq!(eval(RangeFunction::Changes, &samples, 40_000, 40_000, [0.0; 2]), 3.0);
    assert_eq!(eval(RangeFunction::Irate, &samples[..3], 40_000, 40_000, [0.0; 2]), 0.5);
    assert_eq!(
        eval(RangeFunction::Idelta, &samples[..3], 40_000, 40_000, [0.0; 2]),
        -105.0
    );
}

#[test]
fn one_sample_is_no_rate_but_a_mean() {
    let samples = [(10_000, 4.0)];
    for function in [
        RangeFunction::Rate,
        RangeFunction::Irate,
        RangeFunction::Deriv,
        RangeFunction::Delta,
    ] {
        assert!(
            is_absent(eval(function, &samples, 20_000, 20_000, [0.0; 2])),
            "{function:?}"
        );
    }
    assert_eq!(eval(RangeFunction::Avg, &samples, 20_000, 20_000, [0.0; 2]), 4.0);
    assert_eq!(eval(RangeFunction::Stddev, &samples, 20_000, 20_000, [0.0; 2]), 0.0);
    assert!(is_absent(eval(RangeFunction::Count, &[], 20_000, 20_000, [0.0; 2])));
}

#[test]
fn delta_samples_are_summed() {
    let times = [10_000, 20_000, 30_000];
    let values = [5.0, 0.0, 7.0];
    let window = Window {
        times: &times,
        values: &values,
        end: 30_000,
        range_ms: 60_000,
        now: 30_000,
        falls: true,
        delta: true,
    };
    assert_eq!(evaluate(RangeFunction::Increase, window, [0.0; 2]), 12.0);
    assert_eq!(evaluate(RangeFunction::Rate, window, [0.0; 2]), 0.2);
}

#[test]
fn a_line_is_found_and_continued() {
    let samples: Vec<(i64, f64)> = (0..10).map(|i| (i * 1_000, 3.0 + 2.0 * i as f64)).collect();
    assert!((eval(RangeFunction::Deriv, &samples, 9_000, 10_000, [0.0; 2]) - 2.0).abs() < 1e-12);
    let predicted = eval(RangeFunction::PredictLinear, &samples, 9_000, 10_000, [60.0, 0.0]);
    assert!((predicted - (21.0 + 120.0)).abs() < 1e-9);
    let flat = [(0, 7.0), (1_000, 7.0)];
    assert_eq!(eval(RangeFunction::Deriv, &flat, 1_000, 2_000, [0.0; 2]), 0.0);
}

#[test]
fn spread_and_extremes() {
    let samples = [
        (1_000, 2.0),
        (2_000, f64::NAN),
        (3_000, 8.0),
        (4_000, 8.0),
        (5_000, 1.0),
    ];
    assert_eq!(eval(RangeFunction::Max, &samples, 5_000, 9_000, [0.0; 2]), 8.0);
    assert_eq!(eval(RangeFunction::Min, &samples, 5_000, 9_000, [0.0; 2]), 1.0);
    assert_eq!(eval(RangeFunction::TsOfMax, &samples, 5_000, 9_000, [0.0; 2]), 4.0);
    assert_eq!(eval(RangeFunction::TsOfFirst, &samples, 5_000, 9_000, [0.0; 2]), 1.0);
    let plain = [(1_000, 4.0), (2_000, 6.0), (3_000, 2.0), (4_000, 1.0), (5_000, 5.0)];
    assert_eq!(eval(RangeFunction::Mad, &plain, 5_000, 9_000, [0.0; 2]), 2.0);
    assert!((eval(RangeFunction::Stdvar, &plain, 5_000, 9_000, [0.0; 2]) - 3.44).abs() < 1e-12);
    assert_eq!(eval(RangeFunction::Quantile, &plain, 5_000, 9_000, [0.5, 0.0]), 4.0);
}
