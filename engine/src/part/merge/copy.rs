//! Copying tiles: the bytes of their columns and of their index as they are, the terms of their groups anew.

use std::ops::Range;
use std::sync::Arc;

use parquet::column::writer::ColumnCloseResult;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use crate::labels::SeriesKey;
use crate::part::arrow_read::VerifiedReader;
use crate::part::file::{PartFile, TileChunk, TileTimes};
use crate::part::filter_eval::GroupSet;
use crate::part::format::TileEntry;
use crate::part::groups::TileIndex;
use crate::part::metrics_writer::MetricsPartWriter;
use crate::part::reader::Part;
use crate::part::rows_writer::RowsPartWriter;
use crate::part::types::PartError;
use crate::time::TimeRange;

/// Copies tile `number` of `part` behind what `file` has.
fn copy_tile(file: &mut PartFile, part: &Arc<Part>, number: usize) -> Result<TileEntry, PartError> {
    let tiles = part.tiles()?;
    let tile = *tiles
        .get(number)
        .ok_or_else(|| part.damaged(0, "a tile that is not there"))?;
    let metadata = part.parquet_metadata()?;
    if number >= metadata.num_row_groups() {
        return Err(part.damaged(0, "a tile that is no row group"));
    }
    let row_group = metadata.row_group(number);
    let column_indexes = metadata.column_index().and_then(|index| index.get(number));
    let offset_indexes = metadata.offset_index().and_then(|index| index.get(number));
    let reader = VerifiedReader(part.clone());
    let chunks = row_group
        .columns()
        .iter()
        .enumerate()
        .map(|(column, chunk)| {
            let column_index = column_indexes
                .and_then(|index| index.get(column))
                .filter(|index| !matches!(index, ColumnIndexMetaData::NONE))
                .cloned();
            let close = ColumnCloseResult {
                bytes_written: chunk.compressed_size().max(0) as u64,
                rows_written: u64::from(tile.rows),
                metadata: chunk.clone(),
                bloom_filter: None,
                column_index,
                offset_index: offset_indexes.and_then(|index| index.get(column)).cloned(),
            };
            TileChunk::Copied(&reader, Box::new(close))
        })
        .collect();
    let bytes = part.read_extent(
        tile.index_offset,
        u64::from(tile.index_bytes) + u64::from(tile.hashes_bytes),
    )?;
    let (index, hashes) = bytes
        .split_at_checked(tile.index_bytes as usize)
        .ok_or_else(|| part.damaged(tile.index_offset, "a tile's index"))?;
    let index = TileIndex {
        bytes: index.to_vec(),
        blocks: tile.group_blocks,
        groups: tile.groups,
        rows: tile.rows,
        flags: tile.flags as u8,
    };
    let times = TileTimes {
        slice_start_s: tile.slice_start_s,
        min: tile.min,
        max: tile.max,
    };
    file.tile(chunks, &index, hashes, times)?;
    Ok(tile)
}

impl MetricsPartWriter {
    /// Copies a tile of another part of the same columns and slices, behind what was written.
    pub(super) fn copy_tile(&mut self, part: &Arc<Part>, number: usize) -> Result<(), PartError> {
        self.close_tile()?;
        let first_group = self.file.next_group();
        let tile = copy_tile(&mut self.file, part, number)?;
        let mut groups = roaring::RoaringBitmap::new();
        groups.insert_range(tile.first_group..tile.end_group());
        let mut last = None;
        part.visit_groups(&GroupSet::Some(groups), TimeRange::ALL, &mut |view| {
            let key = SeriesKey::from_text(view.key)
                .ok_or_else(|| part.damaged(view.first_row, "a series key in the index"))?;
            let group = first_group + (view.ordinal - tile.first_group);
            self.labels.add(&mut self.file.terms, &key, group);
            last = Some((tile.slice_start_s, key, view.group.max));
            Ok(())
        })?;
        self.last = last;
        Ok(())
    }
}

impl RowsPartWriter {
    /// Copies adjacent tiles of another part of the same signal and slices, behind what was written.
    pub(super) fn copy_tiles(&mut self, part: &Arc<Part>, tiles: Range<usize>) -> Result<(), PartError> {
        self.close_tile()?;
        let first_group = self.file.next_group();
        let mut groups: Option<Range<u32>> = None;
        for number in tiles {
            let tile = copy_tile(&mut self.file, part, number)?;
            groups = Some(groups.map_or(tile.first_group, |groups| groups.start)..tile.end_group());
        }
        match groups {
            Some(groups) => copy_terms(&mut self.file, part, &groups, first_group),
            None => Ok(()),
        }
    }
}

/// Adds the terms of `groups` of a part to the groups from `first_group` on.
fn copy_terms(file: &mut PartFile, part: &Part, groups: &Range<u32>, first_group: u32) -> Result<(), PartError> {
    for (number, entry) in part.keys()?.iter().enumerate() {
        let key = file
            .terms
            .key(&entry.name, crate::part::row_terms::values_max(&entry.name));
        if entry.dropped {
            file.terms.drop_key(key);
            continue;
        }
        part.visit_terms(number as u32, &[], &mut |value, postings| {
            let bitmap = part.bitmap(&postings)?;
            let mut inside = bitmap.range(groups.clone()).peekable();
            if inside.peek().is_some()
                && let Some(term) = file.terms.term(key, value)
            {
                inside.for_each(|group| file.terms.add(term, first_group + (group - groups.start)));
            }
            Ok(true)
        })?;
    }
    Ok(())
}
