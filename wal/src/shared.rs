//! What the commit thread and the callers share: the queue, the list of segments and the counters.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::queue::Queue;
use crate::segment::{Encoded, SegmentInfo};
use crate::{FsyncHistogram, Lsn, WalStats};

#[derive(Debug, Default)]
struct Log {
    segments: VecDeque<SegmentInfo>,
    next_lsn: Lsn,
    durable_lsn: Lsn,
    fsync: FsyncHistogram,
    groups: u64,
    records: u64,
    definitions: u64,
    written_bytes: u64,
    sealed_by_error: u64,
    unsynced_at_error: u64,
}

pub(crate) struct Shared<T> {
    pub(crate) queue: Queue<T>,
    /// Failures of the zero-fill worker.
    pub(crate) zero_fill_errors: Arc<AtomicU64>,
    log: Mutex<Log>,
}

impl<T> Shared<T> {
    pub(crate) fn new(queue: Queue<T>, segments: VecDeque<SegmentInfo>, next_lsn: Lsn, durable_lsn: Lsn) -> Shared<T> {
        Shared {
            queue,
            zero_fill_errors: Arc::default(),
            log: Mutex::new(Log {
                segments,
                next_lsn,
                durable_lsn,
                ..Log::default()
            }),
        }
    }

    /// A segment got its name, in the place of any that began with the same record.
    pub(crate) fn began(&self, info: SegmentInfo) {
        let mut log = self.log.lock();
        while log.segments.back().is_some_and(|last| last.first_lsn >= info.first_lsn) {
            log.segments.pop_back();
        }
        log.segments.push_back(info);
    }

    /// First LSN of the newest segment that begins before a record; 0 when there is none.
    pub(crate) fn first_lsn_before(&self, lsn: Lsn) -> Lsn {
        let log = self.log.lock();
        let before = log.segments.iter().rev().find(|info| info.first_lsn < lsn);
        before.map_or(Lsn::ZERO, |info| info.first_lsn)
    }

    pub(crate) fn grew(&self, last_lsn: Lsn, durable_lsn: Lsn, size: u64, frame_bytes: u64) {
        let mut log = self.log.lock();
        log.durable_lsn = durable_lsn;
        log.written_bytes += frame_bytes;
        if let Some(info) = log.segments.back_mut() {
            info.last_lsn = last_lsn;
            info.bytes = size;
        }
    }

    pub(crate) fn committed(&self, next_lsn: Lsn, written: Encoded) {
        let mut log = self.log.lock();
        log.next_lsn = next_lsn;
        log.groups += 1;
        log.records += written.records as u64;
        log.definitions += written.definitions;
    }

    pub(crate) fn synced(&self, duration: Duration) {
        self.log.lock().fsync.observe(duration);
    }

    pub(crate) fn durable(&self, lsn: Lsn) {
        self.log.lock().durable_lsn = lsn;
    }

    pub(crate) fn sealed(&self, records_at_risk: u64) {
        let mut log = self.log.lock();
        log.sealed_by_error += 1;
        log.unsynced_at_error += records_at_risk;
    }

    /// Takes the oldest segment off the list if all its records are below `lsn` and it is not the newest.
    pub(crate) fn take_oldest_below(&self, lsn: Lsn) -> Option<SegmentInfo> {
        let mut log = self.log.lock();
        if log.segments.len() < 2 || log.segments.front()?.last_lsn >= lsn {
            return None;
        }
        log.segments.pop_front()
    }

    /// Puts back a segment that could not be removed.
    pub(crate) fn put_back_oldest(&self, info: SegmentInfo) {
        self.log.lock().segments.push_front(info);
    }

    pub(crate) fn stats(&self) -> WalStats {
        let queue = self.queue.stats();
        let log = self.log.lock();
        WalStats {
            bytes: log.segments.iter().map(|info| info.bytes).sum(),
            segments: log.segments.len() as u64,
            oldest_lsn: log.segments.front().map_or(log.next_lsn, |info| info.first_lsn),
            next_lsn: log.next_lsn,
            durable_lsn: log.durable_lsn,
            queue_bytes: queue.bytes,
            queue_records: queue.records,
            refused_full: queue.refused_full,
            refused_poisoned: queue.refused_poisoned,
            fsync: log.fsync,
            groups: log.groups,
            records: log.records,
            definitions: log.definitions,
            written_bytes: log.written_bytes,
            sealed_by_error: log.sealed_by_error,
            unsynced_at_error: log.unsynced_at_error,
            zero_fill_errors: self.zero_fill_errors.load(Ordering::Relaxed),
            poisoned: queue.poisoned,
        }
    }
}
