//! Content encodings, inflated in steps so that a bomb meets the limit or the budget long before the memory's end.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use icecore_engine::budget::Reservation;

use super::refusal::{Kind, Refusal};
use crate::limits::ZSTD_WINDOW_LOG_MAX;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
    /// A snappy block: remote write's only form.
    Snappy,
}

impl Encoding {
    /// The encoding of a `Content-Encoding` or `grpc-encoding` header; absent is identity.
    pub(crate) fn of(header: Option<&http::HeaderValue>) -> Result<Self, Refusal> {
        let Some(value) = header else { return Ok(Self::Identity) };
        match value.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" | b"none" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            _ => Err(Refusal::new(
                Kind::UnsupportedMedia,
                "this encoding is not served: send none, gzip or zstd",
            )),
        }
    }
}

/// Unpacks `packed` into memory that `reservation` grows by.
pub(crate) fn inflate(
    encoding: Encoding,
    packed: &[u8],
    bytes_max: usize,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Refusal> {
    match encoding {
        Encoding::Identity => Ok(packed.to_vec()),
        Encoding::Gzip => read_within(MultiGzDecoder::new(packed), packed.len(), bytes_max, reservation),
        Encoding::Snappy => unsnap(packed, bytes_max, reservation),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(|error| broken(&error))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG_MAX)
                .map_err(|error| broken(&error))?;
            read_within(decoder, packed.len(), bytes_max, reservation)
        }
    }
}

/// A snappy block tells its length first: it is judged before a byte is allocated.
fn unsnap(packed: &[u8], bytes_max: usize, reservation: &mut Reservation) -> Result<Vec<u8>, Refusal> {
    let damaged = |error| Refusal::new(Kind::Invalid, format!("the snappy block is damaged: {error}"));
    let length = snap::raw::decompress_len(packed).map_err(damaged)?;
    if length > bytes_max {
        return Err(Refusal::too_large(bytes_max));
    }
    reservation.try_grow(length as u64)?;
    snap::raw::Decoder::new().decompress_vec(packed).map_err(damaged)
}

/// Bytes inflated between two looks at the limit and the budget.
const STEP_BYTES: usize = 64 * 1024;

fn read_within(
    mut decoder: impl Read,
    packed_bytes: usize,
    bytes_max: usize,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    let mut held = 0;
    loop {
        if out.capacity() - out.len() < STEP_BYTES {
            let capacity = (out.capacity() * 2)
                .max(packed_bytes * 4)
                .clamp(STEP_BYTES, bytes_max + STEP_BYTES);
            let capacity = capacity.max(out.len() + STEP_BYTES);
            reservation.try_grow((capacity - held) as u64)?;
            held = capacity;
            out.reserve_exact(capacity - out.len());
        }
        let read = (&mut decoder)
            .take(STEP_BYTES as u64)
            .read_to_end(&mut out)
            .map_err(|error| broken(&error))?;
        if out.len() > bytes_max {
            return Err(Refusal::too_large(bytes_max));
        }
        if read == 0 {
            return Ok(out);
        }
    }
}

fn broken(error: &std::io::Error) -> Refusal {
    Refusal::new(Kind::Invalid, format!("the compressed body is damaged: {error}"))
}

#[cfg(test)]
mod tests;
