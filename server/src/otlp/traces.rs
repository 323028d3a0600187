//! OTLP traces into rows: one pass over each span's bytes, events and links beside it.

use std::borrow::Cow;
use std::ops::Range;

use icecore_engine::batch::{ResourceSlot, ScopeSlot, SpanEvent, SpanLink, SpanRow, SpansBatch};
use icecore_engine::reason::Reason;
use smallvec::SmallVec;

use self::raw::{RawEvent, RawLink, RawSpan};
use super::any_value::{Oddities, RawAttributes, ValueError, push_attributes, text};
use super::envelope::{Envelope, next_of};
use super::identity::{count_items, id, push_resource, push_scope, time_ns};
use super::{DecodeError, Decoded};
use crate::protobuf::{Fields, WireError};

mod raw;

/// Largest number of a span kind that OTLP knows.
const SPAN_KIND_MAX: i32 = 5;
/// Largest number of a status code that OTLP knows.
const STATUS_CODE_MAX: i32 = 2;

/// Fills `batch` with an `ExportTraceServiceRequest` in protobuf.
pub fn decode(body: &[u8], batch: &mut SpansBatch) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder {
        batch,
        oddities: Oddities::default(),
        items: 0,
        json: String::new(),
    };
    decoder.request(body).map_err(|error| DecodeError::Wire {
        message: "ExportTraceServiceRequest",
        error,
    })?;
    let (items, oddities) = (decoder.items, decoder.oddities);
    oddities.sentences().for_each(|sentence| batch.note(sentence));
    Ok(Decoded { items })
}

/// Fills `batch` with an `ExportTraceServiceRequest` in JSON.
pub fn decode_json(json: &[u8], batch: &mut SpansBatch) -> Result<Decoded, DecodeError> {
    decode(&super::json::traces_to_protobuf(json)?, batch)
}

struct Decoder<'d> {
    batch: &'d mut SpansBatch,
    oddities: Oddities,
    items: u64,
    /// JSON of a resource or scope, or of all attributes of one span, its events and its links, end to end.
    json: String,
}

/// An event whose attributes lie in the decoder's JSON.
struct Event<'a> {
    raw: RawEvent<'a>,
    name: Cow<'a, str>,
    attributes: Range<usize>,
}

/// A link whose attributes lie in the decoder's JSON.
struct Link<'a> {
    raw: RawLink<'a>,
    trace_state: Cow<'a, str>,
    attributes: Range<usize>,
}

