//! Whatever is split comes back bit for bit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn bits_come_back(values in vec(prop_oneof![
        any::<f64>(),
        (any::<i32>(), 0u8..8).prop_map(|(m, e)| f64::from(m) / 10f64.powi(i32::from(e))),
        Just(-0.0), Just(f64::NAN),
    ], 1..50)) {
        let mut mantissas = Vec::new();
        if let Some(scale) = split(&values, &mut mantissas) {
            let mut back = Vec::new();
            join(&mantissas, scale, &mut back).unwrap();
            prop_assert_eq!(back.len(), values.len());
            for (back, value) in back.iter().zip(&values) {
                prop_assert!(is_special(*value) || back.to_bits() == value.to_bits());
            }
        }
    }
}

#[test]
fn short_decimals_take_the_smallest_scale() {
    let mut mantissas = Vec::new();
    assert_eq!(split(&[1.5, 2.0, f64::NAN, 0.25], &mut mantissas), Some(2));
    assert_eq!(mantissas, [150, 200, 0, 25]);
    assert_eq!(split(&[1.0, 7.0], &mut mantissas), Some(0));
}

#[test]
fn what_is_no_short_decimal_stays_double() {
    let mut mantissas = Vec::new();
    assert_eq!(split(&[1.0, 1.0 / 3.0], &mut mantissas), None);
    assert_eq!(split(&[f64::NAN, f64::INFINITY, -0.0], &mut mantissas), None);
    assert_eq!(split(&[1e300], &mut mantissas), None);
}
