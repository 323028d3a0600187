//! The columns of samples: growing while a batch is filled, shared and frozen ever after.

use std::ops::Range;

use arrow::buffer::{Buffer, ScalarBuffer};

use crate::histogram::NativeHistogram;
use crate::schema::Temporality;

/// Columns that grow. The optional ones are empty until a row needs them.
#[derive(Debug, Default)]
pub(crate) struct MetricColumns {
    pub(crate) refs: Vec<u32>,
    pub(crate) timestamps: Vec<i64>,
    pub(crate) values: Vec<f64>,
    pub(crate) start_timestamps: Vec<i64>,
    pub(crate) temporalities: Vec<u8>,
    pub(crate) histogram_rows: Vec<u32>,
    pub(crate) histogram_ends: Vec<u32>,
    pub(crate) histogram_bytes: Vec<u8>,
}

impl MetricColumns {
    pub(crate) fn len(&self) -> usize {
        self.refs.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, number: u32, timestamp: i64, value: f64, start: i64, temporality: Temporality) {
        self.refs.push(number);
        self.timestamps.push(timestamp);
        self.values.push(value);
        if start != 0 || !self.start_timestamps.is_empty() {
            self.push_start(start);
        }
        if temporality != Temporality::Unspecified || !self.temporalities.is_empty() {
            self.push_temporality(temporality);
        }
    }

    fn push_start(&mut self, start: i64) {
        if self.start_timestamps.len() + 1 < self.refs.len() {
            self.start_timestamps.resize(self.refs.len() - 1, 0);
        }
        self.start_timestamps.push(start);
    }

    fn push_temporality(&mut self, temporality: Temporality) {
        if self.temporalities.len() + 1 < self.refs.len() {
            self.temporalities
                .resize(self.refs.len() - 1, Temporality::Unspecified as u8);
        }
        self.temporalities.push(temporality as u8);
    }

    /// Gives the last row its histogram.
    pub(crate) fn push_histogram(&mut self, histogram: &NativeHistogram) {
        histogram.encode(&mut self.histogram_bytes);
        self.histogram_rows.push(self.refs.len().saturating_sub(1) as u32);
        self.histogram_ends.push(self.histogram_bytes.len() as u32);
    }

    /// Drops all rows from `rows` on.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.refs.truncate(rows);
        self.timestamps.truncate(rows);
        self.values.truncate(rows);
        self.start_timestamps.truncate(rows);
        self.temporalities.truncate(rows);
        let histograms = self.histogram_rows.partition_point(|row| (*row as usize) < rows);
        self.histogram_rows.truncate(histograms);
        self.histogram_ends.truncate(histograms);
        let bytes = self.histogram_ends.last().copied().unwrap_or(0);
        self.histogram_bytes.truncate(bytes as usize);
    }

    /// Drops the rows of `gone`: ascending, disjoint ranges.
    pub(crate) fn remove(&mut self, gone: &[Range<usize>]) {
        if gone.is_empty() {
            return;
        }
        self.remove_histograms(gone);
        remove_ranges(&mut self.refs, gone);
        remove_ranges(&mut self.timestamps, gone);
        remove_ranges(&mut self.values, gone);
        remove_ranges(&mut self.start_timestamps, gone);
        remove_ranges(&mut self.temporalities, gone);
    }

    fn remove_histograms(&mut self, gone: &[Range<usize>]) {
        let bytes = std::mem::take(&mut self.histogram_bytes);
        let rows = std::mem::take(&mut self.histogram_rows);
        let ends = std::mem::take(&mut self.histogram_ends);
        let mut gone = gone.iter().peekable();
        let (mut removed, mut start) = (0, 0);
        for (row, end) in rows.into_iter().zip(ends) {
            while let Some(range) = gone.next_if(|range| range.end <= row as usize) {
                removed += range.len();
            }
            if !gone.peek().is_some_and(|range| range.contains(&(row as usize))) {
                self.histogram_rows.push(row - removed as u32);
                let own = bytes.get(start as usize..end as usize).unwrap_or_default();
                self.histogram_bytes.extend_from_slice(own);
                self.histogram_ends.push(self.histogram_bytes.len() as u32);
            }
            start = end;
        }
    }

    /// Freezes the columns.
    pub(crate) fn finish(self) -> MetricRows {
        let optional = |column: Vec<i64>| (!column.is_empty()).then(|| ScalarBuffer::from(column));
        MetricRows {
            refs: self.refs.into(),
            timestamps: self.timestamps.into(),
            values: self.values.into(),
            start_timestamps: optional(self.start_timestamps),
            temporalities: (!self.temporalities.is_empty()).then(|| self.temporalities.into()),
            histograms: (!self.histogram_rows.is_empty()).then(|| HistogramRows {
                rows: self.histogram_rows.into(),
                ends: self.histogram_ends.into(),
                bytes: self.histogram_bytes.into(),
            }),
        }
    }
}

