//! Whatever is entered, the ledger balances and its totals are the sums of what was entered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_item_is_accounted_for(
        batches in prop::collection::vec((0..1000_u64, prop::collection::vec((0..15_usize, 0..50_u64), 0..4), 0..100_u64), 0..30)
    ) {
        let ledger = Ledger::default();
        let (mut stored, mut rejected) = (0, 0);
        for (items, refusals, replaced) in batches {
            let mut rejections = Rejections::default();
            for (reason, count) in refusals {
                rejections.add(Reason::ALL[reason], count, String::new);
            }
            ledger.enter(Signal::Logs, &Entry { stored: items, replaced, rejections: Some(&rejections), ..Entry::default() });
            stored += items + replaced;
            rejected += rejections.total();
            let counts = ledger.counts(Signal::Logs);
            prop_assert!(counts.balances());
            prop_assert_eq!(counts.stored + counts.replaced, stored);
            prop_assert_eq!(counts.rejected_total(), rejected);
        }
        prop_assert_eq!(ledger.counts(Signal::Metrics), LedgerCounts::default());
    }
}

#[test]
fn refusals_without_a_batch_are_received_too() {
    let ledger = Ledger::default();
    ledger.rejected(Signal::Traces, Reason::Malformed, 4);
    let counts = ledger.counts(Signal::Traces);
    assert_eq!((counts.received, counts.rejected_total()), (4, 4));
    assert_eq!(counts.rejected[Reason::Malformed as usize], 4);
}
