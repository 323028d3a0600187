//! Building the term dictionary: which groups hold which value of which key.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;
use std::hash::BuildHasher as _;

use super::format::{INLINE_POSTINGS_MAX, TERM_BLOCK_BYTES};
use super::groups::common_prefix;
use super::wire::{put_varint, take_varint};

/// Postings while they grow: ascending group numbers as (gap, run length), a byte or two each.
#[derive(Debug, Default)]
struct Postings {
    bytes: Vec<u8>,
    written_to: u32,
    run_start: u32,
    run_length: u32,
    count: u32,
}

impl Postings {
    /// Adds a group; the last one again is nothing new.
    #[inline]
    fn push(&mut self, group: u32) {
        if self.run_length > 0 {
            let next = self.run_start + self.run_length;
            if group + 1 == next {
                return;
            }
            if group == next {
                self.run_length += 1;
                self.count += 1;
                return;
            }
        }
        self.close_run();
        self.run_start = group;
        self.run_length = 1;
        self.count += 1;
    }

    fn close_run(&mut self) {
        if self.run_length == 0 {
            return;
        }
        let gap = u64::from(self.run_start - self.written_to);
        let long = u64::from(self.run_length > 1);
        put_varint(&mut self.bytes, gap << 1 | long);
        if long == 1 {
            put_varint(&mut self.bytes, u64::from(self.run_length));
        }
        self.written_to = self.run_start + self.run_length;
        self.run_length = 0;
    }

    /// The runs as (first group, length).
    fn runs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut input = self.bytes.as_slice();
        let mut at = 0u32;
        std::iter::from_fn(move || {
            let header = take_varint(&mut input)?;
            let length = if header & 1 == 1 {
                take_varint(&mut input)? as u32
            } else {
                1
            };
            let start = at + (header >> 1) as u32;
            at = start + length;
            Some((start, length))
        })
    }
}

/// A term's number while building.
pub(crate) type TermNumber = u32;

#[derive(Debug)]
struct Term {
    key: u32,
    value: (usize, u32),
    postings: Postings,
}

#[derive(Debug)]
struct Key {
    name: String,
    terms: u32,
    terms_max: u32,
    dropped: bool,
}

/// Collects terms of one part.
pub(crate) struct TermsBuilder {
    hasher: FixedState,
    table: HashTable<TermNumber>,
    keys: Vec<Key>,
    terms: Vec<Term>,
    text: Vec<u8>,
    memory_bytes: usize,
}

/// The sections of the index that hold the terms, ready to be written.
pub(crate) struct TermSections {
    pub(crate) keys: u32,
    pub(crate) key_table: Vec<u8>,
    pub(crate) term_blocks: u32,
    /// One entry per block: first term, offset and length in `blocks`.
    pub(crate) directory: Vec<u8>,
    pub(crate) blocks: Vec<u8>,
    pub(crate) postings: Vec<u8>,
}

impl TermsBuilder {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            hasher: FixedState::default(),
            table: HashTable::new(),
            keys: Vec::new(),
            terms: Vec::new(),
            text: Vec::new(),
            memory_bytes: 0,
        }
    }

    /// The number of a key, new or not; a key that gets more than `terms_max` values is not indexed in this part.
    pub(crate) fn key(&mut self, name: &str, terms_max: u32) -> u32 {
        if let Some(found) = self.keys.iter().position(|key| key.name == name) {
            return found as u32;
        }
        self.keys.push(Key {
            name: name.to_owned(),
            terms: 0,
            terms_max,
            dropped: false,
        });
        self.keys.len() as u32 - 1
    }

    /// Says that a key's values are not all known: its terms are forgotten, and asking for it gives every group.
    pub(crate) fn drop_key(&mut self, key: u32) {
        let Some(entry) = self.keys.get_mut(key as usize) else {
            return;
        };
        if !std::mem::replace(&mut entry.dropped, true) {
            for term in self.terms.iter_mut().filter(|term| term.key == key) {
                term.postings = Postings::default();
            }
        }
    }

    /// The number of a term, new or not; `None` once its key has too many values.
    pub(crate) fn term(&mut self, key: u32, value: &[u8]) -> Option<TermNumber> {
        let entry = self.keys.get(key as usize)?;
        if entry.dropped {
            return None;
        }
        let hash = self.hasher.hash_one((key, value));
        let (terms, text) = (&self.terms, &self.text);
        let same = |number: &TermNumber| {
            terms
                .get(*number as usize)
                .is_some_and(|term| term.key == key && value_of(text, term) == value)
        };
        if let Some(found) = self.table.find(hash, same) {
            return Some(*found);
        }
        if entry.terms >= entry.terms_max {
            self.drop_key(key);
            return None;
        }
        let number = self.terms.len() as TermNumber;
        let start = self.text.len();
        self.text.extend_from_slice(value);
        self.terms.push(Term {
            key,
            value: (start, value.len() as u32),
            postings: Postings::default(),
        });
        if let Some(entry) = self.keys.get_mut(key as usize) {
            entry.terms += 1;
        }
        let (hasher, terms, text) = (&self.hasher, &self.terms, &self.text);
        self.table.insert_unique(hash, number, |number| {
            terms
                .get(*number as usize)
                .map_or(0, |term| hasher.hash_one((term.key, value_of(text, term))))
        });
        self.memory_bytes += size_of::<Term>() + value.len() + 16;
        Some(number)
    }

    /// Says that a group has a term. Groups come in ascending order.
    #[inline]
    pub(crate) fn add(&mut self, term: TermNumber, group: u32) {
        if let Some(term) = self.terms.get_mut(term as usize) {
            term.postings.push(group);
        }
    }

    /// Bytes held, nearly.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
            + self
                .terms
                .iter()
                .map(|term| term.postings.bytes.capacity())
                .sum::<usize>()
    }

    /// Sorts and encodes everything.
    pub(crate) fn finish(mut self, level: i32) -> std::io::Result<TermSections> {
        self.terms.iter_mut().for_each(|term| term.postings.close_run());
        let mut order: Vec<u32> = (0..self.keys.len() as u32).collect();
        order.sort_by(|a, b| self.key_name(*a).cmp(self.key_name(*b)));
        let mut rank = vec![0u32; order.len()];
        for (place, key) in order.iter().enumerate() {
            if let Some(slot) = rank.get_mut(*key as usize) {
                *slot = place as u32;
            }
        }
        let rank_of = |term: &Term| rank.get(term.key as usize).copied().unwrap_or_default();
        let known = |term: &&Term| {
            let dropped = self.keys.get(term.key as usize).is_none_or(|key| key.dropped);
            term.postings.count > 0 && !dropped
        };
        let mut sorted: Vec<&Term> = self.terms.iter().filter(known).collect();
        sorted
            .sort_unstable_by(|a, b| (rank_of(a), value_of(&self.text, a)).cmp(&(rank_of(b), value_of(&self.text, b))));
        let mut groups_of_key = vec![(0u64, 0u64); order.len()];
        let mut blocks = TermBlocks::new(level);
        for term in sorted {
            let key = rank_of(term);
            if let Some((terms, groups)) = groups_of_key.get_mut(key as usize) {
                *terms += 1;
                *groups += u64::from(term.postings.count);
            }
            blocks.push(key, value_of(&self.text, term), &term.postings)?;
        }
        let mut key_table = Vec::new();
        for (key, (terms, groups)) in order.iter().zip(&groups_of_key) {
            let name = self.key_name(*key).as_bytes();
            let dropped = self.keys.get(*key as usize).is_some_and(|key| key.dropped);
            put_varint(&mut key_table, name.len() as u64);
            key_table.extend_from_slice(name);
            key_table.push(u8::from(dropped));
            put_varint(&mut key_table, *terms);
            put_varint(&mut key_table, *groups);
        }
        blocks.close()?;
        Ok(TermSections {
            keys: order.len() as u32,
            key_table,
            term_blocks: blocks.count,
            directory: blocks.directory,
            blocks: blocks.blocks,
            postings: blocks.postings,
        })
    }

    fn key_name(&self, key: u32) -> &str {
        self.keys.get(key as usize).map_or("", |key| key.name.as_str())
    }
}

