#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! More gaps than a header holds are joined, never left out.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn joined_gaps_cover_what_they_join(lengths in prop::collection::vec((1u64..100, 1u64..100), 0..40), max in 1usize..20) {
        let mut at = 4096;
        let ranges: Vec<_> = lengths
            .into_iter()
            .map(|(space, len)| {
                let start = at + space;
                at = start + len;
                start..at
            })
            .collect();
        let kept = at_most(&ranges, max);
        prop_assert_eq!(kept.len(), ranges.len().min(max));
        for range in &ranges {
            prop_assert!(kept.iter().any(|kept| kept.start <= range.start && range.end <= kept.end));
        }
        if ranges.len() <= max {
            prop_assert_eq!(kept, ranges);
        }
    }
}
