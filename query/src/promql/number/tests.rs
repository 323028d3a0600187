//! Numbers read as Prometheus writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn value(value: f64) -> String {
    let mut out = String::new();
    push_value(&mut out, value);
    out
}

#[test]
fn values_take_gos_shortest_form() {
    for (number, text) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-6, "0.000001"),
        (9.5e-7, "9.5e-07"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.5e300, "-1.5e+300"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(value(number), text);
    }
}

#[test]
fn timestamps_keep_milliseconds() {
    for (ms, text) in [
        (1_435_781_451_781, "1435781451.781"),
        (5_000, "5"),
        (5_010, "5.010"),
        (-1_500, "-1.500"),
    ] {
        let mut out = String::new();
        push_timestamp(&mut out, ms);
        assert_eq!(out, text);
    }
}