fn value_of<'a>(text: &'a [u8], term: &Term) -> &'a [u8] {
    let (start, length) = term.value;
    text.get(start..start + length as usize).unwrap_or_default()
}

/// The encoder behind `finish`.
struct TermBlocks {
    level: i32,
    count: u32,
    directory: Vec<u8>,
    blocks: Vec<u8>,
    postings: Vec<u8>,
    raw: Vec<u8>,
    last: Vec<u8>,
    bitmap: Vec<u8>,
}

impl TermBlocks {
    fn new(level: i32) -> Self {
        Self {
            level,
            count: 0,
            directory: Vec::new(),
            blocks: Vec::new(),
            postings: Vec::new(),
            raw: Vec::new(),
            last: Vec::new(),
            bitmap: Vec::new(),
        }
    }

    fn push(&mut self, key: u32, value: &[u8], postings: &Postings) -> std::io::Result<()> {
        if self.raw.is_empty() {
            put_varint(&mut self.directory, u64::from(key));
            put_varint(&mut self.directory, value.len() as u64);
            self.directory.extend_from_slice(value);
            self.last.clear();
        }
        let shared = common_prefix(&self.last, value);
        let rest = value.get(shared..).unwrap_or_default();
        put_varint(&mut self.raw, u64::from(key));
        put_varint(&mut self.raw, shared as u64);
        put_varint(&mut self.raw, rest.len() as u64);
        self.raw.extend_from_slice(rest);
        self.last.clear();
        self.last.extend_from_slice(value);
        put_varint(&mut self.raw, u64::from(postings.count));
        if postings.count as usize <= INLINE_POSTINGS_MAX {
            let mut at = 0;
            for group in postings.runs().flat_map(|(start, length)| start..start + length) {
                put_varint(&mut self.raw, u64::from(group - at));
                at = group;
            }
        } else {
            self.bitmap.clear();
            to_bitmap(postings).serialize_into(&mut self.bitmap)?;
            put_varint(&mut self.raw, self.postings.len() as u64);
            put_varint(&mut self.raw, self.bitmap.len() as u64);
            self.postings.extend_from_slice(&self.bitmap);
        }
        if self.raw.len() >= TERM_BLOCK_BYTES {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> std::io::Result<()> {
        if self.raw.is_empty() {
            return Ok(());
        }
        let block = zstd::bulk::compress(&self.raw, self.level)?;
        put_varint(&mut self.directory, self.blocks.len() as u64);
        put_varint(&mut self.directory, block.len() as u64);
        self.blocks.extend_from_slice(&block);
        self.raw.clear();
        self.count += 1;
        Ok(())
    }
}

fn to_bitmap(postings: &Postings) -> RoaringBitmap {
    let mut bitmap = RoaringBitmap::new();
    for (start, length) in postings.runs() {
        if length < 4 {
            for group in start..start + length {
                bitmap.insert(group);
            }
        } else {
            bitmap.insert_range(start..start + length);
        }
    }
    bitmap.optimize();
    bitmap
}
