//! Series over all parts and heads of a snapshot: found by matchers, joined by key, read in time order without duplicates.
//!
//! A reader asks for a run of series and is given their samples window by window: all pieces (a series in one slice of a
//! part, or in a head) whose times touch are one *stretch*; stretches follow each other in time, so the samples of every
//! series come in order while each part decodes its pages once. Where a series has several pieces in one stretch they
//! are merged, and of equal timestamps the row of the newer source is left.

mod join;
mod listing;
mod merge;
mod read;

use std::ops::Range;
use std::sync::Arc;

use crate::head::HeadView;
use crate::labels::SeriesKey;
use crate::matcher::Matcher;
use crate::part::{Part, PartError, SamplesChunk, SeriesGroup};
use crate::snapshot::Snapshot;
use crate::time::TimeRange;

pub use listing::{label_names, label_values};

/// Distinct series in the order of their keys, and where their samples lie.
#[derive(Debug, Default)]
pub struct SeriesSet {
    sources: Vec<Source>,
    keys: Vec<SeriesKey>,
    /// Where each series' pieces start in `pieces`; one more entry than series.
    starts: Vec<usize>,
    pieces: Vec<Piece>,
}

/// A part or a head, older before newer within a partition, partitions in time order.
#[derive(Debug)]
enum Source {
    Part { part: Arc<Part>, groups: Vec<SeriesGroup> },
    Head(HeadView),
}

/// One series in one source (of a part: in one of its slices).
#[derive(Debug, Clone, Copy)]
struct Piece {
    source: usize,
    /// Index among the source's groups (part), or the series' ref (head).
    item: u32,
    /// Times its samples lie within.
    time: TimeRange,
}

impl SeriesSet {
    /// The series of a metrics snapshot that pass all matchers and may have samples in `range` (milliseconds).
    ///
    /// # Errors
    /// When a part's index cannot be read.
    pub fn of(snapshot: &Snapshot, matchers: &[Matcher], range: TimeRange) -> Result<Self, PartError> {
        let mut joiner = join::Joiner::default();
        for partition in &snapshot.partitions {
            for part in partition.parts.iter().filter(|part| part.time_range().overlaps(range)) {
                joiner.add_part(part, part.select(matchers, range)?);
            }
            for head in partition.heads.iter().filter(|head| head.time_range().overlaps(range)) {
                joiner.add_head(head, matchers);
            }
        }
        Ok(joiner.finish())
    }

    /// How many series.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key of a series; indices go from 0 to `len`, in key order.
    #[expect(
        clippy::indexing_slicing,
        reason = "the index of a series is below len, as documented"
    )]
    pub fn key(&self, series: usize) -> &SeriesKey {
        &self.keys[series]
    }

    /// Every key, in order.
    pub fn keys(&self) -> &[SeriesKey] {
        &self.keys
    }

    /// When it is known without reading: the time of the series' last sample at or before `at`, and whether it is a stale
    /// marker. `None` when only reading tells.
    pub fn latest_known(&self, series: usize, at: i64) -> Option<(i64, bool)> {
        let mut latest: Option<(i64, bool)> = None;
        for piece in self.pieces_of(series) {
            if piece.time.start > at {
                continue;
            }
            let Some(Source::Part { groups, .. }) = self.sources.get(piece.source) else {
                return None;
            };
            let group = groups.get(piece.item as usize)?;
            if group.max > at || latest.is_some_and(|(time, _)| time >= group.min) {
                return None;
            }
            latest = Some((group.max, group.last_is_stale));
        }
        latest
    }

    /// Gives the samples within `range` (milliseconds) of the series of a run: `visit(series, chunk)`, the chunks of one
    /// series in time order and without duplicates, those of different series interleaved.
    ///
    /// # Errors
    /// When a part cannot be read or is damaged; what was visited before is then not the whole.
    pub fn read(
        &self,
        series: Range<usize>,
        range: TimeRange,
        visit: &mut dyn FnMut(usize, &SamplesChunk<'_>),
    ) -> Result<(), PartError> {
        read::read(self, series, range, visit)
    }

    fn pieces_of(&self, series: usize) -> &[Piece] {
        let bounds = self
            .starts
            .get(series)
            .copied()
            .zip(self.starts.get(series + 1).copied());
        bounds
            .and_then(|(start, end)| self.pieces.get(start..end))
            .unwrap_or_default()
    }
}
