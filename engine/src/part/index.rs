//! Reading the index: group blocks and the term dictionary, block by block through the cache.

use std::sync::Arc;

use bytes::Bytes;
use roaring::RoaringBitmap;

use super::format::{BLOCK_ENTRY_BYTES, TileEntry};
use super::reader::Part;
use super::types::PartError;
use super::wire::{take_array, take_slice, take_u32, take_varint, take_varint_u32};

/// Most bytes that one compressed block of the index may unfold to: a bound against damage that a checksum cannot see
/// because the writer made it.
const BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the group blocks of a tile lie.
#[derive(Debug)]
pub(crate) struct TileDirectory {
    /// (offset from the tile's index, first row in the tile), one per block, and the end.
    blocks: Vec<(u32, u32)>,
}

/// One key of the term dictionary.
#[derive(Debug, Clone)]
pub(crate) struct KeyEntry {
    pub(crate) name: String,
    /// Whether values are missing: asked for, it gives every group.
    pub(crate) dropped: bool,
    pub(crate) terms: u64,
    /// Groups of all its terms together; for metrics, the groups that have the key at all.
    pub(crate) groups: u64,
}

/// First term of each term block, and where the block lies.
#[derive(Debug)]
pub(crate) struct TermBlockEntry {
    key: u32,
    value: Vec<u8>,
    offset: u64,
    bytes: u64,
}

/// The groups of a term, not yet read where they are many.
#[derive(Debug, Clone)]
pub(crate) enum TermPostings {
    /// The groups themselves.
    Inline(Vec<u32>),
    /// So many groups, in the postings section.
    Bitmap { count: u32, offset: u64, bytes: u64 },
}

impl TermPostings {
    /// How many groups.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Inline(groups) => groups.len() as u64,
            Self::Bitmap { count, .. } => u64::from(*count),
        }
    }
}

/// Gets a term's value and postings; says whether to go on.
pub(crate) type TermVisitor<'a> = &'a mut dyn FnMut(&[u8], TermPostings) -> Result<bool, PartError>;

impl Part {
    fn unzip(&self, offset: u64, bytes: u64) -> Result<Bytes, PartError> {
        let block = self.read_extent(offset, bytes)?;
        zstd::bulk::decompress(&block, unfolded_bytes(&block))
            .map(Bytes::from)
            .map_err(|error| self.damaged(offset, &format!("a block of the index: {error}")))
    }

    fn block(&self, offset: u64, bytes: u64) -> Result<Arc<Bytes>, PartError> {
        let (cache, number) = self.cache();
        cache.get(number, offset, || {
            let block = self.unzip(offset, bytes)?;
            let weight = block.len();
            Ok((block, weight))
        })
    }

    /// The directory of a tile's group blocks.
    pub(crate) fn tile_directory(&self, tile: &TileEntry) -> Result<Arc<TileDirectory>, PartError> {
        let (cache, number) = self.cache();
        cache.get(number, tile.index_offset, || {
            let bytes = tile.group_blocks as usize * BLOCK_ENTRY_BYTES;
            let table = self.read_extent(tile.index_offset, bytes as u64)?;
            let mut blocks: Vec<(u32, u32)> = Vec::with_capacity(tile.group_blocks as usize + 1);
            for entry in table.chunks_exact(BLOCK_ENTRY_BYTES) {
                let mut entry = entry;
                let entry = take_u32(&mut entry).zip(take_u32(&mut entry));
                blocks.push(entry.ok_or_else(|| self.damaged(tile.index_offset, "a tile's directory"))?);
            }
            blocks.push((tile.index_bytes, tile.rows));
            if !blocks.is_sorted() {
                return Err(self.damaged(tile.index_offset, "a tile's directory"));
            }
            // The first block's offset would collide with nothing: it lies behind the directory.
            Ok((TileDirectory { blocks }, bytes + 16))
        })
    }

    /// Group block `block` of a tile, unfolded, and its first row in the tile.
    pub(crate) fn group_block(
        &self,
        tile: &TileEntry,
        directory: &TileDirectory,
        block: usize,
    ) -> Result<(Arc<Bytes>, u32), PartError> {
        let missing = || self.damaged(tile.index_offset, "a group block that is not there");
        let (offset, first_row) = *directory.blocks.get(block).ok_or_else(missing)?;
        let (end, _) = *directory.blocks.get(block + 1).ok_or_else(missing)?;
        let bytes = self.block(tile.index_offset + u64::from(offset), u64::from(end - offset))?;
        Ok((bytes, first_row))
    }

