//! The protobuf wire format, read in place: tags, varints, fixed fields and slices, never an allocation.
//!
//! Every length is checked against what is left before it is believed, groups are skipped with a bounded depth, and
//! nothing here panics, whatever the bytes.

mod fields;
mod packed;
pub mod write;

pub use fields::{Field, Fields, Value};
pub use packed::{doubles, fixed64s, signed_varints, varints};

use crate::otlp::limits::GROUP_DEPTH_MAX;

/// Why bytes are no protobuf message of the kind that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message ends inside a field.
    #[error("the message ends in the middle of a field")]
    Truncated,
    /// A varint has more than ten bytes or more than 64 bits.
    #[error("a varint is longer than ten bytes")]
    VarintTooLong,
    /// A tag with field number zero, a number above 2^29 - 1, or a wire type that does not exist.
    #[error("a field has an impossible tag")]
    InvalidTag,
    /// An end of a group that was not begun, or groups nested deeper than `GROUP_DEPTH_MAX`.
    #[error("a group is not closed, not opened, or nested deeper than {GROUP_DEPTH_MAX}")]
    InvalidGroup,
    /// A known field came with another wire type than its schema says.
    #[error("field {0} has a wire type that its schema does not allow")]
    WireType(u32),
    /// A packed list whose length is no multiple of its element's.
    #[error("a packed list ends in the middle of an element")]
    PackedLength,
}

#[cfg(test)]
mod tests;
