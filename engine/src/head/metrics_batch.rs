//! Samples of a head as record batches of the metrics schema, for readers that want rows (SQL).

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int8Array, Int64Array, RecordBatch, StringDictionaryBuilder, TimestampMillisecondArray,
};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;

use super::view::HeadView;
use crate::histogram::{NativeHistogram, histograms_to_arrow};
use crate::schema;
use crate::time::TimeRange;

/// Rows of one batch at most: more series start the next.
const BATCH_ROWS: usize = 64 * 1024;

/// The samples within `range`, by series (in key order) and time.
pub(super) fn of_view(view: &HeadView, range: TimeRange) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut keys = view.keys(view.series());
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
        for _ in chunk.timestamps {
            columns.metric.append(key.metric())?;
            columns.labels.append(key.labels_json())?;
        }
        columns.timestamps.extend_from_slice(chunk.timestamps);
        for row in 0..chunk.timestamps.len() {
            let histogram = chunk.histograms.and_then(|column| column.get(row)?.clone());
            let value = chunk.values.get(row).copied();
            columns.values.push(value.filter(|_| histogram.is_none()));
            columns.histograms.push(histogram);
            let start = chunk.start_timestamps.and_then(|starts| starts.get(row).copied());
            columns.starts.push(start.filter(|start| *start != 0));
        }
        for _ in chunk.timestamps {
            columns.temporality.append_option(chunk.temporality.as_str());
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

#[derive(Default)]
struct Columns {
    metric: StringDictionaryBuilder<Int32Type>,
    labels: StringDictionaryBuilder<Int32Type>,
    timestamps: Vec<i64>,
    values: Vec<Option<f64>>,
    starts: Vec<Option<i64>>,
    temporality: StringDictionaryBuilder<Int32Type>,
    histograms: Vec<Option<NativeHistogram>>,
}

impl Columns {
    /// Values all go to the double column: which of them are short decimals is a matter of files.
    fn finish(mut self, with_histograms: bool) -> Result<RecordBatch, ArrowError> {
        let rows = self.timestamps.len();
        let times = TimestampMillisecondArray::from(self.timestamps).with_timezone("UTC");
        let starts = TimestampMillisecondArray::from(self.starts).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.metric.finish()),
            Arc::new(self.labels.finish()),
            Arc::new(times),
            Arc::new(Int64Array::new_null(rows)),
            Arc::new(Int8Array::new_null(rows)),
            Arc::new(Float64Array::from(self.values)),
            Arc::new(starts),
            Arc::new(self.temporality.finish()),
        ];
        if with_histograms {
            let histograms: Vec<_> = self.histograms.iter().map(Option::as_ref).collect();
            columns.push(Arc::new(histograms_to_arrow(&histograms)));
        }
        RecordBatch::try_new(schema::metrics(with_histograms), columns)
    }
}
