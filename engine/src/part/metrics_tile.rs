//! The columns of one tile of metrics while they grow: runs are split into pages as they come, and pages are compressed at
//! once, so that a tile holds little more than its compressed bytes.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::basic::Encoding;
use parquet::schema::types::ColumnDescPtr;

use super::byte_split::encode_split;
use super::chunk::{ChunkWriter, FinishedChunk};
use super::decimal;
use super::delta::encode_delta;
use super::runs::Runs;
use super::types::{PartError, PartOptions, SeriesRun};
use crate::histogram::{NativeHistogram, histograms_to_arrow};
use crate::labels::SeriesKey;
use crate::schema::Temporality;

/// Rows of a page of the columns that say little (names, scales, start times): larger pages, fewer headers.
pub(crate) const WIDE_PAGE_ROWS: usize = 65_536;
/// A tile is closed when its dictionary of `labels` reaches this many bytes.
pub(crate) const LABELS_DICTIONARY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Distinct texts of a column, in order of their first use.
struct Dictionary {
    hasher: FixedState,
    table: HashTable<(usize, u32)>,
    values: Vec<u8>,
    count: u32,
    last: Option<(usize, u32)>,
}

impl Dictionary {
    fn new() -> Self {
        Self {
            hasher: FixedState::default(),
            table: HashTable::new(),
            values: Vec::new(),
            count: 0,
            last: None,
        }
    }

    /// The index of `text`, new or not.
    fn index(&mut self, text: &str) -> u32 {
        let text = text.as_bytes();
        if let Some((start, index)) = self.last
            && entry(&self.values, start) == text
        {
            return index;
        }
        let hash = self.hasher.hash_one(text);
        let values = &self.values;
        let found = self
            .table
            .find(hash, |(start, _)| entry(values, *start) == text)
            .copied();
        let (start, index) = found.unwrap_or_else(|| {
            let start = self.values.len();
            self.values.extend_from_slice(&(text.len() as u32).to_le_bytes());
            self.values.extend_from_slice(text);
            let (values, hasher) = (&self.values, &self.hasher);
            let item = (start, self.count);
            self.table
                .insert_unique(hash, item, |(start, _)| hasher.hash_one(entry(values, *start)));
            self.count += 1;
            item
        });
        self.last = Some((start, index));
        index
    }
}

/// The text whose length stands at `start`, as Parquet's plain encoding has it.
fn entry(values: &[u8], start: usize) -> &[u8] {
    let mut rest = values.get(start..).unwrap_or_default();
    super::wire::take_u32(&mut rest)
        .and_then(|length| rest.get(..length as usize))
        .unwrap_or_default()
}

/// Rows of the page of times and values that is being filled.
#[derive(Default)]
struct NarrowPage {
    timestamps: Vec<i64>,
    mantissas: Vec<i64>,
    mantissa_levels: Runs,
    doubles: Vec<f64>,
    double_levels: Runs,
}

/// Rows of the page of the other columns that is being filled.
#[derive(Default)]
struct WidePage {
    metrics: Runs,
    labels: Runs,
    scales: Runs,
    scale_levels: Runs,
    starts: Vec<i64>,
    start_levels: Runs,
    temporalities: Runs,
    temporality_levels: Runs,
    histograms: Vec<Option<NativeHistogram>>,
}

/// A tile of metrics.
pub(crate) struct MetricsTile {
    page_rows: usize,
    rows: usize,
    narrow: NarrowPage,
    wide: WidePage,
    metric: ChunkWriter,
    labels: ChunkWriter,
    timestamp: ChunkWriter,
    mantissa: ChunkWriter,
    scale: ChunkWriter,
    double: ChunkWriter,
    start: ChunkWriter,
    temporality: ChunkWriter,
    histogram: Vec<ArrowColumnWriter>,
    metric_values: Dictionary,
    label_values: Dictionary,
    scale_values: Vec<u8>,
    temporality_values: Vec<Temporality>,
    scratch: Vec<i64>,
}

