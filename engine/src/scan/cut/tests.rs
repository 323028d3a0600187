//! Cutting rows out of ranges against counting by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn ranges_of(rows: &BTreeSet<u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for &row in rows {
        match ranges.last_mut() {
            Some(last) if last.end == row => last.end = row + 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

proptest! {
    #[test]
    fn what_is_left_is_the_difference(
        have in prop::collection::btree_set(0_u64..200, 0..150),
        gone in prop::collection::vec(0_u64..210, 0..60),
    ) {
        let left: BTreeSet<u64> = have.iter().copied().filter(|row| !gone.contains(row)).collect();
        let cut = without(ranges_of(&have), gone);
        let rows: Vec<u64> = cut.iter().cloned().flatten().collect();
        prop_assert_eq!(rows, left.into_iter().collect::<Vec<_>>());
        prop_assert!(cut.iter().all(|range| range.start < range.end));
    }
}
