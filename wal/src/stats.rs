//! What the log tells about itself.

use std::sync::Arc;
use std::time::Duration;

use crate::Lsn;
use crate::limits::FSYNC_SECONDS_BOUNDS;

/// Durations of fsyncs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FsyncHistogram {
    /// Fsyncs by duration: at position `i` those of at most `FSYNC_SECONDS_BOUNDS[i]` and more than the bound before; the
    /// last position holds the longer ones.
    pub counts: [u64; FSYNC_SECONDS_BOUNDS.len() + 1],
    /// Sum of the durations, in seconds.
    pub sum_seconds: f64,
}

impl FsyncHistogram {
    pub(crate) fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = FSYNC_SECONDS_BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_seconds += seconds;
    }

    /// Fsyncs in all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// State and counters of a log since it was opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WalStats {
    /// Bytes of all segment files.
    pub bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// First LSN of the oldest segment; the next LSN when there is no segment.
    pub oldest_lsn: Lsn,
    /// Number that the next record gets.
    pub next_lsn: Lsn,
    /// Last record that is known to be on stable storage.
    pub durable_lsn: Lsn,
    /// Bytes that wait in the queue, the group being written included.
    pub queue_bytes: u64,
    /// Records that wait in the queue, the group being written included.
    pub queue_records: u64,
    /// Appends refused because the queue or a share of it was full.
    pub refused_full: u64,
    /// Appends refused because the log was poisoned, and records that could not be written.
    pub refused_poisoned: u64,
    /// Durations of fsyncs of segments.
    pub fsync: FsyncHistogram,
    /// Group commits.
    pub groups: u64,
    /// Records written.
    pub records: u64,
    /// Definitions written.
    pub definitions: u64,
    /// Bytes of frames written.
    pub written_bytes: u64,
    /// Segments given up after a write or fsync error.
    pub sealed_by_error: u64,
    /// Records that were acknowledged before their sync (policies `Every` and `Os`) and whose sync then failed.
    pub unsynced_at_error: u64,
    /// Times the worker that fills segments with zeros failed; the commit thread then allocates by itself.
    pub zero_fill_errors: u64,
    /// Why the log refuses appends now; `None` when it does not.
    pub poisoned: Option<Arc<str>>,
}