    /// The keys of the dictionary, sorted by name.
    pub(crate) fn keys(&self) -> Result<Arc<Vec<KeyEntry>>, PartError> {
        let extent = self.header().key_table;
        let (cache, number) = self.cache();
        cache.get(number, extent.offset, || {
            let table = self.read_extent(extent.offset, extent.bytes)?;
            let mut input = table.as_ref();
            let keys: Option<Vec<KeyEntry>> = (0..self.header().keys).map(|_| take_key(&mut input)).collect();
            let keys = keys.ok_or_else(|| self.damaged(extent.offset, "the key table"))?;
            let weight = table.len() + keys.len() * size_of::<KeyEntry>();
            Ok((keys, weight))
        })
    }

    /// The number and entry of a key.
    pub(crate) fn find_key(&self, name: &str) -> Result<Option<(u32, KeyEntry)>, PartError> {
        let keys = self.keys()?;
        let place = keys.binary_search_by(|key| key.name.as_str().cmp(name)).ok();
        Ok(place.and_then(|place| Some((place as u32, keys.get(place)?.clone()))))
    }

    fn term_directory(&self) -> Result<Arc<Vec<TermBlockEntry>>, PartError> {
        let extent = self.header().term_directory;
        let (cache, number) = self.cache();
        cache.get(number, extent.offset, || {
            let table = self.read_extent(extent.offset, extent.bytes)?;
            let mut input = table.as_ref();
            let blocks_start = extent.offset + extent.bytes;
            let entries: Option<Vec<TermBlockEntry>> = (0..self.header().term_blocks)
                .map(|_| take_block_entry(&mut input, blocks_start))
                .collect();
            let entries = entries.ok_or_else(|| self.damaged(extent.offset, "the term directory"))?;
            let weight = table.len() + entries.len() * size_of::<TermBlockEntry>();
            Ok((entries, weight))
        })
    }

