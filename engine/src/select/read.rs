//! Reads a run of series stretch by stretch.

use std::ops::Range;

use super::merge::Overlaps;
use super::{Piece, SeriesSet, Source};
use crate::part::{PartError, SamplesChunk, SeriesGroup};
use crate::time::TimeRange;

/// A piece and the series it belongs to.
#[derive(Debug, Clone, Copy)]
struct Owned {
    series: usize,
    piece: Piece,
}

pub(super) fn read(
    set: &SeriesSet,
    run: Range<usize>,
    range: TimeRange,
    visit: &mut dyn FnMut(usize, &SamplesChunk<'_>),
) -> Result<(), PartError> {
    let mut wanted: Vec<Owned> = run
        .clone()
        .flat_map(|series| {
            set.pieces_of(series)
                .iter()
                .map(move |piece| Owned { series, piece: *piece })
        })
        .filter(|owned| owned.piece.time.overlaps(range))
        .collect();
    wanted.sort_by_key(|owned| owned.piece.time.start);
    let mut overlaps = Overlaps::new(run);
    let mut rest = wanted.as_mut_slice();
    while !rest.is_empty() {
        let (stretch, later) = rest.split_at_mut(stretch_length(rest));
        read_stretch(set, stretch, range, &mut overlaps, visit)?;
        rest = later;
    }
    Ok(())
}

/// How many of the pieces, sorted by start, touch each other in time.
fn stretch_length(pieces: &[Owned]) -> usize {
    let mut end = i64::MIN;
    pieces
        .iter()
        .position(|owned| {
            let apart = end != i64::MIN && owned.piece.time.start > end;
            end = end.max(owned.piece.time.end);
            apart
        })
        .unwrap_or(pieces.len())
}

fn read_stretch(
    set: &SeriesSet,
    stretch: &mut [Owned],
    range: TimeRange,
    overlaps: &mut Overlaps,
    visit: &mut dyn FnMut(usize, &SamplesChunk<'_>),
) -> Result<(), PartError> {
    overlaps.begin(stretch.iter().map(|owned| owned.series));
    stretch.sort_unstable_by_key(|owned| (owned.piece.source, owned.piece.item));
    for of_source in stretch.chunk_by(|a, b| a.piece.source == b.piece.source) {
        let number = of_source.first().map_or(0, |owned| owned.piece.source);
        let mut take = |index: usize, chunk: &SamplesChunk<'_>| {
            let Some(owned) = of_source.get(index) else { return };
            if overlaps.is_single(owned.series) {
                visit(owned.series, chunk);
            } else {
                overlaps.keep(owned.series, number, chunk);
            }
        };
        match set.sources.get(number) {
            Some(Source::Part { part, groups }) => {
                let asked: Vec<SeriesGroup> = of_source
                    .iter()
                    .filter_map(|owned| groups.get(owned.piece.item as usize).cloned())
                    .collect();
                part.read(&asked, range, &mut take)?;
            }
            Some(Source::Head(head)) => {
                let mut reader = head.reader();
                for (index, owned) in of_source.iter().enumerate() {
                    reader.read(owned.piece.item, range, &mut |chunk| take(index, chunk));
                }
            }
            None => {}
        }
    }
    overlaps.merge(visit);
    Ok(())
}
