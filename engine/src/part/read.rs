//! Reading samples: the pages that hold the asked rows, each decoded once, whatever number of series lies in it.

use std::ops::Range;
use std::sync::Arc;

use parquet::file::metadata::ParquetMetaData;

use super::decimal;
use super::format::TileEntry;
use super::pages::{ColumnPages, PageRows, Segments};
use super::reader::Part;
use super::types::{PartError, ReadColumns, SamplesChunk, SeriesGroup};
use super::wire::{take_slice, take_u32};
use crate::histogram::NativeHistogram;
use crate::schema::Temporality;
use crate::time::TimeRange;

/// Leaf columns of metrics by number.
mod leaf {
    pub(super) const TIMESTAMP: usize = 2;
    pub(super) const MANTISSA: usize = 3;
    pub(super) const SCALE: usize = 4;
    pub(super) const DOUBLE: usize = 5;
    pub(super) const START: usize = 6;
    pub(super) const TEMPORALITY: usize = 7;
}

/// Samples of one group, gathered from pages.
#[derive(Default)]
struct Samples {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
}

impl Part {
    /// Reads the samples of `groups` in `range`; `visit` gets the place of each group in `groups` and its samples (not
    /// called for a group that has none there). Groups in the order of `select` are read in one pass over the file.
    pub fn read(
        self: &Arc<Self>,
        groups: &[SeriesGroup],
        range: TimeRange,
        visit: &mut dyn FnMut(usize, &SamplesChunk<'_>),
    ) -> Result<(), PartError> {
        self.read_columns(groups, range, ReadColumns::default(), visit)
    }

    /// As `read`, with the columns that are asked for.
    pub fn read_columns(
        self: &Arc<Self>,
        groups: &[SeriesGroup],
        range: TimeRange,
        columns: ReadColumns,
        visit: &mut dyn FnMut(usize, &SamplesChunk<'_>),
    ) -> Result<(), PartError> {
        if groups.is_empty() || range.is_empty() {
            return Ok(());
        }
        let mut reader = GroupReader::new(self);
        for (place, group) in groups.iter().enumerate() {
            reader.read(group, range, columns, &mut |chunk| visit(place, chunk))?;
        }
        Ok(())
    }
}

/// Reads groups of one part, each page once when they come in row order.
pub(crate) struct GroupReader<'a> {
    part: &'a Arc<Part>,
    samples: Samples,
    tile: Option<TileReader<'a>>,
}

impl<'a> GroupReader<'a> {
    pub(crate) fn new(part: &'a Arc<Part>) -> Self {
        Self {
            part,
            samples: Samples::default(),
            tile: None,
        }
    }

