//! Samples of a head as record batches of the metrics schema, for readers that want rows (SQL).

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int8Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;

use super::view::HeadView;
use crate::histogram::{NativeHistogram, histograms_to_arrow};
use crate::schema;
use crate::time::TimeRange;

/// Rows of one batch at most: more series start the next.
const BATCH_ROWS: usize = 64 * 1024;

/// The samples of `series` within `range`, by series (in key order) and time, but for those that are `left_out`.
pub(super) fn of_view(
    view: &HeadView,
    series: impl IntoIterator<Item = u32>,
    range: TimeRange,
    left_out: &dyn Fn(u32, i64) -> bool,
) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut keys = view.keys(series);
    keys.sort_by(|a, b| a.1.cmp(&b.1));
    let with_histograms = view.has_histograms();
    let mut reader = view.reader();
    let mut batches = Vec::new();
    let mut columns = Columns::default();
    for (series, key) in keys {
        let samples = reader.fill(series, range);
        if samples.is_empty() {
            continue;
        }
        let chunk = samples.chunk();
        let kept: Vec<usize> = (0..chunk.timestamps.len())
            .filter(|&row| chunk.timestamps.get(row).is_some_and(|&at| !left_out(series, at)))
            .collect();
        columns.metric.repeat(key.metric(), kept.len());
        columns.labels.repeat(key.labels_json(), kept.len());
        for &row in &kept {
            columns.timestamps.extend(chunk.timestamps.get(row));
            let histogram = chunk.histograms.and_then(|column| column.get(row)?.clone());
            let value = chunk.values.get(row).copied();
            columns.values.push(value.filter(|_| histogram.is_none()));
            columns.histograms.push(histogram);
            let start = chunk.start_timestamps.and_then(|starts| starts.get(row).copied());
            columns.starts.push(start.filter(|start| *start != 0));
        }
        match chunk.temporality.as_str() {
            Some(temporality) => columns.temporality.repeat(temporality, kept.len()),
            None => columns.temporality.repeat_null(kept.len()),
        }
        if columns.timestamps.len() >= BATCH_ROWS {
            batches.push(std::mem::take(&mut columns).finish(with_histograms)?);
        }
    }
    if !columns.timestamps.is_empty() {
        batches.push(columns.finish(with_histograms)?);
    }
    Ok(batches)
}

/// A dictionary column whose values come in runs: one comparison a run, where a builder hashes every row.
#[derive(Default)]
struct Repeats {
    values: Vec<String>,
    keys: Vec<Option<i32>>,
}

impl Repeats {
    fn repeat(&mut self, value: &str, rows: usize) {
        if self.values.last().is_none_or(|last| last != value) {
            self.values.push(value.to_owned());
        }
        let key = i32::try_from(self.values.len() - 1).ok();
        self.keys.extend(std::iter::repeat_n(key, rows));
    }

    fn repeat_null(&mut self, rows: usize) {
        self.keys.extend(std::iter::repeat_n(None, rows));
    }

    fn finish(self) -> Result<DictionaryArray<Int32Type>, ArrowError> {
        let values = Arc::new(StringArray::from(self.values));
        DictionaryArray::try_new(Int32Array::from(self.keys), values)
    }
}

#[derive(Default)]
struct Columns {
    metric: Repeats,
    labels: Repeats,
    timestamps: Vec<i64>,
    values: Vec<Option<f64>>,
    starts: Vec<Option<i64>>,
    temporality: Repeats,
    histograms: Vec<Option<NativeHistogram>>,
}

impl Columns {
    /// Values all go to the double column: which of them are short decimals is a matter of files.
    fn finish(self, with_histograms: bool) -> Result<RecordBatch, ArrowError> {
        let rows = self.timestamps.len();
        let times = TimestampMillisecondArray::from(self.timestamps).with_timezone("UTC");
        let starts = TimestampMillisecondArray::from(self.starts).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.metric.finish()?),
            Arc::new(self.labels.finish()?),
            Arc::new(times),
            Arc::new(Int64Array::new_null(rows)),
            Arc::new(Int8Array::new_null(rows)),
            Arc::new(Float64Array::from(self.values)),
            Arc::new(starts),
            Arc::new(self.temporality.finish()?),
        ];
        if with_histograms {
            let histograms: Vec<_> = self.histograms.iter().map(Option::as_ref).collect();
            columns.push(Arc::new(histograms_to_arrow(&histograms)));
        }
        RecordBatch::try_new(schema::metrics(with_histograms), columns)
    }
}
