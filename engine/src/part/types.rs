//! What goes into a part and comes out of it: plain data, no behaviour.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use icecore_wal::Lsn;

use crate::histogram::NativeHistogram;
use crate::ids::{Signal, StoreId, TenantId};
use crate::labels::SeriesKey;
use crate::schema::Temporality;
use crate::time::{TimeRange, Window};

/// Whose rows a part holds, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartMeta {
    /// The data directory it was written in.
    pub store: StoreId,
    /// Whose rows.
    pub tenant: TenantId,
    /// Which signal.
    pub signal: Signal,
    /// The partition's window; every row's timestamp lies in it.
    pub window: Window,
    /// First LSN of the range that the part covers.
    pub first_lsn: Lsn,
    /// Last LSN of the range, included.
    pub last_lsn: Lsn,
}

/// How a part is written. The default is what the engine uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartOptions {
    /// Length of a slice in seconds; divides the window.
    pub slice_length_s: i64,
    /// Whether the part has the column `histogram`; a native histogram is refused without it.
    pub histograms: bool,
    /// Most rows of one tile.
    pub tile_rows_max: usize,
    /// Rows that a page of times and values aims at.
    pub page_rows: usize,
    /// zstd's level.
    pub zstd_level: i32,
}

impl Default for PartOptions {
    fn default() -> Self {
        Self {
            slice_length_s: crate::limits::SLICE_LENGTH_S,
            histograms: false,
            tile_rows_max: crate::limits::TILE_ROWS_MAX,
            page_rows: crate::limits::PAGE_ROWS,
            zstd_level: crate::limits::ZSTD_LEVEL,
        }
    }
}

/// The samples of one series in one slice, as a writer takes them: sorted by time, each time once.
#[derive(Debug, Clone, Copy)]
pub struct SeriesRun<'a> {
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub timestamps: &'a [i64],
    /// One value per timestamp; ignored where a histogram stands.
    pub values: &'a [f64],
    /// One start time per timestamp, in milliseconds; 0 is unknown.
    pub start_timestamps: Option<&'a [i64]>,
    /// Of the whole run.
    pub temporality: Temporality,
    /// One per timestamp; `None` in it is a sample with a float value.
    pub histograms: Option<&'a [Option<NativeHistogram>]>,
}

/// Samples of one series as a reader gives them: sorted by time, each time once.
#[derive(Debug, Clone, Copy)]
pub struct SamplesChunk<'a> {
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub timestamps: &'a [i64],
    /// One value per timestamp; NaN where a histogram stands.
    pub values: &'a [f64],
    /// One start time per timestamp, in milliseconds, 0 where unknown; absent where no sample has one or nobody asked.
    pub start_timestamps: Option<&'a [i64]>,
    /// Of every sample of the chunk: `rate` and `increase` add up what is delta instead of taking differences.
    pub temporality: Temporality,
    /// One per timestamp, absent where the chunk has none.
    pub histograms: Option<&'a [Option<NativeHistogram>]>,
}

/// One series in one slice of a part: where its rows lie and what is known of them without reading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesGroup {
    /// Number of the group in the part; groups are numbered in row order.
    pub ordinal: u32,
    /// The row group (tile) that holds it.
    pub tile: u32,
    /// The series.
    pub key: SeriesKey,
    /// Time of its first sample, milliseconds.
    pub min: i64,
    /// Time of its last sample, milliseconds.
    pub max: i64,
    /// How many samples.
    pub rows: u32,
    /// Its first row, counted from the start of the file.
    pub first_row: u64,
    /// Whether the last sample is Prometheus's stale marker.
    pub last_is_stale: bool,
    /// Whether a sample is a native histogram.
    pub has_histograms: bool,
    /// Whether a sample has a start time.
    pub has_start_timestamps: bool,
    /// Whether the samples say their temporality.
    pub has_temporality: bool,
}

/// What to read of samples beside their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadColumns {
    /// Values and histograms.
    pub values: bool,
    /// Start times.
    pub start_timestamps: bool,
}

impl Default for ReadColumns {
    /// What queries need: values.
    fn default() -> Self {
        Self {
            values: true,
            start_timestamps: false,
        }
    }
}

impl ReadColumns {
    /// Everything.
    pub const ALL: Self = Self {
        values: true,
        start_timestamps: true,
    };
}

/// What the index kept of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Rows that may match, counted from the start of the file; ascending, not touching.
    pub row_ranges: Vec<Range<u64>>,
    /// Groups in them.
    pub groups_kept: u64,
    /// Groups of the part.
    pub groups_total: u64,
}

/// What a writer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartSummary {
    /// Rows.
    pub rows: u64,
    /// Bytes of the whole file.
    pub bytes: u64,
    /// Bytes of the index in it.
    pub index_bytes: u64,
    /// Groups (series in slices, traces in slices, blocks of log rows).
    pub groups: u64,
    /// Row groups.
    pub tiles: u64,
    /// First and last timestamp, in the signal's unit; `None` without rows.
    pub time_range: Option<TimeRange>,
}

/// Why a part could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The file system failed; a read may be tried again, a write goes to a new file.
    #[error("{path}: {source}")]
    Io {
        /// The part's file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The bytes are not those that were written: set the part aside.
    #[error("{path} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// The part's file.
        path: PathBuf,
        /// Where, as near as is known.
        offset: u64,
        /// Which check failed.
        reason: String,
    },
    /// A part of a newer format than this program reads: run a newer Icecore.
    #[error("{path} has part format {found}; this program reads {supported}: run a newer Icecore")]
    NewerFormat {
        /// The part's file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// What is read here.
        supported: u32,
    },
    /// The caller broke the writer's contract (order of rows, length of columns): a mistake in the program.
    #[error("rows do not follow a part's order or shape: {0}")]
    InvalidRows(String),
    /// A limit of the format.
    #[error("{what} passes the limit of {limit}: write fewer rows into one part")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// zstd could not compress.
    #[error("compression: {0}")]
    Compression(#[source] io::Error),
    /// The Parquet library refused.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The Arrow library refused.
    #[error("arrow: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl PartError {
    /// A failure of the file system on `path`.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// Damage found in `path`.
    pub(crate) fn damaged(path: &Path, offset: u64, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            offset,
            reason: reason.into(),
        }
    }
}
