//! Pages of hand-made columns, read back by hand: verified bytes, one decompression, no call per value.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::file::metadata::ParquetMetaData;

use super::byte_split::decode_split;
use super::delta::decode_delta;
use super::reader::Part;
use super::runs::Runs;
use super::types::PartError;
use super::wire::{take_array, take_slice, take_u32, take_varint, take_zigzag};
use crate::limits::CHECKSUM_BLOCK_BYTES;

/// Most bytes read ahead in one column.
const READ_AHEAD_BYTES_MAX: u64 = 4 * CHECKSUM_BLOCK_BYTES as u64;
/// Largest page that is unfolded: far above what any writer of ours makes.
const PAGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Numbers of Parquet's enums that our pages use.
mod parquet_number {
    pub(super) const DATA_PAGE: i64 = 0;
    pub(super) const DICTIONARY_PAGE: i64 = 2;
    pub(super) const FIELD_I32: u8 = 5;
    pub(super) const FIELD_STRUCT: u8 = 12;
}

/// One column of one tile, read page by page.
pub(crate) struct ColumnPages<'a> {
    part: &'a Part,
    metadata: Arc<ParquetMetaData>,
    tile: usize,
    column: usize,
    rows: usize,
    window: (u64, Bytes),
    ahead: u64,
    decompressor: zstd::bulk::Decompressor<'static>,
    /// The page that `load` unfolded.
    body: Vec<u8>,
}

/// Which rows of the tile a page holds.
pub(crate) type PageRows = Range<usize>;

impl<'a> ColumnPages<'a> {
    /// Column `column` (a leaf's number) of tile `tile`, of `rows` rows.
    pub(crate) fn new(
        part: &'a Part,
        metadata: Arc<ParquetMetaData>,
        tile: usize,
        column: usize,
        rows: usize,
    ) -> Result<Self, PartError> {
        Ok(Self {
            part,
            metadata,
            tile,
            column,
            rows,
            window: (0, Bytes::new()),
            ahead: CHECKSUM_BLOCK_BYTES as u64,
            decompressor: zstd::bulk::Decompressor::new().map_err(PartError::Compression)?,
            body: Vec::new(),
        })
    }

    fn bad(&self, offset: u64, reason: &str) -> PartError {
        self.part.damaged(offset, reason)
    }

    /// The page that holds `row`: its place in the file and its rows.
    fn locate(&self, row: usize) -> Option<(Range<u64>, PageRows)> {
        let index = self.metadata.offset_index()?.get(self.tile)?.get(self.column)?;
        let pages = index.page_locations();
        let place = pages
            .partition_point(|page| page.first_row_index <= row as i64)
            .checked_sub(1)?;
        let page = pages.get(place)?;
        let start = u64::try_from(page.offset).ok()?;
        let length = u64::try_from(page.compressed_page_size).ok()?;
        let first = usize::try_from(page.first_row_index).ok()?;
        let end = match pages.get(place + 1) {
            Some(next) => usize::try_from(next.first_row_index).ok()?,
            None => self.rows,
        };
        (first <= row && row < end).then_some((start..start + length, first..end))
    }

    fn fetch(&mut self, range: Range<u64>) -> Result<Bytes, PartError> {
        let (start, bytes) = &self.window;
        let inside = *start <= range.start && range.end <= start + bytes.len() as u64;
        if !inside {
            let follows = range.start <= start + bytes.len() as u64 && *start < range.start && !bytes.is_empty();
            let block = CHECKSUM_BLOCK_BYTES as u64;
            self.ahead = if follows {
                (self.ahead * 2).min(READ_AHEAD_BYTES_MAX)
            } else {
                block
            };
            let wanted = range.end.max(range.start + self.ahead - block);
            // Whole blocks are read and verified anyway.
            let end = wanted.div_ceil(block) * block;
            let end = end.min(self.chunk_end()).max(range.end);
            self.window = (range.start, self.part.read_verified(range.start..end)?);
        }
        let (start, bytes) = &self.window;
        let at = (range.start - start) as usize;
        Ok(bytes.slice(at..at + (range.end - range.start) as usize))
    }

