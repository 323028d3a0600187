//! One slice of metrics from several sources: series by series in the order of their keys.

use super::Source;
use super::group_cursor::GroupCursor;
use super::slice_range;
use crate::histogram::NativeHistogram;
use crate::labels::SeriesKey;
use crate::part::metrics_writer::MetricsPartWriter;
use crate::part::read::GroupReader;
use crate::part::types::{PartError, ReadColumns, SamplesChunk, SeriesRun};
use crate::schema::Temporality;
use crate::time::TimeRange;

/// Samples of one series, from one or several sources.
#[derive(Default)]
struct Gathered {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
    temporalities: Vec<Temporality>,
    histograms: Vec<Option<NativeHistogram>>,
    has_starts: bool,
    has_histograms: bool,
    /// Whether the samples so far ascend in time.
    ascends: bool,
}

impl Gathered {
    fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.starts.clear();
        self.temporalities.clear();
        self.histograms.clear();
        self.has_starts = false;
        self.has_histograms = false;
        self.ascends = true;
    }

    fn add(&mut self, chunk: &SamplesChunk<'_>) {
        let rows = chunk.timestamps.len();
        let end = self.timestamps.len() + rows;
        self.ascends &= self
            .timestamps
            .last()
            .zip(chunk.timestamps.first())
            .is_none_or(|(last, first)| last < first);
        self.timestamps.extend_from_slice(chunk.timestamps);
        self.values.extend_from_slice(chunk.values);
        match chunk.start_timestamps {
            Some(starts) => {
                self.has_starts = true;
                self.starts.extend_from_slice(starts);
            }
            None => self.starts.resize(end, 0),
        }
        match chunk.histograms {
            Some(histograms) => {
                self.has_histograms = true;
                self.histograms.extend_from_slice(histograms);
            }
            None => self.histograms.resize(end, None),
        }
        self.temporalities.resize(end, chunk.temporality);
    }

    /// Puts the samples in order; of several at one time the last one added stays.
    fn sort(&mut self) {
        if self.ascends {
            return;
        }
        let mut order: Vec<(i64, usize)> = self.timestamps.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let kept: Vec<usize> = order
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|same| same.last().map(|(_, place)| *place))
            .collect();
        permute(&mut self.timestamps, &kept);
        permute(&mut self.values, &kept);
        permute(&mut self.starts, &kept);
        permute(&mut self.temporalities, &kept);
        permute(&mut self.histograms, &kept);
        self.ascends = true;
    }

    fn write(&mut self, writer: &mut MetricsPartWriter, slice: i64, key: &SeriesKey) -> Result<(), PartError> {
        self.sort();
        let mut start = 0;
        for same in self.temporalities.chunk_by(|a, b| a == b) {
            let rows = start..start + same.len();
            start = rows.end;
            let run = SeriesRun {
                timestamps: self.timestamps.get(rows.clone()).unwrap_or_default(),
                values: self.values.get(rows.clone()).unwrap_or_default(),
                start_timestamps: self.starts.get(rows.clone()).filter(|_| self.has_starts),
                temporality: same.first().copied().unwrap_or_default(),
                histograms: self.histograms.get(rows).filter(|_| self.has_histograms),
            };
            writer.series(slice, key, run)?;
        }
        Ok(())
    }
}

fn permute<T: Clone>(values: &mut Vec<T>, order: &[usize]) {
    *values = order.iter().filter_map(|place| values.get(*place).cloned()).collect();
}

/// Merges the rows of `sources`, which come in order of LSN, that lie in the slice.
pub(super) fn merge_slice(
    writer: &mut MetricsPartWriter,
    slice: i64,
    slice_length_s: i64,
    sources: &[Source],
) -> Result<(), PartError> {
    let range: TimeRange = slice_range(slice, slice_length_s, sources);
    let mut cursors = sources
        .iter()
        .map(|source| {
            let cursor = GroupCursor::new(&source.part, source.tiles.clone())?;
            Ok((cursor, GroupReader::new(&source.part)))
        })
        .collect::<Result<Vec<_>, PartError>>()?;
    let mut gathered = Gathered::default();
    while let Some(key) = cursors.iter().filter_map(|(cursor, _)| cursor.key()).min().cloned() {
        gathered.clear();
        for (cursor, reader) in &mut cursors {
            while cursor.key() == Some(&key) {
                if let Some(group) = cursor.take()? {
                    reader.read(&group, range, ReadColumns::ALL, &mut |chunk| gathered.add(chunk))?;
                }
            }
        }
        gathered.write(writer, slice, &key)?;
    }
    Ok(())
}
