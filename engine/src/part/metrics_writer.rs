//! Writing a part of metrics: series by series, slice by slice.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use icecore_wal::fs::Fs;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::file::{PartFile, TileChunk, TileTimes};
use super::format::{Group, group_flag, units_per_second};
use super::groups::GroupsBuilder;
use super::labels_terms::LabelTerms;
use super::metrics_tile::MetricsTile;
use super::types::{PartError, PartMeta, PartOptions, PartSummary, SeriesRun};
use crate::ids::Signal;
use crate::labels::SeriesKey;
use crate::schema;

/// Bits of the NaN that marks a series as gone (Prometheus's).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Leaf columns that are made by hand; those behind them belong to `histogram`.
pub(crate) const HAND_COLUMNS: usize = 8;

/// The tile being filled.
struct OpenTile {
    slice_start_s: i64,
    min: i64,
    max: i64,
    columns: MetricsTile,
    groups: GroupsBuilder,
}

/// Writes a part of metrics. Series come in the order of (slice, key), each with its samples sorted by time.
pub struct MetricsPartWriter {
    pub(super) file: PartFile,
    options: PartOptions,
    pub(super) labels: LabelTerms,
    tile: Option<OpenTile>,
    /// Slice, key and last time of the series before.
    pub(super) last: Option<(i64, SeriesKey, i64)>,
}

