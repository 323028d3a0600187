//! The two outer layers that all signals share: items of a scope, scopes of a resource.
//!
//! Both have the same shape on the wire: field 1 who, field 2 what (repeated), field 3 the schema URL.

use crate::protobuf::{Fields, WireError};

/// One layer: its head is read first, wherever in the bytes it lies, and its items are walked then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    /// The `Resource` or `InstrumentationScope` message; empty when absent.
    pub(super) head: &'a [u8],
    /// The schema's URL; empty when absent.
    pub(super) schema_url: &'a [u8],
    items: Fields<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads the head of `ResourceMetrics`, `ScopeMetrics` or one of their siblings.
    pub(super) fn read(message: &'a [u8]) -> Result<Self, WireError> {
        let mut envelope = Self {
            head: &[],
            schema_url: &[],
            items: Fields::of(message),
        };
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => envelope.head = field.bytes()?,
                3 => envelope.schema_url = field.bytes()?,
                _ => {}
            }
        }
        Ok(envelope)
    }

    /// The next message of field 2.
    #[inline]
    pub(super) fn next_item(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        next_of(&mut self.items, 2)
    }
}

/// The next message of field `number`.
#[inline]
pub(super) fn next_of<'a>(fields: &mut Fields<'a>, number: u32) -> Result<Option<&'a [u8]>, WireError> {
    while let Some(field) = fields.next_field()? {
        if field.number == number {
            return field.bytes().map(Some);
        }
    }
    Ok(None)
}