    /// Reads one group's samples in `range`; `visit` is not called when there are none.
    pub(crate) fn read(
        &mut self,
        group: &SeriesGroup,
        range: TimeRange,
        columns: ReadColumns,
        visit: &mut dyn FnMut(&SamplesChunk<'_>),
    ) -> Result<(), PartError> {
        if self.tile.as_ref().is_none_or(|open| open.number != group.tile) {
            let tiles = self.part.tiles()?;
            let tile = tiles
                .get(group.tile as usize)
                .ok_or_else(|| self.part.damaged(group.first_row, "a tile that is not there"))?;
            let metadata = self.part.parquet_metadata()?;
            self.tile = Some(TileReader::new(self.part, &metadata, group.tile, tile)?);
        }
        match &mut self.tile {
            Some(tile) => tile.group(group, range, columns, &mut self.samples, visit),
            None => Ok(()),
        }
    }
}

/// The decoded page of a column, by rows of the tile.
struct Decoded<T> {
    rows: PageRows,
    data: T,
}

impl<T: Default> Default for Decoded<T> {
    fn default() -> Self {
        Self {
            rows: 0..0,
            data: T::default(),
        }
    }
}

/// Nullable values of a page.
#[derive(Default)]
struct Nullable<T> {
    there: Segments,
    values: Vec<T>,
}

/// The page of temporalities, as (end row, temporality), and the dictionary.
struct TemporalityPages<'a> {
    pages: ColumnPages<'a>,
    dictionary: Vec<Temporality>,
    decoded: Decoded<Vec<(usize, Temporality)>>,
}

/// One tile being read.
struct TileReader<'a> {
    part: &'a Arc<Part>,
    metadata: Arc<ParquetMetaData>,
    number: u32,
    first_row: u64,
    rows: usize,
    timestamp: ColumnPages<'a>,
    mantissa: ColumnPages<'a>,
    scale: ColumnPages<'a>,
    double: ColumnPages<'a>,
    times: Decoded<Vec<i64>>,
    mantissas: Decoded<Nullable<i64>>,
    doubles: Decoded<Nullable<f64>>,
    scales: Decoded<Vec<(usize, Option<u8>)>>,
    scale_values: Option<Vec<u8>>,
    start: Option<(ColumnPages<'a>, Decoded<Nullable<i64>>)>,
    temporality: Option<TemporalityPages<'a>>,
}

impl<'a> TileReader<'a> {
    fn new(
        part: &'a Arc<Part>,
        metadata: &Arc<ParquetMetaData>,
        number: u32,
        tile: &TileEntry,
    ) -> Result<Self, PartError> {
        let rows = tile.rows as usize;
        if (number as usize) >= metadata.num_row_groups()
            || metadata.row_group(number as usize).num_rows() != i64::from(tile.rows)
        {
            return Err(part.damaged(tile.index_offset, "a tile that is no row group"));
        }
        let pages = |column| ColumnPages::new(part, metadata.clone(), number as usize, column, rows);
        Ok(Self {
            part,
            metadata: metadata.clone(),
            number,
            first_row: tile.first_row,
            rows,
            timestamp: pages(leaf::TIMESTAMP)?,
            mantissa: pages(leaf::MANTISSA)?,
            scale: pages(leaf::SCALE)?,
            double: pages(leaf::DOUBLE)?,
            times: Decoded::default(),
            mantissas: Decoded::default(),
            doubles: Decoded::default(),
            scales: Decoded::default(),
            scale_values: None,
            start: None,
            temporality: None,
        })
    }

    fn pages(&self, column: usize) -> Result<ColumnPages<'a>, PartError> {
        ColumnPages::new(
            self.part,
            self.metadata.clone(),
            self.number as usize,
            column,
            self.rows,
        )
    }

