//! The series of a source, one after the other, a block of the index at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::labels::SeriesKey;
use crate::part::format::{GROUPS_PER_BLOCK, TileEntry};
use crate::part::groups::GroupsReader;
use crate::part::reader::Part;
use crate::part::select::{GroupView, series_group};
use crate::part::types::{PartError, SeriesGroup};

/// Reads the groups of some adjacent tiles in order.
pub(super) struct GroupCursor {
    part: Arc<Part>,
    tiles: Range<usize>,
    block: usize,
    ahead: VecDeque<SeriesGroup>,
}

impl GroupCursor {
    pub(super) fn new(part: &Arc<Part>, tiles: Range<usize>) -> Result<Self, PartError> {
        let mut cursor = Self {
            part: part.clone(),
            tiles,
            block: 0,
            ahead: VecDeque::new(),
        };
        cursor.fill()?;
        Ok(cursor)
    }

    /// The key of the next group.
    pub(super) fn key(&self) -> Option<&SeriesKey> {
        self.ahead.front().map(|group| &group.key)
    }

    /// The next group; the cursor moves behind it.
    pub(super) fn take(&mut self) -> Result<Option<SeriesGroup>, PartError> {
        let group = self.ahead.pop_front();
        self.fill()?;
        Ok(group)
    }

    fn fill(&mut self) -> Result<(), PartError> {
        while self.ahead.is_empty() && !self.tiles.is_empty() {
            let tiles = self.part.tiles()?;
            let tile = tiles
                .get(self.tiles.start)
                .ok_or_else(|| self.part.damaged(0, "a tile that is not there"))?;
            if self.block >= tile.group_blocks as usize {
                self.tiles.start += 1;
                self.block = 0;
                continue;
            }
            self.read_block(tile)?;
            self.block += 1;
        }
        Ok(())
    }

    fn read_block(&mut self, tile: &TileEntry) -> Result<(), PartError> {
        let directory = self.part.tile_directory(tile)?;
        let (bytes, first_row) = self.part.group_block(tile, &directory, self.block)?;
        let mut reader = GroupsReader::new(&bytes, self.part.tile_base(tile), true);
        let mut row = tile.first_row + u64::from(first_row);
        let first = tile.first_group + (self.block * GROUPS_PER_BLOCK) as u32;
        let end = first.saturating_add(GROUPS_PER_BLOCK as u32).min(tile.end_group());
        for ordinal in first..end {
            let damaged = || self.part.damaged(tile.index_offset, "a group block");
            let group = reader.next_group().ok_or_else(damaged)?;
            let view = GroupView {
                ordinal,
                tile: self.tiles.start as u32,
                first_row: row,
                group,
                key: reader.key(),
            };
            row += u64::from(group.rows);
            self.ahead.push_back(series_group(&view).ok_or_else(damaged)?);
        }
        Ok(())
    }
}