impl MetricsPartWriter {
    /// Creates the file, which must not exist. Removing it after an error is the caller's.
    pub fn create(fs: &Arc<dyn Fs>, tmp: &Path, meta: PartMeta, options: &PartOptions) -> Result<Self, PartError> {
        if meta.signal != Signal::Metrics {
            return Err(PartError::InvalidRows(format!("{} in a part of metrics", meta.signal)));
        }
        let schema = schema::metrics(options.histograms);
        let properties = WriterProperties::builder()
            .set_created_by(super::file::CREATED_BY.to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(options.zstd_level)?))
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let mut file = PartFile::create(fs, tmp, meta, options, schema, properties)?;
        let labels = LabelTerms::new(&mut file.terms);
        Ok(Self {
            file,
            options: options.clone(),
            labels,
            tile: None,
            last: None,
        })
    }

    /// Adds the samples of `key` in the slice that starts at `slice` (seconds). A run without samples is nothing.
    pub fn series(&mut self, slice: i64, key: &SeriesKey, run: SeriesRun<'_>) -> Result<(), PartError> {
        self.check(slice, key, &run)?;
        let mut run = run;
        // A run of more rows than a tile may have becomes several groups in several tiles.
        while run.timestamps.len() > self.options.tile_rows_max {
            let (head, rest) = split_run(&run, self.options.tile_rows_max);
            self.group(slice, key, &head)?;
            run = rest;
        }
        if let Some(end) = run.timestamps.last() {
            self.group(slice, key, &run)?;
            self.last = Some((slice, key.clone(), *end));
        }
        Ok(())
    }

    fn check(&self, slice: i64, key: &SeriesKey, run: &SeriesRun<'_>) -> Result<(), PartError> {
        let rows = run.timestamps.len();
        let refuse = |what: &str| Err(PartError::InvalidRows(format!("{key:?} in slice {slice}: {what}")));
        if run.values.len() != rows
            || run.start_timestamps.is_some_and(|starts| starts.len() != rows)
            || run.histograms.is_some_and(|histograms| histograms.len() != rows)
        {
            return refuse("columns of different lengths");
        }
        if run.histograms.is_some() && !self.options.histograms {
            return refuse("histograms in a part that was opened without them");
        }
        if !run.timestamps.is_sorted_by(|a, b| a < b) {
            return refuse("timestamps that do not ascend");
        }
        // One series may come in several runs, one behind the other: its temporality changed.
        let behind = self.last.as_ref().is_none_or(|(last_slice, last_key, last_time)| {
            let first = run.timestamps.first().unwrap_or(&i64::MAX);
            (*last_slice, last_key, last_time) < (slice, key, first)
        });
        if behind {
            Ok(())
        } else {
            refuse("not behind the run before")
        }
    }

    fn group(&mut self, slice: i64, key: &SeriesKey, run: &SeriesRun<'_>) -> Result<(), PartError> {
        let rows = run.timestamps.len();
        let close = self.tile.as_ref().is_some_and(|tile| {
            tile.slice_start_s != slice
                || tile.columns.is_full()
                || tile.columns.rows() + rows > self.options.tile_rows_max
        });
        if close {
            self.close_tile()?;
        }
        if self.tile.is_none() {
            self.tile = Some(self.open_tile(slice)?);
        }
        let (Some(tile), Some(min), Some(max)) = (&mut self.tile, run.timestamps.first(), run.timestamps.last()) else {
            return Ok(());
        };
        let group = self.file.next_group() + tile.groups.len();
        self.labels.add(&mut self.file.terms, key, group);
        let mut flags = 0;
        if run.values.last().is_some_and(|value| value.to_bits() == STALE_NAN_BITS) {
            flags |= group_flag::LAST_IS_STALE;
        }
        if run.histograms.is_some_and(|all| all.iter().any(Option::is_some)) {
            flags |= group_flag::HAS_HISTOGRAMS;
        }
        if run
            .start_timestamps
            .is_some_and(|all| all.iter().any(|start| *start != 0))
        {
            flags |= group_flag::HAS_START_TIMESTAMPS;
        }
        if run.temporality != schema::Temporality::Unspecified {
            flags |= group_flag::HAS_TEMPORALITY;
        }
        let group = Group {
            rows: rows as u32,
            min: *min,
            max: *max,
            flags,
        };
        tile.groups
            .push(group, Some(key.as_str()))
            .map_err(PartError::Compression)?;
        tile.min = tile.min.min(*min);
        tile.max = tile.max.max(*max);
        tile.columns.series(key, run)
    }

    fn open_tile(&self, slice: i64) -> Result<OpenTile, PartError> {
        let histogram = if self.options.histograms {
            let factory = ArrowRowGroupWriterFactory::new(self.file.writer(), self.file.schema().clone());
            let writers = factory.create_column_writers(self.file.tile_count())?;
            writers.into_iter().skip(HAND_COLUMNS).collect()
        } else {
            Vec::<ArrowColumnWriter>::new()
        };
        Ok(OpenTile {
            slice_start_s: slice,
            min: i64::MAX,
            max: i64::MIN,
            columns: MetricsTile::new(self.file.columns(), histogram, &self.options)?,
            groups: GroupsBuilder::new(
                self.options.zstd_level,
                slice.saturating_mul(units_per_second(Signal::Metrics)),
            ),
        })
    }

    pub(super) fn close_tile(&mut self) -> Result<(), PartError> {
        let Some(tile) = self.tile.take() else {
            return Ok(());
        };
        let chunks = tile.columns.finish()?;
        let index = tile.groups.finish().map_err(PartError::Compression)?;
        let hand = chunks
            .hand
            .into_iter()
            .map(|chunk| TileChunk::<Bytes>::Hand(Box::new(chunk)));
        let arrow = chunks.arrow.into_iter().map(|chunk| TileChunk::Arrow(Box::new(chunk)));
        let times = TileTimes {
            slice_start_s: tile.slice_start_s,
            min: tile.min,
            max: tile.max,
        };
        self.file.tile(hand.chain(arrow).collect(), &index, &[], times)
    }

    /// Bytes held, nearly: what the caller accounts for.
    pub fn memory_bytes(&self) -> usize {
        self.file.terms.memory_bytes() + self.tile.as_ref().map_or(0, |tile| tile.columns.memory_bytes())
    }

    /// Writes the rest and makes the file durable.
    pub fn finish(mut self) -> Result<PartSummary, PartError> {
        self.close_tile()?;
        self.file.finish()
    }
}

/// The first `rows` of a run, and the others.
fn split_run<'a>(run: &SeriesRun<'a>, rows: usize) -> (SeriesRun<'a>, SeriesRun<'a>) {
    let (times, later_times) = run.timestamps.split_at_checked(rows).unwrap_or((run.timestamps, &[]));
    let (values, later_values) = run.values.split_at_checked(rows).unwrap_or((run.values, &[]));
    let starts = run.start_timestamps.and_then(|starts| starts.split_at_checked(rows));
    let histograms = run.histograms.and_then(|all| all.split_at_checked(rows));
    let head = SeriesRun {
        timestamps: times,
        values,
        start_timestamps: starts.map(|(head, _)| head),
        temporality: run.temporality,
        histograms: histograms.map(|(head, _)| head),
    };
    let rest = SeriesRun {
        timestamps: later_times,
        values: later_values,
        start_timestamps: starts.map(|(_, rest)| rest),
        temporality: run.temporality,
        histograms: histograms.map(|(_, rest)| rest),
    };
    (head, rest)
}
