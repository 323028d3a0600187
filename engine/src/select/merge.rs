//! Merges the samples of a series that several sources hold for one stretch of time: of equal timestamps the newest
//! source's is left.

use std::ops::Range;

use crate::histogram::NativeHistogram;
use crate::part::SamplesChunk;
use crate::schema::Temporality;

/// Counts how many pieces each series of a run has in a stretch, and keeps the samples of those with several.
#[derive(Debug)]
pub(super) struct Overlaps {
    first: usize,
    pieces: Vec<u32>,
    kept: Vec<Kept>,
}

/// The samples of one series in one source.
#[derive(Debug, Default)]
struct Kept {
    series: usize,
    source: usize,
    temporality: Temporality,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    start_timestamps: Vec<i64>,
    /// As many as timestamps, or none at all.
    histograms: Vec<Option<NativeHistogram>>,
}

impl Overlaps {
    pub(super) fn new(run: Range<usize>) -> Self {
        Self {
            first: run.start,
            pieces: vec![0; run.len()],
            kept: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, series: impl Iterator<Item = usize>) {
        self.pieces.fill(0);
        for series in series {
            if let Some(count) = self.pieces.get_mut(series - self.first) {
                *count += 1;
            }
        }
    }

    pub(super) fn is_single(&self, series: usize) -> bool {
        self.pieces.get(series - self.first).is_none_or(|count| *count < 2)
    }

    pub(super) fn keep(&mut self, series: usize, source: usize, chunk: &SamplesChunk<'_>) {
        let continues =
            |kept: &Kept| kept.series == series && kept.source == source && kept.temporality == chunk.temporality;
        if !self.kept.last().is_some_and(continues) {
            self.kept.push(Kept {
                series,
                source,
                temporality: chunk.temporality,
                ..Kept::default()
            });
        }
        if let Some(kept) = self.kept.last_mut() {
            kept.push(chunk);
        }
    }

    /// Gives what was kept, merged, series by series.
    pub(super) fn merge(&mut self, visit: &mut dyn FnMut(usize, &SamplesChunk<'_>)) {
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_by_key(|kept| kept.series);
        for of_series in kept.chunk_by_mut(|a, b| a.series == b.series) {
            of_series.sort_by_key(|kept| kept.timestamps.first().copied());
            let apart = of_series
                .windows(2)
                .all(|pair| matches!(pair, [a, b] if a.timestamps.last() < b.timestamps.first()));
            if apart {
                of_series.iter().for_each(|kept| kept.show(visit));
            } else {
                interleave(of_series).iter().for_each(|kept| kept.show(visit));
            }
        }
    }
}

impl Kept {
    fn push(&mut self, chunk: &SamplesChunk<'_>) {
        let before = self.timestamps.len();
        self.timestamps.extend_from_slice(chunk.timestamps);
        self.values.extend_from_slice(chunk.values);
        match chunk.start_timestamps {
            Some(starts) => self.start_timestamps.extend_from_slice(starts),
            None => self.start_timestamps.resize(self.timestamps.len(), 0),
        }
        if let Some(histograms) = chunk.histograms {
            self.histograms.resize(before, None);
            self.histograms.extend_from_slice(histograms);
        } else if !self.histograms.is_empty() {
            self.histograms.resize(self.timestamps.len(), None);
        }
    }

    fn push_from(&mut self, other: &Self, index: usize) {
        let histogram = other.histograms.get(index).cloned().flatten();
        let histograms = [histogram];
        let column = |values: &[i64]| values.get(index..=index).map(<[i64]>::to_vec).unwrap_or_default();
        let starts = column(&other.start_timestamps);
        self.push(&SamplesChunk {
            timestamps: other.timestamps.get(index..=index).unwrap_or_default(),
            values: other.values.get(index..=index).unwrap_or_default(),
            start_timestamps: (starts.len() == 1).then_some(starts.as_slice()),
            temporality: other.temporality,
            histograms: (!other.histograms.is_empty()).then_some(histograms.as_slice()),
        });
    }

    fn show(&self, visit: &mut dyn FnMut(usize, &SamplesChunk<'_>)) {
        let has_starts = self.start_timestamps.iter().any(|start| *start != 0);
        visit(
            self.series,
            &SamplesChunk {
                timestamps: &self.timestamps,
                values: &self.values,
                start_timestamps: has_starts.then_some(self.start_timestamps.as_slice()),
                temporality: self.temporality,
                histograms: (!self.histograms.is_empty()).then_some(self.histograms.as_slice()),
            },
        );
    }
}

/// One series' samples in time order, one per timestamp, cut where the temporality changes.
fn interleave(sources: &[Kept]) -> Vec<Kept> {
    let mut all: Vec<(i64, usize, usize, usize)> = Vec::new();
    for (number, kept) in sources.iter().enumerate() {
        all.extend(
            kept.timestamps
                .iter()
                .enumerate()
                .map(|(index, time)| (*time, kept.source, number, index)),
        );
    }
    all.sort_unstable();
    let mut merged: Vec<Kept> = Vec::new();
    for (position, (time, _, number, index)) in all.iter().enumerate() {
        if all.get(position + 1).is_some_and(|(next, ..)| next == time) {
            continue;
        }
        let Some(source) = sources.get(*number) else { continue };
        if merged.last().is_none_or(|last| last.temporality != source.temporality) {
            merged.push(Kept {
                series: source.series,
                temporality: source.temporality,
                ..Kept::default()
            });
        }
        if let Some(last) = merged.last_mut() {
            last.push_from(source, *index);
        }
    }
    merged
}

#[cfg(test)]
mod tests;
