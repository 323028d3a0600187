//! What a reader of rows (SQL) has to read of a snapshot, with every row once.
//!
//! The index and the time range leave out rows of parts. Of one sample (series and time) or span (trace id and span id)
//! that lies in several sources of a partition the newest is left: the others are cut out of the row ranges of parts and
//! filtered out of heads, so that readers above need not know. Only sources whose times overlap are compared. Log records
//! have no identity and are never compared.

mod cut;
mod samples;
mod series;
mod spans;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use std::collections::{HashMap, HashSet};

use crate::head::HeadView;
use crate::ids::Signal;
use crate::matcher::Matcher;
use crate::part::{IndexFilter, Part, PartError};
use crate::snapshot::{PartitionView, Snapshot};
use crate::time::TimeRange;

use self::spans::SpanIdentity;

pub use series::{SeriesExtent, series};

/// How many of a kind are read, of how many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Read.
    pub kept: u64,
    /// There.
    pub total: u64,
}

impl Kept {
    fn add(&mut self, kept: u64, total: u64) {
        self.kept += kept;
        self.total += total;
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kept, self.total)
    }
}

/// What was left out. Groups are those of parts; rows are those of parts and heads, before duplicates are resolved where
/// the total is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanCounts {
    /// Partitions.
    pub partitions: Kept,
    /// Parts.
    pub parts: Kept,
    /// Groups of the index.
    pub groups: Kept,
    /// Rows.
    pub rows: Kept,
}

/// What to read.
#[derive(Debug)]
pub struct ScanPlan {
    /// In the order of time, older before newer within a partition.
    pub pieces: Vec<ScanPiece>,
    /// What was left out.
    pub counts: ScanCounts,
}

/// Rows of one source.
#[derive(Debug)]
pub enum ScanPiece {
    /// Of a part.
    Part(PartPiece),
    /// Of a head.
    Head(HeadPiece),
}

/// Rows of a part.
#[derive(Debug)]
pub struct PartPiece {
    /// The part.
    pub part: Arc<Part>,
    /// Its rows to read, counted from the start of the file; ascending, not touching, not empty.
    pub row_ranges: Vec<Range<u64>>,
}

impl PartPiece {
    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.row_ranges.iter().map(|range| range.end - range.start).sum()
    }
}

/// Rows of a head, made into batches when asked for.
#[derive(Debug)]
pub struct HeadPiece {
    view: HeadView,
    signal: Signal,
    range: TimeRange,
    matchers: Vec<Matcher>,
    superseded: Superseded,
}

/// Rows of one source that a newer source of the partition replaces.
#[derive(Debug, Default)]
struct Superseded {
    /// Rows of a part, counted from the start of the file.
    rows: Vec<u64>,
    /// Samples of a head: by the series' ref, their times.
    samples: HashMap<u32, HashSet<i64>>,
    /// Spans of a head.
    spans: HashSet<SpanIdentity>,
}

impl HeadPiece {
    /// Rows at most.
    pub fn rows(&self) -> u64 {
        u64::from(self.view.rows())
    }

    /// Bytes that the batches take beyond what the head holds anyway: samples are written out, the others are shared.
    pub fn bytes_estimate(&self) -> usize {
        /// Dictionary keys, time, value, start, temporality of one sample in columns.
        const SAMPLE_BYTES: usize = 48;
        match self.signal {
            Signal::Metrics => self.view.rows() as usize * SAMPLE_BYTES,
            Signal::Logs | Signal::Traces => 0,
        }
    }

    /// The rows, in the signal's schema. Rows outside of the range or not matching may be among them.
    ///
    /// # Errors
    /// Only when Arrow refuses to build a batch.
    pub fn batches(&self) -> Result<Vec<RecordBatch>, ArrowError> {
        match self.signal {
            Signal::Metrics => {
                let series = self.view.refs_matching(&self.matchers);
                let superseded = |series: u32, at: i64| {
                    self.superseded
                        .samples
                        .get(&series)
                        .is_some_and(|times| times.contains(&at))
                };
                self.view.sample_batches(&series, self.range, &superseded)
            }
            Signal::Logs => self.view.batches(self.range),
            Signal::Traces => spans::without(self.view.batches(self.range)?, &self.superseded.spans),
        }
    }
}

