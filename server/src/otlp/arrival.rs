//! Arrival keys: 128-bit hashes of the bytes that decide a series, taken as they arrive, so that a series which is
//! known costs no decoding.
//!
//! A key is a chain: resource, scope, metric, attributes, each hashed with what came before as its seed and mixed in
//! whole. Keys only find what was decoded before; the engine's own identity of a series is that of its labels.

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::protobuf::{Fields, WireError};

/// Odd, so that multiplying by it loses nothing.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// The first link of a chain.
pub(crate) fn root(seed: u64) -> u128 {
    u128::from(seed).wrapping_mul(SPREAD)
}

/// The next link: `bytes` after all that `parent` stands for.
#[inline]
pub(crate) fn link(parent: u128, bytes: &[u8]) -> u128 {
    let seed = parent as u64 ^ (parent >> 64) as u64;
    xxh3_128_with_seed(bytes, seed) ^ parent.rotate_left(41)
}

/// One of the several series of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Bucket(u64),
    Quantile(u64),
    Sum,
    Count,
    Min,
    Max,
    Info,
}

/// The key of a member series, from its point's key: different members of one point never collide.
#[inline]
pub(super) fn member(point: u128, member: Member) -> u128 {
    let (tag, bits): (u64, u64) = match member {
        Member::Bucket(bits) => (1, bits),
        Member::Quantile(bits) => (2, bits),
        Member::Sum => (3, 0),
        Member::Count => (4, 0),
        Member::Min => (5, 0),
        Member::Max => (6, 0),
        Member::Info => (7, 0),
    };
    // Both halves are spread over all their bits, because a table uses only some of them; the upper one alone tells the
    // bits, and with it the lower one tells the tag.
    let low = spread(bits ^ tag);
    let high = spread(bits.rotate_left(32));
    point ^ (u128::from(high) << 64 | u128::from(low))
}

/// A bijection that lets each bit decide half of the others.
#[inline]
fn spread(mut bits: u64) -> u64 {
    const FACTOR: u64 = 0x9fb2_1c65_1e98_df25;
    bits ^= bits.rotate_left(49) ^ bits.rotate_left(24);
    bits = bits.wrapping_mul(FACTOR);
    bits ^= bits >> 35;
    bits = bits.wrapping_mul(FACTOR);
    bits ^ bits >> 28
}

/// The repeated field of a message that holds its attributes: where it lies, without looking inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttributeRun<'a> {
    message: &'a [u8],
    number: u32,
    start: usize,
    end: usize,
    scattered: bool,
}

impl<'a> AttributeRun<'a> {
    /// No attribute of `message` seen yet; they have field number `number`.
    #[inline]
    pub(crate) fn new(message: &'a [u8], number: u32) -> Self {
        Self {
            message,
            number,
            start: 0,
            end: 0,
            scattered: false,
        }
    }

    /// An attribute lies in the message from `start` to `end`, its tag included.
    #[inline]
    pub(crate) fn extend(&mut self, start: usize, end: usize) {
        if self.end == 0 {
            self.start = start;
        } else if self.end != start {
            self.scattered = true;
        }
        self.end = end;
    }

    /// The key of the attributes after `parent`.
    #[inline]
    pub(crate) fn key(&self, parent: u128) -> Result<u128, WireError> {
        if self.scattered {
            return self.scattered_key(parent);
        }
        Ok(link(parent, self.bytes()))
    }

    #[cold]
    fn scattered_key(&self, parent: u128) -> Result<u128, WireError> {
        let mut key = parent;
        self.each(|attribute| {
            key = link(key, attribute);
            Ok(())
        })?;
        Ok(key)
    }

    fn bytes(&self) -> &'a [u8] {
        if self.scattered {
            self.message
        } else {
            self.message.get(self.start..self.end).unwrap_or_default()
        }
    }

    /// Visits each `KeyValue` message.
    pub(crate) fn each<E: From<WireError>>(&self, mut visit: impl FnMut(&'a [u8]) -> Result<(), E>) -> Result<(), E> {
        let mut fields = Fields::of(self.bytes());
        while let Some(field) = fields.next_field()? {
            if field.number == self.number {
                visit(field.bytes()?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
