//! Who is among the best.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn ranked(values: &[f64], limit: usize, largest: bool) -> Vec<usize> {
    best(values.iter().copied().enumerate(), limit, largest)
}

#[test]
fn best_come_first_and_not_a_number_last() {
    let values = [3.0, f64::NAN, 9.0, 1.0];
    assert_eq!(ranked(&values, 2, true), [2, 0]);
    assert_eq!(ranked(&values, 2, false), [3, 0]);
    assert_eq!(ranked(&values, 4, true), [2, 0, 3, 1]);
    assert_eq!(ranked(&values, 9, false), [3, 0, 2, 1]);
    assert!(ranked(&values, 0, true).is_empty());
}

proptest! {
    #[test]
    fn the_kept_values_are_the_extreme_ones(values in prop::collection::vec(-5i32..5, 0..30), limit in 0usize..35) {
        let floats: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        let mut sorted = floats.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        sorted.truncate(limit);
        let kept: Vec<f64> = ranked(&floats, limit, true).into_iter().map(|row| floats[row]).collect();
        prop_assert_eq!(kept, sorted);
    }

    #[test]
    fn a_ratio_and_its_complement_part_the_series(name in "[a-z]{1,8}", ratio in 0.01f64..0.99) {
        let offset = offset_of(&Labels::from_pairs([("job", name.as_str())]));
        prop_assert!(in_ratio(offset, ratio) != in_ratio(offset, ratio - 1.0));
    }
}
