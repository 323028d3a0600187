//! The ledger of a tenant: what became of every item it ever sent to this process, so that nothing goes in silence.
//!
//! For each signal: received = stored + replaced + duplicate + folded + dropped + rejected(reason), exactly and at
//! every moment, because one lock covers all of them. Items are OTLP data points, samples, log records or spans. A
//! batch that is not taken (an `AppendError`) is not received: its sender still has it.
//!
//! `replaced` counts what is known without reading rows: an item whose samples all have the time of their series' last
//! admitted sample, which is what a request sent twice looks like. Other repetitions (of older samples, of spans, after
//! a restart) are resolved by readers and merges and stay counted as stored.

use parking_lot::Mutex;

use crate::ids::Signal;
use crate::reason::{Reason, Rejections};

/// The counts of one tenant, all signals.
#[derive(Debug, Default)]
pub struct Ledger {
    signals: [Mutex<LedgerCounts>; Signal::ALL.len()],
}

/// What became of a signal's items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerCounts {
    /// Items of all batches taken.
    pub received: u64,
    /// Items stored as new rows.
    pub stored: u64,
    /// Items stored over an earlier item of the same identity.
    pub replaced: u64,
    /// Items not stored because the same request was stored before.
    pub duplicate: u64,
    /// Items folded into an overflow series.
    pub folded: u64,
    /// Items dropped by a rule of the operator.
    pub dropped: u64,
    /// Items refused, by reason.
    pub rejected: [u64; Reason::ALL.len()],
    /// Samples whose series had two start times in turn (several senders share one series). These are stored.
    pub interleaved_starts: u64,
    /// Exemplars not kept because their series was refused or their request carried too many.
    pub exemplars_dropped: u64,
}

impl LedgerCounts {
    /// Items refused in all.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    /// Whether every item received is accounted for.
    pub fn balances(&self) -> bool {
        self.received
            == self.stored + self.replaced + self.duplicate + self.folded + self.dropped + self.rejected_total()
    }
}

/// What one batch adds to the ledger.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) stored: u64,
    pub(crate) replaced: u64,
    pub(crate) rejections: Option<&'a Rejections>,
    pub(crate) interleaved_starts: u64,
    pub(crate) exemplars_dropped: u64,
}

impl Ledger {
    fn of(&self, signal: Signal) -> Option<&Mutex<LedgerCounts>> {
        self.signals.get(signal as usize)
    }

    /// Enters a batch that was taken.
    pub(crate) fn enter(&self, signal: Signal, entry: &Entry<'_>) {
        let Some(counts) = self.of(signal) else {
            return;
        };
        let mut counts = counts.lock();
        counts.stored += entry.stored;
        counts.replaced += entry.replaced;
        counts.received += entry.stored + entry.replaced;
        counts.interleaved_starts += entry.interleaved_starts;
        counts.exemplars_dropped += entry.exemplars_dropped;
        if let Some(rejections) = entry.rejections {
            counts.received += rejections.total();
            for (reason, items) in rejections.iter() {
                if let Some(count) = counts.rejected.get_mut(reason as usize) {
                    *count += items;
                }
            }
        }
    }

    /// Counts items refused before there was a batch, such as those of a request that could not be decoded.
    pub fn rejected(&self, signal: Signal, reason: Reason, items: u64) {
        let mut rejections = Rejections::default();
        rejections.add(reason, items, String::new);
        let entry = Entry {
            rejections: Some(&rejections),
            ..Entry::default()
        };
        self.enter(signal, &entry);
    }

    /// The counts of one signal at one moment.
    pub fn counts(&self, signal: Signal) -> LedgerCounts {
        self.of(signal).map(|counts| counts.lock().clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
