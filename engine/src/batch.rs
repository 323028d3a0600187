//! Batches: what a decoder fills for one tenant and signal, and what becomes one record of the log.

mod columns;
mod logs;
mod metrics;
mod rows;
mod spans;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

pub use logs::{LogRow, LogsBatch};
pub use metrics::{ExemplarRow, MetricsBatch, Slot};
pub(crate) use metrics::{LocalSeries, MetricsParts, PendingExemplar};
pub(crate) use rows::RowsParts;
pub use rows::{ResourceSlot, ScopeSlot};
pub use spans::{SpanEvent, SpanLink, SpanRow, SpansBatch};

use crate::ids::Signal;
use crate::time::TimeRange;

/// What a batch keeps of the words it is told: this many notes, and each of them once.
const NOTES_MAX: usize = 8;

/// Adds a warning unless it is there already or there are enough.
pub(crate) fn add_note(notes: &mut Vec<String>, note: String) {
    if notes.len() < NOTES_MAX && !notes.contains(&note) {
        notes.push(note);
    }
}

/// The times that rows may have when they arrive, both ends included, in the unit of the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeBounds {
    pub(crate) range: TimeRange,
    /// When the batch arrives, in milliseconds.
    pub(crate) now_ms: i64,
    /// The same in words for the sender.
    pub(crate) late_max_ms: i64,
    pub(crate) future_max_ms: i64,
}

/// The filled columns of a batch of logs or spans.
pub(crate) trait RowColumns {
    /// Which.
    const SIGNAL: Signal;

    /// The columns in the schema of records.
    fn finish(self) -> Result<RecordBatch, ArrowError>;
}
