//! What callers hand to the log.

use bytes::Bytes;

/// A record on its way into the log, which treats the body as opaque bytes and gives the LSN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<T> {
    /// The body in pieces; they are written one after the other, from an 8-byte boundary on.
    pub body: Vec<Bytes>,
    /// Share of the queue, below [`crate::limits::LANES`]; larger numbers count as the last lane. Each lane has a
    /// reserved quarter, so that a flood in one cannot fill the queue of another. Half of an idle quarter is lent to the
    /// others and comes back as fast as the log writes; the other half always stays free for its lane.
    pub lane: u8,
    /// Name space of `refs`, for instance a tenant and signal.
    pub space: u32,
    /// References that the body uses, each once. The log keeps one bit a reference up to the largest, so they should be dense.
    pub refs: Vec<u32>,
    /// Comes to `on_commit` with the LSN, or back to the caller when the record is refused; dropped when it cannot be written.
    pub attachment: T,
}
