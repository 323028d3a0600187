//! The cache holds what fits, drops what was not asked for longest, and gives back what it took from the budget.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::convert::Infallible;

use super::*;

fn put(cache: &PartCache, slot: u64, bytes: usize) -> bool {
    let mut loaded = false;
    cache
        .get::<u64, Infallible>(1, slot, || {
            loaded = true;
            Ok((slot, bytes))
        })
        .unwrap();
    loaded
}

#[test]
fn the_least_recently_used_goes_first() {
    let cache = PartCache::new(3_000, None);
    assert!(put(&cache, 1, 800));
    assert!(put(&cache, 2, 800));
    assert!(put(&cache, 3, 800));
    assert!(!put(&cache, 1, 800));
    assert!(put(&cache, 4, 800));
    assert!(!put(&cache, 1, 800), "asked for last, still there");
    assert!(put(&cache, 2, 800), "not asked for longest, gone");
    assert!(cache.stats().bytes <= 3_000);
}

#[test]
fn a_small_budget_bounds_it_and_gets_all_back() {
    let budget = MemoryBudget::new(32 * 1024 * 1024);
    let cache = PartCache::new(usize::MAX, Some(&budget));
    for slot in 0..100 {
        put(&cache, slot, 1024 * 1024);
    }
    assert!(budget.usage().used_bytes <= budget.usable_bytes());
    assert_eq!(budget.usage().used_bytes, cache.stats().bytes);
    cache.forget(1);
    assert_eq!(budget.usage().used_bytes, 0);
    assert_eq!(cache.stats().entries, 0);
}

#[test]
fn what_is_larger_than_the_cache_is_given_and_not_kept() {
    let cache = PartCache::new(1_000, None);
    assert!(put(&cache, 1, 5_000));
    assert!(put(&cache, 1, 5_000));
    assert_eq!(cache.stats().entries, 0);
}
