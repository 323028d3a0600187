//! The sum of all reservations never passes the usable part, and no group can be pushed below its floor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

const MIB: u64 = 1024 * 1024;

#[test]
fn idle_shares_are_lent_but_half_of_each_is_kept() {
    let budget = MemoryBudget::new(1000 * MIB);
    let mut logs = budget.reserve_none(MemoryClass::Heads(Signal::Logs));
    while logs.try_grow(MIB).is_ok() {}
    assert!(logs.bytes() > budget.share_bytes(MemoryGroup::Logs));
    assert!(budget.borrowed_bytes(MemoryGroup::Logs) > 0);
    for group_class in [
        MemoryClass::Heads(Signal::Metrics),
        MemoryClass::Decode(Signal::Traces),
        MemoryClass::Sql,
        MemoryClass::Merge,
    ] {
        let floor = budget.share_bytes(group_class.group()) / 2;
        assert!(budget.try_reserve(group_class, floor).is_ok(), "{group_class}");
    }
    let refused = budget
        .try_reserve(MemoryClass::Heads(Signal::Logs), 100 * MIB)
        .unwrap_err();
    assert!(refused.to_string().contains("--memory-limit"));
    drop(logs);
    assert_eq!(budget.usage().used_bytes, 0);
}

#[test]
fn classes_are_listed_where_their_index_points() {
    for (at, class) in MemoryClass::ALL.into_iter().enumerate() {
        assert_eq!(class.index(), at);
    }
    let shares: u64 = MemoryGroup::ALL.iter().map(|g| g.share_percent()).sum();
    assert_eq!(shares, 100);
}

#[test]
fn bytes_move_between_classes_and_come_back() {
    let budget = MemoryBudget::new(100 * MIB);
    let mut whole = budget.try_reserve(MemoryClass::Decode(Signal::Metrics), 10).unwrap();
    let mut part = whole.split(4);
    part.reclassify(MemoryClass::Heads(Signal::Metrics));
    let used = |class: MemoryClass| budget.usage().classes[class.index()].used_bytes;
    assert_eq!(used(MemoryClass::Decode(Signal::Metrics)), 6);
    assert_eq!(used(MemoryClass::Heads(Signal::Metrics)), 4);
    drop(whole);
    part.grow_unchecked(1000 * MIB);
    assert!(budget.try_reserve(MemoryClass::Sql, 1).is_err());
    drop(part);
    assert_eq!(budget.usage().used_bytes, 0);
}

proptest! {
    #[test]
    fn never_over_the_usable_part(steps in prop::collection::vec((0..15_usize, 0..30 * MIB, any::<bool>()), 1..200)) {
        let budget = MemoryBudget::new(100 * MIB);
        let mut held = Vec::new();
        for (class, bytes, release) in steps {
            if release {
                held.pop();
            } else if let Ok(reservation) = budget.try_reserve(MemoryClass::ALL[class], bytes) {
                held.push(reservation);
            }
            let expected: u64 = held.iter().map(Reservation::bytes).sum();
            prop_assert_eq!(budget.usage().used_bytes, expected);
            prop_assert!(expected <= budget.usable_bytes());
        }
    }
}
