//! The hash table of one tile: words of bodies and trace ids, by 64-bit hash, to the groups that hold them. What stands in
//! one or two groups costs a few bits over the group's number; what stands in more has a list or a bit set of its own.
//! Two words may share a stored hash: the table may name a group too many, never one too few.

use super::row_terms::PAIR_GROUP_BITS;
use super::wire::{put_varint, take_array, take_u32, take_varint_u32};

/// Groups that an entry of the bucket table may have before it becomes a frequent one.
const RARE_GROUPS_MAX: usize = 2;
/// Entries that a bucket aims at.
const BUCKET_ENTRIES: usize = 16;
/// Bits of hash kept beyond what tells the entries of a bucket apart: one false hit in 64 lookups.
const SPARE_BITS: u32 = 6;
/// Bytes of the fixed head.
const HEAD_BYTES: usize = 24;
/// Bytes of a frequent entry: top half of the hash, offset, length.
const FREQUENT_ENTRY_BYTES: usize = 12;

/// Tags of a frequent entry's groups.
mod tag {
    pub(super) const LIST: u8 = 0;
    pub(super) const BITS: u8 = 1;
}

/// Encodes pairs of a hash (high bits) and a group (`PAIR_GROUP_BITS` low bits), in any order, groups counted from the
/// tile's first. Empty without pairs.
pub(crate) fn encode_hashes(mut pairs: Vec<u64>, groups: u32) -> Vec<u8> {
    if pairs.is_empty() {
        return Vec::new();
    }
    pairs.sort_unstable();
    pairs.dedup();
    let mut rare = Vec::with_capacity(pairs.len());
    let mut frequent = Vec::new();
    let mut frequent_groups = Vec::new();
    for run in pairs.chunk_by(|a, b| hash_of(*a) == hash_of(*b)) {
        if run.len() <= RARE_GROUPS_MAX {
            rare.extend_from_slice(run);
        } else if let Some(pair) = run.first() {
            let start = frequent_groups.len();
            encode_groups(run, groups, &mut frequent_groups);
            frequent.extend_from_slice(&((pair >> 32) as u32).to_le_bytes());
            frequent.extend_from_slice(&(start as u32).to_le_bytes());
            frequent.extend_from_slice(&((frequent_groups.len() - start) as u32).to_le_bytes());
        }
    }
    let bucket_bits = (rare.len() / BUCKET_ENTRIES).max(1).ilog2();
    let group_bits = u32::BITS - groups.saturating_sub(1).leading_zeros();
    let rest_bits = BUCKET_ENTRIES.ilog2() + SPARE_BITS;
    let mut starts = Vec::with_capacity(4 * ((1 << bucket_bits) + 1));
    let mut bits = BitWriter::default();
    let mut count = 0u32;
    let mut entries = rare.iter().peekable();
    for bucket in 0..1u64 << bucket_bits {
        starts.extend_from_slice(&count.to_le_bytes());
        while let Some(pair) = entries.next_if(|pair| high_bits(**pair, bucket_bits) == bucket) {
            bits.push(rest_of(*pair, bucket_bits, rest_bits), rest_bits);
            bits.push(u64::from(group_of(*pair)), group_bits);
            count += 1;
        }
    }
    starts.extend_from_slice(&count.to_le_bytes());
    let mut out = Vec::new();
    let frequent_count = (frequent.len() / FREQUENT_ENTRY_BYTES) as u32;
    for number in [count, frequent_count, groups, frequent_groups.len() as u32] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&[bucket_bits as u8, rest_bits as u8, group_bits as u8, 0, 0, 0, 0, 0]);
    for section in [&frequent, &frequent_groups, &starts, &bits.finish()] {
        out.extend_from_slice(section);
    }
    out
}

fn high_bits(hash: u64, bits: u32) -> u64 {
    if bits == 0 { 0 } else { hash >> (u64::BITS - bits) }
}

fn rest_of(hash: u64, bucket_bits: u32, rest_bits: u32) -> u64 {
    hash << bucket_bits >> (u64::BITS - rest_bits)
}

fn hash_of(pair: u64) -> u64 {
    pair >> PAIR_GROUP_BITS
}

fn group_of(pair: u64) -> u32 {
    (pair & ((1 << PAIR_GROUP_BITS) - 1)) as u32
}

fn encode_groups(run: &[u64], groups: u32, out: &mut Vec<u8>) {
    let mut list = Vec::new();
    let mut at = 0;
    for group in run.iter().map(|pair| group_of(*pair)) {
        put_varint(&mut list, u64::from(group - at));
        at = group;
    }
    let set_bytes = groups.div_ceil(8) as usize;
    if list.len() <= set_bytes {
        out.push(tag::LIST);
        out.append(&mut list);
    } else {
        out.push(tag::BITS);
        let start = out.len();
        out.resize(start + set_bytes, 0);
        for group in run.iter().map(|pair| group_of(*pair)) {
            if let Some(byte) = out.get_mut(start + group as usize / 8) {
                *byte |= 1 << (group % 8);
            }
        }
    }
}

/// Bits, lowest first.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    word: u64,
    used: u32,
}

impl BitWriter {
    /// Appends `width` bits, at most 32.
    fn push(&mut self, value: u64, width: u32) {
        self.word |= value << self.used;
        self.used += width;
        while self.used >= 8 {
            self.bytes.push(self.word as u8);
            self.word >>= 8;
            self.used -= 8;
        }
    }