    fn group(
        &mut self,
        group: &SeriesGroup,
        range: TimeRange,
        columns: ReadColumns,
        samples: &mut Samples,
        visit: &mut dyn FnMut(&SamplesChunk<'_>),
    ) -> Result<(), PartError> {
        let part = self.part;
        let rows = group
            .first_row
            .checked_sub(self.first_row)
            .and_then(|start| usize::try_from(start).ok())
            .map(|start| start..start + group.rows as usize)
            .filter(|rows| rows.end <= self.rows)
            .ok_or_else(|| part.damaged(group.first_row, "a group that is not in its tile"))?;
        samples.timestamps.clear();
        samples.values.clear();
        samples.starts.clear();
        let rows = self.timestamps(rows, range, &mut samples.timestamps)?;
        if rows.is_empty() {
            return Ok(());
        }
        if columns.values {
            self.values(rows.clone(), &mut samples.values)?;
        } else {
            samples.values.resize(rows.len(), f64::NAN);
        }
        let with_starts = columns.start_timestamps && group.has_start_timestamps;
        if with_starts {
            self.starts(rows.clone(), &mut samples.starts)?;
        }
        let temporality = if group.has_temporality {
            self.temporality(rows.start)?
        } else {
            Temporality::Unspecified
        };
        let histograms = if group.has_histograms && columns.values {
            let rows = rows.start as u64 + self.first_row..rows.end as u64 + self.first_row;
            Some(self.part.read_histograms(rows)?)
        } else {
            None
        };
        visit(&SamplesChunk {
            timestamps: &samples.timestamps,
            values: &samples.values,
            start_timestamps: with_starts.then_some(samples.starts.as_slice()),
            temporality,
            histograms: histograms.as_deref(),
        });
        Ok(())
    }

    /// Reads the times of `rows` that lie in `range` and gives the rows that have them.
    fn timestamps(
        &mut self,
        rows: Range<usize>,
        range: TimeRange,
        out: &mut Vec<i64>,
    ) -> Result<Range<usize>, PartError> {
        let mut kept: Option<Range<usize>> = None;
        let mut row = rows.start;
        while row < rows.end {
            if !self.times.rows.contains(&row) {
                self.times.rows = self.timestamp.integers(row, &mut self.times.data)?;
            }
            let page = &self.times.rows;
            let end = rows.end.min(page.end);
            let times = self
                .times
                .data
                .get(row - page.start..end - page.start)
                .unwrap_or_default();
            let skip = times.partition_point(|time| *time < range.start);
            let keep = times.partition_point(|time| *time <= range.end);
            if skip < keep {
                out.extend_from_slice(times.get(skip..keep).unwrap_or_default());
                let piece = row + skip..row + keep;
                kept = Some(kept.map_or(piece.clone(), |kept| kept.start..piece.end));
            }
            if keep < times.len() {
                break;
            }
            row = end;
        }
        let kept = kept.unwrap_or(0..0);
        if kept.len() != out.len() {
            return Err(self
                .part
                .damaged(self.first_row, "timestamps of a series that do not ascend"));
        }
        Ok(kept)
    }

    fn values(&mut self, rows: Range<usize>, out: &mut Vec<f64>) -> Result<(), PartError> {
        let mut row = rows.start;
        while row < rows.end {
            if !self.mantissas.rows.contains(&row) {
                let data = &mut self.mantissas.data;
                self.mantissas.rows = self
                    .mantissa
                    .nullable_integers(row, &mut data.there, &mut data.values)?;
            }
            let page_start = self.mantissas.rows.start;
            let (value, left) = self.segment(self.mantissas.data.there.at(row - page_start))?;
            let length = left.min(rows.end - row);
            row += match value {
                Some(value) => self.decimals(row, value, length, out)?,
                None => self.doubles(row, length, out)?,
            };
        }
        Ok(())
    }

    fn segment<T>(&self, segment: Option<T>) -> Result<T, PartError> {
        segment.ok_or_else(|| self.part.damaged(self.first_row, "a page's null mask"))
    }

    /// Appends up to `length` values from `row` on, whose first mantissa is number `value` of its page.
    fn decimals(&mut self, row: usize, value: usize, length: usize, out: &mut Vec<f64>) -> Result<usize, PartError> {
        let (scale, left) = self.scale_at(row)?;
        let length = length.min(left);
        let mantissas = self.mantissas.data.values.get(value..value + length);
        mantissas
            .zip(scale)
            .and_then(|(mantissas, scale)| decimal::join(mantissas, scale, out))
            .ok_or_else(|| self.part.damaged(self.first_row, "a mantissa without its scale"))?;
        Ok(length)
    }

    fn doubles(&mut self, row: usize, length: usize, out: &mut Vec<f64>) -> Result<usize, PartError> {
        if !self.doubles.rows.contains(&row) {
            let data = &mut self.doubles.data;
            self.doubles.rows = self.double.nullable_doubles(row, &mut data.there, &mut data.values)?;
        }
        let page_start = self.doubles.rows.start;
        let (value, left) = self.segment(self.doubles.data.there.at(row - page_start))?;
        let length = length.min(left);
        match value {
            Some(value) => {
                let values = self.doubles.data.values.get(value..value + length);
                out.extend_from_slice(self.segment(values)?);
            }
            // A histogram stands there.
            None => out.resize(out.len() + length, f64::NAN),
        }
        Ok(length)
    }

    /// The scale at `row`, and for how many rows it holds.
    fn scale_at(&mut self, row: usize) -> Result<(Option<u8>, usize), PartError> {
        if !self.scales.rows.contains(&row) {
            self.load_scales(row)?;
        }
        let page = &self.scales.rows;
        let runs = &self.scales.data;
        let at = row - page.start;
        let place = runs.partition_point(|(end, _)| *end <= at);
        let (end, scale) = *self.segment(runs.get(place))?;
        Ok((scale, end - at))
    }

    fn load_scales(&mut self, row: usize) -> Result<(), PartError> {
        let values = match self.scale_values.take() {
            Some(values) => values,
            None => {
                let (bytes, count) = self.scale.dictionary()?;
                let (words, _) = bytes.as_chunks::<4>();
                words
                    .iter()
                    .take(count)
                    .map(|word| u8::try_from(i32::from_le_bytes(*word)).unwrap_or(u8::MAX))
                    .collect()
            }
        };
        let mut runs = Vec::new();
        self.scales.rows = self.scale.nullable_indices(row, &mut runs)?;
        self.scales.data.clear();
        let mut end = 0;
        for (index, rows) in runs {
            end += rows;
            let scale = index.and_then(|index| values.get(index as usize).copied());
            match self.scales.data.last_mut() {
                Some((last_end, last)) if *last == scale => *last_end = end,
                _ => self.scales.data.push((end, scale)),
            }
        }
        self.scale_values = Some(values);
        Ok(())
    }

    fn starts(&mut self, rows: Range<usize>, out: &mut Vec<i64>) -> Result<(), PartError> {
        let (mut pages, mut decoded) = match self.start.take() {
            Some(open) => open,
            None => (self.pages(leaf::START)?, Decoded::default()),
        };
        let mut row = rows.start;
        while row < rows.end {
            if !decoded.rows.contains(&row) {
                let data: &mut Nullable<i64> = &mut decoded.data;
                decoded.rows = pages.nullable_integers(row, &mut data.there, &mut data.values)?;
            }
            let (value, left) = self.segment(decoded.data.there.at(row - decoded.rows.start))?;
            let length = left.min(rows.end - row);
            match value {
                Some(value) => {
                    let values = decoded.data.values.get(value..value + length);
                    out.extend_from_slice(self.segment(values)?);
                }
                None => out.resize(out.len() + length, 0),
            }
            row += length;
        }
        self.start = Some((pages, decoded));
        Ok(())
    }

    /// The temporality at `row`: a writer gives one to a whole group.
    fn temporality(&mut self, row: usize) -> Result<Temporality, PartError> {
        let mut open = match self.temporality.take() {
            Some(open) => open,
            None => {
                let mut pages = self.pages(leaf::TEMPORALITY)?;
                let (bytes, count) = pages.dictionary()?;
                let dictionary = temporality_values(bytes, count);
                TemporalityPages {
                    pages,
                    dictionary,
                    decoded: Decoded::default(),
                }
            }
        };
        if !open.decoded.rows.contains(&row) {
            let mut runs = Vec::new();
            open.decoded.rows = open.pages.nullable_indices(row, &mut runs)?;
            open.decoded.data.clear();
            let mut end = open.decoded.rows.start;
            for (index, rows) in runs {
                end += rows;
                let value = index.and_then(|index| open.dictionary.get(index as usize).copied());
                open.decoded.data.push((end, value.unwrap_or_default()));
            }
        }
        let runs = &open.decoded.data;
        let found = runs
            .get(runs.partition_point(|(end, _)| *end <= row))
            .map(|(_, value)| *value);
        self.temporality = Some(open);
        Ok(found.unwrap_or_default())
    }
}

fn temporality_values(mut bytes: &[u8], count: usize) -> Vec<Temporality> {
    let all = [Temporality::Cumulative, Temporality::Delta];
    (0..count)
        .map_while(|_| {
            let length = take_u32(&mut bytes)? as usize;
            let text = take_slice(&mut bytes, length)?;
            Some(
                all.into_iter()
                    .find(|one| one.as_str().is_some_and(|name| name.as_bytes() == text))
                    .unwrap_or_default(),
            )
        })
        .collect()
}

/// Histograms of rows, one per row.
pub(crate) type Histograms = Vec<Option<NativeHistogram>>;
