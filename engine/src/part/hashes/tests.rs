//! A lookup names every group that holds a hash, and hardly any other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::*;

fn hash(word: u32) -> u64 {
    xxh3_64(&word.to_le_bytes())
}

fn packed(pairs: &[(u64, u32)]) -> Vec<u64> {
    let group_bits = PAIR_GROUP_BITS;
    pairs
        .iter()
        .map(|(hash, group)| hash >> group_bits << group_bits | u64::from(*group))
        .collect()
}

fn lookup(table: &Bytes, hash: u64) -> Option<Vec<u32>> {
    find_groups::<Option<Infallible>>(hash, |offset, length| {
        (offset + length <= table.len())
            .then(|| table.slice(offset..offset + length))
            .ok_or(None)
    })
    .unwrap_or(None)
}

proptest! {
    #[test]
    fn every_pair_is_found(words in vec((0u32..3_000, 0u32..500), 1..4_000)) {
        let pairs: Vec<_> = words
            .iter()
            .map(|(word, group)| (hash(*word), *group))
            .collect();
        let mut model: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
        for (hash, group) in &pairs {
            model.entry(*hash).or_default().insert(*group);
        }
        let table = Bytes::from(encode_hashes(packed(&pairs), 500));
        let mut extra = 0;
        for (hash, groups) in &model {
            let found = lookup(&table, *hash).unwrap();
            prop_assert!(groups.iter().all(|group| found.contains(group)));
            extra += found.len() - groups.len();
        }
        prop_assert!(extra <= 3 + model.len() / 10, "{extra} of {}", model.len());
    }

    #[test]
    fn hostile_tables_never_panic(table in vec(any::<u8>(), 0..400), hash in any::<u64>()) {
        let _ = lookup(&Bytes::from(table), hash);
    }
}

#[test]
fn a_hash_that_is_not_there_is_seldom_named() {
    let pairs: Vec<_> = (0..100_000u32).map(|i| (hash(i), i % 250)).collect();
    let table = Bytes::from(encode_hashes(packed(&pairs), 250));
    assert!(table.len() < 3 * 100_000, "{} bytes", table.len());
    let hits = (200_000..210_000u32)
        .filter(|i| !lookup(&table, hash(*i)).unwrap().is_empty())
        .count();
    assert!(hits < 300, "{hits} of 10,000");
}
