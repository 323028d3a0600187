//! What the schemas promise to foreign readers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn times_are_utc_in_the_signals_unit() {
    for (signal, unit) in [
        (Signal::Metrics, TimeUnit::Millisecond),
        (Signal::Logs, TimeUnit::Nanosecond),
        (Signal::Traces, TimeUnit::Nanosecond),
    ] {
        let schema = of(signal);
        let field = schema.field_with_name(column::TIMESTAMP).unwrap();
        assert_eq!(field.data_type(), &DataType::Timestamp(unit, Some("UTC".into())));
        assert!(!field.is_nullable());
    }
}

#[test]
fn histogram_is_absent_unless_asked_for() {
    assert!(metrics(false).field_with_name(column::HISTOGRAM).is_err());
    assert!(metrics(true).field_with_name(column::HISTOGRAM).is_ok());
}

#[test]
fn a_mantissa_divides_exactly() {
    assert_eq!(value_of_mantissa(1234, 2), Some(12.34));
    assert_eq!(value_of_mantissa(-5, 0), Some(-5.0));
    assert_eq!(value_of_mantissa(1, VALUE_SCALE_MAX + 1), None);
}

#[test]
fn temporality_numbers_round_trip() {
    for number in 0..=2 {
        assert_eq!(Temporality::from_u8(number).unwrap() as u8, number);
    }
    assert_eq!(Temporality::from_u8(3), None);
}
