//! Every series with its first and last time and its number of samples, from the index: rows of parts are not read
//! unless sources overlap.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{PartPiece, Source, conjunctive_matchers, samples};
use crate::labels::SeriesKey;
use crate::matcher::Matcher;
use crate::part::{IndexFilter, PartError};
use crate::snapshot::{PartitionView, Snapshot};
use crate::time::TimeRange;

/// What there is of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesExtent {
    /// First and last timestamp, milliseconds.
    pub time: TimeRange,
    /// Samples, each time once.
    pub samples: u64,
}

/// The series that may match, by key.
///
/// # Errors
/// When a part's index or rows cannot be read, or are damaged.
pub fn series(snapshot: &Snapshot, filter: &IndexFilter) -> Result<BTreeMap<SeriesKey, SeriesExtent>, PartError> {
    let matchers = conjunctive_matchers(filter);
    let mut found = BTreeMap::new();
    for partition in &snapshot.partitions {
        add_partition(partition, &matchers, &mut found)?;
    }
    Ok(found)
}

fn add_partition(
    partition: &PartitionView,
    matchers: &[Matcher],
    found: &mut BTreeMap<SeriesKey, SeriesExtent>,
) -> Result<(), PartError> {
    let parts = partition.parts.iter().map(|part| {
        Source::Part(PartPiece {
            part: Arc::clone(part),
            row_ranges: Vec::new(),
        })
    });
    let heads = partition.heads.iter().map(|view| Source::Head(view.clone()));
    let sources: Vec<Source> = parts.chain(heads).collect();
    let superseded = samples::superseded(&sources, matchers, TimeRange::ALL)?;
    for (source, superseded) in sources.iter().zip(superseded) {
        match source {
            Source::Part(piece) => {
                let mut replaced = superseded.rows;
                replaced.sort_unstable();
                for group in piece.part.select(matchers, TimeRange::ALL)? {
                    let end = group.first_row + u64::from(group.rows);
                    let gone = replaced.partition_point(|&row| row < end)
                        - replaced.partition_point(|&row| row < group.first_row);
                    let rows = u64::from(group.rows) - gone as u64;
                    add(found, group.key, TimeRange::new(group.min, group.max), rows);
                }
            }
            Source::Head(view) => {
                let mut reader = view.reader();
                for (series, key) in view.keys(view.refs_matching(matchers)) {
                    let gone = superseded.samples.get(&series).map_or(0, |times| times.len() as u64);
                    reader.read(series, TimeRange::ALL, &mut |chunk| {
                        if let (Some(&first), Some(&last)) = (chunk.timestamps.first(), chunk.timestamps.last()) {
                            let rows = (chunk.timestamps.len() as u64).saturating_sub(gone);
                            add(found, key.clone(), TimeRange::new(first, last), rows);
                        }
                    });
                }
            }
        }
    }
    Ok(())
}

fn add(found: &mut BTreeMap<SeriesKey, SeriesExtent>, key: SeriesKey, time: TimeRange, samples: u64) {
    let extent = found.entry(key).or_insert(SeriesExtent { time, samples: 0 });
    extent.time = TimeRange::new(extent.time.start.min(time.start), extent.time.end.max(time.end));
    extent.samples += samples;
}
