//! Merging neighbouring parts of one partition into one: slice by slice, so that memory does not grow with the parts.
//!
//! A slice that lies in one input alone is copied, tile and index, byte for byte. Where several inputs share a slice their
//! rows are merged and encoded again; of one series and timestamp, or one trace and span, the later input's row stays.

mod copy;
mod group_cursor;
mod metrics;
mod row_cursor;
mod rows;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use icecore_wal::fs::Fs;

use super::format::units_per_second;
use super::metrics_writer::MetricsPartWriter;
use super::reader::Part;
use super::rows_writer::RowsPartWriter;
use super::types::{PartError, PartMeta, PartOptions, PartSummary};
use crate::ids::Signal;
use crate::time::TimeRange;

/// A run of sorted rows that takes part in a slice: some adjacent tiles of one input.
struct Source {
    part: Arc<Part>,
    tiles: Range<usize>,
}

/// Merges `inputs` (of one partition, LSN neighbours) into a new file, which must not exist. The order of the inputs does
/// not matter: the one with the higher LSNs is the later. Removing the file after an error is the caller's.
pub fn merge_parts(
    fs: &Arc<dyn Fs>,
    inputs: &[Arc<Part>],
    tmp: &Path,
    options: &PartOptions,
) -> Result<PartSummary, PartError> {
    let mut inputs = inputs.to_vec();
    inputs.sort_by_key(|part| (part.meta().first_lsn, part.meta().last_lsn));
    let meta = merged_meta(&inputs)?;
    let slices = plan(&inputs, options.slice_length_s)?;
    match meta.signal {
        Signal::Metrics => {
            let mut options = options.clone();
            for part in &inputs {
                options.histograms |= part.has_histograms()?;
            }
            let mut writer = MetricsPartWriter::create(fs, tmp, meta, &options)?;
            for (slice, sources) in &slices {
                match copied(sources, &options)? {
                    Some(source) => source
                        .tiles
                        .clone()
                        .try_for_each(|tile| writer.copy_tile(&source.part, tile))?,
                    None => metrics::merge_slice(&mut writer, *slice, options.slice_length_s, sources)?,
                }
            }
            writer.finish()
        }
        Signal::Logs | Signal::Traces => {
            let mut writer = RowsPartWriter::create(fs, tmp, meta, options)?;
            for (slice, sources) in &slices {
                match copied(sources, options)? {
                    Some(source) => writer.copy_tiles(&source.part, source.tiles.clone())?,
                    None => rows::merge_slice(
                        &mut writer,
                        slice_range(*slice, options.slice_length_s, sources),
                        sources,
                    )?,
                }
            }
            writer.finish()
        }
    }
}

/// The one source that a slice may be copied from.
fn copied<'a>(sources: &'a [Source], options: &PartOptions) -> Result<Option<&'a Source>, PartError> {
    let [source] = sources else {
        return Ok(None);
    };
    let part = &source.part;
    let same_columns = part.meta().signal != Signal::Metrics || part.has_histograms()? == options.histograms;
    Ok((same_columns && part.slice_length_s() == options.slice_length_s).then_some(source))
}

/// What the merged part is: it covers the LSNs from the first to the last of all inputs.
fn merged_meta(inputs: &[Arc<Part>]) -> Result<PartMeta, PartError> {
    let first = inputs
        .first()
        .ok_or_else(|| PartError::InvalidRows("a merge of no parts".to_owned()))?;
    let mut meta = first.meta().clone();
    for part in inputs {
        let other = part.meta();
        if (&other.tenant, other.signal, other.window) != (&meta.tenant, meta.signal, meta.window) {
            return Err(PartError::InvalidRows(
                "a merge of parts of different partitions".to_owned(),
            ));
        }
        meta.last_lsn = meta.last_lsn.max(other.last_lsn);
    }
    Ok(meta)
}

/// The instants of a slice, in the signal's unit.
fn slice_range(slice_start_s: i64, slice_length_s: i64, sources: &[Source]) -> TimeRange {
    let unit = sources
        .first()
        .map_or(1, |source| units_per_second(source.part.meta().signal));
    let start = slice_start_s.saturating_mul(unit);
    TimeRange::new(
        start,
        start
            .saturating_add(slice_length_s.saturating_mul(unit))
            .saturating_sub(1),
    )
}

/// Which tiles of which inputs have rows in each slice of the output, sources in order of LSN.
fn plan(inputs: &[Arc<Part>], slice_length_s: i64) -> Result<BTreeMap<i64, Vec<Source>>, PartError> {
    let length = slice_length_s.max(1);
    let mut slices: BTreeMap<i64, Vec<Source>> = BTreeMap::new();
    for part in inputs {
        let unit = units_per_second(part.meta().signal);
        let slice_of = |time: i64| time.div_euclid(unit).div_euclid(length) * length;
        let tiles = part.tiles()?;
        let mut start = 0;
        for run in tiles.chunk_by(|a, b| a.slice_start_s == b.slice_start_s) {
            let run_tiles = start..start + run.len();
            start = run_tiles.end;
            let (Some(min), Some(max)) = (
                run.iter().map(|tile| tile.min).min(),
                run.iter().map(|tile| tile.max).max(),
            ) else {
                continue;
            };
            let mut slice = slice_of(min);
            while slice <= slice_of(max) {
                slices.entry(slice).or_default().push(Source {
                    part: part.clone(),
                    tiles: run_tiles.clone(),
                });
                slice += length;
            }
        }
    }
    Ok(slices)
}