    /// The bytes, and a word more so that a reader can load whole words.
    fn finish(mut self) -> Vec<u8> {
        self.bytes.push(self.word as u8);
        self.bytes.extend_from_slice(&[0; 8]);
        self.bytes
    }
}

/// The fixed head of a table: enough to know where to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HashesHead {
    rare: u32,
    frequent: u32,
    groups: u32,
    frequent_bytes: u32,
    bucket_bits: u32,
    rest_bits: u32,
    group_bits: u32,
}

impl HashesHead {
    fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        let [rare, frequent, groups, frequent_bytes] =
            [take_u32(input)?, take_u32(input)?, take_u32(input)?, take_u32(input)?];
        let [bucket_bits, rest_bits, group_bits, ..] = take_array::<8>(input)?.map(u32::from);
        let sane = bucket_bits < 32 && rest_bits <= 32 && group_bits <= 32 && rest_bits > 0;
        sane.then_some(Self {
            rare,
            frequent,
            groups,
            frequent_bytes,
            bucket_bits,
            rest_bits,
            group_bits,
        })
    }

    fn starts_offset(&self) -> usize {
        HEAD_BYTES + self.frequent as usize * FREQUENT_ENTRY_BYTES + self.frequent_bytes as usize
    }

    fn entries_offset(&self) -> usize {
        self.starts_offset() + 4 * ((1usize << self.bucket_bits) + 1)
    }
}

/// Finds the groups of `hash`, ascending, by reading a few bytes of the table through `read(offset, length)`.
/// `None` when the table is malformed.
pub(crate) fn find_groups<E>(
    hash: u64,
    mut read: impl FnMut(usize, usize) -> Result<bytes::Bytes, E>,
) -> Result<Option<Vec<u32>>, E> {
    let Some(head) = HashesHead::decode(&read(0, HEAD_BYTES)?) else {
        return Ok(None);
    };
    let mut found = Vec::new();
    let fingerprint = (hash >> 32) as u32;
    let (mut low, mut high) = (0, head.frequent as usize);
    while low < high {
        let middle = low.midpoint(high);
        let entry = read(HEAD_BYTES + middle * FREQUENT_ENTRY_BYTES, 4)?;
        if take_u32(&mut entry.as_ref()).is_some_and(|print| print < fingerprint) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for entry in low..head.frequent as usize {
        let entry = read(HEAD_BYTES + entry * FREQUENT_ENTRY_BYTES, FREQUENT_ENTRY_BYTES)?;
        let mut entry = entry.as_ref();
        let (Some(print), Some(offset), Some(length)) =
            (take_u32(&mut entry), take_u32(&mut entry), take_u32(&mut entry))
        else {
            return Ok(None);
        };
        if print != fingerprint {
            break;
        }
        if offset.checked_add(length).is_none_or(|end| end > head.frequent_bytes) {
            return Ok(None);
        }
        let start = HEAD_BYTES + head.frequent as usize * FREQUENT_ENTRY_BYTES + offset as usize;
        if decode_groups(&read(start, length as usize)?, head.groups, &mut found).is_none() {
            return Ok(None);
        }
    }
    let bucket = high_bits(hash, head.bucket_bits) as usize;
    let starts = read(head.starts_offset() + 4 * bucket, 8)?;
    let mut starts = starts.as_ref();
    let (Some(start), Some(end)) = (take_u32(&mut starts), take_u32(&mut starts)) else {
        return Ok(None);
    };
    if start > end || end > head.rare {
        return Ok(None);
    }
    let width = (head.rest_bits + head.group_bits) as usize;
    let first_byte = start as usize * width / 8;
    let length = (end as usize * width).div_ceil(8) + 8 - first_byte;
    let bytes = read(head.entries_offset() + first_byte, length)?;
    let rest = rest_of(hash, head.bucket_bits, head.rest_bits);
    for entry in start as usize..end as usize {
        let bit = entry * width - first_byte * 8;
        let stored = load_bits(&bytes, bit, head.rest_bits);
        if stored == Some(rest) {
            match load_bits(&bytes, bit + head.rest_bits as usize, head.group_bits) {
                Some(group) if group < u64::from(head.groups) => found.push(group as u32),
                _ => return Ok(None),
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(Some(found))
}

/// `width` bits (at most 32) from bit `at`.
fn load_bits(bytes: &[u8], at: usize, width: u32) -> Option<u64> {
    let word = bytes.get(at / 8..)?.first_chunk::<8>()?;
    Some((u64::from_le_bytes(*word) >> (at % 8)) & ((1u64 << width) - 1))
}

fn decode_groups(mut input: &[u8], groups: u32, out: &mut Vec<u32>) -> Option<()> {
    let [kind] = take_array::<1>(&mut input)?;
    match kind {
        tag::LIST => {
            let mut at = 0u32;
            while !input.is_empty() {
                at = at.checked_add(take_varint_u32(&mut input)?)?;
                out.push(at);
            }
        }
        tag::BITS => {
            for (i, byte) in input.iter().enumerate() {
                out.extend((0..8).filter(|bit| byte >> bit & 1 == 1).map(|bit| i as u32 * 8 + bit));
            }
        }
        _ => return None,
    }
    out.last().is_none_or(|last| *last < groups).then_some(())
}

#[cfg(test)]
mod tests;
