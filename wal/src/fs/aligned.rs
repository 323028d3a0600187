//! Bytes on the heap that start on an 8-byte boundary, for the places that stand in for a memory map.

use bytes::Bytes;

/// Alignment of record bodies in memory and on disk.
const ALIGN: usize = 8;

/// A copy of `source` that starts on an 8-byte boundary.
pub(crate) fn aligned_copy(source: &[u8]) -> Bytes {
    let mut buf: Vec<u8> = Vec::with_capacity(source.len().saturating_add(ALIGN));
    // A Vec with spare capacity keeps its allocation when it becomes Bytes, so that the boundary found here stays one.
    let skip = buf.as_ptr().align_offset(ALIGN).min(ALIGN);
    buf.resize(skip, 0);
    buf.extend_from_slice(source);
    Bytes::from(buf).slice(skip..)
}