/// Plans the reading of the rows that may match `filter` and lie in `range` (in the signal's unit).
///
/// # Errors
/// When a part's index or rows cannot be read, or are damaged.
pub fn plan(snapshot: &Snapshot, filter: &IndexFilter, range: TimeRange) -> Result<ScanPlan, PartError> {
    let mut plan = ScanPlan {
        pieces: Vec::new(),
        counts: ScanCounts::default(),
    };
    for partition in &snapshot.partitions {
        let before = plan.pieces.len();
        plan_partition(snapshot.signal, partition, filter, range, &mut plan)?;
        plan.counts.partitions.add(u64::from(plan.pieces.len() > before), 1);
    }
    Ok(plan)
}

fn plan_partition(
    signal: Signal,
    partition: &PartitionView,
    filter: &IndexFilter,
    range: TimeRange,
    plan: &mut ScanPlan,
) -> Result<(), PartError> {
    let mut sources = Vec::new();
    for part in &partition.parts {
        let counts = &mut plan.counts;
        if !part.time_range().overlaps(range) {
            counts.parts.add(0, 1);
            counts.groups.add(0, part.group_count());
            counts.rows.add(0, part.rows());
            continue;
        }
        let pruned = part.prune(filter, range)?;
        counts.groups.add(pruned.groups_kept, pruned.groups_total);
        sources.push(Source::Part(PartPiece {
            part: Arc::clone(part),
            row_ranges: pruned.row_ranges,
        }));
    }
    for view in &partition.heads {
        if view.time_range().overlaps(range) {
            sources.push(Source::Head(view.clone()));
        } else {
            plan.counts.rows.add(0, u64::from(view.rows()));
        }
    }
    let matchers = conjunctive_matchers(filter);
    let superseded = match signal {
        Signal::Metrics => samples::superseded(&sources, &matchers, range)?,
        Signal::Traces => spans::superseded(&sources, filter, range)?,
        Signal::Logs => Vec::new(),
    };
    let mut superseded = superseded.into_iter();
    for source in sources {
        let superseded = superseded.next().unwrap_or_default();
        match source {
            Source::Part(mut piece) => {
                piece.row_ranges = cut::without(piece.row_ranges, superseded.rows);
                let rows = piece.rows();
                plan.counts.rows.add(rows, piece.part.rows());
                plan.counts.parts.add(u64::from(rows > 0), 1);
                if rows > 0 {
                    plan.pieces.push(ScanPiece::Part(piece));
                }
            }
            Source::Head(view) => {
                plan.counts.rows.add(u64::from(view.rows()), u64::from(view.rows()));
                plan.pieces.push(ScanPiece::Head(HeadPiece {
                    view,
                    signal,
                    range,
                    matchers: matchers.clone(),
                    superseded,
                }));
            }
        }
    }
    Ok(())
}

/// A part or a head whose times overlap the range, older before newer.
#[derive(Debug)]
enum Source {
    Part(PartPiece),
    Head(HeadView),
}

impl Source {
    fn time_range(&self) -> TimeRange {
        match self {
            Self::Part(piece) => piece.part.time_range(),
            Self::Head(view) => view.time_range(),
        }
    }
}

/// For each source, the times within `range` that another source has rows in too; empty where there are none.
fn contested(sources: &[Source], range: TimeRange) -> Vec<TimeRange> {
    sources
        .iter()
        .enumerate()
        .map(|(at, source)| {
            let own = source.time_range().intersect(range);
            sources
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .map(|(_, other)| own.intersect(other.time_range()))
                .filter(|shared| !shared.is_empty())
                .reduce(|a, b| TimeRange::new(a.start.min(b.start), a.end.max(b.end)))
                .unwrap_or(TimeRange::new(0, -1))
        })
        .collect()
}

/// Conditions on labels that every wanted series meets.
fn conjunctive_matchers(filter: &IndexFilter) -> Vec<Matcher> {
    match filter {
        IndexFilter::And(filters) => filters.iter().flat_map(conjunctive_matchers).collect(),
        IndexFilter::Term { key, value } => vec![Matcher::equal(key, value)],
        IndexFilter::Matcher(matcher) => vec![matcher.clone()],
        _ => Vec::new(),
    }
}
