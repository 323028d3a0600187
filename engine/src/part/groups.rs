//! Group blocks: for each run of rows that the index can name, how many rows, from when to when, and for metrics whose.

use super::format::{BLOCK_ENTRY_BYTES, GROUPS_PER_BLOCK, Group};
use super::wire::{put_varint, put_zigzag, take_slice, take_varint, take_varint_u32, take_zigzag};

/// Builds the index of one tile: a directory of blocks and the blocks, each compressed by itself.
pub(crate) struct GroupsBuilder {
    level: i32,
    base: i64,
    directory: Vec<(u32, u32)>,
    blocks: Vec<u8>,
    raw: Vec<u8>,
    in_block: usize,
    block_first_row: u32,
    rows: u32,
    groups: u32,
    flags: u8,
    last_key: String,
}

/// What `GroupsBuilder::finish` gives.
pub(crate) struct TileIndex {
    /// Directory and blocks.
    pub(crate) bytes: Vec<u8>,
    pub(crate) blocks: u32,
    pub(crate) groups: u32,
    pub(crate) rows: u32,
    pub(crate) flags: u8,
}

impl GroupsBuilder {
    /// An empty tile; group times are written relative to `base` (index units).
    pub(crate) fn new(level: i32, base: i64) -> Self {
        Self {
            level,
            base,
            directory: Vec::new(),
            blocks: Vec::new(),
            raw: Vec::new(),
            in_block: 0,
            block_first_row: 0,
            rows: 0,
            groups: 0,
            flags: 0,
            last_key: String::new(),
        }
    }

    /// Groups so far.
    pub(crate) fn len(&self) -> u32 {
        self.groups
    }

    /// Adds the next group, with its key where the signal has keys.
    pub(crate) fn push(&mut self, group: Group, key: Option<&str>) -> std::io::Result<()> {
        put_varint(&mut self.raw, u64::from(group.rows));
        put_zigzag(&mut self.raw, group.min.wrapping_sub(self.base));
        put_varint(&mut self.raw, group.max.wrapping_sub(group.min) as u64);
        self.raw.push(group.flags);
        if let Some(key) = key {
            let shared = common_prefix(self.last_key.as_bytes(), key.as_bytes());
            let rest = key.as_bytes().get(shared..).unwrap_or_default();
            put_varint(&mut self.raw, shared as u64);
            put_varint(&mut self.raw, rest.len() as u64);
            self.raw.extend_from_slice(rest);
            self.last_key.clear();
            self.last_key.push_str(key);
        }
        self.rows += group.rows;
        self.groups += 1;
        self.flags |= group.flags;
        self.in_block += 1;
        if self.in_block == GROUPS_PER_BLOCK {
            self.close_block()?;
        }
        Ok(())
    }

    fn close_block(&mut self) -> std::io::Result<()> {
        if self.in_block > 0 {
            self.directory.push((self.blocks.len() as u32, self.block_first_row));
            self.blocks.append(&mut zstd::bulk::compress(&self.raw, self.level)?);
        }
        self.raw.clear();
        self.last_key.clear();
        self.in_block = 0;
        self.block_first_row = self.rows;
        Ok(())
    }

    /// Ends the tile.
    pub(crate) fn finish(mut self) -> std::io::Result<TileIndex> {
        self.close_block()?;
        let directory_bytes = (self.directory.len() * BLOCK_ENTRY_BYTES) as u32;
        let mut bytes = Vec::with_capacity(directory_bytes as usize + self.blocks.len());
        for (offset, first_row) in &self.directory {
            bytes.extend_from_slice(&(directory_bytes + offset).to_le_bytes());
            bytes.extend_from_slice(&first_row.to_le_bytes());
        }
        bytes.extend_from_slice(&self.blocks);
        Ok(TileIndex {
            bytes,
            blocks: self.directory.len() as u32,
            groups: self.groups,
            rows: self.rows,
            flags: self.flags,
        })
    }
}

/// Bytes that both start with.
pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut shared = 0;
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    for (x, y) in a_words.iter().zip(b_words) {
        let difference = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if difference != 0 {
            return shared + difference.trailing_zeros() as usize / 8;
        }
        shared += 8;
    }
    let a_tail = if a_words.len() <= b_words.len() {
        a_rest
    } else {
        a.get(shared..).unwrap_or_default()
    };
    let b_tail = if b_words.len() <= a_words.len() {
        b_rest
    } else {
        b.get(shared..).unwrap_or_default()
    };
    shared + a_tail.iter().zip(b_tail).take_while(|(x, y)| x == y).count()
}

/// Reads the groups of a decompressed block one after the other.
pub(crate) struct GroupsReader<'a> {
    input: &'a [u8],
    base: i64,
    with_keys: bool,
    key: Vec<u8>,
}

impl<'a> GroupsReader<'a> {
    /// Reads a block written with this `base`, with keys or without.
    pub(crate) fn new(block: &'a [u8], base: i64, with_keys: bool) -> Self {
        Self {
            input: block,
            base,
            with_keys,
            key: Vec::new(),
        }
    }

    /// The next group; its key is then `key()`. `None` at the end, or where the block is malformed.
    pub(crate) fn next_group(&mut self) -> Option<Group> {
        let input = &mut self.input;
        if input.is_empty() {
            return None;
        }
        let rows = take_varint_u32(input)?;
        let min = self.base.wrapping_add(take_zigzag(input)?);
        let max = min.wrapping_add(take_varint(input)? as i64);
        let [flags] = super::wire::take_array(input)?;
        if self.with_keys {
            let shared = usize::try_from(take_varint(input)?).ok()?;
            let length = usize::try_from(take_varint(input)?).ok()?;
            self.key.truncate(shared);
            self.key.extend_from_slice(take_slice(input, length)?);
        }
        Some(Group { rows, min, max, flags })
    }

    /// The key of the last group read; empty when it is no text.
    pub(crate) fn key(&self) -> &str {
        std::str::from_utf8(&self.key).unwrap_or_default()
    }
}
