//! Spans, events and links as they stand on the wire.

use smallvec::SmallVec;

use crate::otlp::any_value::{Oddities, RawAttributes, key_value};
use crate::protobuf::{Fields, WireError};

/// A span's fields; events and links are still messages.
#[derive(Default)]
pub(super) struct RawSpan<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
    pub(super) parent_span_id: &'a [u8],
    pub(super) trace_state: &'a [u8],
    pub(super) flags: u32,
    pub(super) name: &'a [u8],
    pub(super) kind: i32,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: RawAttributes<'a>,
    pub(super) events: SmallVec<[&'a [u8]; 8]>,
    pub(super) links: SmallVec<[&'a [u8]; 4]>,
    pub(super) dropped_attributes_count: u32,
    pub(super) dropped_events_count: u32,
    pub(super) dropped_links_count: u32,
    pub(super) status_code: i32,
    pub(super) status_message: &'a [u8],
}

impl<'a> RawSpan<'a> {
    pub(super) fn read(message: &'a [u8], oddities: &mut Oddities) -> Result<Self, WireError> {
        let mut span = Self::default();
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => span.trace_id = field.bytes()?,
                2 => span.span_id = field.bytes()?,
                3 => span.trace_state = field.bytes()?,
                4 => span.parent_span_id = field.bytes()?,
                5 => span.name = field.bytes()?,
                6 => span.kind = field.int32()?,
                7 => span.start_ns = field.fixed64()?,
                8 => span.end_ns = field.fixed64()?,
                9 => span.attributes.push(key_value(field.bytes()?, oddities)?),
                10 => span.dropped_attributes_count = field.uint32()?,
                11 => span.events.push(field.bytes()?),
                12 => span.dropped_events_count = field.uint32()?,
                13 => span.links.push(field.bytes()?),
                14 => span.dropped_links_count = field.uint32()?,
                15 => span.read_status(field.bytes()?)?,
                16 => span.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(span)
    }

    fn read_status(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                2 => self.status_message = field.bytes()?,
                3 => self.status_code = field.int32()?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// An event's fields but its attributes.
#[derive(Default)]
pub(super) struct RawEvent<'a> {
    pub(super) time_ns: u64,
    pub(super) name: &'a [u8],
    pub(super) dropped_attributes_count: u32,
}

impl<'a> RawEvent<'a> {
    pub(super) fn read(
        message: &'a [u8],
        attributes: &mut RawAttributes<'a>,
        oddities: &mut Oddities,
    ) -> Result<Self, WireError> {
        let mut event = Self::default();
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => event.time_ns = field.fixed64()?,
                2 => event.name = field.bytes()?,
                3 => attributes.push(key_value(field.bytes()?, oddities)?),
                4 => event.dropped_attributes_count = field.uint32()?,
                _ => {}
            }
        }
        Ok(event)
    }
}

/// A link's fields but its attributes.
#[derive(Default)]
pub(super) struct RawLink<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
    pub(super) trace_state: &'a [u8],
    pub(super) flags: u32,
    pub(super) dropped_attributes_count: u32,
}

impl<'a> RawLink<'a> {
    pub(super) fn read(
        message: &'a [u8],
        attributes: &mut RawAttributes<'a>,
        oddities: &mut Oddities,
    ) -> Result<Self, WireError> {
        let mut link = Self::default();
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => link.trace_id = field.bytes()?,
                2 => link.span_id = field.bytes()?,
                3 => link.trace_state = field.bytes()?,
                4 => attributes.push(key_value(field.bytes()?, oddities)?),
                5 => link.dropped_attributes_count = field.uint32()?,
                6 => link.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(link)
    }
}
