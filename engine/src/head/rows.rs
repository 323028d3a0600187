//! Log records and spans of a head: the record batches as they arrived, in LSN order.

use std::collections::HashSet;

use arrow::array::{Array, AsArray, BooleanArray, FixedSizeBinaryArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use arrow::error::ArrowError;

use crate::schema::column;
use crate::time::TimeRange;

/// Batches of one head.
#[derive(Debug, Default)]
pub(crate) struct RowBatches {
    batches: Vec<(TimeRange, RecordBatch)>,
}

impl RowBatches {
    pub(crate) fn push(&mut self, batch: RecordBatch, time: TimeRange) {
        self.batches.push((time, batch));
    }

    pub(crate) fn len(&self) -> usize {
        self.batches.len()
    }

    /// The first `published` batches that may hold rows of `range`, oldest first.
    pub(crate) fn overlapping(&self, published: usize, range: TimeRange) -> Vec<(TimeRange, RecordBatch)> {
        self.batches
            .iter()
            .take(published)
            .filter(|(time, _)| time.overlaps(range))
            .cloned()
            .collect()
    }
}

/// Leaves the rows whose timestamp lies in `range`.
pub(crate) fn rows_within(batch: &RecordBatch, time: TimeRange, range: TimeRange) -> Result<RecordBatch, ArrowError> {
    if range.start <= time.start && time.end <= range.end {
        return Ok(batch.clone());
    }
    let Some(times) = batch
        .column_by_name(column::TIMESTAMP)
        .and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>())
    else {
        return Ok(batch.clone());
    };
    let keep: BooleanArray = times.values().iter().map(|&at| Some(range.contains(at))).collect();
    filter_record_batch(batch, &keep)
}

/// Of spans with one identity (trace id, span id), leaves the last: a span that was sent again replaces the earlier one.
/// `batches` are in LSN order, and stay so.
pub(crate) fn last_of_each_span(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, ArrowError> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut seen: HashSet<SpanIdentity, foldhash::fast::RandomState> =
        HashSet::with_capacity_and_hasher(rows, foldhash::fast::RandomState::default());
    let mut kept = Vec::with_capacity(batches.len());
    for batch in batches.iter().rev() {
        let ids = |name| {
            batch
                .column_by_name(name)
                .and_then(|ids| ids.as_any().downcast_ref::<FixedSizeBinaryArray>())
        };
        let (Some(traces), Some(spans)) = (ids(column::TRACE_ID), ids(column::SPAN_ID)) else {
            kept.push(batch.clone());
            continue;
        };
        let mut keep = vec![true; batch.num_rows()];
        for (row, keep) in keep.iter_mut().enumerate().rev() {
            *keep = seen.insert(SpanIdentity::of(traces.value(row), spans.value(row)));
        }
        if keep.iter().all(|keep| *keep) {
            kept.push(batch.clone());
        } else {
            kept.push(filter_record_batch(batch, &BooleanArray::from(keep))?);
        }
    }
    kept.reverse();
    kept.retain(|batch| batch.num_rows() > 0);
    Ok(kept)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SpanIdentity([u8; 16], [u8; 8]);

impl SpanIdentity {
    fn of(trace: &[u8], span: &[u8]) -> Self {
        Self(
            trace.try_into().unwrap_or_default(),
            span.try_into().unwrap_or_default(),
        )
    }
}
