//! OTLP logs into rows: one pass over each record's bytes, resource and scope written once for all of theirs.

use icecore_engine::batch::{LogRow, LogsBatch, ResourceSlot, ScopeSlot};
use icecore_engine::reason::Reason;

use super::any_value::{AnyValue, Oddities, RawAttributes, ValueError, key_value, push_attributes, push_value, text};
use super::envelope::{Envelope, next_of};
use super::identity::{count_items, id, push_resource, push_scope, time_ns};
use super::{DecodeError, Decoded};
use crate::protobuf::{Fields, WireError};

/// Fills `batch` with an `ExportLogsServiceRequest` in protobuf.
pub fn decode(body: &[u8], batch: &mut LogsBatch) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder {
        batch,
        oddities: Oddities::default(),
        items: 0,
        attributes: String::new(),
        body: String::new(),
    };
    decoder.request(body).map_err(|error| DecodeError::Wire {
        message: "ExportLogsServiceRequest",
        error,
    })?;
    let (items, oddities) = (decoder.items, decoder.oddities);
    oddities.sentences().for_each(|sentence| batch.note(sentence));
    Ok(Decoded { items })
}

/// Fills `batch` with an `ExportLogsServiceRequest` in JSON.
pub fn decode_json(json: &[u8], batch: &mut LogsBatch) -> Result<Decoded, DecodeError> {
    decode(&super::json::logs_to_protobuf(json)?, batch)
}

struct Decoder<'d> {
    batch: &'d mut LogsBatch,
    oddities: Oddities,
    items: u64,
    /// JSON of the record's attributes, or of a resource or scope while none is read.
    attributes: String,
    /// JSON of a body that is no text.
    body: String,
}

/// A record's fields as they stand on the wire.
#[derive(Default)]
struct Raw<'a> {
    time_ns: u64,
    observed_time_ns: u64,
    severity_number: i32,
    severity_text: &'a [u8],
    body: Option<&'a [u8]>,
    attributes: RawAttributes<'a>,
    dropped_attributes_count: u32,
    flags: u32,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a [u8],
}

impl<'a> Raw<'a> {
    fn read(message: &'a [u8], oddities: &mut Oddities) -> Result<Self, WireError> {
        let mut raw = Self::default();
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => raw.time_ns = field.fixed64()?,
                2 => raw.severity_number = field.int32()?,
                3 => raw.severity_text = field.bytes()?,
                5 => raw.body = Some(field.bytes()?),
                6 => raw.attributes.push(key_value(field.bytes()?, oddities)?),
                7 => raw.dropped_attributes_count = field.uint32()?,
                8 => raw.flags = field.fixed32()?,
                9 => raw.trace_id = field.bytes()?,
                10 => raw.span_id = field.bytes()?,
                11 => raw.observed_time_ns = field.fixed64()?,
                12 => raw.event_name = field.bytes()?,
                _ => {}
            }
        }
        Ok(raw)
    }
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

    /// The resource's slot; none when it cannot be written, and its records are refused.
    fn resource(&mut self, envelope: Envelope<'_>) -> Result<Option<ResourceSlot>, WireError> {
        self.attributes.clear();
        let written = push_resource(
            &mut self.attributes,
            envelope.head,
            envelope.schema_url,
            &mut self.oddities,
        );
        match written {
            Ok(service_name) => Ok(Some(self.batch.resource(&self.attributes, &service_name))),
            Err(error) => {
                self.refuse(count_items(envelope)?, error)?;
                Ok(None)
            }
        }
    }

    fn scope(&mut self, resource: ResourceSlot, mut envelope: Envelope<'_>) -> Result<(), WireError> {
        self.attributes.clear();
        let (out, oddities) = (&mut self.attributes, &mut self.oddities);
        let written = push_scope(out, envelope.head, envelope.schema_url, oddities);
        let scope = self.batch.scope(&self.attributes);
        while let Some(message) = envelope.next_item()? {
            match written {
                Ok(()) => self.record(resource, scope, message)?,
                Err(error) => self.refuse(1, error)?,
            }
        }
        Ok(())
    }

    fn record(&mut self, resource: ResourceSlot, scope: ScopeSlot, message: &[u8]) -> Result<(), WireError> {
        let mut raw = Raw::read(message, &mut self.oddities)?;
        match self.push(resource, scope, &mut raw) {
            Ok(()) => {
                self.items += 1;
                Ok(())
            }
            Err(error) => self.refuse(1, error),
        }
    }

    fn push(&mut self, resource: ResourceSlot, scope: ScopeSlot, raw: &mut Raw<'_>) -> Result<(), ValueError> {
        let oddities = &mut self.oddities;
        self.attributes.clear();
        push_attributes(&mut self.attributes, &mut raw.attributes, oddities)?;
        let value = match raw.body {
            Some(body) => AnyValue::read(body, oddities)?,
            None => AnyValue::Empty,
        };
        let bare = match value {
            AnyValue::Text(bytes) => Some(text(bytes, oddities)),
            _ => None,
        };
        self.body.clear();
        if let (None, Some(body), true) = (&bare, raw.body, value != AnyValue::Empty) {
            push_value(&mut self.body, body, oddities)?;
        }
        let json = Some(self.body.as_str()).filter(|json| !json.is_empty());
        let time_ns = match (raw.time_ns, raw.observed_time_ns) {
            (0, 0) => self.batch.now_ns(),
            (0, observed) => time_ns(observed),
            (time, _) => time_ns(time),
        };
        self.batch.push(&LogRow {
            resource,
            scope,
            timestamp_ns: time_ns,
            observed_timestamp_ns: (raw.observed_time_ns > 0).then(|| self::time_ns(raw.observed_time_ns)),
            severity_number: raw.severity_number,
            severity_text: &text(raw.severity_text, oddities),
            body: bare.as_deref().or(json),
            body_is_json: bare.is_none() && json.is_some(),
            event_name: &text(raw.event_name, oddities),
            attributes: &self.attributes,
            trace_id: id(raw.trace_id, oddities),
            span_id: id(raw.span_id, oddities),
            flags: raw.flags,
            dropped_attributes_count: raw.dropped_attributes_count,
        });
        Ok(())
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