    fn chunk_end(&self) -> u64 {
        let chunk = self.metadata.row_group(self.tile).column(self.column);
        let (start, length) = chunk.byte_range();
        start + length
    }

    /// Unfolds a page of `kind` into `body`; gives the number of its values.
    fn unfold(&mut self, range: Range<u64>, kind: i64) -> Result<usize, PartError> {
        let offset = range.start;
        let page = self.fetch(range)?;
        let header = PageHeader::decode(&page)
            .filter(|header| header.kind == kind && header.unfolded <= PAGE_BYTES_MAX)
            .ok_or_else(|| self.bad(offset, "the header of a page"))?;
        let folded = page
            .len()
            .checked_sub(header.folded)
            .and_then(|start| page.get(start..))
            .ok_or_else(|| self.bad(offset, "the length of a page"))?;
        self.body.clear();
        self.body.reserve(header.unfolded);
        self.decompressor
            .decompress_to_buffer(folded, &mut self.body)
            .map_err(|error| self.part.damaged(offset, &format!("a page: {error}")))?;
        Ok(header.values)
    }

    /// Unfolds the page that holds `row` of the tile. Its bytes are then `body`.
    fn load(&mut self, row: usize) -> Result<PageRows, PartError> {
        let (range, rows) = self
            .locate(row)
            .ok_or_else(|| self.bad(0, "a page that the offset index does not know"))?;
        let offset = range.start;
        let values = self.unfold(range, parquet_number::DATA_PAGE)?;
        if values != rows.len() {
            return Err(self.bad(offset, "a page of another number of rows"));
        }
        Ok(rows)
    }

    /// Splits the unfolded page into its null mask and its values.
    fn levels(&self, rows: usize) -> Option<(Runs, &[u8])> {
        let mut input = self.body.as_slice();
        let length = take_u32(&mut input)? as usize;
        let levels = Runs::decode(take_slice(&mut input, length)?, 1, rows)?;
        Some((levels, input))
    }

    /// Required integers of the page that holds `row`.
    pub(crate) fn integers(&mut self, row: usize, out: &mut Vec<i64>) -> Result<PageRows, PartError> {
        let rows = self.load(row)?;
        decode_delta(&self.body, rows.len(), out)
            .filter(|()| out.len() == rows.len())
            .ok_or_else(|| self.bad(0, "a page of integers"))?;
        Ok(rows)
    }

    /// Nullable integers: those that are there, and which.
    pub(crate) fn nullable_integers(
        &mut self,
        row: usize,
        there: &mut Segments,
        out: &mut Vec<i64>,
    ) -> Result<PageRows, PartError> {
        let rows = self.load(row)?;
        let decoded = self.levels(rows.len()).and_then(|(levels, values)| {
            there.set(&levels);
            decode_delta(values, rows.len(), out)
        });
        decoded
            .filter(|()| out.len() == there.values)
            .ok_or_else(|| self.bad(0, "a page of nullable integers"))?;
        Ok(rows)
    }

    /// Nullable doubles: those that are there, and which.
    pub(crate) fn nullable_doubles(
        &mut self,
        row: usize,
        there: &mut Segments,
        out: &mut Vec<f64>,
    ) -> Result<PageRows, PartError> {
        let rows = self.load(row)?;
        out.clear();
        if let Some((levels, values)) = self.levels(rows.len()) {
            there.set(&levels);
            if decode_split(values, out).is_some() && out.len() == there.values {
                return Ok(rows);
            }
        }
        Err(self.bad(0, "a page of nullable doubles"))
    }

    /// Dictionary indices of a nullable column, as runs of (index or null, rows).
    pub(crate) fn nullable_indices(
        &mut self,
        row: usize,
        out: &mut Vec<(Option<u32>, usize)>,
    ) -> Result<PageRows, PartError> {
        let rows = self.load(row)?;
        out.clear();
        self.levels(rows.len())
            .and_then(|(levels, values)| join_indices(&levels, values, out))
            .ok_or_else(|| self.bad(0, "a page of dictionary indices"))?;
        Ok(rows)
    }

