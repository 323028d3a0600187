//! A reader's view of a head: the rows that were published when it was taken, however many come later.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use roaring::RoaringBitmap;

use super::{Head, SampleBuffer, rows};
use crate::ids::{SeriesRef, Signal};
use crate::labels::SeriesKey;
use crate::layout::LsnRange;
use crate::matcher::Matcher;
use crate::part::SamplesChunk;
use crate::tenant::Tenant;
use crate::time::TimeRange;

/// One head as a query sees it. Cheap to clone; it pins the head's memory.
#[derive(Clone)]
pub struct HeadView {
    head: Arc<Head>,
    tenant: Arc<Tenant>,
    lsns: LsnRange,
    time: TimeRange,
    rows: u32,
    batches: usize,
}

impl HeadView {
    /// What is published now; `None` when nothing is.
    pub(crate) fn of(head: &Arc<Head>, tenant: &Arc<Tenant>) -> Option<Self> {
        let state = head.state.read();
        (state.rows > 0).then(|| Self {
            head: Arc::clone(head),
            tenant: Arc::clone(tenant),
            lsns: state.lsns,
            time: state.time,
            rows: state.rows,
            batches: state.batches.len(),
        })
    }

    /// Rows, before duplicates are resolved.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// First and last timestamp, in the signal's unit.
    pub fn time_range(&self) -> TimeRange {
        self.time
    }

    /// LSNs of the first and the last record in it.
    pub fn lsns(&self) -> LsnRange {
        self.lsns
    }

    /// Refs of the series that match and have a sample in the view (metrics).
    pub fn refs_matching(&self, matchers: &[Matcher]) -> RoaringBitmap {
        let matching = self.tenant.with_series(|table| table.matching(matchers));
        let state = self.head.state.read();
        matching
            .into_iter()
            .filter(|&series| state.samples.contains(series, self.rows))
            .collect()
    }

    /// The series' key (metrics).
    pub fn key(&self, series: u32) -> Option<SeriesKey> {
        self.tenant.key(SeriesRef(series))
    }

    /// The keys of many series at once, in the order asked for (metrics).
    pub fn keys(&self, series: impl IntoIterator<Item = u32>) -> Vec<(u32, SeriesKey)> {
        self.tenant.with_series(|table| {
            series
                .into_iter()
                .filter_map(|series| Some((series, table.key(SeriesRef(series))?.clone())))
                .collect()
        })
    }

    /// Gives the series' samples within `range` in one chunk: sorted by time, each time once, the last write of it
    /// (metrics). Not called when there is none.
    pub fn read(&self, series: u32, range: TimeRange, visit: &mut dyn FnMut(&SamplesChunk<'_>)) {
        let mut reader = self.reader();
        reader.read(series, range, visit);
    }

    /// A reader that keeps its buffers from series to series (metrics).
    pub fn reader(&self) -> SamplesReader<'_> {
        SamplesReader {
            view: self,
            buffer: SampleBuffer::default(),
        }
    }

    /// The rows within `range` as record batches of the signal's schema. Of samples of one series and time, and of spans
    /// of one identity, the last written is left. Log records and spans come in LSN order, samples by series and time.
    ///
    /// # Errors
    /// Only when Arrow refuses to build a batch.
    pub fn batches(&self, range: TimeRange) -> Result<Vec<RecordBatch>, ArrowError> {
        match self.head.signal() {
            Signal::Metrics => super::metrics_batch::of_view(self, self.series(), range, &|_, _| false),
            Signal::Logs => self.row_batches(range),
            // A span may have been sent again with another start: identities are compared over the whole view.
            Signal::Traces => {
                let all = self.overlapping(TimeRange::ALL);
                let batches: Vec<_> = all.into_iter().map(|(_, batch)| batch).collect();
                let kept = rows::last_of_each_span(&batches)?;
                kept.iter()
                    .map(|batch| rows::rows_within(batch, self.time, range))
                    .filter(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0))
                    .collect()
            }
        }
    }

    /// The samples of `series` (refs) within `range` as record batches, by key and time, but for those that are
    /// `left_out(ref, time)` (metrics).
    ///
    /// # Errors
    /// Only when Arrow refuses to build a batch.
    pub fn sample_batches(
        &self,
        series: &RoaringBitmap,
        range: TimeRange,
        left_out: &dyn Fn(u32, i64) -> bool,
    ) -> Result<Vec<RecordBatch>, ArrowError> {
        super::metrics_batch::of_view(self, series, range, left_out)
    }

    fn row_batches(&self, range: TimeRange) -> Result<Vec<RecordBatch>, ArrowError> {
        self.overlapping(range)
            .into_iter()
            .map(|(time, batch)| rows::rows_within(&batch, time, range))
            .filter(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0))
            .collect()
    }

    fn overlapping(&self, range: TimeRange) -> Vec<(TimeRange, RecordBatch)> {
        self.head.state.read().batches.overlapping(self.batches, range)
    }

    /// Refs of all series that have a sample in the view, ascending.
    pub(crate) fn series(&self) -> Vec<u32> {
        let state = self.head.state.read();
        let mut series = state.samples.series();
        series.retain(|&series| state.samples.contains(series, self.rows));
        series
    }

    /// Whether a native histogram is among the samples.
    pub fn has_histograms(&self) -> bool {
        self.head.state.read().samples.has_histograms(self.rows)
    }
}

impl fmt::Debug for HeadView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadView")
            .field("lsns", &self.lsns)
            .field("time", &self.time)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Reads one series after the other out of a view.
#[derive(Debug)]
pub struct SamplesReader<'a> {
    view: &'a HeadView,
    buffer: SampleBuffer,
}

impl SamplesReader<'_> {
    /// As `HeadView::read`.
    pub fn read(&mut self, series: u32, range: TimeRange, visit: &mut dyn FnMut(&SamplesChunk<'_>)) {
        self.fill(series, range);
        if !self.buffer.is_empty() {
            visit(&self.buffer.chunk());
        }
    }

    /// Reads the samples into the buffer and shows it.
    pub(crate) fn fill(&mut self, series: u32, range: TimeRange) -> &SampleBuffer {
        let state = self.view.head.state.read();
        state.samples.collect(series, self.view.rows, range, &mut self.buffer);
        &self.buffer
    }
}