    /// Visits the terms of `key` from `from` on, in order of their values, until `visit` says false.
    pub(crate) fn visit_terms(&self, key: u32, from: &[u8], visit: TermVisitor<'_>) -> Result<(), PartError> {
        let directory = self.term_directory()?;
        let after = directory.partition_point(|entry| (entry.key, entry.value.as_slice()) <= (key, from));
        for entry in directory.get(after.saturating_sub(1)..).unwrap_or_default() {
            if entry.key > key {
                break;
            }
            let block = self.block(entry.offset, entry.bytes)?;
            let mut input = block.as_ref().as_ref();
            let mut value = Vec::new();
            while !input.is_empty() {
                let (term_key, postings) = take_term(&mut input, &mut value, self.header().postings.offset)
                    .ok_or_else(|| self.damaged(entry.offset, "a term block"))?;
                if term_key > key {
                    return Ok(());
                }
                if term_key == key && value.as_slice() >= from && !visit(&value, postings)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The postings of one term.
    pub(crate) fn find_term(&self, key: u32, value: &[u8]) -> Result<Option<TermPostings>, PartError> {
        let mut found = None;
        self.visit_terms(key, value, &mut |term, postings| {
            if term == value {
                found = Some(postings);
            }
            Ok(false)
        })?;
        Ok(found)
    }

    /// Reads postings and adds them to `into`.
    pub(crate) fn add_postings(&self, postings: &TermPostings, into: &mut RoaringBitmap) -> Result<(), PartError> {
        match postings {
            TermPostings::Inline(groups) => into.extend(groups.iter().copied()),
            TermPostings::Bitmap { .. } => *into |= self.bitmap(postings)?,
        }
        Ok(())
    }

    /// Postings as a bitmap.
    pub(crate) fn bitmap(&self, postings: &TermPostings) -> Result<RoaringBitmap, PartError> {
        match postings {
            TermPostings::Inline(groups) => Ok(groups.iter().copied().collect()),
            TermPostings::Bitmap { offset, bytes, .. } => {
                let bytes = self.read_extent(*offset, *bytes)?;
                RoaringBitmap::deserialize_from(bytes.as_ref())
                    .map_err(|error| self.damaged(*offset, &format!("postings: {error}")))
            }
        }
    }

    /// The groups of a hash in a tile, numbered in the part; none where the tile has no hash table.
    pub(crate) fn find_hash(&self, tile: &TileEntry, hash: u64, into: &mut RoaringBitmap) -> Result<(), PartError> {
        if tile.hashes_bytes == 0 {
            return Ok(());
        }
        let start = tile.index_offset + u64::from(tile.index_bytes);
        let limit = u64::from(tile.hashes_bytes);
        let (cache, number) = self.cache();
        // Lookups touch a few scattered bytes: whole verified stretches of the table are kept.
        let read = |offset: usize, length: usize| -> Result<Bytes, PartError> {
            let range = offset as u64..(offset + length) as u64;
            if range.end > limit {
                return Err(self.damaged(start, "a hash table that is cut short"));
            }
            let piece = range.start / HASH_PIECE_BYTES;
            let piece_start = piece * HASH_PIECE_BYTES;
            if range.end > piece_start + HASH_PIECE_BYTES {
                return self.read_extent(start + range.start, length as u64);
            }
            let piece_bytes = HASH_PIECE_BYTES.min(limit - piece_start);
            let bytes = cache.get(number, start + piece_start, || {
                let bytes = Bytes::copy_from_slice(&self.read_extent(start + piece_start, piece_bytes)?);
                let weight = bytes.len();
                Ok::<_, PartError>((bytes, weight))
            })?;
            Ok(bytes.slice((range.start - piece_start) as usize..(range.end - piece_start) as usize))
        };
        let groups = super::hashes::find_groups(hash, read)?.ok_or_else(|| self.damaged(start, "a hash table"))?;
        into.extend(groups.iter().map(|group| tile.first_group + group));
        Ok(())
    }
}

/// Bytes of a hash table that are read and kept together.
const HASH_PIECE_BYTES: u64 = 4 * 1024;

fn unfolded_bytes(block: &[u8]) -> usize {
    zstd::zstd_safe::get_frame_content_size(block)
        .ok()
        .flatten()
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(0)
        .min(BLOCK_BYTES_MAX)
}

fn take_key(input: &mut &[u8]) -> Option<KeyEntry> {
    let length = usize::try_from(take_varint(input)?).ok()?;
    let name = std::str::from_utf8(take_slice(input, length)?).ok()?.to_owned();
    let [dropped] = take_array::<1>(input)?;
    Some(KeyEntry {
        name,
        dropped: dropped != 0,
        terms: take_varint(input)?,
        groups: take_varint(input)?,
    })
}

fn take_block_entry(input: &mut &[u8], blocks_start: u64) -> Option<TermBlockEntry> {
    let key = take_varint_u32(input)?;
    let length = usize::try_from(take_varint(input)?).ok()?;
    let value = take_slice(input, length)?.to_vec();
    Some(TermBlockEntry {
        key,
        value,
        offset: blocks_start.checked_add(take_varint(input)?)?,
        bytes: take_varint(input)?,
    })
}

/// Reads the next term of a block; `value` holds the one before and is overwritten.
fn take_term(input: &mut &[u8], value: &mut Vec<u8>, postings_start: u64) -> Option<(u32, TermPostings)> {
    let key = take_varint_u32(input)?;
    let shared = usize::try_from(take_varint(input)?).ok()?;
    let length = usize::try_from(take_varint(input)?).ok()?;
    value.truncate(shared);
    value.extend_from_slice(take_slice(input, length)?);
    let count = take_varint_u32(input)?;
    let postings = if count as usize <= super::format::INLINE_POSTINGS_MAX {
        let mut at = 0u32;
        let mut groups = Vec::with_capacity(count as usize);
        for _ in 0..count {
            at = at.checked_add(take_varint_u32(input)?)?;
            groups.push(at);
        }
        TermPostings::Inline(groups)
    } else {
        TermPostings::Bitmap {
            count,
            offset: postings_start.checked_add(take_varint(input)?)?,
            bytes: take_varint(input)?,
        }
    };
    Some((key, postings))
}