impl Decoder<'_> {
    fn request(&mut self, body: &[u8]) -> Result<(), WireError> {
        let mut fields = Fields::of(body);
        while let Some(message) = next_of(&mut fields, 1)? {
            let mut envelope = Envelope::read(message)?;
            let Some(resource) = self.resource(envelope)? else {
                continue;
            };
            while let Some(message) = envelope.next_item()? {
                self.scope(resource, Envelope::read(message)?)?;
            }
        }
        Ok(())
    }

    /// The resource's slot; none when it cannot be written, and its spans are refused.
    fn resource(&mut self, envelope: Envelope<'_>) -> Result<Option<ResourceSlot>, WireError> {
        self.json.clear();
        let (out, oddities) = (&mut self.json, &mut self.oddities);
        match push_resource(out, envelope.head, envelope.schema_url, oddities) {
            Ok(service_name) => Ok(Some(self.batch.resource(&self.json, &service_name))),
            Err(error) => {
                self.refuse(count_items(envelope)?, error)?;
                Ok(None)
            }
        }
    }

    fn scope(&mut self, resource: ResourceSlot, mut envelope: Envelope<'_>) -> Result<(), WireError> {
        self.json.clear();
        let (out, oddities) = (&mut self.json, &mut self.oddities);
        let written = push_scope(out, envelope.head, envelope.schema_url, oddities);
        let scope = self.batch.scope(&self.json);
        while let Some(message) = envelope.next_item()? {
            match written {
                Ok(()) => self.span(resource, scope, message)?,
                Err(error) => self.refuse(1, error)?,
            }
        }
        Ok(())
    }

    fn span(&mut self, resource: ResourceSlot, scope: ScopeSlot, message: &[u8]) -> Result<(), WireError> {
        let mut raw = RawSpan::read(message, &mut self.oddities)?;
        let (Ok(trace_id), Ok(span_id)) = (raw.trace_id.try_into(), raw.span_id.try_into()) else {
            self.items += 1;
            self.refuse_ids(&raw);
            return Ok(());
        };
        match self.push(resource, scope, trace_id, span_id, &mut raw) {
            Ok(()) => {
                self.items += 1;
                Ok(())
            }
            Err(error) => self.refuse(1, error),
        }
    }

    #[cold]
    fn refuse_ids(&mut self, raw: &RawSpan<'_>) {
        let (reason, what, length, wanted) = if raw.trace_id.len() == 16 {
            (Reason::InvalidSpanId, "a span id", raw.span_id.len(), 8)
        } else {
            (Reason::InvalidTraceId, "a trace id", raw.trace_id.len(), 16)
        };
        let name = String::from_utf8_lossy(raw.name);
        self.batch.reject(reason, 1, || {
            format!("the span {name:?} has {what} of {length} bytes and not {wanted}")
        });
    }

    fn push(
        &mut self,
        resource: ResourceSlot,
        scope: ScopeSlot,
        trace_id: [u8; 16],
        span_id: [u8; 8],
        raw: &mut RawSpan<'_>,
    ) -> Result<(), ValueError> {
        self.json.clear();
        let attributes = self.attributes(&mut raw.attributes)?;
        let events = self.events(raw)?;
        let links = self.links(raw)?;
        let oddities = &mut self.oddities;
        let json = |range: &Range<usize>| self.json.get(range.clone()).unwrap_or_default();
        let event_rows: SmallVec<[SpanEvent<'_>; 8]> = events
            .iter()
            .map(|event| SpanEvent {
                timestamp_ns: time_ns(event.raw.time_ns),
                name: &event.name,
                attributes: json(&event.attributes),
                dropped_attributes_count: event.raw.dropped_attributes_count,
            })
            .collect();
        let link_rows: SmallVec<[SpanLink<'_>; 4]> = links
            .iter()
            .map(|link| SpanLink {
                trace_id: id(link.raw.trace_id, oddities).unwrap_or_default(),
                span_id: id(link.raw.span_id, oddities).unwrap_or_default(),
                trace_state: &link.trace_state,
                flags: link.raw.flags,
                attributes: json(&link.attributes),
                dropped_attributes_count: link.raw.dropped_attributes_count,
            })
            .collect();
        let known = |number: i32, max: i32| u64::from(!(0..=max).contains(&number));
        oddities.unknown_enumerators += known(raw.kind, SPAN_KIND_MAX) + known(raw.status_code, STATUS_CODE_MAX);
        self.batch.push(&SpanRow {
            resource,
            scope,
            trace_id,
            span_id,
            parent_span_id: id(raw.parent_span_id, oddities),
            trace_state: &text(raw.trace_state, oddities),
            flags: raw.flags,
            name: &text(raw.name, oddities),
            kind: raw.kind,
            timestamp_ns: time_ns(raw.start_ns),
            duration_ns: raw.end_ns.wrapping_sub(raw.start_ns).cast_signed(),
            status_code: raw.status_code,
            status_message: &text(raw.status_message, oddities),
            attributes: json(&attributes),
            events: &event_rows,
            links: &link_rows,
            dropped_attributes_count: raw.dropped_attributes_count,
            dropped_events_count: raw.dropped_events_count,
            dropped_links_count: raw.dropped_links_count,
        });
        Ok(())
    }

    /// Appends attributes to the JSON; where they lie.
    fn attributes(&mut self, attributes: &mut RawAttributes<'_>) -> Result<Range<usize>, ValueError> {
        let start = self.json.len();
        push_attributes(&mut self.json, attributes, &mut self.oddities)?;
        Ok(start..self.json.len())
    }

    fn events<'a>(&mut self, span: &RawSpan<'a>) -> Result<SmallVec<[Event<'a>; 8]>, ValueError> {
        let mut events = SmallVec::new();
        for message in &span.events {
            let mut attributes = RawAttributes::new();
            let raw = RawEvent::read(message, &mut attributes, &mut self.oddities)?;
            events.push(Event {
                name: text(raw.name, &mut self.oddities),
                attributes: self.attributes(&mut attributes)?,
                raw,
            });
        }
        Ok(events)
    }

    fn links<'a>(&mut self, span: &RawSpan<'a>) -> Result<SmallVec<[Link<'a>; 4]>, ValueError> {
        let mut links = SmallVec::new();
        for message in &span.links {
            let mut attributes = RawAttributes::new();
            let raw = RawLink::read(message, &mut attributes, &mut self.oddities)?;
            links.push(Link {
                trace_state: text(raw.trace_state, &mut self.oddities),
                attributes: self.attributes(&mut attributes)?,
                raw,
            });
        }
        Ok(links)
    }

    /// Malformed bytes end the request; what only nests too deep is refused by itself.
    fn refuse(&mut self, items: u64, error: ValueError) -> Result<(), WireError> {
        match error {
            ValueError::Wire(error) => Err(error),
            ValueError::TooDeep => {
                self.items += items;
                self.batch.reject(Reason::Malformed, items, || error.to_string());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
