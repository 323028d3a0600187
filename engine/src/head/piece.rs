//! Cuts a record's rows by partition, on the thread that appends them, so that the commit thread only links.
//!
//! Nearly every record lies in one window: its columns are shared as they are. Rows of a record that spans windows are
//! gathered by window.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::take_record_batch;
use arrow::datatypes::{ArrowNativeType, TimestampNanosecondType};
use arrow::error::ArrowError;

use super::{Content, MetricsColumns};
use crate::record::{HistogramRows, MetricRows};
use crate::schema::column;
use crate::time::{TimeRange, Window};

/// Bytes that one piece costs a head beside its rows: its entry, its buffers' headers.
const PIECE_OVERHEAD_BYTES: u64 = 512;

/// What one record has for one partition, before its memory is reserved.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) window: Window,
    /// Of its rows, in the signal's unit.
    pub(crate) time: TimeRange,
    pub(crate) rows: u32,
    /// What the rows and their links will hold.
    pub(crate) bytes: u64,
    pub(crate) content: Content,
}

/// Cuts samples.
pub(crate) fn cut_metrics(rows: MetricRows, window_length_s: i64) -> Vec<Cut> {
    let whole = TimeRange {
        start: rows.timestamps.iter().copied().min().unwrap_or(0),
        end: rows.timestamps.iter().copied().max().unwrap_or(0),
    };
    if rows.is_empty() {
        return Vec::new();
    }
    let window_of = |at: i64| Window::of(at.div_euclid(1000), window_length_s);
    if window_of(whole.start) == window_of(whole.end) {
        return vec![metrics_cut(window_of(whole.start), whole, rows)];
    }
    by_window(rows.timestamps.iter().map(|at| window_of(*at)))
        .into_iter()
        .map(|(window, chosen)| {
            let own = gather(&rows, &chosen);
            let time = range_of(own.timestamps.iter().copied());
            metrics_cut(window, time, own)
        })
        .collect()
}

fn metrics_cut(window: Window, time: TimeRange, rows: MetricRows) -> Cut {
    let columns = MetricsColumns::new(rows);
    Cut {
        window,
        time,
        rows: u32::try_from(columns.rows()).unwrap_or(u32::MAX),
        bytes: columns.memory_bytes() + PIECE_OVERHEAD_BYTES,
        content: Content::Metrics(columns),
    }
}

/// Cuts log records or spans.
pub(crate) fn cut_rows(batch: RecordBatch, window_length_s: i64) -> Result<Vec<Cut>, ArrowError> {
    let times: ScalarBuffer<i64> = batch
        .column_by_name(column::TIMESTAMP)
        .and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>())
        .map(|times| times.values().clone())
        .ok_or_else(|| ArrowError::SchemaError("rows without a timestamp in nanoseconds".to_owned()))?;
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let whole = range_of(times.iter().copied());
    let window_of = |at: i64| Window::of(at.div_euclid(1_000_000_000), window_length_s);
    if window_of(whole.start) == window_of(whole.end) {
        return Ok(vec![rows_cut(window_of(whole.start), whole, batch)]);
    }
    by_window(times.iter().map(|at| window_of(*at)))
        .into_iter()
        .map(|(window, chosen)| {
            let time = range_of(chosen.iter().filter_map(|row| times.get(*row as usize).copied()));
            let own = take_record_batch(&batch, &UInt32Array::from(chosen))?;
            Ok(rows_cut(window, time, own))
        })
        .collect()
}

fn rows_cut(window: Window, time: TimeRange, batch: RecordBatch) -> Cut {
    Cut {
        window,
        time,
        rows: u32::try_from(batch.num_rows()).unwrap_or(u32::MAX),
        bytes: own_bytes(&batch) + PIECE_OVERHEAD_BYTES,
        content: Content::Rows(batch),
    }
}

/// Bytes of the rows themselves: their buffers are slices of one record, whose length each of them would count.
fn own_bytes(batch: &RecordBatch) -> u64 {
    let bytes: usize = batch
        .columns()
        .iter()
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0))
        .sum();
    bytes as u64
}

/// The chosen rows (ascending) as columns of their own.
fn gather(rows: &MetricRows, chosen: &[u32]) -> MetricRows {
    fn pick<T: ArrowNativeType>(column: &ScalarBuffer<T>, chosen: &[u32]) -> ScalarBuffer<T> {
        chosen
            .iter()
            .filter_map(|row| column.get(*row as usize).copied())
            .collect()
    }
    let histograms = rows.histograms.as_ref().map(|_| {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        let mut at = Vec::new();
        for (new, old) in (0u32..).zip(chosen) {
            if let Some(histogram) = rows.histogram(*old as usize) {
                histogram.encode(&mut bytes);
                at.push(new);
                ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            }
        }
        HistogramRows {
            rows: at.into(),
            ends: ends.into(),
            bytes: bytes.into(),
        }
    });
    MetricRows {
        refs: pick(&rows.refs, chosen),
        timestamps: pick(&rows.timestamps, chosen),
        values: pick(&rows.values, chosen),
        start_timestamps: rows.start_timestamps.as_ref().map(|column| pick(column, chosen)),
        temporalities: rows.temporalities.as_ref().map(|column| pick(column, chosen)),
        histograms,
    }
}

/// Row numbers by window, each list ascending.
fn by_window(windows: impl Iterator<Item = Window>) -> BTreeMap<Window, Vec<u32>> {
    let mut chosen: BTreeMap<Window, Vec<u32>> = BTreeMap::new();
    for (row, window) in (0u32..).zip(windows) {
        chosen.entry(window).or_default().push(row);
    }
    chosen
}

fn range_of(times: impl Iterator<Item = i64>) -> TimeRange {
    times.fold(TimeRange::new(i64::MAX, i64::MIN), |range, at| {
        TimeRange::new(range.start.min(at), range.end.max(at))
    })
}
