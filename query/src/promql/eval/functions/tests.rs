//! Dates, signs and clamps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn dates_come_in_utc_also_before_1970_and_on_leap_days() {
    let leap = 1_709_164_799.0; // 2024-02-28T23:59:59Z
    for (function, expected) in [
        (TimeFunction::Minute, 59.0),
        (TimeFunction::Hour, 23.0),
        (TimeFunction::DayOfMonth, 28.0),
        (TimeFunction::DayOfWeek, 3.0),
        (TimeFunction::DayOfYear, 59.0),
        (TimeFunction::DaysInMonth, 29.0),
        (TimeFunction::Month, 2.0),
        (TimeFunction::Year, 2024.0),
    ] {
        assert_eq!(date_part(function, leap), expected, "{function:?}");
    }
    assert_eq!(date_part(TimeFunction::Year, -86_400.0), 1969.0);
    assert!(date_part(TimeFunction::Year, f64::NAN).is_nan());
    assert!(date_part(TimeFunction::Year, 1e300).is_nan());
}

#[test]
fn sign_keeps_zero_and_nan() {
    assert_eq!(math(MathFunction::Sgn, -0.5), -1.0);
    assert_eq!(math(MathFunction::Sgn, 0.0), 0.0);
    assert!(math(MathFunction::Sgn, f64::NAN).is_nan());
}

#[test]
fn clamping_passes_nan_on() {
    assert_eq!(clamp(5.0, 0.0, 3.0), 3.0);
    assert_eq!(clamp(-5.0, 0.0, 3.0), 0.0);
    assert!(clamp(f64::NAN, 0.0, 3.0).is_nan());
    assert!(clamp(1.0, f64::NAN, 3.0).is_nan());
}
