#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! The set of references is a set.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_reference_is_added_once(
        calls in prop::collection::vec((0u32..3, prop::collection::vec(prop_oneof![0u32..200, 4_090u32..4_100, 1_000_000u32..1_000_003], 0..50)), 1..20),
    ) {
        let mut defined = Defined::default();
        let mut model = HashSet::new();
        for (space, references) in calls {
            let mut added = Vec::new();
            defined.add_all(space, &references, |reference| added.push(reference));
            let expected: Vec<u32> = references.into_iter().filter(|r| model.insert((space, *r))).collect();
            prop_assert_eq!(added, expected);
        }
    }
}
