//! Parquet's BYTE_STREAM_SPLIT for doubles: first bytes of all values, then second bytes, and so on, which zstd likes better.

/// Bytes of a double, and so streams of a page.
const STREAMS: usize = 8;

/// Appends the encoding of `values`.
pub(crate) fn encode_split(values: &[f64], out: &mut Vec<u8>) {
    for stream in 0..STREAMS {
        let shift = 8 * stream;
        out.extend(values.iter().map(|value| (value.to_bits() >> shift) as u8));
    }
}

/// Appends the decoded values; `None` when the bytes are no whole number of doubles.
pub(crate) fn decode_split(bytes: &[u8], out: &mut Vec<f64>) -> Option<()> {
    let count = bytes.len() / STREAMS;
    if count * STREAMS != bytes.len() {
        return None;
    }
    let mut bits = vec![0u64; count];
    if count > 0 {
        for (stream, bytes) in bytes.chunks_exact(count).enumerate() {
            for (bits, byte) in bits.iter_mut().zip(bytes) {
                *bits |= u64::from(*byte) << (8 * stream);
            }
        }
    }
    out.extend(bits.into_iter().map(f64::from_bits));
    Some(())
}

#[cfg(test)]
mod tests;
