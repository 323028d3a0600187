//! Parquet's DELTA_BINARY_PACKED for 64-bit integers, written and read without a call per value.

use super::wire::{put_varint, put_zigzag, take_slice, take_varint, take_zigzag};

/// Values in a block, each with its own smallest delta.
const BLOCK_VALUES: usize = 128;
/// Values in a miniblock, each with its own bit width.
const MINIBLOCK_VALUES: usize = 32;
/// Miniblocks of a block.
const MINIBLOCKS: usize = BLOCK_VALUES / MINIBLOCK_VALUES;
/// Bytes of the widest miniblock, and a word more, so that every value can be loaded as one word.
const PADDED_BYTES: usize = MINIBLOCK_VALUES * 8 + 16;

/// Appends the encoding of `values`.
pub(crate) fn encode_delta(values: &[i64], out: &mut Vec<u8>) {
    put_varint(out, BLOCK_VALUES as u64);
    put_varint(out, MINIBLOCKS as u64);
    put_varint(out, values.len() as u64);
    let (first, rest) = values.split_first().map_or((0, values), |(first, rest)| (*first, rest));
    put_zigzag(out, first);
    let mut previous = first;
    let mut deltas = [0i64; BLOCK_VALUES];
    for block in rest.chunks(BLOCK_VALUES) {
        let mut smallest = i64::MAX;
        for (delta, value) in deltas.iter_mut().zip(block) {
            *delta = value.wrapping_sub(previous);
            previous = *value;
            smallest = smallest.min(*delta);
        }
        for delta in deltas.iter_mut().take(block.len()) {
            *delta = delta.wrapping_sub(smallest);
        }
        for delta in deltas.iter_mut().skip(block.len()) {
            *delta = 0;
        }
        put_zigzag(out, smallest);
        let (miniblocks, _) = deltas.as_chunks::<MINIBLOCK_VALUES>();
        let used = block.len().div_ceil(MINIBLOCK_VALUES);
        let widths = miniblocks.iter().map(|miniblock| {
            let bits = miniblock.iter().fold(0, |bits, delta| bits | *delta as u64);
            (u64::BITS - bits.leading_zeros()) as u8
        });
        let at = out.len();
        out.extend(widths);
        for (i, miniblock) in miniblocks.iter().take(used).enumerate() {
            let width = out.get(at + i).copied().unwrap_or_default();
            pack(miniblock, u32::from(width), out);
        }
    }
}

/// Appends the low `width` bits of each value, lowest first.
fn pack(values: &[i64; MINIBLOCK_VALUES], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut word = 0u64;
    let mut bits = 0;
    for value in values {
        let value = *value as u64;
        word |= value << bits;
        bits += width;
        if bits >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes());
            bits -= u64::BITS;
            word = if bits == 0 { 0 } else { value >> (width - bits) };
        }
    }
    if bits > 0 {
        // 32 values fill whole half words.
        out.extend_from_slice(&(word as u32).to_le_bytes());
    }
}

/// Decodes into `out` (cleared first); `None` when the bytes are no such encoding of at most `count_max` values.
pub(crate) fn decode_delta(mut input: &[u8], count_max: usize, out: &mut Vec<i64>) -> Option<()> {
    out.clear();
    let block_values = usize::try_from(take_varint(&mut input)?).ok()?;
    let miniblocks = usize::try_from(take_varint(&mut input)?).ok()?;
    let count = usize::try_from(take_varint(&mut input)?).ok()?;
    if block_values != BLOCK_VALUES || miniblocks != MINIBLOCKS || count > count_max {
        return None;
    }
    let mut previous = take_zigzag(&mut input)?;
    if count == 0 {
        return Some(());
    }
    out.reserve(count + BLOCK_VALUES);
    out.push(previous);
    let mut padded = [0u8; PADDED_BYTES];
    while out.len() < count {
        let smallest = take_zigzag(&mut input)?;
        let widths = take_slice(&mut input, MINIBLOCKS)?;
        for width in widths {
            let left = count - out.len();
            if left == 0 {
                break;
            }
            let width = u32::from(*width);
            if width > u64::BITS {
                return None;
            }
            let bytes = take_slice(&mut input, width as usize * MINIBLOCK_VALUES / 8)?;
            padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
            let mut values = [0i64; MINIBLOCK_VALUES];
            unpack(&padded, width, smallest, &mut previous, &mut values);
            out.extend_from_slice(values.get(..left.min(MINIBLOCK_VALUES))?);
            if left < MINIBLOCK_VALUES {
                return Some(());
            }
        }
    }
    Some(())
}

/// Adds up one miniblock's deltas from `previous`.
#[expect(
    clippy::indexing_slicing,
    reason = "the last load starts at byte 31 * 64 / 8 = 248 at most and the buffer has 272"
)]
fn unpack(
    padded: &[u8; PADDED_BYTES],
    width: u32,
    smallest: i64,
    previous: &mut i64,
    out: &mut [i64; MINIBLOCK_VALUES],
) {
    let mut value = *previous;
    if width == 0 {
        for slot in out.iter_mut() {
            value = value.wrapping_add(smallest);
            *slot = value;
        }
    } else if width <= 56 {
        let mask = u64::MAX >> (u64::BITS - width);
        let mut bit = 0usize;
        for slot in out.iter_mut() {
            let mut word = [0u8; 8];
            word.copy_from_slice(&padded[bit / 8..bit / 8 + 8]);
            let delta = (u64::from_le_bytes(word) >> (bit % 8)) & mask;
            bit += width as usize;
            value = value.wrapping_add(smallest).wrapping_add(delta as i64);
            *slot = value;
        }
    } else {
        let mask = u128::MAX >> (u128::BITS - width);
        let mut bit = 0usize;
        for slot in out.iter_mut() {
            let mut word = [0u8; 16];
            word.copy_from_slice(&padded[bit / 8..bit / 8 + 16]);
            let delta = (u128::from_le_bytes(word) >> (bit % 8)) & mask;
            bit += width as usize;
            value = value.wrapping_add(smallest).wrapping_add(delta as i64);
            *slot = value;
        }
    }
    *previous = value;
}

#[cfg(test)]
mod tests;