    /// The plain bytes of the dictionary and the number of its values.
    pub(crate) fn dictionary(&mut self) -> Result<(&[u8], usize), PartError> {
        let chunk = self.metadata.row_group(self.tile).column(self.column);
        let start = chunk
            .dictionary_page_offset()
            .and_then(|start| u64::try_from(start).ok());
        let end = u64::try_from(chunk.data_page_offset()).ok();
        let range = start
            .zip(end)
            .filter(|(start, end)| start < end)
            .map(|(start, end)| start..end)
            .ok_or_else(|| self.bad(0, "a column without its dictionary"))?;
        let values = self.unfold(range, parquet_number::DICTIONARY_PAGE)?;
        Ok((&self.body, values))
    }
}

/// Joins a null mask with the runs of indices of the values that are there.
fn join_indices(levels: &Runs, values: &[u8], out: &mut Vec<(Option<u32>, usize)>) -> Option<()> {
    let count = levels.count(1);
    let (width, indices) = values.split_first()?;
    let indices = Runs::decode(indices, u32::from(*width), count)?;
    let mut indices = indices.iter();
    let mut current = (0, 0);
    for (there, mut rows) in levels.iter() {
        if there == 0 {
            out.push((None, rows));
            continue;
        }
        while rows > 0 {
            if current.1 == 0 {
                current = indices.next()?;
            }
            let piece = rows.min(current.1);
            out.push((Some(current.0), piece));
            current.1 -= piece;
            rows -= piece;
        }
    }
    Some(())
}

/// Which rows of a page have a value, and where it stands among those that are there.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// (first row, first value, there), ascending.
    segments: Vec<(usize, usize, bool)>,
    rows: usize,
    values: usize,
}

impl Segments {
    fn set(&mut self, levels: &Runs) {
        self.segments.clear();
        let (mut row, mut value) = (0, 0);
        for (there, rows) in levels.iter() {
            self.segments.push((row, value, there == 1));
            row += rows;
            if there == 1 {
                value += rows;
            }
        }
        self.rows = row;
        self.values = value;
    }

    /// The stretch that holds `row` of the page: where its values start from `row` on, or none, and how many rows it goes on.
    pub(crate) fn at(&self, row: usize) -> Option<(Option<usize>, usize)> {
        let place = self
            .segments
            .partition_point(|(first, _, _)| *first <= row)
            .checked_sub(1)?;
        let (first, value, there) = *self.segments.get(place)?;
        let end = self.segments.get(place + 1).map_or(self.rows, |next| next.0);
        let left = end.checked_sub(row).filter(|left| *left > 0)?;
        Some((there.then_some(value + row - first), left))
    }
}

/// What is needed of Parquet's page header (thrift's compact protocol).
struct PageHeader {
    kind: i64,
    unfolded: usize,
    folded: usize,
    values: usize,
}

impl PageHeader {
    fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        let kind = take_field(input, 1)?;
        let unfolded = usize::try_from(take_field(input, 1)?).ok()?;
        let folded = usize::try_from(take_field(input, 1)?).ok()?;
        // The next field is the struct of the page's kind; a checksum may stand before it.
        loop {
            let [head] = take_array(input)?;
            match head & 0x0f {
                parquet_number::FIELD_I32 => {
                    take_varint(input)?;
                }
                parquet_number::FIELD_STRUCT => break,
                _ => return None,
            }
        }
        let values = usize::try_from(take_field(input, 1)?).ok()?;
        Some(Self {
            kind,
            unfolded,
            folded,
            values,
        })
    }
}

/// An i32 field that stands `step` numbers behind the one before.
fn take_field(input: &mut &[u8], step: u8) -> Option<i64> {
    let [head] = take_array(input)?;
    (head == step << 4 | parquet_number::FIELD_I32)
        .then(|| take_zigzag(input))
        .flatten()
}