/// Drops the elements of `gone` (ascending, disjoint) in place; an empty column stays empty.
fn remove_ranges<T: Copy>(column: &mut Vec<T>, gone: &[Range<usize>]) {
    if column.is_empty() {
        return;
    }
    let mut write = gone.first().map_or(0, |range| range.start);
    for (at, range) in gone.iter().enumerate() {
        let next = gone.get(at + 1).map_or(column.len(), |next| next.start);
        column.copy_within(range.end..next, write);
        write += next - range.end;
    }
    column.truncate(write);
}

/// Rows of samples in the order they came: shared columns of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRows {
    /// The series of each row, as this process numbers them.
    pub refs: ScalarBuffer<u32>,
    /// Milliseconds since the Unix epoch.
    pub timestamps: ScalarBuffer<i64>,
    /// Values; NaN where the row is a histogram.
    pub values: ScalarBuffer<f64>,
    /// Start of the accumulation in milliseconds, 0 where unknown; absent where all are.
    pub start_timestamps: Option<ScalarBuffer<i64>>,
    /// `Temporality` as a number; absent where all are unspecified.
    pub temporalities: Option<ScalarBuffer<u8>>,
    /// The rows that are native histograms; absent where there is none.
    pub histograms: Option<HistogramRows>,
}

impl MetricRows {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// Start of a row's accumulation in milliseconds, 0 where unknown.
    pub fn start_timestamp(&self, row: usize) -> i64 {
        let column = self.start_timestamps.as_deref().unwrap_or_default();
        column.get(row).copied().unwrap_or(0)
    }

    /// A row's temporality.
    pub fn temporality(&self, row: usize) -> Temporality {
        let column = self.temporalities.as_deref().unwrap_or_default();
        let number = column.get(row).copied().unwrap_or(0);
        Temporality::from_u8(number).unwrap_or_default()
    }

    /// A row's histogram, when it is one.
    pub fn histogram(&self, row: usize) -> Option<NativeHistogram> {
        self.histograms.as_ref()?.get(row)
    }

    /// Bytes that the columns hold.
    pub fn memory_bytes(&self) -> usize {
        let optional = self.start_timestamps.as_ref().map_or(0, |column| column.len() * 8)
            + self.temporalities.as_ref().map_or(0, |column| column.len())
            + self
                .histograms
                .as_ref()
                .map_or(0, |column| column.rows.len() * 8 + column.bytes.len());
        self.len() * 20 + optional
    }
}

/// The native histograms among rows, each in its compact form.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramRows {
    /// Which rows, ascending.
    pub(crate) rows: ScalarBuffer<u32>,
    /// Where each one's bytes end; the first begins at 0.
    pub(crate) ends: ScalarBuffer<u32>,
    pub(crate) bytes: Buffer,
}

impl HistogramRows {
    /// The rows that are histograms, ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The histogram of a row.
    pub fn get(&self, row: usize) -> Option<NativeHistogram> {
        let at = self.rows.binary_search(&u32::try_from(row).ok()?).ok()?;
        let start = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        let mut bytes = self.bytes.get(start..*self.ends.get(at)? as usize)?;
        NativeHistogram::decode(&mut bytes).ok()
    }
}

#[cfg(test)]
mod tests;
