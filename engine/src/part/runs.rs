//! Parquet's RLE / bit-packed hybrid, written as runs: definition levels and dictionary indices of sorted rows are runs.

use super::wire::{put_varint, take_slice, take_varint};

/// Runs of equal numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Runs {
    runs: Vec<(u32, u32)>,
    total: usize,
}

impl Runs {
    /// Adds `length` times `value`.
    #[inline]
    pub(crate) fn push(&mut self, value: u32, length: usize) {
        if length == 0 {
            return;
        }
        self.total += length;
        let length = length as u32;
        match self.runs.last_mut() {
            Some((last, so_far)) if *last == value => *so_far += length,
            _ => self.runs.push((value, length)),
        }
    }

    /// Numbers in all runs.
    pub(crate) fn len(&self) -> usize {
        self.total
    }

    /// How often `value` occurs.
    pub(crate) fn count(&self, value: u32) -> usize {
        self.runs
            .iter()
            .filter(|(run, _)| *run == value)
            .map(|(_, length)| *length as usize)
            .sum()
    }

    /// Largest number, 0 without any.
    pub(crate) fn largest(&self) -> u32 {
        self.runs.iter().map(|(value, _)| *value).max().unwrap_or(0)
    }

    /// The runs in order, as (value, length).
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        self.runs.iter().map(|(value, length)| (*value, *length as usize))
    }

    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.total = 0;
    }

    /// Appends the hybrid encoding with `width` bits a number.
    pub(crate) fn encode(&self, width: u32, out: &mut Vec<u8>) {
        let bytes = width.div_ceil(8) as usize;
        for (value, length) in &self.runs {
            put_varint(out, u64::from(*length) << 1);
            out.extend(value.to_le_bytes().iter().take(bytes));
        }
    }

    /// Reads exactly `count` numbers of `width` bits (at most 32); `None` when the bytes are no such encoding.
    pub(crate) fn decode(mut input: &[u8], width: u32, count: usize) -> Option<Self> {
        let mut runs = Self::default();
        if width > 32 {
            return None;
        }
        while runs.total < count {
            let left = count - runs.total;
            let header = take_varint(&mut input)?;
            let length = usize::try_from(header >> 1).ok()?;
            if header & 1 == 0 {
                let bytes = take_slice(&mut input, width.div_ceil(8) as usize)?;
                let value = bytes
                    .iter()
                    .rev()
                    .fold(0u32, |value, byte| value << 8 | u32::from(*byte));
                if length == 0 || length > left {
                    return None;
                }
                runs.push(value, length);
            } else {
                let bytes = take_slice(&mut input, length.checked_mul(width as usize)?)?;
                let values = length.checked_mul(8)?.min(left);
                for i in 0..values {
                    runs.push(bits_at(bytes, i * width as usize, width)?, 1);
                }
                if values == 0 {
                    return None;
                }
            }
        }
        Some(runs)
    }
}

/// `width` bits from bit `at`, lowest first.
fn bits_at(bytes: &[u8], at: usize, width: u32) -> Option<u32> {
    let mut value = 0u64;
    let end = (at + width as usize).div_ceil(8);
    for byte in bytes.get(at / 8..end)?.iter().rev() {
        value = value << 8 | u64::from(*byte);
    }
    Some((value >> (at % 8)) as u32 & (((1u64 << width) - 1) as u32))
}

/// Bits that hold every number up to `largest`.
pub(crate) fn bit_width(largest: u32) -> u32 {
    u32::BITS - largest.leading_zeros()
}
