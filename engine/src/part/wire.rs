//! Numbers as the index and hand-made pages hold them: varints, zigzag, little-endian words.

/// Appends `value` in groups of seven bits, lowest first.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number so that small ones of either sign stay short.
#[inline]
pub(crate) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}

/// Reads a varint and moves behind it; `None` when it is cut short or too long.
#[inline]
pub(crate) fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    let mut shift = 0;
    loop {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// Reads a signed number.
#[inline]
pub(crate) fn take_zigzag(input: &mut &[u8]) -> Option<i64> {
    take_varint(input).map(|coded| (coded >> 1) as i64 ^ -((coded & 1) as i64))
}

/// Reads a varint that must fit in 32 bits.
#[inline]
pub(crate) fn take_varint_u32(input: &mut &[u8]) -> Option<u32> {
    take_varint(input)?.try_into().ok()
}

/// Reads `N` bytes and moves behind them.
#[inline]
pub(crate) fn take_array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

/// Reads `length` bytes and moves behind them.
#[inline]
pub(crate) fn take_slice<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(head)
}

/// Reads a little-endian word.
#[inline]
pub(crate) fn take_u32(input: &mut &[u8]) -> Option<u32> {
    take_array(input).map(u32::from_le_bytes)
}

/// Reads a little-endian double word.
#[inline]
pub(crate) fn take_u64(input: &mut &[u8]) -> Option<u64> {
    take_array(input).map(u64::from_le_bytes)
}

/// Reads a little-endian signed double word.
#[inline]
pub(crate) fn take_i64(input: &mut &[u8]) -> Option<i64> {
    take_array(input).map(i64::from_le_bytes)
}
