//! Reading a request's body: no more than the limit, no more than the budget has, no longer than the patience lasts.

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use icecore_engine::budget::Reservation;

use super::refusal::{Kind, Refusal};
use crate::limits::BODY_IDLE_TIMEOUT;

/// A body with the memory it is accounted for.
pub(crate) struct Body {
    pub(crate) bytes: BytesMut,
    pub(crate) reservation: Reservation,
}

/// Smallest piece by which the buffer and its reservation grow.
const STEP_BYTES: usize = 16 * 1024;

/// Reads `body` whole. `declared` is its Content-Length: above the limit it is refused before a byte is read.
pub(crate) async fn read_body(
    mut body: axum::body::Body,
    declared: Option<u64>,
    bytes_max: usize,
    reservation: Reservation,
) -> Result<Body, Refusal> {
    if declared.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(Refusal::too_large(bytes_max));
    }
    let mut read = Body {
        bytes: BytesMut::new(),
        reservation,
    };
    // A declared length is trusted only for the first step: a sender may declare much and send nothing.
    let first = declared.map_or(STEP_BYTES, |bytes| usize::try_from(bytes).unwrap_or(STEP_BYTES));
    read.make_room(first.min(STEP_BYTES * 64))?;
    loop {
        let frame = tokio::time::timeout(BODY_IDLE_TIMEOUT, body.frame())
            .await
            .map_err(|_| Refusal::new(Kind::Busy, "the body stopped coming: send it again"))?;
        let Some(frame) = frame else { return Ok(read) };
        let frame = frame.map_err(|error| Refusal::new(Kind::Invalid, format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if read.bytes.len() + data.len() > bytes_max {
            return Err(Refusal::too_large(bytes_max));
        }
        read.make_room(data.len())?;
        read.bytes.extend_from_slice(&data);
    }
}

impl Body {
    /// Reserves first, allocates then.
    fn make_room(&mut self, bytes: usize) -> Result<(), Refusal> {
        let needed = self.bytes.len() + bytes;
        if needed > self.bytes.capacity() {
            let capacity = needed.max(self.bytes.capacity() * 2).next_multiple_of(STEP_BYTES);
            self.reservation.try_resize(capacity as u64)?;
            self.bytes.reserve(capacity - self.bytes.len());
        }
        Ok(())
    }
}
