//! Samples of a head: the columns of the records, and for each row where the previous row of its series lies, so that one
//! series costs a reader its own rows.

use super::positions::{NO_ROW, Positions};
use crate::histogram::NativeHistogram;
use crate::part::SamplesChunk;
use crate::record::MetricRows;
use crate::schema::Temporality;
use crate::time::TimeRange;

/// Samples of one record for one partition, with room for the links, made before the commit thread sees them.
#[derive(Debug)]
pub(crate) struct MetricsColumns {
    rows: MetricRows,
    /// Previous row of each row's series.
    previous: Vec<u32>,
}

impl MetricsColumns {
    pub(crate) fn new(rows: MetricRows) -> Self {
        Self {
            previous: Vec::with_capacity(rows.len()),
            rows,
        }
    }

    /// How many.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The series of each row.
    pub(crate) fn refs(&self) -> &[u32] {
        &self.rows.refs
    }

    /// The time of each row, in milliseconds.
    pub(crate) fn timestamps(&self) -> &[i64] {
        &self.rows.timestamps
    }

    /// Bytes of the columns and the links.
    pub(crate) fn memory_bytes(&self) -> u64 {
        (self.rows.memory_bytes() + self.previous.capacity() * size_of::<u32>()) as u64
    }
}

/// All samples of a head.
#[derive(Debug, Default)]
pub(crate) struct MetricsRows {
    chunks: Vec<Chunk>,
    last: Positions,
}

#[derive(Debug)]
struct Chunk {
    first_row: u32,
    columns: MetricsColumns,
}

impl MetricsRows {
    /// Appends columns whose first row gets the number `first_row`.
    pub(crate) fn link(&mut self, first_row: u32, mut columns: MetricsColumns) {
        let links = columns
            .rows
            .refs
            .iter()
            .zip(first_row..)
            .map(|(series, row)| self.last.replace(*series, row));
        columns.previous.extend(links);
        self.chunks.push(Chunk { first_row, columns });
    }

    /// Refs of the series that have rows, ascending.
    pub(crate) fn series(&self) -> Vec<u32> {
        self.last.iter().collect()
    }

    /// Bytes of what is kept beside the columns.
    pub(crate) fn index_bytes(&self) -> u64 {
        self.last.bytes() + (self.chunks.capacity() * size_of::<Chunk>()) as u64
    }

    /// Whether the series has a row below `published`.
    pub(crate) fn contains(&self, series: u32, published: u32) -> bool {
        self.chain(series, published).next().is_some()
    }

    /// Whether any row below `published` has a native histogram.
    pub(crate) fn has_histograms(&self, published: u32) -> bool {
        self.chunks
            .iter()
            .take_while(|chunk| chunk.first_row < published)
            .any(|chunk| chunk.columns.rows.histograms.is_some())
    }

    /// Collects the samples of a series below `published` and within `range`, sorted by time; of one time the last
    /// written is left.
    pub(crate) fn collect(&self, series: u32, published: u32, range: TimeRange, out: &mut SampleBuffer) {
        out.clear();
        for (rows, row) in self.chain(series, published) {
            let at = rows.timestamps.get(row).copied().unwrap_or_default();
            if range.contains(at) {
                out.push(rows, row, at);
            }
        }
        out.settle();
    }

    /// The rows of a series below `published`, newest first.
    fn chain(&self, series: u32, published: u32) -> impl Iterator<Item = (&MetricRows, usize)> {
        let mut row = self.last.get(series);
        let mut hint = self.chunks.len();
        std::iter::from_fn(move || {
            while row != NO_ROW {
                hint = self.chunk_of(row, hint)?;
                let chunk = self.chunks.get(hint)?;
                let at = (row - chunk.first_row) as usize;
                let found = row;
                row = chunk.columns.previous.get(at).copied().unwrap_or(NO_ROW);
                if found < published {
                    return Some((&chunk.columns.rows, at));
                }
            }
            None
        })
    }

    /// The chunk that holds `row`, at or before `hint`: near it as a rule, since a series has a row in most records.
    fn chunk_of(&self, row: u32, hint: usize) -> Option<usize> {
        const NEAR: usize = 4;
        let top = (hint + 1).min(self.chunks.len());
        let near = top.saturating_sub(NEAR);
        if let Some(back) = self
            .chunks
            .get(near..top)?
            .iter()
            .rposition(|chunk| chunk.first_row <= row)
        {
            return Some(near + back);
        }
        self.chunks
            .get(..near)?
            .partition_point(|chunk| chunk.first_row <= row)
            .checked_sub(1)
    }
}

/// The samples of one series, columns that are reused from series to series.
#[derive(Debug, Default)]
pub(crate) struct SampleBuffer {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
    temporalities: Vec<Temporality>,
    /// Empty where no sample has one.
    histograms: Vec<Option<NativeHistogram>>,
    has_starts: bool,
}

impl SampleBuffer {
    fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.starts.clear();
        self.temporalities.clear();
        self.histograms.clear();
        self.has_starts = false;
    }

    fn push(&mut self, rows: &MetricRows, row: usize, at: i64) {
        let start = rows.start_timestamp(row);
        let histogram = rows.histogram(row);
        self.has_starts |= start != 0;
        self.values.push(match &histogram {
            Some(_) => f64::NAN,
            None => rows.values.get(row).copied().unwrap_or(f64::NAN),
        });
        // The column of histograms is wide: it begins with the first of them.
        if histogram.is_some() || !self.histograms.is_empty() {
            self.histograms.resize_with(self.timestamps.len(), || None);
            self.histograms.push(histogram);
        }
        self.timestamps.push(at);
        self.starts.push(start);
        self.temporalities.push(rows.temporality(row));
    }

    /// Rows were pushed newest first: brings them into the order of time and leaves the newest of each time.
    fn settle(&mut self) {
        self.reverse();
        if self.timestamps.is_sorted_by(|a, b| a < b) {
            return;
        }
        let mut order: Vec<usize> = (0..self.timestamps.len()).collect();
        order.sort_by_key(|&row| self.timestamps.get(row).copied());
        order.reverse();
        order.dedup_by_key(|row| self.timestamps.get(*row).copied());
        order.reverse();
        let pick = |order: &[usize], column: &[i64]| order.iter().filter_map(|&row| column.get(row).copied()).collect();
        self.timestamps = pick(&order, &self.timestamps);
        self.starts = pick(&order, &self.starts);
        self.values = order.iter().filter_map(|&row| self.values.get(row).copied()).collect();
        self.temporalities = order
            .iter()
            .filter_map(|&row| self.temporalities.get(row).copied())
            .collect();
        self.histograms = order
            .iter()
            .filter_map(|&row| self.histograms.get_mut(row).map(Option::take))
            .collect();
    }

    fn reverse(&mut self) {
        self.timestamps.reverse();
        self.values.reverse();
        self.starts.reverse();
        self.temporalities.reverse();
        self.histograms.reverse();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// The samples as readers take them.
    pub(crate) fn chunk(&self) -> SamplesChunk<'_> {
        SamplesChunk {
            timestamps: &self.timestamps,
            values: &self.values,
            start_timestamps: self.has_starts.then_some(self.starts.as_slice()),
            // A part keeps one temporality a series and slice: the newest, here as there.
            temporality: self.temporalities.last().copied().unwrap_or_default(),
            histograms: (!self.histograms.is_empty()).then_some(self.histograms.as_slice()),
        }
    }
}
