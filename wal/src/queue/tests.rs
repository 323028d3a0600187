#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! Shares keep their promise whatever is taken and given back.

use proptest::prelude::*;

use super::*;

proptest! {
    /// Together never above the bound; each lane always gets its kept part, however the others behave.
    #[test]
    fn the_bound_holds_and_every_lane_has_its_kept_part(
        max in 64u64..10_000,
        steps in prop::collection::vec((0usize..LANES, 1u64..3_000, any::<bool>()), 1..200),
    ) {
        let mut shares = Shares::default();
        let mut held: Vec<(usize, u64)> = Vec::new();
        let mut used = [0u64; LANES];
        for (lane, amount, give_back) in steps {
            if give_back && !held.is_empty() {
                let (lane, amount) = held.remove(amount as usize % held.len());
                shares.give_back(lane, amount);
                used[lane] -= amount;
            } else {
                let kept = max / KEPT_DIVISOR;
                let taken = shares.take(lane, amount, max);
                prop_assert!(taken || used[lane] + amount > kept, "the kept part is never lent");
                if taken {
                    held.push((lane, amount));
                    used[lane] += amount;
                }
            }
            prop_assert_eq!(shares.total(), used.iter().sum::<u64>());
            prop_assert!(shares.total() <= max);
            prop_assert!(used.iter().all(|used| *used <= Shares::lane_max(max)));
        }
    }

    /// One lane alone can borrow up to its maximum, so that a record that is not too large fits an empty queue.
    #[test]
    fn an_idle_queue_takes_the_largest_record(max in 64u64..1_000_000, lane in 0usize..LANES) {
        let mut shares = Shares::default();
        prop_assert!(shares.take(lane, Shares::lane_max(max), max));
        prop_assert!(!shares.take(lane, 1, max));
    }
}
