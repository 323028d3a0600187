//! Windows and dates, against what anyone can check on a calendar.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

#[test]
fn known_dates_have_their_day_numbers() {
    for (date, days) in [
        ((1970, 1, 1), 0),
        ((1969, 12, 31), -1),
        ((2000, 2, 29), 11_016),
        ((2026, 11, 30), 20_787),
    ] {
        assert_eq!(days_from_civil(date.0, date.1, date.2), days);
        assert_eq!(civil_from_days(days), date);
    }
}

#[test]
fn a_window_before_1970_holds_its_instant() {
    let window = Window::of(-1, DAY_S);
    assert_eq!((window.start_s, window.end_s()), (-DAY_S, 0));
    assert_eq!(window.to_string(), "1969-12-31T00");
}

#[test]
fn names_that_are_no_window_are_refused() {
    for name in [
        "",
        "2026-11-31T00",
        "2026-02-29T00",
        "2026-11-30T24",
        "2026-11-30",
        "x-1-1T00",
        "2026-11-30T0x",
    ] {
        assert_eq!(parse_window_start_s(name), None, "{name}");
    }
}

proptest! {
    #[test]
    fn a_window_reads_back_from_its_name(at_s in -60_000_000_000i64..200_000_000_000, hours in prop::sample::select(vec![1i64, 2, 6, 24])) {
        let window = Window::of(at_s, hours * 3600);
        prop_assert!(window.start_s <= at_s && at_s < window.end_s());
        prop_assert_eq!(parse_window_start_s(&window.to_string()), Some(window.start_s));
    }
}