/// A tile's chunks in column order.
pub(crate) struct TileChunks {
    pub(crate) hand: Vec<FinishedChunk>,
    pub(crate) arrow: Vec<ArrowColumnChunk>,
}

impl MetricsTile {
    /// An empty tile. `columns` are the leaf columns of the part, `histogram` the writers of those behind the eighth.
    pub(crate) fn new(
        columns: &[ColumnDescPtr],
        histogram: Vec<ArrowColumnWriter>,
        options: &PartOptions,
    ) -> Result<Self, PartError> {
        let chunk = |column: usize, encoding: Encoding, bounds: bool| {
            let descr = columns
                .get(column)
                .ok_or_else(|| PartError::InvalidRows("a metrics schema of fewer than 8 columns".to_owned()))?;
            ChunkWriter::new(descr.clone(), options.zstd_level, encoding, bounds)
        };
        Ok(Self {
            page_rows: options.page_rows.max(1),
            rows: 0,
            narrow: NarrowPage::default(),
            wide: WidePage::default(),
            metric: chunk(0, Encoding::RLE_DICTIONARY, false)?,
            labels: chunk(1, Encoding::RLE_DICTIONARY, false)?,
            timestamp: chunk(2, Encoding::DELTA_BINARY_PACKED, true)?,
            mantissa: chunk(3, Encoding::DELTA_BINARY_PACKED, false)?,
            scale: chunk(4, Encoding::RLE_DICTIONARY, false)?,
            double: chunk(5, Encoding::BYTE_STREAM_SPLIT, false)?,
            start: chunk(6, Encoding::DELTA_BINARY_PACKED, false)?,
            temporality: chunk(7, Encoding::RLE_DICTIONARY, false)?,
            histogram,
            metric_values: Dictionary::new(),
            label_values: Dictionary::new(),
            scale_values: Vec::new(),
            temporality_values: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether another series should begin a new tile.
    pub(crate) fn is_full(&self) -> bool {
        self.label_values.values.len() >= LABELS_DICTIONARY_BYTES_MAX
    }

    /// Bytes held, nearly.
    pub(crate) fn memory_bytes(&self) -> usize {
        let chunks = [
            &self.metric,
            &self.labels,
            &self.timestamp,
            &self.mantissa,
            &self.scale,
            &self.double,
            &self.start,
            &self.temporality,
        ];
        chunks.iter().map(|chunk| chunk.memory_bytes()).sum::<usize>()
            + self.histogram.iter().map(ArrowColumnWriter::memory_size).sum::<usize>()
            + self.label_values.values.capacity()
            + self.wide.starts.capacity() * 8
            + self.page_rows * 24
    }

    /// Adds the samples of one series, whose columns have equal lengths (the writer has checked).
    pub(crate) fn series(&mut self, key: &SeriesKey, run: &SeriesRun<'_>) -> Result<(), PartError> {
        let metric = self.metric_values.index(key.metric());
        let labels = self.label_values.index(key.labels_json());
        let scale = self.split(run);
        // A series that would straddle the end of a nearly full page begins the next one.
        let filled = self.narrow.timestamps.len();
        if filled * 4 >= self.page_rows * 3 && filled + run.timestamps.len() > self.page_rows {
            self.flush_narrow()?;
        }
        let mut at = 0;
        while at < run.timestamps.len() {
            let room = self.page_rows - self.narrow.timestamps.len();
            let end = run.timestamps.len().min(at + room);
            self.narrow_rows(run, scale.is_some(), at..end);
            if self.narrow.timestamps.len() >= self.page_rows {
                self.flush_narrow()?;
            }
            at = end;
        }
        let rows = run.timestamps.len();
        self.wide.metrics.push(metric, rows);
        self.wide.labels.push(labels, rows);
        self.scale_rows(run, scale);
        self.start_rows(run);
        self.temporality_rows(run);
        self.histogram_rows(run);
        self.rows += rows;
        if self.wide.metrics.len() >= WIDE_PAGE_ROWS {
            self.flush_wide()?;
        }
        Ok(())
    }

    /// Finds the run's scale; its mantissas are then in `scratch`.
    fn split(&mut self, run: &SeriesRun<'_>) -> Option<u8> {
        decimal::split(run.values, &mut self.scratch)
    }

    fn narrow_rows(&mut self, run: &SeriesRun<'_>, decimal: bool, rows: std::ops::Range<usize>) {
        let page = &mut self.narrow;
        let times = run.timestamps.get(rows.clone()).unwrap_or_default();
        let values = run.values.get(rows.clone()).unwrap_or_default();
        page.timestamps.extend_from_slice(times);
        if decimal && is_ordinary(run, values) {
            let mantissas = self.scratch.get(rows).unwrap_or_default();
            page.mantissas.extend_from_slice(mantissas);
            page.mantissa_levels.push(1, values.len());
            page.double_levels.push(0, values.len());
            return;
        }
        let mantissas = self.scratch.get(rows.clone()).unwrap_or_default();
        for (i, value) in values.iter().enumerate() {
            let is_histogram = histogram_at(run, rows.start + i).is_some();
            let is_mantissa = decimal && !is_histogram && !decimal::is_special(*value);
            page.mantissa_levels.push(u32::from(is_mantissa), 1);
            page.double_levels.push(u32::from(!is_mantissa && !is_histogram), 1);
            if is_mantissa {
                page.mantissas.push(mantissas.get(i).copied().unwrap_or_default());
            } else if !is_histogram {
                page.doubles.push(*value);
            }
        }
    }

    fn scale_rows(&mut self, run: &SeriesRun<'_>, scale: Option<u8>) {
        let page = &mut self.wide;
        let Some(scale) = scale else {
            page.scale_levels.push(0, run.timestamps.len());
            return;
        };
        let index = place_of(&mut self.scale_values, scale);
        if is_ordinary(run, run.values) {
            page.scale_levels.push(1, run.values.len());
            page.scales.push(index, run.values.len());
            return;
        }
        for (i, value) in run.values.iter().enumerate() {
            let there = !decimal::is_special(*value) && histogram_at(run, i).is_none();
            page.scale_levels.push(u32::from(there), 1);
            page.scales.push(index, usize::from(there));
        }
    }

    fn start_rows(&mut self, run: &SeriesRun<'_>) {
        let page = &mut self.wide;
        match run.start_timestamps {
            None => page.start_levels.push(0, run.timestamps.len()),
            Some(starts) => {
                for start in starts {
                    page.start_levels.push(u32::from(*start != 0), 1);
                    if *start != 0 {
                        page.starts.push(*start);
                    }
                }
            }
        }
    }

    fn temporality_rows(&mut self, run: &SeriesRun<'_>) {
        let rows = run.timestamps.len();
        let there = run.temporality != Temporality::Unspecified;
        self.wide.temporality_levels.push(u32::from(there), rows);
        if there {
            let index = place_of(&mut self.temporality_values, run.temporality);
            self.wide.temporalities.push(index, rows);
        }
    }

    fn histogram_rows(&mut self, run: &SeriesRun<'_>) {
        if self.histogram.is_empty() {
            return;
        }
        match run.histograms {
            Some(histograms) => self.wide.histograms.extend_from_slice(histograms),
            None => {
                let rows = self.wide.histograms.len() + run.timestamps.len();
                self.wide.histograms.resize(rows, None);
            }
        }
    }

    fn flush_narrow(&mut self) -> Result<(), PartError> {
        let page = &mut self.narrow;
        let rows = page.timestamps.len();
        let min = page.timestamps.iter().min().copied();
        let max = page.timestamps.iter().max().copied();
        if rows > 0 {
            let (times, mantissas, doubles) = (&page.timestamps, &page.mantissas, &page.doubles);
            self.timestamp
                .page(rows, None, min.zip(max), |out| encode_delta(times, out))?;
            self.mantissa.page(rows, Some(&page.mantissa_levels), None, |out| {
                encode_delta(mantissas, out)
            })?;
            self.double.page(rows, Some(&page.double_levels), None, |out| {
                encode_split(doubles, out);
            })?;
        }
        page.timestamps.clear();
        page.mantissas.clear();
        page.mantissa_levels.clear();
        page.doubles.clear();
        page.double_levels.clear();
        Ok(())
    }

    fn flush_wide(&mut self) -> Result<(), PartError> {
        let page = &mut self.wide;
        let rows = page.metrics.len();
        if rows == 0 {
            return Ok(());
        }
        self.metric.index_page(rows, None, &page.metrics)?;
        self.labels.index_page(rows, None, &page.labels)?;
        self.scale.index_page(rows, Some(&page.scale_levels), &page.scales)?;
        let starts = &page.starts;
        self.start
            .page(rows, Some(&page.start_levels), None, |out| encode_delta(starts, out))?;
        self.temporality
            .index_page(rows, Some(&page.temporality_levels), &page.temporalities)?;
        if !self.histogram.is_empty() {
            let borrowed: Vec<_> = page.histograms.iter().map(Option::as_ref).collect();
            let column: arrow::array::ArrayRef = std::sync::Arc::new(histograms_to_arrow(&borrowed));
            let field = arrow::datatypes::Field::new(
                crate::schema::column::HISTOGRAM,
                arrow::datatypes::DataType::Struct(crate::histogram::histogram_fields()),
                true,
            );
            for (leaf, writer) in compute_leaves(&field, &column)?.iter().zip(&mut self.histogram) {
                writer.write(leaf)?;
            }
        }
        *page = WidePage::default();
        Ok(())
    }

    /// Ends the tile.
    pub(crate) fn finish(mut self) -> Result<TileChunks, PartError> {
        self.flush_narrow()?;
        self.flush_wide()?;
        let metrics = &self.metric_values;
        let labels = &self.label_values;
        // A dictionary without an entry is more than some readers expect.
        if self.scale_values.is_empty() {
            self.scale_values.push(0);
        }
        if self.temporality_values.is_empty() {
            self.temporality_values.push(Temporality::Cumulative);
        }
        let scales: Vec<u8> = self
            .scale_values
            .iter()
            .flat_map(|scale| i32::from(*scale).to_le_bytes())
            .collect();
        let mut temporalities = Vec::new();
        for text in self.temporality_values.iter().filter_map(|value| value.as_str()) {
            temporalities.extend_from_slice(&(text.len() as u32).to_le_bytes());
            temporalities.extend_from_slice(text.as_bytes());
        }
        let hand = vec![
            self.metric.finish(Some((&metrics.values, metrics.count as usize)))?,
            self.labels.finish(Some((&labels.values, labels.count as usize)))?,
            self.timestamp.finish(None)?,
            self.mantissa.finish(None)?,
            self.scale.finish(Some((&scales, self.scale_values.len())))?,
            self.double.finish(None)?,
            self.start.finish(None)?,
            self.temporality
                .finish(Some((&temporalities, self.temporality_values.len())))?,
        ];
        let arrow = self
            .histogram
            .into_iter()
            .map(ArrowColumnWriter::close)
            .collect::<Result<_, _>>()?;
        Ok(TileChunks { hand, arrow })
    }
}

/// Whether each of `values` of a run goes where the run's scale says.
fn is_ordinary(run: &SeriesRun<'_>, values: &[f64]) -> bool {
    run.histograms.is_none() && !values.iter().any(|value| decimal::is_special(*value))
}

fn histogram_at<'a>(run: &SeriesRun<'a>, row: usize) -> Option<&'a NativeHistogram> {
    run.histograms?.get(row)?.as_ref()
}

/// Where `value` stands in a short list, added when it is not there.
fn place_of<T: PartialEq + Copy>(values: &mut Vec<T>, value: T) -> u32 {
    let place = values.iter().position(|known| *known == value);
    place.unwrap_or_else(|| {
        values.push(value);
        values.len() - 1
    }) as u32
}
